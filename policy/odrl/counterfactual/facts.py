"""Changes of what is asked or known: other values, times, names, memberships, and duties that are done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from policy.closure import above
from policy.odrl.counterfactual.changes import FRESH, Asked, Slot
from policy.odrl.evaluating import Deontic, DutyState, Performance, Performed
from policy.odrl.model import Literal, Rule

Values = tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class _Fact:
    words: str = field(compare=False)
    cost: ClassVar[int] = 1
    of_policy: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class OtherValue(_Fact):
    """Another value of a left operand; it stands in the request, unless only the state has one."""

    left: str
    values: Values
    unit: str | None = None

    @property
    def slot(self) -> Slot:
        """The left operand."""
        return "value", self.left

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, with this value."""
        request, state = asked.request, asked.state
        if request.features.get(self.left) or not state.features.get(self.left):
            features, units = _with(request.features, self.left, self.values), _unit(request.units, self)
            return asked._replace(request=request._replace(features=features, units=units))
        features, units = _with(state.features, self.left, self.values), _unit(state.units, self)
        return asked._replace(state=state._replace(features=features, units=units))


@dataclass(frozen=True, slots=True)
class OtherProperty(_Fact):
    """Another value of a left operand for one asset or party."""

    name: str
    left: str
    values: Values
    unit: str | None = None
    cost: ClassVar[int] = 3

    @property
    def slot(self) -> Slot:
        """The left operand of this one."""
        return "property", self.name, self.left

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, with this value."""
        known = _with(asked.state.about.get(self.name, {}), self.left, self.values)
        state = asked.state._replace(about={**asked.state.about, self.name: known})
        request = asked.request._replace(units=_unit(asked.request.units, self))
        return asked._replace(state=state, request=request)


@dataclass(frozen=True, slots=True)
class OtherTime(_Fact):
    """Another time of asking."""

    at: datetime
    cost: ClassVar[int] = 2

    @property
    def slot(self) -> Slot:
        """The time."""
        return ("time",)

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, at this time."""
        if asked.request.at is not None:
            return asked._replace(request=asked.request._replace(at=self.at))
        return asked._replace(state=asked.state._replace(now=self.at))


@dataclass(frozen=True, slots=True)
class OtherName(_Fact):
    """Another `action`, `target` or `party`, as `what` says."""

    what: str
    name: str

    @property
    def slot(self) -> Slot:
        """Which of the three."""
        return (self.what,)

    @property
    def cost(self) -> int:  # type: ignore[override]
        """Who asks is further from what is asked than what is done with it."""
        return {"action": 5, "target": 6, "party": 7}[self.what]

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, under this name."""
        named: dict[str, Any] = {self.what: self.name}
        return asked._replace(request=asked.request._replace(**named))


@dataclass(frozen=True, slots=True)
class Membership(_Fact):
    """That one thing is part of another or, where all parts of that are listed, is not."""

    part: str
    whole: str
    holds: bool
    cost: ClassVar[int] = 4

    @property
    def slot(self) -> Slot:
        """The two."""
        return "member", self.part, self.whole

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, with this known."""
        stated = asked.state.part_of
        if self.holds:
            return _state(asked, part_of=_joined(stated, self.part, self.whole))
        apart = _parted(stated, self.part, self.whole)
        return _state(asked, part_of=_joined(apart, f"{FRESH}-member", self.whole))


@dataclass(frozen=True, slots=True)
class Relation(_Fact):
    """That a term is stated to be of a kind, or stated not to be."""

    term: str
    kind: str
    holds: bool
    cost: ClassVar[int] = 4

    @property
    def slot(self) -> Slot:
        """The two."""
        return "kind", self.term, self.kind

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, with this stated."""
        state = asked.state
        if self.holds:
            return _state(asked, kinds=_joined(state.kinds, self.term, self.kind))
        kinds = _parted(state.kinds, self.term, self.kind)
        return _state(asked, kinds=kinds, apart=_joined(state.apart, self.term, self.kind))


@dataclass(frozen=True, slots=True)
class OtherSource(_Fact):
    """What a rightOperandReference stands for."""

    name: str
    values: Values
    cost: ClassVar[int] = 3

    @property
    def slot(self) -> Slot:
        """The reference."""
        return "source", self.name

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, with this known."""
        return _state(asked, sources={**asked.state.sources, self.name: self.values})


@dataclass(frozen=True, slots=True)
class DutyDone(_Fact):
    """A duty that is fulfilled before: by an event, or for one that has a name as its recorded state."""

    duty: Rule
    event: Performed | None = field(default=None, compare=False)
    cost: ClassVar[int] = 2

    @property
    def slot(self) -> Slot:
        """The duty."""
        return "duty", self.duty

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, with the duty done."""
        if self.event is not None:
            return _state(asked, performed=(*asked.state.performed, self.event))
        done = DutyState(Deontic.FULFILLED, Performance.PERFORMED)
        names = {name: done for name in (self.duty.uid, self.duty.node) if name}
        return _state(asked, duties={**asked.state.duties, **names})


@dataclass(frozen=True, slots=True)
class Executor(_Fact):
    """Somebody here who carries a duty out with whatever is permitted."""

    key: str
    cost: ClassVar[int] = 2

    @property
    def slot(self) -> Slot:
        """The duty's key."""
        return "executor", self.key

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, with somebody to do it."""
        return _state(asked, executors=asked.state.executors | {self.key})


def _state(asked: Asked, **changes: Any) -> Asked:
    return asked._replace(state=asked.state._replace(**changes))


def _with(features: Mapping[str, Values], left: str, values: Values) -> dict[str, Values]:
    return {**features, left: values}


def _unit(units: Mapping[str, str], change: OtherValue | OtherProperty) -> Mapping[str, str]:
    return units if change.unit is None else {**units, change.left: change.unit}


def _joined(stated: Mapping[str, frozenset[str]], item: str, other: str) -> dict[str, frozenset[str]]:
    return {**stated, item: stated.get(item, frozenset()) | {other}}


def _parted(stated: Mapping[str, frozenset[str]], item: str, other: str) -> dict[str, frozenset[str]]:
    """Leave out each direct statement by which the one would belong to the other."""
    kept = frozenset(one for one in stated.get(item, ()) if one != other and other not in above(stated, one))
    return {**stated, item: kept} if item in stated else dict(stated)
