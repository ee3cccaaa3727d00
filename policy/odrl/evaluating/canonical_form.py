"""A report as JSON that is the same for every way to write one policy: Turtle, JSON-LD, wire, compact or atomic.

Rules and terms stand for what they say, never for where they stood or what a blank node was called, and whatever has
no order in ODRL is sorted. So a report can be compared, signed and replayed.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from policy.canonical import Json, canonical
from policy.instants import wire
from policy.odrl.evaluating.report import (
    ActionReport,
    DutyReport,
    EntityReport,
    PolicyReport,
    RuleReport,
    TermReport,
)
from policy.odrl.model import PLAIN, Action, Constraint, Entity, Literal, Rule, Term

T = TypeVar("T")
_UNNAMED = "_:"


def report_json(report: PolicyReport) -> dict[str, Json]:
    """Return the report as a JSON object with a canonical form."""
    return {
        "policy": _name(report.policy),
        "request": _name(report.request),
        "request_rule": _name(report.request_rule),
        "state": _name(report.state),
        "behaviour": report.behaviour,
        "created": _instant(report.created),
        "outcome": report.outcome.value,
        "because": _each(sorted({(one.code, one.text) for one in report.because}), _cause),
        "unknown": sorted({_what(one) for one in report.unknown}),
        "obligations": list(report.obligations),
        "valid_until": _instant(report.valid_until),
        "rules": _sorted(report.rules, _rule),
        "duties": _sorted(report.duties, _duty),
    }


def _cause(cause: tuple[str, str]) -> Json:
    return {"code": cause[0], "text": cause[1]}


def _what(unknown: str) -> str:
    """What was not known, without its place: the text, or the last key of the place that is no index."""
    place, colon, what = unknown.partition(": ")
    if colon and what:
        return what
    return next((key for key in reversed(place.split("/")) if key and not key.isdigit()), "")


def _rule(one: RuleReport) -> Json:
    return {
        "rule": _rule_name(one.rule),
        "attempt": one.attempt.value,
        "activation": one.activation.value,
        "satisfaction": one.satisfaction.value,
        "control": None if one.control is None else one.control.value,
        "deontic": None if one.deontic is None else one.deontic.value,
        "action": None if one.action is None else _action(one.action),
        "target": None if one.target is None else _entity(one.target),
        "party": None if one.party is None else _entity(one.party),
        "constraints": _sorted(one.constraints, _term),
        "conditions": _sorted(one.conditions, _duty),
    }


def _rule_name(rule: Rule) -> Json:
    return {"kind": rule.kind.value, "uid": _name(rule.uid or "")}


def _action(one: ActionReport) -> Json:
    return {
        "actions": _sorted(one.actions, _action_said),
        "asked": one.asked,
        "satisfaction": one.satisfaction.value,
        "refinements": _sorted(one.refinements, _term),
    }


def _action_said(action: Action) -> Json:
    return {"action": action.iri, "refinements": _sorted(action.refinements, _said)}


def _entity(one: EntityReport) -> Json:
    return {
        "entities": _sorted(one.entities, _entity_said),
        "asked": one.asked,
        "satisfaction": one.satisfaction.value,
        "refinements": _sorted(one.refinements, _term),
    }


def _entity_said(entity: Entity) -> Json:
    return {
        "name": _name(entity.iri),
        "collection": entity.collection,
        "refinements": _sorted(entity.refinements, _said),
    }


def _duty(one: DutyReport) -> Json:
    return {
        "rule": _rule_name(one.rule),
        "actions": _sorted(one.rule.actions, _action_said),
        "activation": one.activation.value,
        "deontic": one.deontic.value,
        "performance": one.performance.value,
        "constraints": _sorted(one.constraints, _term),
    }


def _term(one: TermReport) -> Json:
    found: dict[str, Json] = {"satisfaction": one.satisfaction.value}
    if isinstance(one.term, Constraint):
        said = _said(one.term)
        compared: Json = {"left": _sorted(one.left, _value), "right": _sorted(one.right, _value)}
        return {"term": said, "compared": compared, **found}
    parts = [_term(part) for part in one.parts]
    return {"operator": one.term.operator, "parts": _ordered(parts, one.term.operator), **found}


def _said(term: Term) -> Json:
    if not isinstance(term, Constraint):
        return {"operator": term.operator, "parts": _ordered([_said(part) for part in term.parts], term.operator)}
    return {
        "left_operand": term.left,
        "operator": term.operator,
        "right_operand": _sorted(term.right, _value),
        "by_reference": term.by_reference,
        "unit": None if term.unit is None else _value(term.unit),
    }


def _value(literal: Literal) -> Json:
    datatype = None if literal.datatype in PLAIN else literal.datatype
    return {"value": _name(literal.text), "datatype": datatype, "language": literal.language}


def _name(name: str) -> str:
    return _UNNAMED if name.startswith(_UNNAMED) else name


def _instant(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.isoformat() if moment.tzinfo is None else wire(moment)


def _ordered(parts: list[Json], operator: str) -> Json:
    return parts if operator == "andSequence" else sorted(parts, key=canonical)


def _sorted(values: Iterable[T], one: Callable[[T], Json]) -> Json:
    return sorted((one(value) for value in values), key=canonical)


def _each(values: Sequence[T], one: Callable[[T], Json]) -> Json:
    return [one(value) for value in values]
