"""Duties as people see and state them, and what the other side states about those it owed to us."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.identity.members import Member
from connector.identity.tokens import SKEW
from connector.ports import Transaction
from connector.problems import conflict, forbidden, invalid, missing
from connector.records import Agreement, DutyOwed, OutboxMessage
from connector.services.actors import Actor, require
from connector.services.chains import chain_of
from connector.services.context import Context
from connector.services.duties.book import SEND_DONE, DutyBook
from connector.services.duties.covering import objection_to
from connector.services.duties.occasions import owed_under
from connector.services.duties.views import DutyRow, DutyView, Standing, standing
from connector.services.exchange import speech
from contracts.duties import NO_PROOF, DutyDone, DutyNotice, Proof
from contracts.messages import MessageError
from contracts.names import Role
from policy.odrl.duties import Ower

_SIDES = {"steward": ("provider",), "researcher": ("consumer",)}
_ROLES = ("steward", "researcher", "dpo", "operator")
_ORDER = ("overdue", "due", "pending", "violated", "stated-late", "fulfilled")
_URGENCY = {state: place for place, state in enumerate(_ORDER)}
_FAR = "9999"


class Duties:
    """Lists and shows duties, takes a person's word that one is done, and receives the other side's."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._book = DutyBook(context)
        context.deliveries.on(SEND_DONE, self._arrived, stubborn=lambda _message: True)

    async def list(self, actor: Actor, agreement: str | None = None, state: str | None = None) -> list[DutyRow]:
        """Duties of contracts of the actor's side, the most pressing first; of one contract with all of its chain.

        Raises Problem 400 for a state there is not, 403.
        """
        require(actor, *_ROLES)
        if state is not None and state not in set(Standing):
            raise invalid("A duty never stands so", "state", ", ".join(Standing))

        def query(tx: Transaction) -> list[DutyRow]:
            found = tx.find(DutyOwed, standing=("open", "done"), role=self._seen_by(actor), **_of(tx, agreement))
            return [self._row(actor, one) for one in found]

        rows = await self._context.store.read(query)
        return sorted((one for one in rows if state in (None, one.state)), key=_pressing)

    async def show(self, actor: Actor, id: str) -> DutyView:
        """One duty with its proof. Raises Problem 403, 404."""
        require(actor, *_ROLES)
        found = await self._context.store.read(lambda tx: self._found(tx, actor, id))
        return DutyView(self._row(actor, found), found.pointer, dict(found.evidence or {}))

    async def state(self, actor: Actor, id: str, link: str = "", digest: str = "", words: str = "") -> None:
        """Somebody here states that a duty of ours is done, with a link, a digest or words: signed, and sent.

        Raises Problem 400, 403, 404, 409.
        """
        require(actor, "researcher", "operator")
        given = _checked(link, digest, words)

        def command(tx: Transaction) -> None:
            row = self._found(tx, actor, id)
            if not self._by_person(row):
                raise conflict("Nobody states this duty by hand", accepted="a report, or the publication of results")
            if row.standing != "open" or not self._book.ours(row):
                raise conflict("This duty is not open", accepted="an open duty of ours")
            self._book.done(tx, row, {"by": actor.entry}, proof=given)

        await self._context.store.write(command)

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/duties`: the recipient states that it did what it owed. Its first word is kept.

        Raises Problem 400, 403, 404, and 409 while it cannot be true yet: then it is sent again.
        """
        jws = speech.read_body(DutyNotice, body).statement
        claims = speech.hear(jws, speech.DUTY_DONE, sender, DutyDone)
        if claims.by != sender.id:
            raise forbidden("A duty is stated by the one who owed it")

        def command(tx: Transaction) -> None:
            agreement = tx.get(Agreement, claims.agreement)
            theirs = agreement is not None and agreement.counterparty == sender.id
            if agreement is None or not theirs or agreement.standing == "pending" or agreement.role != Role.PROVIDER:
                raise missing("There is no such agreement between us")
            self._check_duty(agreement, claims)
            row = self._standing_for(tx, agreement, claims)
            if row is None or row.standing != "open":
                return  # its first word is kept, and terms that were replaced without it ask for nothing
            self._check_time(agreement, claims.at)
            if (objection := objection_to(tx, row, claims.at, self._context.clock())) is not None:
                raise conflict(objection, "not-yet", "a statement about all that was handed over, made after it")
            facts = {"objects": claims.objects, "lines": claims.lines, "bytes": claims.bytes, "their_log": claims.log}
            self._book.done(tx, row, facts, proof=claims.proof, statement=jws, at=claims.at)

        await self._context.store.write(command)
        return {}

    def _arrived(self, tx: Transaction, sent: OutboxMessage, _status: int, _answer: dict[str, Any]) -> None:
        row = tx.get(DutyOwed, sent.about)
        if row is not None:
            self._book.arrived(tx, row)

    def _check_duty(self, agreement: Agreement, claims: DutyDone) -> None:
        """It is a duty of theirs that a statement of theirs settles, with what proves it. Raises Problem 400, 404."""
        duty = next((one for one in owed_under(agreement.policy) if one.pointer == claims.pointer), None)
        if duty is None:
            raise missing("There is no such duty under this agreement")
        if duty.key != claims.key:
            raise invalid("The statement is about another duty", "key", duty.key)
        executor = self._context.executors.get(duty.key)
        if duty.by != Ower.CONSUMER or executor is None or not executor.by_statement:
            raise invalid("This duty is not stated here", "key", "a duty of the recipient without a message of its own")
        if executor.by_person and claims.proof == NO_PROOF:
            raise invalid("A proof is needed", "proof", "a link, the SHA-256 of a document, or words")

    @staticmethod
    def _standing_for(tx: Transaction, agreement: Agreement, claims: DutyDone) -> DutyOwed | None:
        """What a statement is about: of terms that were replaced meanwhile, what is owed in their place, if anything.

        Rows are opened at both sides by what happens there, before anybody can state them. Raises Problem 404.
        """
        row = tx.get(DutyOwed, claims.duty)
        if row is None:
            raise missing("This is not owed under this agreement")
        if row.standing != "dropped":
            return row
        chain = [one.id for one in chain_of(tx, agreement)]
        found = tx.find(DutyOwed, agreement=chain, duty=row.duty, occasion=row.occasion, standing="open", limit=1)
        return found[0] if found else None

    def _check_time(self, agreement: Agreement, at: datetime) -> None:
        if at > self._context.clock() + SKEW or (agreement.made_at is not None and at < agreement.made_at - SKEW):
            raise invalid("This is no time at which it can have been done", "at", "after the contract was made, by now")

    def _found(self, tx: Transaction, actor: Actor, id: str) -> DutyOwed:
        found = tx.get(DutyOwed, id)
        if found is None or found.role not in self._seen_by(actor):
            raise missing("There is no such duty here")
        return found

    @staticmethod
    def _seen_by(actor: Actor) -> tuple[str, ...]:
        """A steward sees contracts in which we provide, a researcher those in which we receive; others both."""
        return _SIDES.get(actor.role, ("provider", "consumer"))

    def _by_person(self, row: DutyOwed) -> bool:
        executor = self._context.executors.get(row.duty)
        return executor is not None and executor.by_person

    def _row(self, actor: Actor, one: DutyOwed) -> DutyRow:
        other = self._context.members.name_of(one.counterparty)
        may_state = self._book.ours(one) and self._by_person(one) and actor.role in ("researcher", "operator")
        return DutyRow(
            id=one.id, agreement=one.agreement, duty=one.duty, sentence=one.words,
            state=str(standing(one, self._context.clock())), by=one.by, by_us=one.by == one.role,
            by_name=self._context.me.name if one.by == one.role else other, due_at=one.due_at, done_at=one.done_at,
            reminded_at=one.reminded_at, can_state=may_state, occasion=one.occasion, counterparty_name=other,
        )  # fmt: skip


def _of(tx: Transaction, agreement: str | None) -> dict[str, Any]:
    """The condition for one contract: all of its chain."""
    if agreement is None:
        return {}
    found = tx.get(Agreement, agreement)
    return {"agreement": [one.id for one in chain_of(tx, found)] if found is not None else [agreement]}


def _pressing(row: DutyRow) -> tuple[int, str, str]:
    return _URGENCY[row.state], row.due_at.isoformat() if row.due_at is not None else _FAR, row.id


def _checked(link: str, digest: str, words: str) -> Proof:
    """What was given, as it can be stated. Raises Problem 400."""
    try:
        given = Proof.read(
            {"link": link.strip() or None, "digest": digest.strip() or None, "words": words.strip() or None}
        )
    except MessageError as fault:
        raise invalid(fault.what, fault.path.removeprefix("/"), fault.accepted) from None
    if given == NO_PROOF:
        raise invalid("A proof is needed", "link", "a link, the SHA-256 of a document, or words")
    return given
