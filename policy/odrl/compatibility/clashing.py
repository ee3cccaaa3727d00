"""Which claims cannot hold together: the smallest sets of them, the narrowest first."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from math import comb
from typing import TypeAlias

from policy.odrl.compatibility.claims import Claim
from policy.odrl.compatibility.searching import Budget, search
from policy.odrl.compatibility.sheets import Sheet

Claims: TypeAlias = tuple[Claim, ...]
MAX_STEPS = 100_000
MAX_TRIED = 1_000
MAX_CLAIMS = 200


def clashes(sheet: Sheet, claims: Sequence[Claim], whole: Budget | None = None) -> tuple[Claims, ...]:
    """Return sets of claims of which each cannot hold as a whole, but without any one of its claims might.

    One for each variable by itself that has no value left; if none has, one for all together. Over a bound of work a
    set may hold more claims than it needs, or one not be found. The bound is part of the `whole` one, if there is one.
    """
    budget = Budget(MAX_STEPS, whole)
    listed = list(dict.fromkeys(claims))
    found = [_smallest(sheet, some, budget) for some in _alone(sheet, listed) if _impossible(sheet, some, budget)]
    if not found and _impossible(sheet, listed, budget):
        found = [_smallest(sheet, listed, budget)]
    return tuple(sorted(found, key=len))


def _alone(sheet: Sheet, claims: list[Claim]) -> Iterator[list[Claim]]:
    """The claims that speak of one variable only, by variable."""
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        named = claim.variables(sheet)
        if len(named) < 2:
            groups.setdefault(next(iter(named), ""), []).append(claim)
    yield from groups.values()


def _impossible(sheet: Sheet, claims: Iterable[Claim], budget: Budget) -> bool:
    return search(sheet, (claim.goal(sheet) for claim in claims), budget).holds is False


def _smallest(sheet: Sheet, claims: list[Claim], budget: Budget) -> Claims:
    """Return as few claims as suffice, as far as trying takes no longer than a bound; none of them is needless."""
    reduced = _reduced(sheet, claims, budget) if len(claims) <= MAX_CLAIMS else claims
    for size in range(1, len(reduced) + 1):
        if comb(len(claims), size) > MAX_TRIED:
            break
        # Of sets as small as each other, one of a single side comes first: that side contradicts itself.
        tried = sorted(combinations(claims, size), key=lambda some: len({one.side for one in some}))
        fewer = next((some for some in tried if _impossible(sheet, some, budget)), None)
        if fewer is not None:
            return fewer
    return tuple(reduced)


def _reduced(sheet: Sheet, claims: list[Claim], budget: Budget) -> list[Claim]:
    kept = list(claims)
    for claim in claims:
        rest = [one for one in kept if one is not claim]
        if _impossible(sheet, rest, budget):
            kept = rest
    return kept
