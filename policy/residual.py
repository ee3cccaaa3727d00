"""What of one person may leave under a decision: a compiled filter from an item's facts to the index of a reason.

A residual is a set of scopes; an item leaves if it lies wholly within at least one. The result of
:meth:`Residual.judge` is an index into :attr:`Residual.reasons`: 0 is "released", every other one a cause to count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Self

from policy.canonical import Json
from policy.instants import day
from policy.reasons import Reason, reason
from policy.rules import UNDATED, ItemDetail, RuleSet, in_order
from policy.rules_judging import Verdict, judge_rules

RELEASED, NOTHING, DATASET, CATEGORY, WINDOW, DATELESS, DENIED, NOT_PERMITTED, UNLABELLED = range(9)

_REASONS = tuple(
    reason(code)
    for code in (
        "released",
        "nothing-released",
        "dataset-not-covered",
        "category-not-agreed",
        "outside-window",
        "without-date",
        "denied-by-directive",
        "not-permitted-by-directive",
        "not-labelled",
    )
)
REASONS_OF_ITEMS = _REASONS[:DENIED]


class ItemFacts(NamedTuple):
    """What the filter needs to know of one item: kind, category key, first and last day, dataset.

    A point in time has `start == end`; an open beginning or end is None; no date at all is None twice. `detail` is what
    rule sets ask beyond that; where a filter has none (:attr:`Residual.asks_detail`) it can be left out.
    """

    resource_type: str
    category: str
    start: date | None
    end: date | None
    dataset: str
    detail: ItemDetail | None = None


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One allowance. `dataset` None means any, `categories` None means all, `start` and `end` are inclusive days."""

    dataset: str | None
    categories: tuple[str, ...] | None
    start: date | None
    end: date | None

    def to_json(self) -> dict[str, Json]:
        """Return the scope as a JSON object."""
        return {
            "dataset": self.dataset,
            "categories": None if self.categories is None else list(self.categories),
            "start": None if self.start is None else self.start.isoformat(),
            "end": None if self.end is None else self.end.isoformat(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises KeyError or ValueError on anything else."""
        kinds, start, end = value["categories"], value["start"], value["end"]
        return cls(
            value["dataset"],
            None if kinds is None else tuple(kinds),
            None if start is None else day(start),
            None if end is None else day(end),
        )

    def judge(self, item: ItemFacts) -> int:
        """Return the index of the reason this scope alone gives for the item."""
        if self.dataset is not None and self.dataset != item.dataset:
            return DATASET
        if self.categories is not None and item.category not in self.categories:
            return CATEGORY
        if self.start is None and self.end is None:
            return RELEASED
        return self._judge_dates(item)

    def meets(self, other: "Scope") -> int:
        """Return RELEASED if some dated item could lie within both, else the index of what keeps them apart."""
        if None not in {self.dataset, other.dataset} and self.dataset != other.dataset:
            return DATASET
        listed = self.categories is not None and other.categories is not None
        if listed and set(self.categories or ()).isdisjoint(other.categories or ()):
            return CATEGORY
        first = max((one.start for one in (self, other) if one.start is not None), default=date.min)
        last = min((one.end for one in (self, other) if one.end is not None), default=date.max)
        return RELEASED if first <= last else WINDOW

    def _judge_dates(self, item: ItemFacts) -> int:
        if item.start is None and item.end is None:
            return RELEASED if item.resource_type in UNDATED else DATELESS
        begins = self.start is None or (item.start is not None and item.start >= self.start)
        ends = self.end is None or (item.end is not None and item.end <= self.end)
        ordered = item.start is None or item.end is None or item.start <= item.end
        return RELEASED if begins and ends and ordered else WINDOW


@dataclass(frozen=True, slots=True)
class Residual:
    """The compiled filter of one decision: the scopes it releases within and the rule sets, in a canonical order.

    An item leaves if no rule set denies it, and a scope or a rule set whose yes counts permits it.
    """

    scopes: tuple[Scope, ...]
    reasons: tuple[Reason, ...] = field(default=REASONS_OF_ITEMS)
    rules: tuple[RuleSet, ...] = ()

    @classmethod
    def of(cls, scopes: Sequence[Scope], rules: Sequence[RuleSet] = ()) -> Self:
        """Return the residual of these scopes and rule sets; their order and repetition do not matter."""
        ordered = tuple(sorted(set(scopes), key=_order))
        return cls(ordered, _REASONS, in_order(rules)) if rules else cls(ordered)

    @property
    def asks_detail(self) -> bool:
        """Whether items have to be told with their detail."""
        return bool(self.rules)

    def judge(self, item: ItemFacts) -> int:
        """Return 0 if the item may leave, else the index of the nearest miss among :attr:`reasons`."""
        if not self.rules:
            return self._within(item)
        verdict = judge_rules(self.rules, item)
        if verdict is Verdict.PERMITTED:
            return RELEASED
        if verdict is Verdict.SILENT:
            return self._within(item) if self.scopes else NOT_PERMITTED
        return UNLABELLED if verdict is Verdict.UNLABELLED else DENIED

    def _within(self, item: ItemFacts) -> int:
        nearest = NOTHING
        for scope in self.scopes:
            found = scope.judge(item)
            if found == RELEASED:
                return RELEASED
            nearest = max(nearest, found)
        return nearest

    def meets(self, other: "Residual") -> int:
        """Return 0 if some dated item could pass both filters, else the index of the nearest miss.

        Of rule sets whose yes counts it is taken that some item passes: which, only the items tell.
        """
        if any(one.permits for one in self.rules):
            return RELEASED
        found = [mine.meets(theirs) for mine in self.scopes for theirs in other.scopes]
        return RELEASED if RELEASED in found else max(found, default=NOTHING)

    def to_json(self) -> dict[str, Json]:
        """Return the filter as a JSON object, complete enough to apply it again elsewhere."""
        value: dict[str, Json] = {
            "scopes": [scope.to_json() for scope in self.scopes],
            "reasons": [cause.to_json() for cause in self.reasons],
        }
        return value | {"rules": [one.to_json() for one in self.rules]} if self.rules else value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            tuple(Scope.from_json(scope) for scope in value["scopes"]),
            tuple(Reason.from_json(cause) for cause in value["reasons"]),
            tuple(RuleSet.from_json(one) for one in value.get("rules", ())),
        )


def _order(scope: Scope) -> tuple[str, ...]:
    kinds = "" if scope.categories is None else " ".join(scope.categories)
    return (scope.dataset or "", str(scope.categories is not None), kinds, str(scope.start), str(scope.end))


ALLOW_NOTHING = Residual(())
ALLOW_ALL = Residual((Scope(None, None, None, None),))
