"""Emergencies: staff look at a person's records for care that cannot wait for the person's own word (reference S16).

Who may is named in the settings; they give a reason and prove who they are twice. It lasts four hours unless the
operator says less, and covers what was asked for. The person's wallet is told at once, and the data protection officer
looks at every single one and says whether it was justified, which the person is told too. Never for research.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import Account, DecisionMade, EmergencyAccess, Person, SourceRecord
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.releasing import uses
from connector.services.releasing.closely import Closely
from connector.services.releasing.standing import DISPUTED, NOTHING, disputes_of, names_of, source_facts
from connector.services.rooms.names import moment
from contracts.exchange import UseKind
from policy.categories import CATEGORIES
from policy.decide import decide
from policy.decision import Action, Decision, Regime
from policy.directives.model import Emergency
from policy.facts import CareRelation, Facts, Question
from policy.odrl import compiled
from policy.replay import inputs_to_json
from policy.residual import RELEASED, ItemFacts

ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PURPOSES = (f"{ACT_REASON}#TREAT", f"{ACT_REASON}#BTG")
LONGEST = 1000
FRESH = timedelta(minutes=5)
"""How old a sign-in may be that serves as the second factor."""
VERDICTS = ("justified", "not-justified")


class Vouching(Protocol):
    """Believes an ID token of our issuer: returns whom it names, or raises Problem."""

    async def vouch(self, token: str) -> tuple[str, datetime | None]:
        """Subject and when they signed in."""
        ...


@dataclass(frozen=True, slots=True)
class Declaration:
    """What somebody declares: about whom, why, for which kinds of data (None: all), how long (None: longest)."""

    person: str
    reason: str
    categories: list[str] | None = None
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """An emergency as declared; `records` is how many there are to see."""

    id: str
    until: datetime
    records: int
    told: bool


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """One emergency as the data protection officer reads it. The person stands in it by the source's number."""

    id: str
    number: str
    by: str
    reason: str
    categories: list[str] | None
    declared_at: datetime
    until: datetime
    looked: int
    told_at: datetime | None
    reviewed_at: datetime | None
    reviewed_by: str
    verdict: str
    note: str


