"""What would settle a duty that stands before its permission: that it is done, promised, not yet owed, or dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from policy.odrl.counterfactual import wording
from policy.odrl.counterfactual.changes import Asked, Change
from policy.odrl.counterfactual.facts import DutyDone, Executor
from policy.odrl.counterfactual.policies import WithoutDuty
from policy.odrl.counterfactual.pools import Choice, Pools, leaves, plain
from policy.odrl.evaluating import Duties, Performed
from policy.odrl.evaluating.conditions import CompiledDuty
from policy.odrl.evaluating.matching import CompiledEntity
from policy.odrl.evaluating.terms import CompiledTerm

if TYPE_CHECKING:
    from policy.odrl.counterfactual.mending import Mender

_TIMES = 8
_EARLY = datetime(1, 1, 2, tzinfo=UTC)


def of_duty(
    duty: CompiledDuty, mender: Mender
) -> tuple[Callable[[Asked, bool], Iterator[Change]], Callable[[], Iterator[Change]]]:
    """The changes of facts, and those of the policy, that bear on whether a duty allows its permission."""
    return (
        lambda asked, _want: _facts(duty, mender, asked),
        lambda: iter((WithoutDuty(wording.not_owed(duty.rule), duty.rule),)),
    )


def _facts(duty: CompiledDuty, mender: Mender, asked: Asked) -> Iterator[Change]:
    if duty.mode is Duties.PROMISED and duty.key not in asked.state.executors:
        yield Executor(wording.carried_out(duty.rule), duty.key)
    if duty.rule.uid or duty.rule.node:
        yield DutyDone(wording.done(duty.rule), duty.rule)
    else:
        yield from _events(duty, mender.pools, asked)
    for term in duty.terms:
        yield from mender.term(term, asked, False)


def _events(duty: CompiledDuty, pools: Pools, asked: Asked) -> Iterator[Change]:
    """The duty done by an event, at the first time that is before what is asked and meets what it is to meet."""
    now = asked.request.at or asked.state.now
    if now is None:
        return
    for at in _before(now, pools):
        event = _event(duty, pools, asked, at)
        pools.budget.spend(1)
        if duty.fulfilled_by(event, now, asked.state) is True:
            yield DutyDone(wording.done(duty.rule), duty.rule, event)
            return


def _before(now: datetime, pools: Pools) -> Iterator[datetime]:
    """First one that lies before any time that could be asked at, so that another time asks for no other event."""
    early = _EARLY if now.tzinfo is not None else _EARLY.replace(tzinfo=None)
    if early < now:
        yield early
    yield from islice((at for at in pools.times if at < now), _TIMES)


def _event(duty: CompiledDuty, pools: Pools, asked: Asked, at: datetime) -> Performed:
    event = Performed(
        duty.rule.action, party=_first(duty.parties), target=_first(duty.targets), at=at,
        parties={function: entities[0].iri for function, entities in duty.functions if entities},
    )  # fmt: skip
    for action in duty.actions:
        for term in action.refinements:
            event = _meeting(term, event, pools, asked)
    return event


def _first(entities: tuple[CompiledEntity, ...]) -> str | None:
    return next((name for one in entities for name in (one.entity.iri, one.entity.node) if plain(name)), None)


def _meeting(term: CompiledTerm, event: Performed, pools: Pools, asked: Asked) -> Performed:
    """The event with what meets a refinement of the duty's action, if one value does."""
    if term.test(event, asked.state) is True:
        return event
    for leaf in leaves(term):
        for choice in pools.choices(leaf.stated.left) if leaf.term.changes is None else ():
            tried = _given(event, leaf.stated.left, choice)
            pools.budget.spend(1)
            if term.test(tried, asked.state) is True:
                return tried
    return event


def _given(event: Performed, left: str, choice: Choice) -> Performed:
    units = event.units if choice.unit is None else {**event.units, left: choice.unit}
    return event._replace(features={**event.features, left: choice.values}, units=units)
