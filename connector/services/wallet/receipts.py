"""A person's receipts: what they keep of each answer, to read, to print, and to prove with to anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.ports import Transaction
from connector.problems import invalid, missing
from connector.records import Delivery, UseOfData, WalletConsent
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.rights.papers import receipt_sheet
from connector.services.rights.receipting import Receipt27560, SignedReceipt, receipt_of, signed
from connector.services.rights.typeset import as_html, as_pdf
from policy.consent import EffectiveState, effective_state
from policy.records27560 import Anchor, Contract, Delivered

FORMS = {"json": "application/json", "jws": "application/jose", "html": "text/html; charset=utf-8",
         "pdf": "application/pdf"}  # fmt: skip
"""In which form a receipt can be had, and what that is called."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A file to take away."""

    name: str
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What stands behind a receipt, for the page: who signed, how, what rests on it, where the log names it.

    `words` are the texts the person read, None where they are not kept here any more. `state` is what the answer
    means now; `contracts` are (id, recipient's name).
    """

    number: str
    version: int
    state: str
    words: dict[str, str] | None
    words_digest: str
    language: str
    interface: str
    signer: str
    authority: str | None
    authority_until: datetime | None
    channel: str
    assurance: str | None
    signer_key: str
    issuer_key: str
    contracts: list[tuple[str, str]]
    anchor: Anchor | None
    digest: str
    versions: int


class Receipts:
    """Reads only: a receipt is made anew whenever somebody wants it, from what was signed and never changes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def proof(self, actor: Actor, number: str) -> Proof:
        """What stands behind a receipt of one's own. Raises Problem 404."""
        made = await self._made(actor, number)
        record, issue = made.record, made.issue
        name_of = self._context.members.name_of
        return Proof(
            number=record.id, version=record.version, state=str(self._meaning(made)),
            words=made.study.words.model_dump() if issue.words is not None else None,
            words_digest=record.words.digest, language=record.words.language, interface=issue.interface or "",
            signer=record.signer.kind, authority=record.signer.authority, authority_until=record.signer.until,
            channel=record.capture.channel if record.capture else "", assurance=issue.assurance,
            signer_key=issue.signer_key, issuer_key=self._context.signer.kid,
            contracts=[(one.id, name_of(one.recipient)) for one in issue.contracts], anchor=issue.anchor,
            digest=record.digest(), versions=record.version,
        )  # fmt: skip

    def _meaning(self, made: Receipt27560) -> EffectiveState:
        return effective_state(made.record, self._context.clock())

    async def signed(self, actor: Actor, number: str) -> SignedReceipt:
        """The receipt with our signature. Raises Problem 404."""
        return signed(self._context, await self._made(actor, number))

    async def file(self, actor: Actor, number: str, form: str) -> Paper:
        """The receipt as a file: json (the document with its signature), jws, html or pdf. Raises Problem 400, 404."""
        if form not in FORMS:
            raise invalid("A receipt has no such form", "format", ", ".join(FORMS))
        made = await self._made(actor, number)
        name = f"receipt-{made.record.id.rpartition(':')[2]}-{made.record.version}.{form}"
        return Paper(name, FORMS[form], await asyncio.to_thread(set_receipt, self._context, made, form))

    async def _made(self, actor: Actor, number: str) -> Receipt27560:
        require(actor, "patient", "operator")
        account = None if actor.role == "operator" else actor.account
        return await self._context.store.read(lambda tx: wallet_receipt(tx, self._context, number, account))


def set_receipt(context: Context, made: Receipt27560, form: str) -> bytes:
    """The bytes of a receipt in one of its forms."""
    issued = signed(context, made)
    if form == "jws":
        return issued.signed.encode()
    if form == "json":
        value = {"receipt": issued.receipt, "signed": issued.signed, "key": issued.key}
        return json.dumps(value, ensure_ascii=False, indent=1).encode()
    sheet = receipt_sheet(context, made, issued)
    return as_pdf(sheet) if form == "pdf" else as_html(sheet).encode()


def wallet_receipt(tx: Transaction, context: Context, number: str, account: str | None) -> Receipt27560:
    """The receipt of the newest version of a consent of `account` (None: of anybody). Raises Problem 404."""
    versions = tx.find(WalletConsent, id=number, order="version")
    if not versions or account not in (None, versions[-1].account):
        raise missing("There is no such receipt of yours")
    return receipt_of(tx, context, versions, _contracts(tx, versions[-1]), _delivered(tx, versions))


def _contracts(tx: Transaction, consent: WalletConsent) -> list[Contract]:
    """The contracts under which this holder told us of a use for this study."""
    uses = tx.find(UseOfData, account=consent.account, holder=consent.holder, study=consent.study, order="at")
    found = {use.agreement: Contract(id=use.agreement, recipient=use.recipient) for use in uses if use.agreement}
    return list(found.values())


def _delivered(tx: Transaction, versions: Sequence[WalletConsent]) -> list[Delivered]:
    """How the newest version got to its holder, with the holder's own signed word."""
    found = tx.get(Delivery, versions[-1].id, versions[-1].version)
    if found is None:
        return []
    return [
        Delivered(
            holder=found.holder, state=found.standing, at=found.acknowledged_at, statement=found.acknowledgement or None
        )
    ]