class Emergencies:
    """Declaring, looking, reviewing."""

    def __init__(self, context: Context, vouching: Vouching) -> None:
        self._context = context
        self._vouching = vouching

    async def declare(self, actor: Actor, asked: Declaration, token: str = "") -> Declared:
        """Declare one and open the records. `actor` is whoever looks. Raises Problem 400, 403, 404."""
        account = await self._admitted(actor)
        sure = actor.assurance == "high" or await self._vouched(account, token)
        reason, hours = _checked(asked, self._context.settings.emergency_hours)

        def command(tx: Transaction) -> Declared | Decision:
            now = self._context.clock()
            kept = EmergencyAccess(
                id=new_id(), person=asked.person, by=account.id, organisation=self._context.me.id, reason=reason,
                scope={"categories": asked.categories}, declared_at=now, until=now + timedelta(hours=hours),
            )  # fmt: skip
            question, facts, decision = self._decided(tx, kept, now, sure=sure)
            self._keep_decision(tx, kept, question, facts, decision)
            if not decision.permits:
                code = decision.because[0].code if decision.because else "decision-failed"
                self._context.log(tx, "emergency.refused", kept.id, {"by": actor.entry, "reason": code})
                return decision
            shown = len(self._shown(tx, kept, decision))
            told = self._tell(tx, kept, UseKind.EMERGENCY, f"Emergency: {reason}", shown, now)
            tx.add(kept)
            if told:
                tx.alter(EmergencyAccess, {"told_at": now}, id=kept.id)
            self._context.log(
                tx, "emergency.declared", kept.id,
                {"by": actor.entry, "until": (now + timedelta(hours=hours)).isoformat(), "records": shown},
            )  # fmt: skip
            tx.ring("emergencies")
            return Declared(kept.id, now + timedelta(hours=hours), shown, told)

        outcome = await self._context.store.write(command)
        if isinstance(outcome, Decision):
            raise forbidden(outcome.because[0].text if outcome.because else "This cannot be opened", "not-opened")
        return outcome

    async def _admitted(self, actor: Actor) -> Account:
        """Whoever the operator lets declare emergencies. Raises Problem 403."""
        found = await self._context.store.read(lambda tx: tx.get(Account, actor.account))
        named = set(self._context.settings.emergency_accounts)
        if found is None or found.standing != "active" or named.isdisjoint({found.id, found.subject}):
            raise forbidden("You are not among those who may declare an emergency here", "not-in-emergency-group")
        return found

    async def _vouched(self, account: Account, token: str) -> bool:
        """A second factor: a sign-in of the same person, a few minutes old. Raises Problem 403."""
        if not token:
            raise forbidden("An emergency needs a second factor: sign in again just before", "no-factor")
        subject, signed_in_at = await self._vouching.vouch(token)
        now = self._context.clock()
        if subject != account.subject:
            raise forbidden("The sign-in is somebody else's", "no-factor")
        if signed_in_at is None or not now - FRESH <= signed_in_at <= now + timedelta(minutes=1):
            raise forbidden("The sign-in is too old, or does not say when it was. Sign in again", "no-factor")
        return True

    def _decided(
        self, tx: Transaction, kept: EmergencyAccess, now: datetime, *, sure: bool
    ) -> tuple[Question, Facts, Decision]:
        """The same one decision as everywhere: regime care, action view, with the emergency that was declared."""
        context, person = self._context, tx.get(Person, kept.person)
        if person is None:
            raise missing("There is no such person here")
        me, since, until = context.me.id, moment(kept.declared_at), moment(kept.until)
        said = source_facts(tx, context, person.source, me, [person.id], now).get(person.id, NOTHING)
        asking = names_of(tx, context, person.source, [me, f"account:{kept.by}"], now)
        question = Question(
            regime=Regime.CARE, action=Action.VIEW, now=now, requester=me, dataset=person.source, purposes=PURPOSES,
            emergency=Emergency(
                declared_at=since, until=until, group=True, reason=bool(kept.reason), second_factor=sure
            ),
        )  # fmt: skip
        facts = Facts(
            policy=compiled(house_rule(me, person.source)), holder=me,
            care=CareRelation(provider=me, since=since, until=until), recipient=None, zone=context.settings.time_zone,
            stops=(DISPUTED,) if disputes_of(tx, [person.id]) else (), executors=context.executors.keys,
            requester_names=asking, subjects=said.subjects, directives=said.directives, known_actors=said.known_actors,
            unreadable_directives=said.unreadable,
        )  # fmt: skip
        return question, facts, decide(question, facts)

    def _keep_decision(
        self, tx: Transaction, kept: EmergencyAccess, question: Question, facts: Facts, decision: Decision
    ) -> None:
        tx.add(
            DecisionMade(
                id=new_id(), agreement="", person=kept.person, release=kept.id, at=question.now,
                outcome=str(decision.outcome), first_reason=decision.because[0].code if decision.because else "",
                inputs=inputs_to_json(question, facts), decision=decision.to_json(),
            )
        )  # fmt: skip

    def _shown(self, tx: Transaction, kept: EmergencyAccess, decision: Decision) -> list[SourceRecord]:
        """The person's records within the scope that was declared and the decision's filter."""
        person = tx.get(Person, kept.person)
        wanted = (kept.scope or {}).get("categories")
        if person is None:
            return []
        rows = tx.find(SourceRecord, source=person.source, person=person.id, deleted=False, order="resource_type")
        closely = Closely(decision.residual, person.source, self._context.data.labeller, lambda _found: None)
        shown = []
        for row in rows:
            if wanted is None or row.resource_type == "Patient" or row.category in wanted:
                item = ItemFacts(row.resource_type, row.category, row.start, row.end, person.source)
                asks = decision.residual.asks_detail
                found, left = closely.judge(row, item) if asks else (decision.residual.judge(item), row)
                if found == RELEASED:
                    shown.append(left)
        return closely.masked(shown)

    async def records(self, actor: Actor, id: str) -> bytes:
        """The records as a FHIR Bundle; decided anew and logged each time. Raises Problem 403, 404, 410."""
        account = await self._admitted(actor)

        def command(tx: Transaction) -> list[SourceRecord] | Decision:
            kept, now = tx.get(EmergencyAccess, id), self._context.clock()
            if kept is None or kept.by != account.id:
                raise missing("There is no such emergency of yours")
            if kept.until is None or now >= kept.until:
                raise Problem(410, "emergency-over", "This emergency is over", "Declare a new one if there is one")
            # The second factor was proven when it was declared, and it was refused then without one.
            question, facts, decision = self._decided(tx, kept, now, sure=True)
            shown = self._shown(tx, kept, decision) if decision.permits else []
            tx.change(kept, looked=kept.looked + 1)
            body = {"by": actor.entry, "records": len(shown), "outcome": str(decision.outcome)}
            self._context.log(tx, "emergency.looked", kept.id, body)
            if not decision.permits:
                self._keep_decision(tx, kept, question, facts, decision)
                return decision
            return shown

        found = await self._context.store.write(command)
        if isinstance(found, Decision):
            raise forbidden(found.because[0].text if found.because else "This cannot be opened", "not-opened")
        return _bundle(found)

    async def rows(self, actor: Actor) -> list[EmergencyRow]:
        """Every emergency: those that wait for a verdict first, newest first."""
        require(actor, "dpo")
        return await self._context.store.read(self._rows)

    def _rows(self, tx: Transaction) -> list[EmergencyRow]:
        rows = [self._row(tx, one) for one in tx.find(EmergencyAccess, order="-declared_at", limit=500)]
        return sorted(rows, key=lambda row: row.reviewed_at is not None)

    def _row(self, tx: Transaction, one: EmergencyAccess) -> EmergencyRow:
        person, by, reviewer = tx.get(Person, one.person), tx.get(Account, one.by), tx.get(Account, one.reviewed_by)
        return EmergencyRow(
            one.id, person.source_id if person else "", by.name if by else one.by, one.reason,
            (one.scope or {}).get("categories"), moment(one.declared_at), moment(one.until), one.looked, one.told_at,
            one.reviewed_at, reviewer.name if reviewer else one.reviewed_by, one.verdict, one.note,
        )  # fmt: skip

    async def review(self, actor: Actor, id: str, verdict: str, note: str) -> EmergencyRow:
        """The officer's verdict, once; the person is told it, with the note. Raises Problem 400, 403, 404, 409."""
        require(actor, "dpo")
        note = note.strip()
        if verdict not in VERDICTS:
            raise invalid("This is no verdict", "verdict", ", ".join(VERDICTS))
        if len(note) > LONGEST or (verdict == "not-justified" and not note):
            raise invalid("Say what follows from it", "note", f"1 to {LONGEST} characters")

        def command(tx: Transaction) -> EmergencyRow:
            kept, now = tx.get(EmergencyAccess, id), self._context.clock()
            if kept is None:
                raise missing("There is no such emergency")
            if kept.reviewed_at is not None:
                raise conflict("This emergency has been reviewed already")
            if kept.by == actor.account:
                raise forbidden("Who declared an emergency does not review it", "own-emergency")
            kept = tx.change(kept, verdict=verdict, note=note, reviewed_at=now, reviewed_by=actor.account)
            self._tell(tx, kept, UseKind.REVIEWED, _told(kept), 0, now)
            self._context.log(tx, "emergency.reviewed", kept.id, {"by": actor.entry, "verdict": verdict})
            tx.ring("emergencies")
            return self._row(tx, kept)

        return await self._context.store.write(command)

    def _tell(
        self, tx: Transaction, kept: EmergencyAccess, kind: UseKind, words: str, count: int, now: datetime
    ) -> bool:
        me = self._context.me
        look = uses.Look(kind=kind, about=kept.id, reason=words, by=me.id, by_name=me.name, resources=count)
        return uses.tell_of(tx, self._context, kept.person, look, now)


