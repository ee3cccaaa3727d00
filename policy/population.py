"""One prepared agreement decided for a whole population at once: who could get what today.

There is one way to yes, and this is a faster way to ask it: people whom the question finds no difference between form a
class (:mod:`policy.flags`), and :func:`policy.decide.decide` is asked about one person of each class. So every reason
comes from there, and whatever its gates learn to ask holds here as well.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

from policy.columns import LINK, Columns, Person
from policy.decide import decide
from policy.decision import ALLOW_ALL, Action, Decision, Outcome, Reason, Regime, Residual
from policy.facts import Facts, Question
from policy.flags import BROKEN, NO_CONSENT, NOT_LINKED, PERSONAL, UNREADABLE, Flags, is_instant, looked_at
from policy.reasons import CONSENT, reason
from policy.residual import RELEASED

PERMITTED = 0
"""The index of the one verdict that lets anything happen."""

_PORTION = 1 << 16
_GROUNDS = {Regime.CONSENT: "consent-given", Regime.PERMIT: "permit-in-force"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said to some of the people: the outcome and the first cause, without the name of anybody's consent."""

    outcome: Outcome
    reason: Reason


@dataclass(frozen=True, slots=True)
class Answers:
    """For each row the index of its verdict (0: permitted), and for each verdict how many rows have it."""

    indices: list[int]
    verdicts: tuple[Verdict, ...]
    counts: tuple[int, ...]

    @property
    def permitted(self) -> int:
        """How many people are permitted."""
        return self.counts[PERMITTED]

    @property
    def by_code(self) -> dict[str, int]:
        """How many people there are for each reason, by its code."""
        found: Counter[str] = Counter()
        for verdict, count in zip(self.verdicts, self.counts, strict=True):
            found[verdict.reason.code] += count
        return dict(found)


def prepare(question: Question, facts: Facts, selected: Residual = ALLOW_ALL) -> "Prepared":
    """Return the question ready to be asked about a population.

    `facts` holds what is the same for everybody; what it says of one person does not count. Somebody is permitted if
    :func:`~policy.decide.decide` permits and some item of what is `selected` could leave. Raises :class:`ValueError`
    for what is not asked about many people: a negotiation, a person's care, a person's own data.
    """
    if question.action is Action.NEGOTIATE or question.regime not in _GROUNDS:
        raise ValueError("a population is asked about by consent or by data permit, never in a negotiation")
    return Prepared(question, facts, selected)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question about everybody."""

    question: Question
    facts: Facts
    selected: Residual

    def decide(self, columns: Columns) -> Answers:
        """Return the verdict on each row. Raises :class:`ValueError` for columns about another study or holder."""
        about = columns.holder == self.facts.holder and self.question.study in {None, columns.study}
        if self.question.regime is Regime.CONSENT and not about:
            raise ValueError("the columns are about another study or holder")
        asking = _Asking(self, columns)
        indices = asking.everybody()
        verdicts = tuple(asking.numbers)
        return Answers(indices, verdicts, tuple(asking.counts[number] for number in range(len(verdicts))))


@dataclass(slots=True)
class _Asking:
    """One population being asked about, with the verdicts so far."""

    prepared: Prepared
    columns: Columns
    numbers: dict[Verdict, int] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)

    def everybody(self) -> list[int]:
        question, facts = self.prepared.question, self.prepared.facts
        self._number(Verdict(Outcome.PERMIT, reason(_GROUNDS[question.regime])))
        flags = Flags(question, facts, self.prepared.selected)
        rows = self.columns.rows()
        known: dict[int, int] = {}
        indices: list[int] = []
        for start in range(0, len(self.columns), _PORTION):
            codes = flags.of([column[start : start + _PORTION] for column in rows])
            for code, count in Counter(codes).items():
                if code not in known:
                    known[code] = self._of_row(start + codes.index(code), code)
                self.counts[known[code]] += count
            indices += map(known.__getitem__, codes)
        for row, person in self.columns.others.items():
            self.counts[indices[row]] -= 1
            indices[row] = self._of_person(person)
            self.counts[indices[row]] += 1
        return indices

    def _of_row(self, row: int, code: int) -> int:
        if code & BROKEN:
            return self._number(Verdict(Outcome.INDETERMINATE, reason("decision-failed")))
        return self._of_person(self._person(row, code))

    def _person(self, row: int, code: int) -> Person:
        """Return the person of a row with what was looked at; the rest may be anything, and makes no difference."""
        columns = self.columns
        named = self.prepared.question.regime is Regime.CONSENT and not code & (NOT_LINKED | NO_CONSENT | UNREADABLE)
        person = Person(
            link=None if code & NOT_LINKED else LINK,
            consents=(columns.record(row, looked_at(code)),) if named else (),
            unreadable_consents=int(bool(code & UNREADABLE)),
        )
        if code & PERSONAL & ~UNREADABLE:
            return person
        heard = columns.heard_at[row] if is_instant(columns.heard_at[row]) else None
        opted, stops = columns.opted_out_at[row], tuple(columns.stops[row])
        return replace(person, heard_from_wallet_at=heard, opted_out_at=opted, stops=stops)

    def _of_person(self, person: Person) -> int:
        decision = decide(self.prepared.question, person.facts(self.prepared.facts))
        return self._number(self._verdict(decision))

    def _verdict(self, decision: Decision) -> Verdict:
        cause = decision.because[0] if decision.because else reason("decision-failed")
        if not decision.permits:
            return Verdict(decision.outcome, replace(cause, pointer="") if cause.source == CONSENT else cause)
        met = decision.residual.meets(self.prepared.selected)
        if met != RELEASED:
            return Verdict(Outcome.DENY, decision.residual.reasons[met])
        return next(iter(self.numbers))

    def _number(self, verdict: Verdict) -> int:
        return self.numbers.setdefault(verdict, len(self.numbers))
