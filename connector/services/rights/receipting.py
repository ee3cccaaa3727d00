"""A receipt made from what was kept: the consent as it was signed, the words, where it went, where the log names it.

The same for a person's wallet and for a holder whose staff took the consent down: both keep versions with their JWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from connector.ports import Transaction
from connector.records import LogCheckpoint, LogEntry
from connector.services.context import Context
from connector.services.exchange import speech
from connector.services.rights.surrounding import study_of, surroundings
from contracts.study import StudyRequest, study_digest
from policy.consent import ConsentRecord
from policy.records27560 import Anchor, Contract, Delivered, Issue, Surroundings, receipt_27560


class Kept(Protocol):
    """A version as a wallet or a holder keeps it."""

    @property
    def id(self) -> str:
        """The consent's id."""
        ...

    @property
    def record(self) -> dict[str, Any] | None:
        """Its claims."""
        ...

    @property
    def jws(self) -> str:
        """The claims as they were signed."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt27560:
    """A receipt before it is signed: its document, and what it was made from."""

    document: dict[str, Any]
    record: ConsentRecord
    study: StudyRequest
    around: Surroundings
    issue: Issue


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """The receipt as it leaves: the document, its compact JWS, and the key that verifies it."""

    receipt: dict[str, Any]
    signed: str
    key: dict[str, str]


def receipt_of(
    tx: Transaction, context: Context, versions: Sequence[Kept], contracts: Iterable[Contract],
    delivered: Iterable[Delivered],
) -> Receipt27560:  # fmt: skip
    """The receipt of the last of `versions`, which are a whole chain. Raises Problem 404 for an unknown study."""
    chain = [ConsentRecord.from_json(one.record) for one in versions]
    record, kept = chain[-1], versions[-1]
    study = study_of(tx, record.study)
    around = surroundings(context, record, study, chain[:-1])
    capture = record.capture
    issue = Issue(
        issuer=context.me.id, created_at=context.clock(), signed=kept.jws, signer_key=kid_of(kept.jws),
        words=study.wire() if study_digest(study) == record.words.digest else None,
        interface=(capture.interface if capture else None) or record.words.version,
        assurance=capture.assurance if capture else None, contracts=tuple(contracts), delivered=tuple(delivered),
        anchor=anchor_of(tx, context.me.id, record),
    )  # fmt: skip
    return Receipt27560(receipt_27560(record, around, issue), record, study, around, issue)


def signed(context: Context, receipt: Receipt27560) -> SignedReceipt:
    """The receipt signed by this participant."""
    jws = speech.say(context, speech.RECEIPT, receipt.document)
    return SignedReceipt(receipt.document, jws, public_key(context))


def public_key(context: Context) -> dict[str, str]:
    """Our own signing key, in the members its thumbprint is made of."""
    return {name: context.signer.public_jwk[name] for name in ("kty", "crv", "x")} | {"kid": context.signer.kid}


def anchor_of(tx: Transaction, log: str, record: ConsentRecord) -> Anchor | None:
    """The entry of our log that names this version; with its index once it stands under a signed checkpoint."""
    entry = next((one for one in tx.find(LogEntry, subject=record.id) if _names(one, record)), None)
    if entry is None:
        return None
    newest = tx.find(LogCheckpoint, order="-size", limit=1)
    signed_there = bool(newest) and entry.position is not None and entry.position < newest[0].size
    return Anchor(
        log=log, leaf=entry.leaf_hash.hex(), index=entry.position if signed_there else None,
        checkpoint=newest[0].note if signed_there else None,
    )  # fmt: skip


def _names(entry: LogEntry, record: ConsentRecord) -> bool:
    if entry.kind != f"consent.{record.state}" or entry.body is None:
        return False
    body = json.loads(entry.body)
    return bool(body.get("version") == record.version and body.get("digest") == record.digest())


def kid_of(jws: str) -> str:
    """The thumbprint that a JWS names as its key."""
    return str(speech.unverified_header(jws).get("kid", ""))
