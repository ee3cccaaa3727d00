"""One prepared agreement decided for a whole population at once: who could get what today.

There is one way to yes, and this is a faster way to ask it: people whom the question finds no difference between form a
class (:mod:`policy.flags`), and :func:`policy.decide.decide` is asked about one person of each class. Who fits into no
class is asked about alone; the gates that look at nothing of a person but opt-outs and stops are then asked once for
all who are alike in these. So every reason comes from there, and whatever its gates learn to ask holds here as well.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from policy.columns import LINK, Columns, Person, columns_of, fits_no_row
from policy.decide import ask_others, ask_own, decide, in_short
from policy.decision import ALLOW_ALL, Action, Outcome, Reason, Regime, Residual
from policy.facts import Facts, Question
from policy.flags import BROKEN, NO_CONSENT, NOT_LINKED, PERSONAL, UNREADABLE, Flags, is_instant, looked_at
from policy.gate import Answer
from policy.reasons import CONSENT, reason
from policy.residual import RELEASED

PERMITTED = 0
"""The index of the one verdict that lets anything happen."""

_PORTION = 1 << 16
_AT_A_TIME = 1 << 12
_KINDS = 1 << 12
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
        asking = _Asking(self)
        return asking.answers(asking.everybody(columns))

    def decide_people(self, people: Iterable[Person]) -> Answers:
        """Return the verdict on each of these people, who are taken some at a time and not kept."""
        asking = _Asking(self)
        indices: list[int] = []
        waiting: dict[int, Person] = {}
        for person in people:
            if fits_no_row(person):
                indices.append(asking.alone(person))
                continue
            waiting[len(indices)] = person
            indices.append(PERMITTED)
            if len(waiting) == _AT_A_TIME:
                asking.together(waiting, indices)
        asking.together(waiting, indices)
        return asking.answers(indices)


_Told: TypeAlias = tuple[Outcome, str, str, str, str]


@dataclass(slots=True)
class _Asking:
    """One population being asked about, with the verdicts so far."""

    prepared: Prepared
    numbers: dict[Verdict, int] = field(default_factory=dict)
    told: dict[_Told, int] = field(default_factory=dict)
    others: dict[object, tuple[Answer, ...]] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    flags: Flags = field(init=False)
    stated: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.flags = Flags(self.prepared.question, self.prepared.facts, self.prepared.selected)
        self.stated = self.prepared.facts.stated()
        self._number(Verdict(Outcome.PERMIT, reason(_GROUNDS[self.prepared.question.regime])))

    def answers(self, indices: list[int]) -> Answers:
        """Return what was said to all who were asked about."""
        return Answers(indices, tuple(self.numbers), tuple(self.counts[number] for number in range(len(self.numbers))))

    def alone(self, person: Person) -> int:
        """Return the number of the verdict on one person, and count it."""
        number = self._of_person(person)
        self.counts[number] += 1
        return number

    def together(self, people: dict[int, Person], indices: list[int]) -> None:
        """Put the numbers of the verdicts on these people where they belong, and forget the people."""
        study, holder = self.prepared.question.study or "", self.prepared.facts.holder
        numbers = self.everybody(columns_of(people.values(), study, holder))
        for place, number in zip(people, numbers, strict=True):
            indices[place] = number
        people.clear()

    def everybody(self, columns: Columns) -> list[int]:
        """Return the number of the verdict on each row, and count them."""
        rows = columns.rows()
        known: dict[int, int] = {}
        indices: list[int] = []
        for start in range(0, len(columns), _PORTION):
            codes = self.flags.of([column[start : start + _PORTION] for column in rows])
            for code in dict.fromkeys(codes):
                if code not in known:
                    known[code] = self._of_row(columns, start + codes.index(code), code)
            indices += map(known.__getitem__, codes)
        for row, person in columns.others.items():
            indices[row] = self._of_person(person)
        self.counts.update(indices)
        return indices

    def _of_row(self, columns: Columns, row: int, code: int) -> int:
        if code & BROKEN:
            return self._number(Verdict(Outcome.INDETERMINATE, reason("decision-failed")))
        return self._of_person(self._person(columns, row, code))

    def _person(self, columns: Columns, row: int, code: int) -> Person:
        """Return the person of a row with what was looked at; the rest may be anything, and makes no difference."""
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
        question, facts = self.prepared.question, Facts.of({**self.stated, **person.stated()})
        try:
            outcome, cause, left = in_short(question, [*ask_own(question, facts), *self._asked(facts)])
        except Exception:  # decide() says what becomes of that
            decision = decide(question, facts)
            outcome, cause, left = decision.outcome, next(iter(decision.because), None), decision.residual
        if outcome is Outcome.PERMIT:
            met = left.meets(self.prepared.selected)
            return PERMITTED if met == RELEASED else self._said(Outcome.DENY, left.reasons[met])
        return self._said(outcome, cause or reason("decision-failed"))

    def _asked(self, facts: Facts) -> tuple[Answer, ...]:
        """What the gates of the law, the contract and the provider say; there are few different answers."""
        looked_at = (facts.opted_out_at, facts.past_opt_outs, facts.stops)
        found = self.others.get(looked_at)
        if found is None:
            found = tuple(ask_others(self.prepared.question, facts))
            if len(self.others) < _KINDS:
                self.others[looked_at] = found
        return found

    def _said(self, outcome: Outcome, cause: Reason) -> int:
        pointer = "" if cause.source == CONSENT else cause.pointer
        told = (outcome, cause.code, cause.text, cause.source, pointer)
        found = self.told.get(told)
        if found is None:
            found = self.told[told] = self._number(Verdict(outcome, replace(cause, pointer=pointer)))
        return found

    def _number(self, verdict: Verdict) -> int:
        return self.numbers.setdefault(verdict, len(self.numbers))
