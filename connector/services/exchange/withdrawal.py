"""A stop at the holder: one transaction ends everything and queues a notice to whoever ever received the person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import forbidden, missing
from connector.records import Agreement, Consent, HandedOver, Link, Notice, OutboxMessage, Release
from connector.services.chains import chain_named, domain_named
from connector.services.context import Context
from connector.services.deadlines import deadlines_named
from connector.services.delivery import new_id
from connector.services.duties import occasions
from connector.services.exchange import ladder, speech, tracking
from connector.services.releasing.quarantine import destroy_of
from connector.services.sealed import SealedInTransaction
from contracts import exchange as wire
from policy.consent import ConsentRecord, State

SEND_NOTICE = "exchange.withdrawal"
SEND_RESUMPTION = "exchange.resumption"
SEND_REMINDER = "exchange.reminder"
BELL = "overdue"
"""Rung when a notice is made or answered; `connector.jobs.overdue` waits for it."""
WEIGHT: Final[Mapping[str, int]] = {"pause": 1, "stop": 2, "erase": 3}
"""Which kind of notice says more than another."""


@dataclass(frozen=True, slots=True)
class Word:
    """What stops somebody in a study: a version of their consent to it, or one that their source holds.

    `link` is the link that the person's wallet hears of it through; empty where no wallet knows of this consent.
    """

    consent: str
    version: int
    study: str
    kind: wire.Ending
    link: str = ""

    @classmethod
    def of(cls, record: ConsentRecord) -> Self:
        """Said by a version of a consent to the study that allows nothing."""
        return cls(record.id, record.version, record.study, kind_of(record), record.link)


class Stopping:
    """The holder's part of a withdrawal (design 3.7)."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._patience = ladder.Patience.of(context.settings)
        context.deliveries.on(SEND_NOTICE, delivered=self._notice_taken, stubborn=lambda _message: True)
        context.deliveries.on(SEND_REMINDER, delivered=self._notice_taken)
        context.deliveries.on(SEND_RESUMPTION, delivered=self._resumption_taken, stubborn=lambda _message: True)

    def stop(self, tx: Transaction, person: str, record: ConsentRecord) -> tuple[wire.InformedRecipient, ...]:
        """Called in the transaction that commits the stop: notices for every recipient, and what was cut where.

        Where the person's code under a contract was destroyed, its recipient was told before and got nothing since. A
        recipient that was told as much already is not told again, but named again.
        """
        if record.on_withdrawal == "erase":
            destroy_of(tx, self._context, person)
        word, found = Word.of(record), tx.find(HandedOver, person=person, study=record.study)
        told = [self.tell(tx, handed, word) for handed in found]
        return tuple(tracking.informed(self._context, notice) for notice in told if notice is not None)

    def tell(self, tx: Transaction, handed: HandedOver, word: Word) -> Notice | None:
        """One recipient of the person: the notice that it gets, or has; None where it has nothing under a code."""
        code = self._code(tx, handed.agreement, handed.person)
        if code is None:
            return None
        tx.ring(BELL)
        standing = self._standing(tx, handed.person, handed.agreement, word.kind)
        return self._tell(tx, word, handed, code) if standing is None else _named_again(tx, standing, word)

    def take_back(self, tx: Transaction, link: Link, state: State) -> None:
        """A link is over: its consents count no more, and whoever received the person on them is told to erase that.

        `state` is what becomes of the consents: terminated, or invalidated where the link was wrong.
        """
        for consent in tx.find(Consent, link=link.id, current=True):
            if tx.count(HandedOver, person=link.person, study=consent.study):
                record = ConsentRecord.from_json(consent.record)
                self.stop(tx, link.person, record.model_copy(update={"state": state}))

    def resume(self, tx: Transaction, person: str, record: ConsentRecord) -> None:
        """Called in the transaction that commits a yes after a pause: each recipient is told to take the code again.

        Nothing is released to it before it has acknowledged that; where it was told more than a pause, nothing is.
        """
        self.go_on(tx, tx.find(Notice, person=person, study=record.study, kind="pause", lifted_at=None), record.id)

    def go_on(self, tx: Transaction, pauses: Iterable[Notice], consent: str) -> None:
        """Each of these pauses is over, by the word of this consent."""
        context, now = self._context, self._context.clock()
        for notice in pauses:
            code = self._code(tx, notice.agreement, notice.person)
            if notice.by_hand or code is None:
                tx.change(notice, lifted_at=now, next_at=None)
            elif not self._being_lifted(tx, notice):
                claims = wire.Resumption(notice=notice.id, agreement=notice.agreement, code=code, at=now)
                context.deliveries.send(
                    tx, recipient=notice.recipient, url=f"{context.members.exchange(notice.recipient)}/resumptions",
                    kind=SEND_RESUMPTION, body={"resumption": speech.say(context, speech.RESUMPTION, claims.wire())},
                    about=notice.id,
                )  # fmt: skip
                tx.change(notice, next_at=None)
            context.log(tx, "withdrawal.resumed", notice.id, {"recipient": notice.recipient, "consent": consent})

    def named(self, tx: Transaction, record: ConsentRecord) -> tuple[wire.InformedRecipient, ...]:
        """Whoever was told about earlier versions already: from now on they are shown with this one."""
        word = Word.of(record)
        notices = [_named_again(tx, one, word) for one in tx.find(Notice, consent=record.id)]
        return tuple(tracking.informed(self._context, notice) for notice in notices)

    def told(self, tx: Transaction, consent: str, version: int) -> tuple[wire.InformedRecipient, ...]:
        """The recipients that were told about this version."""
        notices = tx.find(Notice, consent=consent, version=version)
        return tuple(tracking.informed(self._context, notice) for notice in notices)

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/statements`: what a recipient states it did."""
        statement = speech.read_body(wire.StatementDelivery, body)
        claims = speech.hear(statement.statement, speech.STATEMENT, sender, wire.Statement)

        def command(tx: Transaction) -> None:
            notice = tx.get(Notice, claims.notice)
            if notice is None or notice.recipient != sender.id:
                raise missing("There is no such notice for you")
            self.keep(tx, notice, statement.statement)

        await self._context.store.write(command)
        return {}

    def keep(self, tx: Transaction, notice: Notice, jws: str) -> None:
        """Keep a statement as evidence, note what it says, and let the person's wallet know."""
        kept = notice.answers or {}
        known = list(kept.get("statements", []))
        if jws in known:
            return
        claims = speech.hear_answer(jws, self._context.members.reachable(notice.recipient))
        if (claims.notice, claims.agreement) != (notice.id, notice.agreement):
            raise forbidden("The statement is about another notice or agreement")
        self.settle_told(tx, notice)
        notice = tx.change(tx.get(Notice, notice.id) or notice, answers={**kept, "statements": [*known, jws]})
        self._context.log(
            tx, f"withdrawal.{claims.answer}", notice.id, {"recipient": notice.recipient, "statement": jws}
        )
        if isinstance(claims, wire.Received):
            notice = tx.change(notice, received_at=notice.received_at or self._context.clock())
        elif notice.erased_at is None or claims.answer != wire.Answer.STOPPED:  # what is erased stays erased
            notice = self._noted(tx, notice, claims, jws)
        tracking.forward(tx, self._context, self.answered(tx, notice), jws)

    def answered(self, tx: Transaction, notice: Notice) -> Notice:
        """Something was answered: what is owed next, if anything, gets a time of its own."""
        due, before = ladder.due_of(notice), notice.overdue_at
        changes: dict[str, Any] = {"next_at": None}
        if due is not None and (before is None or due > self._context.clock()):
            fresh = replace(notice, overdue_at=None, reminded_at=None, escalated_at=None)
            changes = {"overdue_at": None, "reminded_at": None, "escalated_at": None}
            changes |= {"next_at": self._next(fresh)}
        elif due is not None:
            changes = {"next_at": self._next(notice)}
        tx.ring("notices")
        tx.ring(BELL)
        return tx.change(notice, **changes)

    def settle_told(self, tx: Transaction, notice: Notice) -> None:
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
            chain = [one.id for one in chain_named(tx, notice.agreement)] or [notice.agreement]
            tx.alter(Notice, {"forgotten_at": now}, person=notice.person, agreement=chain, forgotten_at=None)
            self._context.log(tx, "withdrawal.secret-destroyed", notice.id, {"destroyed": destroyed})
        tx.alter(Notice, {"told_at": now}, id=notice.id)

    def _tell(self, tx: Transaction, word: Word, handed: HandedOver, code: str) -> Notice:
        """A notice of our own, and its message; weaker ones about the same code are overtaken by it."""
        context, now, person, kind = self._context, self._context.clock(), handed.person, word.kind
        times = deadlines_named(context, tx.get(Agreement, handed.agreement))
        erase = kind is wire.Ending.ERASE
        stop_by = now + times.stop
        notice = Notice(
            id=new_id(), consent=word.consent, version=word.version, person=person, link=word.link,
            agreement=handed.agreement, study=word.study, recipient=handed.recipient, kind=str(kind),
            cut={release.transfer: release.offset for release in self._running(tx, handed.agreement)},
            effective_at=now, stop_by=stop_by, deadline=max(stop_by, now + times.erase) if erase else stop_by,
            backups_by=max(stop_by, now + times.erase, now + times.backups) if erase else None,
            by_hand=not context.members.speaks_exchange(handed.recipient),
        )  # fmt: skip
        notice = replace(notice, next_at=self._next(notice))
        tx.alter(
            Notice, {"next_at": None, "overtaken_by": notice.id}, person=person, agreement=handed.agreement,
            kind=_weaker(kind), forgotten_at=None,
        )  # fmt: skip
        tx.add(notice)
        if erase:
            occasions.asked(tx, context, handed.agreement, notice.id, notice.deadline)
        if not notice.by_hand:
            self._send(tx, notice, code)
        context.log(
            tx, "withdrawal.told", notice.id,
            {"agreement": handed.agreement, "recipient": handed.recipient, "kind": str(kind), "consent": word.consent},
        )  # fmt: skip
        return notice

    def _send(self, tx: Transaction, notice: Notice, code: str) -> None:
        context, now = self._context, self._context.clock()
        claims = wire.Notice(
            notice=notice.id, agreement=notice.agreement, study=notice.study, code=code, kind=wire.Ending(notice.kind),
            effective_at=notice.effective_at or now, stop_by=notice.stop_by or now, deadline=notice.deadline or now,
            backups_by=notice.backups_by, cut=notice.cut or {},
        )  # fmt: skip
        context.deliveries.send(
            tx, recipient=notice.recipient, url=f"{context.members.exchange(notice.recipient)}/withdrawals",
            kind=SEND_NOTICE, body={"notice": speech.say(context, speech.NOTICE, claims.wire())}, about=notice.id,
        )  # fmt: skip

    def _standing(self, tx: Transaction, person: str, agreement: str, kind: wire.Ending) -> Notice | None:
        """A notice to the recipient of this contract that says as much already about the code the person has now."""
        found = tx.find(Notice, person=person, agreement=agreement, lifted_at=None, order="-effective_at")
        for notice in (one for one in found if one.forgotten_at is None):
            if WEIGHT.get(notice.kind, 0) >= WEIGHT[kind] and not self._being_lifted(tx, notice):
                return notice
        return None

    @staticmethod
    def _being_lifted(tx: Transaction, notice: Notice) -> bool:
        return notice.kind == "pause" and tx.count(OutboxMessage, about=notice.id, kind=SEND_RESUMPTION) > 0

    def _code(self, tx: Transaction, agreement: str, person: str) -> str | None:
        domain = self._context.vault.domain(domain_named(tx, agreement), SealedInTransaction(tx))
        known = domain.known(person)
        return known.code if known is not None else None

    @staticmethod
    def _running(tx: Transaction, agreement: str) -> list[Release]:
        return tx.find(Release, agreement=agreement, standing="running")

    def _next(self, notice: Notice) -> Any:
        rung = ladder.next_rung(notice, self._patience)
        return rung[1] if rung is not None else None

    def _notice_taken(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: dict[str, Any]) -> None:
        """Only the recipient's own signature says it was told, no status does: without it it is told again."""
        notice = tx.get(Notice, sent.about)
        if notice is not None:
            self.keep(tx, notice, str(answer.get("statement")))

    def _resumption_taken(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: dict[str, Any]) -> None:
        """The recipient takes the code again, by its own signature: from here on data may go to it."""
        notice = tx.get(Notice, sent.about)
        if notice is None or notice.lifted_at is not None:
            return
        member = self._context.members.reachable(notice.recipient)
        claims = speech.hear(str(answer.get("statement")), speech.STATEMENT, member, wire.Received)
        if (claims.notice, claims.agreement) != (notice.id, notice.agreement):
            raise forbidden("The statement is about another notice or agreement")
        notice = tx.change(notice, lifted_at=self._context.clock(), next_at=None)
        self._context.log(tx, "withdrawal.lifted", notice.id, {"recipient": notice.recipient})
        tracking.forward(tx, self._context, notice)
        tx.ring("consents")
        tx.ring("notices")

    def _noted(self, tx: Transaction, notice: Notice, claims: wire.Statement, jws: str) -> Notice:
        """What a statement says was done, beside the notice."""
        now, answer = self._context.clock(), claims.answer
        changes: dict[str, Any] = {name: getattr(claims, name) for name in ("objects", "lines", "bytes", "bytes_after")}
        changes |= {
            "held": {"objects": [one.wire() for one in claims.held]}, "remaining": {"remaining": [*claims.remaining]},
        }  # fmt: skip
        if answer == wire.Answer.EXCEPTION:
            stopped = now if notice.kind == wire.Ending.ERASE else None  # no ground keeps anybody from stopping
            changes |= {"exception": str(claims.ground), "stopped_at": notice.stopped_at or stopped}
        elif answer == wire.Answer.ERASED:
            changes |= {"erased_at": notice.erased_at or now, "stopped_at": notice.stopped_at or now, "check": "",
                        "exception": None, "checked_at": None}  # fmt: skip
            counts = {name: getattr(claims, name) for name in ("objects", "lines", "bytes")}
            occasions.erased(tx, self._context, notice.id, counts, jws)
        else:
            changes |= {"stopped_at": notice.stopped_at or now}
        return tx.change(notice, **changes)


def kind_of(record: ConsentRecord) -> wire.Ending:
    """What a version that allows nothing asks of whoever received the person.

    A pause, or a no before anything was given, asks nobody to delete. What the holder ends or strikes out has no
    ground any more, so that it is erased.
    """
    if record.state is State.SUSPENDED:
        return wire.Ending.PAUSE
    wish = record.state is State.WITHDRAWN and record.on_withdrawal != "stop"
    return wire.Ending.ERASE if wish or record.state in _BY_HOLDER else wire.Ending.STOP


def _named_again(tx: Transaction, notice: Notice, word: Word) -> Notice:
    """From now on it is shown with the newest version of the consent, where that is the same consent."""
    return tx.change(notice, version=word.version) if notice.consent == word.consent else notice


_BY_HOLDER = frozenset({State.TERMINATED, State.INVALIDATED})


def _weaker(kind: str) -> list[str]:
    """No kind at all is no condition, so there is always one."""
    return ["", *(one for one, weight in WEIGHT.items() if weight < WEIGHT[kind])]