def house_rule(holder: str, dataset: str) -> dict[str, Any]:
    """What stands in the place of a contract where we ourselves look at what we hold: nothing is passed on."""
    return {
        "@id": "urn:concord:rule:emergency-care", "@type": "Agreement", "target": dataset, "assigner": holder,
        "assignee": holder, "permission": [{"action": "use"}], "prohibition": [{"action": "odrl:distribute"}],
    }  # fmt: skip


def _checked(asked: Declaration, longest: int) -> tuple[str, float]:
    reason = asked.reason.strip()
    if len(reason) < 10 or len(reason) > LONGEST:
        raise invalid("Say why this cannot wait", "reason", f"10 to {LONGEST} characters")
    if asked.categories is not None and (not asked.categories or not set(asked.categories) <= set(CATEGORIES)):
        raise invalid("These are not kinds of data", "categories", ", ".join(CATEGORIES))
    hours = longest if asked.hours is None else asked.hours
    if not 0 < hours <= longest:
        raise invalid("It cannot last so long", "hours", f"at most {longest}")
    return reason, float(hours)


def _told(kept: EmergencyAccess) -> str:
    found = "It was justified." if kept.verdict == "justified" else "It was not justified."
    day = f"{moment(kept.declared_at):%Y-%m-%d}"
    words = f"The data protection officer looked at the emergency access of {day}. {found}"
    return f"{words} {kept.note}" if kept.note else words


def _bundle(rows: Sequence[SourceRecord]) -> bytes:
    """A Bundle of type collection; the records stand in it as they are kept, so that numbers keep their digits."""
    entries = b",".join(b'{"resource":' + row.body.strip() + b"}" for row in rows)
    return b'{"resourceType":"Bundle","type":"collection"' + (b',"entry":[' + entries + b"]" if rows else b"") + b"}"
