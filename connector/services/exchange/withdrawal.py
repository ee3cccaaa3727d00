"""A stop at the holder: one transaction ends everything and queues a notice to whoever ever received the person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import forbidden, missing
from connector.records import HandedOver, Link, Notice, OutboxMessage, Release
from connector.services.chains import domain_named
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.duties import occasions
from connector.services.exchange import speech
from connector.services.sealed import SealedInTransaction
from contracts import exchange as wire
from policy.consent import ConsentRecord, State

SEND_NOTICE = "exchange.withdrawal"
SEND_PROGRESS = "exchange.progress"


class Stopping:
    """The holder's part of a withdrawal (design 3.7)."""

    def __init__(self, context: Context) -> None:
        self._context = context
        context.deliveries.on(SEND_NOTICE, delivered=self._notice_taken, stubborn=lambda _message: True)

    def stop(self, tx: Transaction, person: str, record: ConsentRecord) -> tuple[wire.InformedRecipient, ...]:
        """Called in the transaction that commits the stop: notices for every recipient, and what was cut where.

        Where the person's code under a contract was destroyed, its recipient was told before and got nothing since.
        """
        told = []
        for handed in tx.find(HandedOver, person=person, study=record.study):
            code = self._code(tx, handed.agreement, person)
            if code is not None:
                told.append(self._tell(tx, person, record, handed, code))
        return tuple(told)

    def _code(self, tx: Transaction, agreement: str, person: str) -> str | None:
        domain = self._context.vault.domain(domain_named(tx, agreement), SealedInTransaction(tx))
        known = domain.known(person)
        return known.code if known is not None else None

    def _tell(
        self, tx: Transaction, person: str, record: ConsentRecord, handed: HandedOver, code: str
    ) -> wire.InformedRecipient:
        context, now = self._context, self._context.clock()
        # A pause, or a no before anything was given, asks nobody to delete.
        erase = record.state == State.WITHDRAWN and record.on_withdrawal != "stop"
        kind = wire.Ending.ERASE if erase else wire.Ending.STOP
        cut = {release.transfer: release.offset for release in self._running(tx, handed.agreement)}
        claims = wire.Notice(
            notice=new_id(), agreement=handed.agreement, study=record.study, code=code,
            kind=kind, effective_at=now, deadline=now + timedelta(days=context.settings.erase_days), cut=cut,
        )  # fmt: skip
        tx.add(
            Notice(
                id=claims.notice, consent=record.id, version=record.version, person=person, link=record.link,
                agreement=handed.agreement, study=record.study, recipient=handed.recipient, kind=str(kind), cut=cut,
                effective_at=now, deadline=claims.deadline,
            )
        )  # fmt: skip
        if erase:
            occasions.asked(tx, context, handed.agreement, claims.notice, claims.deadline)
        if context.members.speaks_exchange(handed.recipient):
            context.deliveries.send(
                tx, recipient=handed.recipient, url=f"{context.members.exchange(handed.recipient)}/withdrawals",
                kind=SEND_NOTICE, body={"notice": speech.say(context, speech.NOTICE, claims.wire())},
                about=claims.notice,
            )  # fmt: skip
        context.log(
            tx, "withdrawal.told", claims.notice,
            {"agreement": handed.agreement, "recipient": handed.recipient, "kind": str(kind), "consent": record.id},
        )  # fmt: skip
        name = context.members.name_of(handed.recipient)
        return wire.InformedRecipient(
            notice=claims.notice, name=name, participant=handed.recipient, agreement=handed.agreement
        )

    @staticmethod
    def _running(tx: Transaction, agreement: str) -> list[Release]:
        return tx.find(Release, agreement=agreement, standing="running")

    def told(self, tx: Transaction, consent: str, version: int) -> tuple[wire.InformedRecipient, ...]:
        """The recipients that were told about this version."""
        notices = tx.find(Notice, consent=consent, version=version)
        return tuple(
            wire.InformedRecipient(
                notice=notice.id, name=self._context.members.name_of(notice.recipient), participant=notice.recipient,
                agreement=notice.agreement,
            )
            for notice in notices
        )  # fmt: skip

    def _notice_taken(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: dict[str, Any]) -> None:
        """Only the recipient's own signature says it was told, no status does: without it it is told again."""
        notice = tx.get(Notice, sent.about)
        if notice is None:
            return
        self._keep(tx, notice, str(answer.get("statement")))

    def _settle_told(self, tx: Transaction, notice: Notice) -> None:
        """Once: forget the message with the code, and destroy the secret it came from."""
        if notice.told_at is not None:
            return
        now = self._context.clock()
        tx.alter(
            OutboxMessage,
            {"standing": "delivered", "delivered_at": now, "body": None},
            about=notice.id,
            kind=SEND_NOTICE,
        )
        if notice.kind == wire.Ending.ERASE:
            domain = self._context.vault.domain(domain_named(tx, notice.agreement), SealedInTransaction(tx))
            destroyed = domain.destroy(notice.person)
            self._context.log(tx, "withdrawal.secret-destroyed", notice.id, {"destroyed": destroyed})
        tx.alter(Notice, {"told_at": now}, id=notice.id)

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/statements`: what a recipient states it did."""
        statement = speech.read_body(wire.StatementDelivery, body)
        claims = speech.hear(statement.statement, speech.STATEMENT, sender, wire.Statement)

        def command(tx: Transaction) -> None:
            notice = tx.get(Notice, claims.notice)
            if notice is None or notice.recipient != sender.id:
                raise missing("There is no such notice for you")
            self._keep(tx, notice, statement.statement)

        await self._context.store.write(command)
        return {}

    def _keep(self, tx: Transaction, notice: Notice, jws: str) -> None:
        """Keep a statement as evidence, note what it says, and let the person's wallet know."""
        known = list((notice.answers or {}).get("statements", []))
        if jws in known:
            return
        claims = speech.hear_answer(jws, self._context.members.reachable(notice.recipient))
        if (claims.notice, claims.agreement) != (notice.id, notice.agreement):
            raise forbidden("The statement is about another notice or agreement")
        self._settle_told(tx, notice)
        answer, now = claims.answer, self._context.clock()
        changes: dict[str, Any] = {"answers": {"statements": [*known, jws]}}
        if isinstance(claims, wire.Statement) and answer == wire.Answer.EXCEPTION:
            changes["exception"] = str(claims.ground)
        else:
            changes[f"{answer}_at"] = now
        if isinstance(claims, wire.Statement):
            changes |= {name: getattr(claims, name) for name in ("objects", "lines", "bytes", "bytes_after")}
            if answer == wire.Answer.ERASED:
                counts = {name: getattr(claims, name) for name in ("objects", "lines", "bytes")}
                occasions.erased(tx, self._context, notice.id, counts, jws)
        notice = tx.change(tx.get(Notice, notice.id) or notice, **changes)
        self._context.log(tx, f"withdrawal.{answer}", notice.id, {"recipient": notice.recipient, "statement": jws})
        self._forward(tx, notice, jws)
        tx.ring("notices")

    def _forward(self, tx: Transaction, notice: Notice, jws: str) -> None:
        link = tx.get(Link, notice.link)
        if link is None:
            return
        context = self._context
        body = wire.Progress(
            consent=notice.consent, version=notice.version, holder=context.me.id, recipient=notice.recipient,
            recipient_name=context.members.name_of(notice.recipient), notice=notice.id, statement=jws,
        )  # fmt: skip
        context.deliveries.send(
            tx, recipient=link.wallet, url=f"{context.members.exchange(link.wallet)}/progress", kind=SEND_PROGRESS,
            body=body.wire(), about=notice.id, lane=f"progress:{notice.id}",
        )  # fmt: skip
