"""Can some formulas hold together? A search through the ways in which they could, which ends within a bound.

Everything that must hold is collected variable by variable (a box); a choice (`or`, `xone`) is tried part by part, and
a way is given up as soon as one of its variables has no value left. One way that surely has a value for every variable
is a witness; if no way can have one, the formulas cannot hold together; anything else nobody can tell.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from policy.odrl.compatibility.chains import Spots, fits, spots
from policy.odrl.compatibility.formulas import Formula, Group, Leaf
from policy.odrl.compatibility.sets.axes import WHOLE
from policy.odrl.compatibility.sets.bands import FULL, Band, all_bands, stepped
from policy.odrl.compatibility.sets.names import Names, nothing_shared, shared
from policy.odrl.compatibility.sets.recurring import Recurrence, meet
from policy.odrl.compatibility.sheets import Sheet
from policy.odrl.evaluating.truth import Truth

MAX_STEPS = 50_000
"""How many steps one question may take; a step is one formula taken in, or one way opened."""


class Goal(NamedTuple):
    """A formula that is to hold, or with `wanted` False not to; of an `xone` only its parts from `start` on."""

    formula: Formula
    wanted: bool = True
    start: int = 0


Goals: TypeAlias = "tuple[Goal, Goals] | None"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one variable has to be."""

    band: Band | None = None
    names: tuple[Names, ...] = ()
    recurrences: tuple[Recurrence, ...] = ()
    opaque: bool = False


Box: TypeAlias = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Found:
    """The answer: True with a value for every variable, False, or None; `spent` if the bound was reached."""

    holds: Truth
    places: Spots = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    recurrences: Mapping[str, Recurrence] = field(default_factory=dict)
    spent: bool = False


class Budget:
    """Steps that are left, for one question or for several together; what it spends is spent of the `whole` too."""

    def __init__(self, steps: int = MAX_STEPS, whole: "Budget | None" = None) -> None:
        self.left: int = steps if whole is None else max(0, min(steps, whole.left))
        self._whole = whole

    def spend(self, steps: int = 1) -> bool:
        """Take steps; False if there are none left."""
        self.left -= steps
        if self._whole is not None:
            self._whole.left -= steps
        return self.left >= 0


def search(sheet: Sheet, wanted: Iterable[Goal], budget: Budget | None = None) -> Found:
    """Return whether all of these can hold at once."""
    budget = budget or Budget()
    goals: Goals = None
    for goal in wanted:
        goals = (goal, goals)
    waiting: list[tuple[Goals, Box]] = [(goals, {})]
    unsure = False
    while waiting:
        if not budget.spend():
            return Found(None, spent=True)
        ways = _step(sheet, *waiting.pop(), budget)
        if isinstance(ways, Found):
            if ways.holds:
                return ways
            unsure = unsure or ways.holds is None
        else:
            waiting.extend(reversed(ways))
    return Found(None if unsure else False)


def _step(sheet: Sheet, goals: Goals, box: Box, budget: Budget) -> "Found | list[tuple[Goals, Box]]":
    """Take in all that is certain, then open one choice; a box with nothing left to take in is judged."""
    cells, choices = dict(box), list[Goal]()
    while goals is not None:
        goal, goals = goals
        budget.spend()
        if isinstance(goal.formula, Leaf):
            if not _take(sheet, cells, goal.formula if goal.wanted else goal.formula.turned(), budget):
                return Found(False) if budget.left >= 0 else Found(None, spent=True)
        elif _certain(goal):
            goals = _with(goals, (Goal(part, goal.wanted) for part in goal.formula.parts))
        else:
            choices.append(goal)
        if budget.left < 0:
            return Found(None, spent=True)
    if not choices:
        return _judged(sheet, cells)
    choice = min(choices, key=_width)
    goals = _with(None, (other for other in choices if other is not choice))
    return [(_with(goals, way), cells) for way in _ways(choice)]


def _certain(goal: Goal) -> bool:
    """Whether a group holds (or not) exactly if all of its parts do (or do not)."""
    return isinstance(goal.formula, Group) and goal.formula.operator == ("and" if goal.wanted else "or")


