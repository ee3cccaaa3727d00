"""What holders tell a wallet: how a withdrawal fares at each recipient, and every use of its people's data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import Problem, forbidden, missing
from connector.records import RecipientProgress, UseOfData, WalletConsent, WalletLink
from connector.services.context import Context
from connector.services.exchange import speech
from contracts import exchange as wire
from policy.instants import instant


class Feedback:
    """`POST /consent/progress` and `/consent/uses`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def progress(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """A recipient's signed statement, forwarded by the holder; we check the recipient's signature ourselves."""
        told = speech.read_body(wire.Progress, body)
        if told.holder != sender.id:
            raise forbidden("Progress is told by the holder itself")
        tracking = speech.hear(told.tracking, speech.TRACKING, sender, wire.Tracking)
        if tracking.notice != told.notice:
            raise forbidden("The holder's word is about another notice")
        recipient = self._context.members.known(told.recipient)
        claims = self._read(recipient, told.statement) if told.statement is not None else None

        def command(tx: Transaction) -> None:
            consent = tx.get(WalletConsent, told.consent, told.version)
            if consent is None or consent.holder != sender.id:
                raise missing("There is no such consent for this holder")
            known = tx.get(RecipientProgress, told.notice)
            if known is None:
                known = RecipientProgress(
                    notice=told.notice, consent=told.consent, version=told.version, holder=sender.id,
                    recipient=told.recipient, recipient_name=told.recipient_name, told_at=self._context.clock(),
                )  # fmt: skip
                tx.add(known)
            if (known.consent, known.holder, known.recipient) != (told.consent, sender.id, told.recipient):
                raise forbidden("This notice is about another consent or recipient")
            known = tx.change(known, **_tracked(known, tracking, told.tracking))
            if told.statement is not None:
                self._note(tx, known, told.statement, claims)
            tx.ring("progress")

        await self._context.store.write(command)
        return {}

    @staticmethod
    def _read(recipient: Member | None, jws: str) -> wire.Statement | wire.Received | None:
        """What the recipient itself signed; None when it did not, and then it counts for nothing."""
        if recipient is None:
            return None
        try:
            return speech.hear_answer(jws, recipient)
        except Problem:
            return None

    def _note(
        self, tx: Transaction, known: RecipientProgress, jws: str, claims: wire.Statement | wire.Received | None
    ) -> None:
        statements = list((known.statements or {}).get("statements", []))
        if jws in statements:
            return
        verified = claims is not None and claims.notice == known.notice
        changes: dict[str, Any] = {"statements": {"statements": [*statements, jws]}}
        if claims is not None and verified:
            changes |= _what_it_says(known, claims, self._context.clock())
        tx.change(known, **changes)
        answer = str(claims.answer) if claims is not None else "unreadable"
        self._context.log(
            tx, "withdrawal.progress", known.notice, {"answer": answer, "verified": verified, "statement": jws}
        )
        tx.ring("progress")

    async def uses(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """Uses of our people's data at one holder; the same use told twice is one line."""
        told = speech.read_body(wire.Uses, body)

        def command(tx: Transaction) -> None:
            for use in told.uses:
                link = tx.get(WalletLink, use.link)
                if link is None or link.holder != sender.id:
                    continue
                tx.put(self._line(link, sender, use))

        await self._context.store.write(command)
        return {}

    @staticmethod
    def _line(link: WalletLink, sender: Member, use: wire.Use) -> UseOfData:
        same = "|".join((use.link, use.at.isoformat(), str(use.kind), use.agreement or "", use.recipient))
        return UseOfData(
            id=sha256(same.encode()).hexdigest(), account=link.account, holder=sender.id, at=use.at, kind=str(use.kind),
            recipient=use.recipient, recipient_name=use.recipient_name, study=use.study or "",
            agreement=use.agreement or "", resources=use.resources, reason=use.reason or "",
        )  # fmt: skip


def _what_it_says(known: RecipientProgress, claims: wire.Statement | wire.Received, now: datetime) -> dict[str, Any]:
    """A verified statement as the person's page keeps it. The first time counts, and what is erased stays erased."""
    said: dict[str, Any] = {"verified": True}
    if isinstance(claims, wire.Received):
        return said | {"received_at": known.received_at or now}
    if claims.answer == wire.Answer.EXCEPTION:
        return said | {"exception": str(claims.ground), "stopped_at": known.stopped_at or now}
    if claims.answer == wire.Answer.STOPPED and known.erased_at is not None:
        return said
    counted = {"objects": claims.objects, "lines": claims.lines, "stopped_at": known.stopped_at or now}
    if claims.answer == wire.Answer.ERASED:
        counted |= {"erased_at": known.erased_at or now, "exception": None}
    return said | counted


def _tracked(known: RecipientProgress, tracking: wire.Tracking, jws: str) -> dict[str, Any]:
    """The holder's newest word; an older one that comes late changes nothing."""
    before = known.tracking or {}
    if before and tracking.at < instant(before["at"]):
        return {}
    return {"tracking": {**tracking.wire(), "jws": jws}, "deadline": tracking.deadline}
