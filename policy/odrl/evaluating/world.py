"""Reading a state of the world: the forms of the W3C examples and of the SolidLab suite, and our own JSON.

Our own: ``{"now", "features", "units", "about": {name: features}, "partOf": {part: whole or wholes}, "kinds": {term:
kind or kinds}, "apart": {term: kind or kinds}, "performed": [{"action", "party", "target", "at", "features", "units",
"parties", "duty"}], "duties": {rule: "fulfilled" | "violated" | "not-set"}, "sources": {name: values}, "executors":
[duty]}``.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from policy.odrl.evaluating.asking import (
    ACTION,
    PARTY,
    TARGET,
    features,
    left_operand,
    literals,
    moment,
    named,
    only_keys,
)
from policy.odrl.evaluating.request import Performed
from policy.odrl.evaluating.state import Deontic, DutyState, Performance, State
from policy.odrl.evaluating.statements import TYPE, Statements, parsed, statements
from policy.odrl.model import REFERENCE, Literal, PolicyError
from policy.odrl.vocabulary import ODRL, expand_odrl, local

_OWN = (
    *("now", "features", "units", "about", "partOf", "kinds", "apart", "performed", "duties", "sources", "executors"),
    "@id",
)
_EVENT = ("action", "party", "target", "at", "features", "units", "parties", "duty", "@id")
_WORLD, _RULES = ("SotW", "Sotw"), ("permission", "prohibition", "obligation")
_CONDITION = ("conditionId", "conditionID")
_INSTANT = ("inXSDDateTime", "inXSDDateTimeStamp", "issued")
_BROADER = frozenset({"type", "subClassOf", "broader", "broaderTransitive", "includedIn"})
# What the state vocabulary (odrl-fs.ttl) calls the left operands of ODRL.
_FEATURES = {
    "currentLocation": f"{ODRL}spatial",
    "location": f"{ODRL}spatial",
    "count": f"{ODRL}count",
    "accumulatedTime": f"{ODRL}meteredTime",
    "recipient": f"{ODRL}recipient",
    "paidAmount": f"{ODRL}payAmount",
}
_DEONTIC = {
    "fulfilled": Deontic.FULFILLED,
    "violated": Deontic.VIOLATED,
    "nonset": Deontic.NOT_SET,
    "notset": Deontic.NOT_SET,
}
_PERFORMANCE = {one.value: one for one in Performance}


def read_state(source: object) -> State:
    """Return the state that a text (Turtle or JSON), graph or JSON object describes.

    Raises :class:`PolicyError` for what is no description of a state, or an instant that cannot be read.
    """
    document = parsed(source)
    if isinstance(document, Mapping) and not document.keys() & {"@context", "@graph", "@type"}:
        only_keys(document, _OWN)
        return _own(document)
    found = statements(document)
    if not found.of_kind(*_WORLD) and _is_something_else(found):
        raise PolicyError("this is a policy or a request, not a state of the world")
    return State(
        now=_now(found),
        features=_features(found),
        about=_about(found),
        part_of=_related(found, frozenset({"partOf"})),
        kinds=_related(found, _BROADER),
        performed=tuple(_performed(found)),
        duties=dict(_duties(found)),
        sources=_sources(found),
        uid=next(iter(found.of_kind(*_WORLD)), ""),
    )


def _is_something_else(found: Statements) -> bool:
    return any(found.values(name, *_RULES, *ACTION[:2]) for name in found.by_subject)


def _now(found: Statements) -> datetime | None:
    stated = [value for name in found.by_subject for value in found.values(name, "currentTime")]
    stated += [Literal(name, REFERENCE) for name in found.by_subject if local(name) == "currentTime"]
    stated += [Literal(name, REFERENCE) for name in found.of_kind("Instant")]
    for one in stated:
        value = found.first(one.text, *_INSTANT) or (None if one.text in found.by_subject else one)
        if value is not None and value.datatype != REFERENCE:
            return moment(value)
    return None


def _features(found: Statements) -> dict[str, tuple[Literal, ...]]:
    given: dict[str, tuple[Literal, ...]] = {}
    for state in found.of_kind(*_WORLD):
        for name, left in _FEATURES.items():
            values = found.values(state, name)
            if values:
                given[left] = (*given.get(left, ()), *values)
    return given


def _about(found: Statements) -> dict[str, dict[str, tuple[Literal, ...]]]:
    """What is stated of single assets and parties under left operands of ODRL."""
    given: dict[str, dict[str, tuple[Literal, ...]]] = {}
    for name, stated in found.by_subject.items():
        for predicate, value in stated:
            if predicate.startswith(ODRL) and local(predicate) != "partOf":
                mine = given.setdefault(name, {})
                mine[predicate] = (*mine.get(predicate, ()), value)
    return given


def _related(found: Statements, predicates: frozenset[str]) -> dict[str, frozenset[str]]:
    given: dict[str, set[str]] = {}
    for name, stated in found.by_subject.items():
        for predicate, value in stated:
            if local(predicate) in predicates or (predicate == TYPE and "type" in predicates):
                given.setdefault(name, set()).add(value.text)
    return {name: frozenset(wholes) for name, wholes in given.items()}


def _duties(found: Statements) -> Iterator[tuple[str, DutyState]]:
    for report in found.of_kind("DutyReport", "ConditionReport", "ObligationReport"):
        rule = found.first(report, "rule", "condition")
        if rule is not None:
            deontic, performance = found.first(report, "deonticState"), found.first(report, "performanceState")
            yield rule.text, DutyState(_deontic(deontic), _performance(performance), report)


def _deontic(value: Literal | None) -> Deontic:
    name = local(value.text).lower().replace("-", "") if value else ""
    return _DEONTIC.get(name, Deontic.NOT_SET)


def _performance(value: Literal | None) -> Performance:
    return _PERFORMANCE.get(local(value.text).lower() if value else "", Performance.UNKNOWN)


def _sources(found: Statements) -> dict[str, tuple[Literal, ...]]:
    given = {name: tuple(found.values(name, "value")) for name in found.by_subject}
    return {name: values for name, values in given.items() if values}


# --- actions that were performed --------------------------------------------------------------------------------------


def _performed(found: Statements) -> Iterator[Performed]:
    for name in found.by_subject:
        if "Payment" in found.kinds(name):
            yield _payment(found, name)
        elif _is_event(found, name):
            yield _event(found, name)


def _is_event(found: Statements, name: str) -> bool:
    return (
        bool(found.values(name, *ACTION))
        and not found.values(name, "rule")
        and bool(found.values(name, "atTime", "at"))
    )


def _payment(found: Statements, name: str) -> Performed:
    """A payment (payments ontology): compensation of the payee by the payer, for the condition it names."""
    amount, currency = found.first(name, "netAmount", "amount"), found.first(name, "currency")
    payee, date = found.first(name, "payee"), found.first(name, "paymentDate")
    paid = f"{ODRL}payAmount"
    return Performed(
        f"{ODRL}compensate",
        _text(found.first(name, "payer")),
        at=None if date is None else moment(date),
        features={} if amount is None else {paid: (amount,)},
        units={} if currency is None else {paid: _same_resource(currency.text)},
        parties={} if payee is None else {f"{ODRL}compensatedParty": payee.text},
        duty=_text(found.first(name, *_CONDITION)) or "",
        uid=name,
    )


def _same_resource(iri: str) -> str:
    """DBpedia names one resource under http and serves it under https: the examples use both for the euro."""
    dbpedia = "https://dbpedia.org/"
    return f"http://dbpedia.org/{iri[len(dbpedia) :]}" if iri.startswith(dbpedia) else iri


def _event(found: Statements, name: str) -> Performed:
    action, at = found.first(name, *ACTION), found.first(name, "atTime", "at")
    given = {
        predicate: tuple(found.values(name, local(predicate)))
        for predicate, _ in found.by_subject[name]
        if predicate.startswith(ODRL) and local(predicate) not in (*ACTION, *PARTY, *TARGET)
    }
    return Performed(
        expand_odrl(action.text) if action else "",
        _text(found.first(name, "performer", *PARTY)),
        _text(found.first(name, "object", *TARGET)),
        None if at is None else moment(at),
        given,
        duty=_text(found.first(name, *_CONDITION)) or "",
        uid=name,
    )


def _text(value: Literal | None) -> str | None:
    return value.text if value else None


# --- our own JSON -----------------------------------------------------------------------------------------------------


def _own(source: Mapping[str, Any]) -> State:
    now = source.get("now")
    return State(
        now=None if now is None else moment(Literal(str(now))),
        features=features(source.get("features"), "/features"),
        units=_texts(source, "units"),
        about={name: features(one, f"/about/{name}") for name, one in _object(source, "about").items()},
        part_of=_names(source, "partOf"),
        kinds=_names(source, "kinds"),
        apart=_names(source, "apart"),
        performed=tuple(_events(source.get("performed"))),
        duties={
            rule: DutyState(_stated_deontic(one, f"/duties/{rule}")) for rule, one in _object(source, "duties").items()
        },
        sources={name: literals(one, f"/sources/{name}") for name, one in _object(source, "sources").items()},
        executors=frozenset(str(one) for one in source.get("executors") or ()),
        uid=named(source, "@id") or "",
    )


def _object(source: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = source.get(key) or {}
    if not isinstance(value, Mapping):
        raise PolicyError("an object is accepted here", f"/{key}")
    return value


def _texts(source: Mapping[str, Any], key: str) -> dict[str, str]:
    return {left_operand(name): str(value) for name, value in _object(source, key).items()}


def _names(source: Mapping[str, Any], key: str) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(one.text for one in literals(value, f"/{key}/{name}"))
        for name, value in _object(source, key).items()
    }


def _stated_deontic(value: object, pointer: str) -> Deontic:
    name = str(value).lower().replace("-", "")
    if name not in _DEONTIC:
        raise PolicyError("fulfilled, violated or not-set is accepted here", pointer)
    return _DEONTIC[name]


def _events(source: object) -> Iterator[Performed]:
    if source is not None and not isinstance(source, list):
        raise PolicyError("a list of actions is accepted here", "/performed")
    for index, one in enumerate(source or ()):
        pointer = f"/performed/{index}"
        if not isinstance(one, Mapping) or not isinstance(one.get("action"), str):
            raise PolicyError("an action that was performed is an object with an action", pointer)
        only_keys(one, _EVENT, pointer)
        at = one.get("at")
        yield Performed(
            expand_odrl(one["action"]),
            named(one, "party"),
            named(one, "target"),
            None if at is None else moment(Literal(str(at))),
            features(one.get("features"), f"{pointer}/features"),
            _texts(one, "units"),
            {expand_odrl(key): str(name) for key, name in _object(one, "parties").items()},
            named(one, "duty") or "",
            named(one, "@id") or str(index),
        )