def _width(goal: Goal) -> int:
    return len(goal.formula.parts) - goal.start if isinstance(goal.formula, Group) else 0


def _with(goals: Goals, more: Iterable[Goal]) -> Goals:
    for goal in more:
        goals = (goal, goals)
    return goals


def _ways(goal: Goal) -> list[list[Goal]]:
    """The ways in which a choice can turn out as wanted, each as what must then hold."""
    group = goal.formula
    if isinstance(group, Leaf):
        return [[goal]]
    if group.operator != "xone":
        return [[Goal(part, goal.wanted)] for part in group.parts]
    if goal.start == len(group.parts):
        return [] if goal.wanted else [[]]
    first, rest = group.parts[goal.start], group.parts[goal.start + 1 :]
    later = [Goal(first, wanted=False), Goal(group, goal.wanted, goal.start + 1)]
    if goal.wanted:
        return [[Goal(first), Goal(Group("or", rest), wanted=False)], later]
    return [[Goal(first), Goal(Group("or", rest))], later]


# --- the box ----------------------------------------------------------------------------------------------------------


def _take(sheet: Sheet, cells: dict[str, Cell], leaf: Leaf, budget: Budget) -> bool:
    """Add a further set to the box; False if its variable then has no value left."""
    cell = cells.get(leaf.variable) or _whole(sheet, leaf.variable)
    if leaf.band is not None:
        met = all_bands((cell.band or FULL, leaf.band))
        # What a set leaves out may begin between two steps; only whole steps are points of such an axis.
        cell = replace(cell, band=stepped(met) if sheet.variables[leaf.variable].axis in WHOLE else met)
        budget.spend(len(leaf.band.may.intervals) // 10)
    elif leaf.names is not None:
        cell = replace(cell, names=(*cell.names, leaf.names))
        budget.spend(len(cell.names) ** 2 // 10 + len(leaf.names.names) // 100)
    elif leaf.recurrence is not None:
        cell = replace(cell, recurrences=(*cell.recurrences, leaf.recurrence))
        budget.spend(len(cell.recurrences))
    else:
        cell = replace(cell, opaque=True)
    cells[leaf.variable] = cell
    return budget.left >= 0 and not _empty(sheet, leaf.variable, cell)


def _whole(sheet: Sheet, name: str) -> Cell:
    variable = sheet.variables.get(name)
    return Cell(variable.domain if variable else None)


def _empty(sheet: Sheet, name: str, cell: Cell) -> bool:
    if cell.band is not None and cell.band.empty:
        return True
    if cell.recurrences and (meet(cell.recurrences) is False or _outside(cell)):
        return True
    return len(cell.names) > 0 and nothing_shared(cell.names, sheet.variables[name].known)


def _outside(cell: Cell) -> bool:
    band = cell.band
    return band is not None and any(one.period not in band.may for one in cell.recurrences)


def _judged(sheet: Sheet, box: Box) -> Found:
    """A box with no choice left: surely a value for each variable, surely none for one, or nobody can tell."""
    axes = {name: cell.band for name, cell in box.items() if cell.band is not None and not cell.recurrences}
    if not fits(sheet.chains, axes):
        return Found(False)
    places = spots(sheet.chains, axes)
    named = {name: shared(cell.names, sheet.variables[name].known) for name, cell in box.items() if cell.names}
    known = {name: found for name, found in named.items() if found is not None}
    recurring = {name: cell.recurrences for name, cell in box.items() if cell.recurrences}
    sure = (
        places is not None
        and len(known) == len(named)
        and not any(cell.opaque for cell in box.values())
        and all(_recurs(box[name]) for name in recurring)
    )
    if not sure or places is None:
        return Found(None)
    return Found(True, places, known, {name: found[0] for name, found in recurring.items()})


def _recurs(cell: Cell) -> bool:
    within = cell.band is None or all(one.period in cell.band.must for one in cell.recurrences)
    return within and meet(cell.recurrences) is True
