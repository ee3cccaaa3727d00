"""This participant's own signing keys: the newest signs, earlier ones count beside it until their overlap is over.

Keys lie sealed in the vault, each under a name with a number (`participant`, `participant-2`, ...). Which of them
counts, and until when, stands in the store (`OwnKey`), and so does the sealed key itself, so that every process of a
participant has it. A key the vault has and the store does not know (an older copy of the store was put back) counts all
the same: others may have seen it already. A key that was destroyed stays so: the vault remembers its name.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.identity.document import ParticipantDocument, introduce, write_document
from connector.identity.keys import fingerprint, jwk_of_ed25519
from connector.identity.members import Member
from connector.records import OwnKey
from connector.services.signing import KeySigner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connector.ports import Clock, Store
    from connector.services.context import Identity
    from connector.vault import FileVault

PARTICIPANT = "participant"
"""The use of the keys that sign messages, statements and the participant's document."""
_BOX = "public keys"
BELL = "keys"

log = logging.getLogger("concord.keys")


@dataclass(frozen=True, slots=True)
class Counting:
    """The keys as they count now: signers by fingerprint, the newest first; public keys that counted once."""

    signers: Mapping[str, KeySigner]
    retired: tuple[dict[str, str], ...] = ()

    @property
    def present(self) -> KeySigner:
        """The key that signs."""
        return next(iter(self.signers.values()))


class OwnKeys:
    """The keys of one participant as this process knows them. `load` reads them again."""

    def __init__(self, store: Store, vault: FileVault, clock: Clock, me: Identity) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._me = me
        self._counting = Counting({})
        self._documents: dict[str, str] = {}
        self.myself: Member
        """This participant as others see it: for naming itself, and for checking its own signatures."""

    @property
    def present(self) -> KeySigner:
        """The key that signs now. Whoever signs takes it once: key, name and signature belong together."""
        return self._counting.present

    async def load(self) -> None:
        """Read the rows, and take into the vault what another process made. Raises UnknownKeyError, SealBrokenError."""
        rows = await self._store.read(lambda tx: tx.find(OwnKey, order="number"))
        self._counting = await asyncio.to_thread(_counting, self._vault, rows)
        document = self._introduced()
        signers = self._counting.signers
        self._documents = {digits: write_document(one, document) for digits, one in signers.items()}
        self.myself = _member(document, self._counting.retired)

    def document(self, wanted: str = "") -> str:
        """The participant document, signed by the key with this fingerprint; by the oldest that counts for any other.

        So whoever knows only the earlier key learns of the newer one, and who compared the newer one finds it signing.
        """
        return self._documents.get(wanted) or list(self._documents.values())[-1]

    def _introduced(self) -> ParticipantDocument:
        me, signers = self._me, [*self._counting.signers.values()]
        earlier = tuple(one.public_jwk for one in signers[1:])
        return introduce(signers[0], me.id, me.name, me.role, me.origin, self._clock(), earlier)  # type: ignore[arg-type]

    def sealed_public(self, id: str, public: bytes) -> bytes:
        """The public half of a key (32 bytes), as a row keeps it."""
        return self._vault.box(_BOX).seal(id, public)

    def mint(self, number: int) -> OwnKey:
        """A new key with this number, kept nowhere yet."""
        id = f"{PARTICIPANT}-{number}"
        public, sealed = self._vault.keys.mint(id)
        return OwnKey(id=id, number=number, sealed=sealed, public=self.sealed_public(id, public), made_at=self._clock())

    def unwritten(self, rows: Sequence[OwnKey]) -> list[OwnKey]:
        """Keys of the vault that no row speaks of yet, as rows: the first one ever, above all."""
        known = {row.id for row in rows}
        return [
            OwnKey(id=id, number=number, public=self.sealed_public(id, self._vault.keys.public(id)))
            for number, id in self._vault.versions(PARTICIPANT).items()
            if id not in known
        ]

    def public_jwk(self, row: OwnKey) -> dict[str, str]:
        """The public half a row names. Raises SealBrokenError for a row that is not ours."""
        return jwk_of_ed25519(self._vault.box(_BOX).open(row.id, row.public))


def _counting(vault: FileVault, rows: Sequence[OwnKey]) -> Counting:
    """Vault and rows brought together: what was made elsewhere is kept here, what is retired is destroyed here."""
    retired = {row.id: row for row in rows if row.retired_at is not None or vault.is_gone(row.id)}
    for row in rows:
        if row.id not in retired and row.sealed and not vault.keys.has(row.id):
            vault.keys.adopt(row.id, row.sealed)
            log.info("a newer signing key was taken into the vault")
    versions = vault.versions(PARTICIPANT)
    for number, id in list(versions.items()):
        if id in retired and number != max(versions):
            vault.bury(id)
            del versions[number]
    newest = sorted(versions, reverse=True)
    signers = [KeySigner(vault.keys.signing_key(versions[number])) for number in newest] or [
        KeySigner(vault.newest(PARTICIPANT))
    ]
    box = vault.box(_BOX) if retired else None
    over = tuple(jwk_of_ed25519(box.open(id, retired[id].public)) for id in sorted(retired)) if box else ()
    return Counting({fingerprint(one.public_jwk): one for one in signers}, over)


def _member(document: ParticipantDocument, retired: tuple[dict[str, str], ...]) -> Member:
    return Member(
        id=document.id, name=document.name, role=document.role, origin=document.url, dsp=document.dsp,
        consent=document.consent, data=document.data, keys=document.keys.keys, fingerprint=document.fingerprints[0],
        speaks=document.speaks, added_at=document.issued_at, retired=retired,
    )  # fmt: skip
