"""Thousands of policies, found by what they are about: those that name the target and the party, and the action or one
that includes it, are asked; all others are never looked at.

Together they say what the house says of everything: one prohibition that applies is a no, one that may apply leaves it
open, and only then does one permission suffice. A policy that is about something or somebody else says nothing. One
that is not understood may be about everything, so that it leaves everything open until it is taken out.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from policy.decision import Outcome
from policy.odrl.evaluating import Compiled, PolicyReport, Request, Satisfaction, State, Truth
from policy.odrl.evaluating.truth import any_of
from policy.odrl.model import Kind
from policy.odrl.subjects import Side, acts, found_by_name, meant, subjects
from policy.reasons import Reason, reason

_REMEMBERED = 4_096


class Standing(IntEnum):
    """How a policy speaks in the choir; the lowest is what all of them say."""

    FORBIDS = 0
    MAY_FORBID = 1
    PERMITS = 2
    CANNOT_TELL = 3
    DOES_NOT_PERMIT = 4
    SAYS_NOTHING = 5


_OUTCOMES = (
    Outcome.DENY, Outcome.INDETERMINATE, Outcome.PERMIT, Outcome.INDETERMINATE, Outcome.DENY, Outcome.NOT_APPLICABLE
)  # fmt: skip
_ALONE = {
    Outcome.PERMIT: Standing.PERMITS,
    Outcome.INDETERMINATE: Standing.CANNOT_TELL,
    Outcome.DENY: Standing.DOES_NOT_PERMIT,
    Outcome.NOT_APPLICABLE: Standing.SAYS_NOTHING,
}


class LibraryReport(NamedTuple):
    """The joint answer: `policies` are the reports of all that were asked, `speaking` of those that decided it."""

    outcome: Outcome
    speaking: tuple[PolicyReport, ...]
    policies: tuple[PolicyReport, ...]

    @property
    def because(self) -> tuple[Reason, ...]:
        """The causes; each pointer names its policy before the place in it."""
        if not self.policies:
            return (reason("no-contract"),)
        return tuple(
            Reason(one.code, one.text, one.source, f"{report.policy}#{one.pointer}")
            for report in self.speaking
            for one in report.because
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        """What was missing or not understood, each with the policy that asks for it."""
        return tuple(f"{report.policy}#{name}" for report in self.speaking for name in report.unknown)

    @property
    def obligations(self) -> tuple[str, ...]:
        """The duties that go with a permit, those of every policy that permits."""
        return tuple(sorted({key for report in self.speaking for key in report.obligations}))

    @property
    def valid_until(self) -> datetime | None:
        """The first instant at which one of the answers can change by time alone; None if none can."""
        return min((one.valid_until for one in self.policies if one.valid_until is not None), default=None)


class _Entry(NamedTuple):
    """A policy by its number in the order of adding. `certain`: found by name, it is meant, whatever the state."""

    number: int
    compiled: Compiled
    certain: bool


class _Found(NamedTuple):
    """Policies about a target and a party: those with a rule for the action, and all. `certain`: all are meant."""

    acting: tuple[Compiled, ...]
    everyone: tuple[Compiled, ...]
    certain: bool


class Library:
    """Compiled policies by uid; adding and taking out one costs no more than that one."""

    def __init__(self, policies: Iterable[Compiled] = ()) -> None:
        self._entries: dict[str, _Entry] = {}
        self._index = Side()
        self._known: dict[tuple[str, str | None, str | None], _Found] = {}
        self._added = 0
        for policy in policies:
            self.add(policy)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, uid: object) -> bool:
        return uid in self._entries

    def __iter__(self) -> Iterator[Compiled]:
        return (entry.compiled for entry in self._entries.values())

    def add(self, compiled: Compiled) -> None:
        """Take in a policy. Raises :class:`ValueError` if there is one with its uid; take that one out first."""
        uid = compiled.policy.uid
        if uid in self._entries:
            raise ValueError("a policy with this uid is in the library already")
        self._added += 1
        entry = self._entries[uid] = _Entry(self._added, compiled, found_by_name(compiled))
        for target, party in set(subjects(compiled)):
            self._index.at(target, Side).at(party, dict)[entry.number] = entry
        self._known.clear()

    def remove(self, uid: str) -> Compiled:
        """Take out a policy and return it. Raises KeyError if there is none with this uid."""
        entry = self._entries.pop(uid)
        for target, party in set(subjects(entry.compiled)):
            parties = self._index[target]
            del parties[party][entry.number]
            if not parties[party]:
                parties.drop(party)
            if not parties:
                self._index.drop(target)
        self._known.clear()
        return entry.compiled

    def verdict(self, request: Request, state: State) -> Outcome:
        """What the policies say together. Never raises for what either argument holds."""
        asked = self.about(request, state)
        if len(asked) == 1:
            return asked[0].verdict(request, state)
        standings = [_standing(one, one.verdict(request, state), request, state) for one in asked]
        return _OUTCOMES[min(standings, default=Standing.SAYS_NOTHING)]

    def report(self, request: Request, state: State) -> LibraryReport:
        """The same verdict with the report of every policy that was asked."""
        asked = self.about(request, state)
        reports = tuple([one.report(request, state) for one in asked])
        if len(asked) == 1:
            return LibraryReport(reports[0].outcome, reports, reports)
        standings = [_reported(one, report) for one, report in zip(asked, reports, strict=True)]
        first = min(standings, default=Standing.SAYS_NOTHING)
        speaking = tuple(report for report, one in zip(reports, standings, strict=True) if one == first)
        return LibraryReport(_OUTCOMES[first], speaking, reports)

    def about(self, request: Request, state: State) -> Sequence[Compiled]:
        """Return the policies to ask, in the order of adding: those that have a rule for the action, else all."""
        if state.part_of:
            found = self._find(request, state)
        else:
            key = (request.action, request.target, request.party)
            found = self._known.get(key) or self._remembered(key, request, state)
        if found.certain:
            return found.acting or found.everyone
        return meant(found.acting, request, state) or meant(found.everyone, request, state)

    def _remembered(self, key: tuple[str, str | None, str | None], request: Request, state: State) -> _Found:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = self._known[key] = self._find(request, state)
        return found

    def _find(self, request: Request, state: State) -> _Found:
        wholes = frozenset[str]().union(*state.part_of.values())
        by_number: dict[int, _Entry] = {}
        for parties in self._index.by(request.target, state, wholes):
            for entries in parties.by(request.party, state, wholes):
                by_number |= entries
        found = [by_number[number] for number in sorted(by_number)]
        everyone = tuple([entry.compiled for entry in found])
        # A part of what is asked for is only meant where it is forbidden.
        named = request.target is not None and request.party is not None and not state.part_of
        return _Found(
            tuple([one for one in everyone if acts(one, request.action)]),
            everyone,
            named and all(entry.certain for entry in found),
        )


# --- what a policy says -----------------------------------------------------------------------------------------------


def _standing(compiled: Compiled, outcome: Outcome, request: Request, state: State) -> Standing:
    forbids: Truth = False
    if outcome is not Outcome.PERMIT and compiled.fixed is None:
        forbids = any_of(rule.holds(request, state) for rule in compiled.matching(request.action).prohibitions)
    return _placed(compiled, outcome, forbids)


_TRUTH: dict[Satisfaction, Truth] = {Satisfaction.SATISFIED: True, Satisfaction.UNSATISFIED: False}


def _reported(compiled: Compiled, report: PolicyReport) -> Standing:
    forbids = any_of(_TRUTH.get(one.satisfaction) for one in report.rules if one.rule.kind is Kind.PROHIBITION)
    return _placed(compiled, report.outcome, forbids if report.outcome is not Outcome.PERMIT else False)


def _placed(compiled: Compiled, outcome: Outcome, forbids: Truth) -> Standing:
    if compiled.fixed is not None:
        return Standing.MAY_FORBID if outcome is Outcome.INDETERMINATE else _ALONE[outcome]
    if forbids is False:
        return _ALONE[outcome]
    return Standing.FORBIDS if forbids else Standing.MAY_FORBID
