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

# Kinds of item that carry no clinical date by nature. A date window does not withhold them (reference S9).
UNDATED = frozenset({"Patient"})

RELEASED, NOTHING, DATASET, CATEGORY, WINDOW, DATELESS = range(6)

REASONS_OF_ITEMS = tuple(
    reason(code)
    for code in (
        "released",
        "nothing-released",
        "dataset-not-covered",
        "category-not-agreed",
        "outside-window",
        "without-date",
    )
)


class ItemFacts(NamedTuple):
    """What the filter needs to know of one item: kind, category key, first and last day, dataset.

    A point in time has `start == end`; an open beginning or end is None; no date at all is None twice.
    """

    resource_type: str
    category: str
    start: date | None
    end: date | None
    dataset: str


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
    """The compiled filter of one decision: the scopes it releases within, in a canonical order."""

    scopes: tuple[Scope, ...]
    reasons: tuple[Reason, ...] = field(default=REASONS_OF_ITEMS)

    @classmethod
    def of(cls, scopes: Sequence[Scope]) -> Self:
        """Return the residual of these scopes; their order and repetition do not matter."""
        return cls(tuple(sorted(set(scopes), key=_order)))

    def judge(self, item: ItemFacts) -> int:
        """Return 0 if the item may leave, else the index of the nearest miss among :attr:`reasons`."""
        nearest = NOTHING
        for scope in self.scopes:
            found = scope.judge(item)
            if found == RELEASED:
                return RELEASED
            nearest = max(nearest, found)
        return nearest

    def meets(self, other: "Residual") -> int:
        """Return 0 if some dated item could pass both filters, else the index of the nearest miss."""
        found = [mine.meets(theirs) for mine in self.scopes for theirs in other.scopes]
        return RELEASED if RELEASED in found else max(found, default=NOTHING)

    def to_json(self) -> dict[str, Json]:
        """Return the filter as a JSON object, complete enough to apply it again elsewhere."""
        return {
            "scopes": [scope.to_json() for scope in self.scopes],
            "reasons": [cause.to_json() for cause in self.reasons],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            tuple(Scope.from_json(scope) for scope in value["scopes"]),
            tuple(Reason.from_json(cause) for cause in value["reasons"]),
        )


def _order(scope: Scope) -> tuple[str, ...]:
    kinds = "" if scope.categories is None else " ".join(scope.categories)
    return (scope.dataset or "", str(scope.categories is not None), kinds, str(scope.start), str(scope.end))


ALLOW_NOTHING = Residual(())
ALLOW_ALL = Residual((Scope(None, None, None, None),))
