"""A risk report in plain words, with exact numbers: for the provider's own staff, who know them anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from connector.records import RiskReport
from connector.services.releasing.risk_columns import WORDS
from connector.services.releasing.risk_judging import HANDFUL_ONLY, NO_DIAGNOSES, NOT_MEASURED

_UNSAID: Mapping[str, str] = MappingProxyType(
    {
        HANDFUL_ONLY: "They are too few to say anything about how diagnoses are spread among them.",
        NO_DIAGNOSES: "No diagnosis would leave, so nothing can be said about how diagnoses are spread.",
        NOT_MEASURED: "The risk could not be measured.",
    }
)
_MISSED: Mapping[str, str] = MappingProxyType(
    {
        "min_k": "At least {asked} people must share each combination of features; found: {found}.",
        "min_l": "Those who share one must have at least {asked} different main diagnoses; found: {found}.",
        "max_t": "Their diagnoses may differ by at most {asked} from those of everybody; found: {found}.",
        "max_unique": "At most {asked} of the people may be the only one with their features; found: {found}.",
    }
)
_SHARES = frozenset({"max_t", "max_unique"})
VERDICTS: Mapping[str, str] = MappingProxyType(
    {
        "met": "The contract's limits are kept",
        "refused": "Below what the contract asks: nothing leaves",
        "reported": "The contract sets no limit",
    }
)


@dataclass(frozen=True, slots=True)
class RiskView:
    """One report. `figures`, `thresholds` and `failed` as kept; the rest in words.

    `features` are those that would leave, `silent` those that were looked for and that nobody has in it.
    `release` is empty for a trial, of which nothing left. `sentences` say what was measured, `missed` what the contract
    asks and was not found, `coarser` what leaving one feature out would bring.
    """

    id: str
    agreement: str
    dataset: str
    dataset_title: str
    release: str
    profile: str
    people: int
    verdict: str
    verdict_words: str
    made_at: datetime | None
    features: list[str]
    silent: list[str]
    sentences: list[str]
    missed: list[str]
    coarser: list[str]
    figures: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, str] = field(default_factory=dict)
    bands: list[tuple[str, int, int]] = field(default_factory=list)


def view_of(report: RiskReport, title: str) -> RiskView:
    """One report as staff read it."""
    figures = dict(report.figures or {})
    failed = (report.failed or {}).get("failed", [])
    return RiskView(
        id=report.id, agreement=report.agreement, dataset=report.dataset, dataset_title=title, release=report.release,
        profile=report.profile.partition(":")[0], people=report.people, verdict=report.verdict,
        verdict_words=VERDICTS.get(report.verdict, report.verdict), made_at=report.made_at,
        features=_features(report), silent=_features(report, silent=True),
        sentences=[*sentences(figures)], missed=[_missed(one) for one in failed], coarser=[*_coarser(figures)],
        figures=figures, thresholds=dict(report.thresholds or {}), bands=[*_bands(figures)],
    )  # fmt: skip


def _features(report: RiskReport, *, silent: bool = False) -> list[str]:
    values = (report.figures or {}).get("values", {})
    columns = (report.quasi or {}).get("columns", [])
    return [WORDS.get(name, name) for name in columns if silent != bool(values.get(name, not values))]


def sentences(figures: Mapping[str, Any]) -> Iterator[str]:
    """Figures as sentences, the most important first."""
    people = figures.get("people")
    if people == 0:
        yield "Nobody would be in it, so there is no risk to measure."
    elif people:
        yield from _of_classes(figures, int(people))
        yield from _of_diagnoses(figures)
    yield from (_UNSAID[one] for one in figures.get("unsaid", ()) if one in _UNSAID)


def _of_classes(figures: Mapping[str, Any], people: int) -> Iterator[str]:
    k, alone, classes = figures["k"], figures["alone"], figures["classes"]
    if people == 1:
        yield "There is one person in it, who stands alone whatever is left out."
        return
    if k > 1:
        yield f"At least {k} people share each combination of features; there are {_count(classes, 'combination')}."
        yield "Nobody is the only one with theirs."
    else:
        are, share = "is" if alone == 1 else "are", percent(figures["unique"])
        yield f"{alone} of {people} people {are} the only one with their combination of features ({share})."
    known = f"with a chance of at most 1 in {k}" if k > 1 else "for certain, where they stand alone"
    yield f"Whoever knows somebody's features, and that they are in the data, finds their record {known}."
    yield f"Whoever looked for everybody would find {percent(figures['average'])} of them."


def _of_diagnoses(figures: Mapping[str, Any]) -> Iterator[str]:
    if figures.get("l") is None:
        return
    if figures["l"] == 1:
        yield "Somewhere all who share a combination have the same main diagnosis, which then is no secret."
    else:
        yield f"Those who share a combination have at least {figures['l']} different main diagnoses."
    yield f"How often a diagnosis occurs among them differs by up to {percent(figures['t'])} from everybody."


def _coarser(figures: Mapping[str, Any]) -> Iterator[str]:
    """What leaving out one feature would bring, for those where it brings something; the best first."""
    k, alone = figures.get("k"), figures.get("alone")
    better = [
        (name, *found) for name, found in figures.get("without", {}).items() if found[0] > k or found[1] < alone
    ]  # fmt: skip
    for name, least, rest in sorted(better, key=lambda one: (one[2], -one[1], one[0])):
        what = f"Without {WORDS.get(name, name)}"
        if least > 1:
            yield f"{what} at least {least} people would share each combination."
        else:
            yield f"{what} {rest} would still be the only one with theirs, instead of {alone}."


def _bands(figures: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """(people who share a combination, how many combinations, people in all)."""
    for least, most, classes, people in figures.get("bands", ()):
        named = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        yield named, classes, people


def _missed(one: Mapping[str, str]) -> str:
    show: Callable[[str], str] = percent if one["name"] in _SHARES else str
    found = show(one["found"]) if one["found"] else "it cannot be said"
    return _MISSED[one["name"]].format(asked=show(one["asked"]), found=found)


def percent(share: str) -> str:
    """A share that is kept as text, as a percentage with at most two digits, rounded up."""
    up = (Decimal(share) * 100).quantize(Decimal("0.01"), "ROUND_CEILING").normalize()
    return f"{up:f} %"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
