"""Policies and events for the tests of monitoring, in a few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from policy.odrl import vocabulary as v
from policy.odrl.evaluating.request import Performed
from policy.odrl.model import XSD, Action, Constraint, Entity, Kind, Literal, Policy, Rule, Term

DOCUMENT, BOOK = "urn:document", "urn:book"
JOHN, BETH = "urn:john", "urn:beth"
START = datetime(2026, 1, 1, tzinfo=UTC)


def odrl(name: str) -> str:
    return v.expand_odrl(name)


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def number(value: int) -> Literal:
    return Literal(str(value), f"{XSD}integer")


def moment(day: int) -> Literal:
    return Literal(at(day).isoformat().replace("+00:00", "Z"), f"{XSD}dateTime")


def term(left: str, operator: str, *right: Literal, pointer: str = "") -> Constraint:
    return Constraint(odrl(left), operator, right, pointer)


def until(day: int) -> Constraint:
    return term("dateTime", "lt", moment(day))


def _rule(kind: Kind, action: str, refinements: tuple[Term, ...] = (), **rest: Any) -> Rule:
    return Rule(kind=kind, actions=(Action(odrl(action), refinements),), **rest)


def permission(action: str, **rest: Any) -> Rule:
    return _rule(Kind.PERMISSION, action, **({"targets": (Entity(DOCUMENT),)} | rest))


def prohibition(action: str, **rest: Any) -> Rule:
    return _rule(Kind.PROHIBITION, action, **({"targets": (Entity(DOCUMENT),)} | rest))


def duty(action: str, **rest: Any) -> Rule:
    return _rule(Kind.DUTY, action, **rest)


def agreement(*rules: Rule, obligations: tuple[Rule, ...] = (), **rest: Any) -> Policy:
    return Policy(
        uid="urn:policy",
        kind=rest.pop("kind", "Agreement"),
        permissions=tuple(rule for rule in rules if rule.kind is Kind.PERMISSION),
        prohibitions=tuple(rule for rule in rules if rule.kind is Kind.PROHIBITION),
        obligations=obligations,
        **rest,
    )


def did(action: str, day: int, party: str | None = JOHN, target: str | None = DOCUMENT, **features: Any) -> Performed:
    """An event; features by the bare name of their left operand, a refinement's as ``Action__resolution``."""
    found = {
        " ".join(odrl(part) for part in name.split("__")): (value if isinstance(value, Literal) else number(value),)
        for name, value in features.items()
    }
    return Performed(odrl(action), party, target, at(day), found)
