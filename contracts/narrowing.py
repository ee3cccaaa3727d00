"""A counter-offer: the terms that stand, made narrower in purpose, end, data or recipient, never in anything else.

Data is narrowed by its `Selection`; the policy carries the digest of that and so pins it. A study request bounds what
may be selected: nobody, at either side, gets beyond it by negotiating.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from contracts.deadlines import Times, narrower_times
from contracts.faults import MessageError
from contracts.risk import Thresholds, narrower_thresholds
from contracts.study import StudyRequest, Window
from contracts.terms import Selection, bound_terms
from policy import narrowing
from policy.categories import words
from policy.narrowing import NotNarrowerError
from policy.odrl.differences import NOTHING_SAID, Change, TermDifference, differences
from policy.purposes import covered_by_any

EVERYTHING: Final = Selection(cohort=None, variables=None, period=None)
"""The selection that leaves nothing out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What is to be narrowed; what is empty stays as it stands.

    `purposes` are IRIs or prefixed terms, `until` the last instant of the contract, `recipients` participant ids,
    `categories` keys of `policy.categories`, `records_from` and `records_until` clinical days, both included. `times`
    are those of a withdrawal: shorter is narrower. `risk` is what an assessment must at least find: stricter is.
    """

    purposes: tuple[str, ...] = ()
    until: datetime | None = None
    recipients: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    records_from: date | None = None
    records_until: date | None = None
    times: Times = field(default_factory=Times)
    risk: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The narrower terms. `selection` is None where neither side selects anything."""

    policy: dict[str, Any]
    selection: Selection | None


def narrowed(
    policy: Mapping[str, Any], wanted: Narrowing, selection: Selection | None = None, study: StudyRequest | None = None
) -> Narrowed:
    """The policy and its selection with what is wanted narrowed. Raises NotNarrowerError.

    `selection` is the one that stands (None: all of the dataset); with a study its purposes and recipients bound
    what may be wanted as well.
    """
    made = dict(policy)
    if wanted.purposes:
        made = narrowing.for_purposes(made, wanted.purposes)
        _within_study(wanted, study)
    if wanted.until is not None:
        made = narrowing.until(made, wanted.until)
    if wanted.recipients:
        made = narrowing.for_recipients(made, wanted.recipients)
        _within_study(wanted, study)
    made = narrower_times(made, wanted.times)
    made = narrower_thresholds(made, wanted.risk)
    chosen = _selected(selection or EVERYTHING, wanted)
    if chosen != (selection or EVERYTHING):
        made = narrowing.with_selection(made, chosen.digest)
    if not differences(policy, made):
        raise NotNarrowerError(
            "terms", "Nothing of this is narrower than what stands", "one term or more made narrower"
        )
    return Narrowed(made, chosen if chosen != EVERYTHING else None)


def _within_study(wanted: Narrowing, study: StudyRequest | None) -> None:
    if study is None:
        return
    if not all(covered_by_any(study.purposes, one) is True for one in wanted.purposes):
        raise NotNarrowerError("purposes", "The study is not for this purpose", ", ".join(study.purposes))
    if not set(wanted.recipients) <= set(study.recipients):
        raise NotNarrowerError("recipients", "The study does not name this recipient", ", ".join(study.recipients))


def _selected(standing: Selection, wanted: Narrowing) -> Selection:
    """What stands, with fewer kinds of data and fewer clinical days."""
    kinds = standing.variables if not wanted.categories else tuple(dict.fromkeys(wanted.categories))
    start, end = _days(standing)
    window = (wanted.records_from or start, wanted.records_until or end)
    try:
        chosen = Selection.read(
            {
                "cohort": standing.cohort, "variables": kinds,
                "period": {"start": window[0], "end": window[1]} if any(window) else None,
            }
        )  # fmt: skip
    except MessageError as fault:
        raise NotNarrowerError("data", f"This is not a selection: {fault.what}", fault.accepted) from None
    if not within(chosen, standing):
        raise NotNarrowerError("data", "This is not within the data of the present terms", _words(standing))
    return chosen


def within(narrow: Selection, wide: Selection) -> bool:
    """Whether everything that `narrow` selects is selected by `wide`. Cohorts are compared by name only."""
    if narrow.cohort != wide.cohort:
        return False
    if wide.variables is not None and not set(narrow.variables or ()) <= set(wide.variables):
        return False
    if wide.variables is not None and narrow.variables is None:
        return False
    (start, end), (first, last) = _days(narrow), _days(wide)
    return (first is None or (start is not None and start >= first)) and (
        last is None or (end is not None and end <= last)
    )


def selection_of(study: StudyRequest, dataset: str) -> Selection:
    """Which part of a dataset a study asks for: the same at both sides, since both hold the signed study."""
    asked = next((entry for entry in study.data if entry.dataset == dataset), None)
    return Selection(cohort=None, variables=asked.categories if asked else None, period=study.window)


def agreed_selection(
    study: StudyRequest | None, dataset: str, policy: Mapping[str, Any], carried: Mapping[str, Any] | None
) -> Selection | None:
    """The selection that a policy pins by its digest; None when that is nothing we know, or is not within the study.

    It is the one `carried` beside the policy, else the one the study itself asks for. Without a study there is
    nothing to select by: None.
    """
    if study is None:
        return None
    bound = selection_of(study, dataset)
    try:
        named = bound_terms(dict(policy)).selection
        found = Selection.read(dict(carried)) if carried is not None else bound
    except MessageError:
        return None
    by_study = carried is None and named is None
    return found if (by_study or named == found.digest) and within(found, bound) else None


def selection_differences(before: Selection | None, after: Selection | None) -> list[TermDifference]:
    """What one selection holds otherwise than another, in words; None is all of a dataset."""
    old, new = before or EVERYTHING, after or EVERYTHING
    pairs = (("data", "Kinds of data", _kinds, "period"), ("records", "Dates of the records", _dates, "variables"))
    found = []
    for key, label, said, rest in pairs:
        if said(old) != said(new):
            mine, theirs = (one.model_copy(update={rest: None}) for one in (old, new))
            found.append(TermDifference(key, label, said(old), said(new), _change(mine, theirs)))
    return found


def selection_sentences(selection: Selection | None) -> list[str]:
    """What a selection holds, as people read it; nothing where it leaves nothing out."""
    found = selection or EVERYTHING
    said = [f"Only {_kinds(found)}."] if found.variables is not None else []
    return [*said, f"Only records {_dates(found)}."] if found.period is not None else said


def _change(old: Selection, new: Selection) -> Change:
    less, more = within(new, old), within(old, new)
    if less == more:
        return Change.OTHER
    return Change.NARROWER if less else Change.WIDER


def _kinds(selection: Selection) -> str:
    if selection.variables is None:
        return "All kinds of data in the dataset"
    return "; ".join(words(key) for key in sorted(selection.variables))


def _dates(selection: Selection) -> str:
    start, end = _days(selection)
    if start is None and end is None:
        return NOTHING_SAID
    parts = (f"from {start.isoformat()}" if start else "", f"until {end.isoformat()}" if end else "")
    return " ".join(part for part in parts if part)


def _words(selection: Selection) -> str:
    return f"{_kinds(selection)}, {_dates(selection)}" if selection.period else _kinds(selection)


def _days(selection: Selection) -> tuple[date | None, date | None]:
    found: Window | None = selection.period
    return (found.start, found.end) if found else (None, None)
