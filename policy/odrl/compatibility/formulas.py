"""Terms as formulas over variables: each comparison a set of values of one variable, joined as the policy joins them.

Parts of one `or`, `and` or `xone` that speak of the same axis are joined into one set at once, so that a list of a
thousand dates is one set and not a thousand cases.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from policy.odrl.compatibility.sets.bands import Band, all_bands, any_band, negated, one_band
from policy.odrl.compatibility.sets.names import Names
from policy.odrl.compatibility.sets.recurring import Recurrence


@dataclass(frozen=True, slots=True)
class Leaf:
    """A set of values of one variable: on an axis, of names, or of what recurs; none of these if nobody can tell."""

    variable: str
    band: Band | None = None
    names: Names | None = None
    recurrence: Recurrence | None = None

    @property
    def opaque(self) -> bool:
        """Whether nothing is known of the set."""
        return self.band is None and self.names is None and self.recurrence is None

    def turned(self) -> "Leaf":
        """Return the values that are not in the set."""
        if self.band is not None:
            return Leaf(self.variable, negated(self.band))
        return Leaf(self.variable, names=self.names.turned() if self.names else None)


@dataclass(frozen=True, slots=True)
class Group:
    """Formulas joined: `operator` is or, xone or and."""

    operator: str
    parts: "tuple[Formula, ...]"


Formula: TypeAlias = Leaf | Group

NOTHING_ASKED = Group("and", ())


def joined(operator: str, parts: Iterable[Formula]) -> Formula:
    """Return the parts joined by or, xone or and, with those that speak of one axis as one set."""
    listed = list(parts)
    if len(listed) == 1:
        return listed[0]
    listed = _exclusive(listed) if operator == "xone" else list(_merged(operator, listed))
    return listed[0] if len(listed) == 1 else Group(operator, tuple(listed))


def variables(formula: Formula) -> frozenset[str]:
    """Return every variable that a formula speaks of."""
    if isinstance(formula, Leaf):
        return frozenset((formula.variable,))
    return frozenset().union(*map(variables, formula.parts))


def _exclusive(parts: list[Formula]) -> list[Formula]:
    bands = [one.band for one in parts if isinstance(one, Leaf) and one.band is not None]
    named = {one.variable for one in parts if isinstance(one, Leaf)}
    return [Leaf(named.pop(), one_band(bands))] if len(bands) == len(parts) > 0 and len(named) == 1 else parts


def _merged(operator: str, parts: list[Formula]) -> Iterator[Formula]:
    join = any_band if operator == "or" else all_bands
    leaves = [one for one in parts if isinstance(one, Leaf)]
    on_axis = [one for one in leaves if one.band is not None]
    for variable, found in groupby(sorted(on_axis, key=lambda one: one.variable), lambda one: one.variable):
        yield Leaf(variable, join(one.band for one in found if one.band is not None))
    yield from _listed(operator, [one for one in leaves if one.names is not None])
    yield from (one for one in parts if isinstance(one, Group) or (one.band is None and one.names is None))


def _listed(operator: str, leaves: list[Leaf]) -> Iterator[Leaf]:
    """Lists of names as one list: either of two inside ones (or), neither of two outside ones (and)."""
    found: dict[tuple[object, ...], list[Leaf]] = {}
    for number, leaf in enumerate(leaves):
        names = leaf.names
        if names is not None:
            joins = names.outside is (operator == "and") and not names.every
            key = (leaf.variable, names.relation, joins or number, names.outside)
            found.setdefault(key, []).append(leaf)
    yield from (_one_list(some) for some in found.values())


def _one_list(leaves: list[Leaf]) -> Leaf:
    first = leaves[0].names
    if first is None or len(leaves) == 1:
        return leaves[0]
    names = dict.fromkeys(name for one in leaves if one.names for name in one.names.names)
    return Leaf(leaves[0].variable, names=Names(first.relation, tuple(names), first.outside))
