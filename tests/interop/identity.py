"""EDC's mock identity spoken by Concord, for these tests only: the header says who one is, and nobody proves it.

Plugged into a real connector as its `PeerIdentity`. Whoever is not one of the EDC participants named here is spoken to,
and believed, as in production.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from connector.founding import VAULT, Founded
from connector.identity.keys import fingerprint
from connector.identity.members import Member
from connector.identity.speaking import PeerIdentity
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin
from connector.problems import unauthenticated
from connector.services.signing import KeySigner
from connector.services.trust import Members, SignedRequests
from connector.vault import FileVault
from connector.vault.vault import PARTICIPANT_KEY
from connector.wiring import utc_now
from tests.interop.edc import Edc
from tests.two_party.puppet import Key


class MockIdentity:
    """The `PeerIdentity` port for a data space in which some speak by mock tokens."""

    def __init__(self, founded: Founded, members: Members, origins: Mapping[str, tuple[str, ...]]) -> None:
        """`origins` names every EDC participant, and the addresses at which it may be reached."""
        vault = FileVault(Path(founded.directory) / VAULT)
        signer = KeySigner(vault.keys.signing_key(PARTICIPANT_KEY))
        self._me = founded.id
        self._members = members
        self._origins = origins
        self._signed: PeerIdentity = SignedRequests(signer, utc_now, founded.id, members.get)

    async def authenticate(self, authorization: str | None, body: bytes) -> Member:
        """An EDC participant says who it is; everybody else signs. Raises Problem 401."""
        if not (authorization or "").startswith("{"):
            return await self._signed.authenticate(authorization, body)
        try:
            claimed = json.loads(authorization or "")["clientId"]
        except (ValueError, KeyError, TypeError):
            raise unauthenticated() from None
        if claimed not in self._origins:
            raise unauthenticated()
        return self._members.active(claimed)

    def authorization(self, recipient: Member, body: bytes) -> str:
        """The header as the recipient reads it."""
        if recipient.id not in self._origins:
            return self._signed.authorization(recipient, body)
        return json.dumps({"region": "eu", "audience": recipient.dsp, "clientId": self._me}, separators=(",", ":"))

    def destination(self, member: Member, url: str) -> Destination:
        """EDC has a port for each of its APIs, so that one origin is not enough."""
        if member.id not in self._origins:
            return self._signed.destination(member, url)
        named = (NamedOrigin.parse(origin, allow_http=True) for origin in self._origins[member.id])
        return Destination.of_operator(*named)


def entry(connector: Edc, role: str) -> Member:
    """How an EDC stands in our members register: no consent exchange, and a key that nobody holds."""
    nobody = Key().public_jwk
    return Member(
        id=connector.id, name=connector.name, role=role, origin=f"http://127.0.0.1:{connector.ports['protocol']}",
        dsp=connector.dsp, keys=(nobody,), fingerprint=fingerprint(nobody), allow_http=True, added_at=datetime.now(UTC),
    )  # fmt: skip
