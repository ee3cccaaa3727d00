"""Reading a request: the W3C form, a policy of type Request as the SolidLab suite writes it, and our own JSON.

Our own: ``{"action", "target", "party", "features": {left operand: value or values}, "units", "at"}``; a value is a
text, a number, true or false, or ``{"@value", "@type"}``. Left operands may be bare names of ODRL or prefixed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from policy.odrl.evaluating.request import Request
from policy.odrl.evaluating.statements import Statements, parsed, statements
from policy.odrl.evaluating.values import Family, read_as
from policy.odrl.model import Literal, PolicyError
from policy.odrl.vocabulary import ODRL, expand_odrl, local

ACTION = ("evaluatedAction", "requestedAction", "action")
PARTY = ("evaluatedParty", "requestingParty", "assignee", "party")
TARGET = ("evaluatedTarget", "requestedTarget", "target")
_PARAMETERS = ("requestParameter", "requestParameters", "parameter")
_OWN = ("action", "target", "party", "features", "units", "at", "@id")
_TIMES = frozenset({"CurrentXSDDateTime", "TemporalData", "currentTime", "dateTime"})
_IMPLIED = "eq"
# Keys that only the other forms of a request have: those of JSON-LD, and those of a policy that is a request.
_OTHER_FORMS = frozenset({"@context", "@graph", "@type", "uid", "permission", "context", "assignee", *_PARAMETERS})


def read_request(source: object) -> Request:
    """Return the one request that a text (Turtle or JSON), graph or JSON object holds.

    Raises :class:`PolicyError` if it holds none or several, or one without an action.
    """
    document = parsed(source)
    if isinstance(document, Mapping) and _is_own(document):
        only_keys(document, _OWN)
        return _own(document)
    found = statements(document)
    written = _requests(found)
    if len(written) != 1:
        raise PolicyError(f"one request is asked for and {len(written)} are here; a request names an action")
    return written[0]


def _is_own(document: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a request in our own form: it has no context or type, and names no rule."""
    named = "features" in document or isinstance(document.get("action"), str)
    return named and not document.keys() & _OTHER_FORMS


def only_keys(document: Mapping[str, Any], accepted: Sequence[str], pointer: str = "") -> None:
    """Refuse a key that is none of those accepted: what is misspelt must not get lost. Raises PolicyError naming it."""
    odd = next((key for key in document if key not in accepted), None)
    if odd is not None:
        raise PolicyError(f"this key is not known here; accepted: {', '.join(accepted)}", f"{pointer}/{odd[:80]}")


def _requests(found: Statements) -> list[Request]:
    evaluated = [name for name in found.by_subject if found.values(name, *ACTION[:2])]
    evaluated = evaluated or found.of_kind("EvaluationRequest")
    if evaluated:
        return [_evaluation_request(found, name) for name in evaluated]
    policies = [name for name in found.by_subject if found.values(name, "permission")]
    if policies:
        return [_asked_rule(found, name, rule.text) for name in policies for rule in found.values(name, "permission")]
    return [_evaluation_request(found, name) for name in found.by_subject if found.values(name, "action")]


def _evaluation_request(found: Statements, name: str) -> Request:
    given = _parameters(found, name)
    return _request(found, name, name, given)


def _asked_rule(found: Statements, policy: str, rule: str) -> Request:
    """A permission that is asked for; its constraints and the refinements of its action are what is known of it."""
    given = _constrained(found, rule, "constraint")
    for action in found.values(rule, "action"):
        given |= _constrained(found, action.text, "refinement")
    return _request(found, policy, rule, given)


def _request(found: Statements, uid: str, rule: str, given: dict[str, tuple[Literal, ...]]) -> Request:
    action = found.first(rule, *ACTION)
    if action is None:
        raise PolicyError("a request names an action", "/action")
    value = found.first(action.text, "value")
    at = found.first(uid, "issued") or next((one for key, ones in given.items() if _is_time(key) for one in ones), None)
    target, party = found.first(rule, *TARGET), found.first(rule, *PARTY)
    return Request(
        expand_odrl((value or action).text),
        target.text if target else None,
        party.text if party else None,
        {key: ones for key, ones in given.items() if not _is_time(key)},
        _units(found, rule),
        None if at is None else moment(at),
        "" if uid.startswith("_:") else uid,
        "" if rule.startswith("_:") else rule,
    )


def _is_time(feature: str) -> bool:
    return local(feature) in _TIMES


def _parameters(found: Statements, name: str) -> dict[str, tuple[Literal, ...]]:
    given = _constrained(found, name, "context")
    for parameter in found.values(name, *_PARAMETERS):
        feature = found.first(parameter.text, "describesFeature")
        values = found.values(parameter.text, "value")
        if feature is not None and values:
            key = left_operand(feature.text)
            given[key] = (*given.get(key, ()), *values)
    return given


def _constrained(found: Statements, name: str, under: str) -> dict[str, tuple[Literal, ...]]:
    """What constraints say is so: the left operand equals the right one. Others state nothing that is known."""
    given: dict[str, tuple[Literal, ...]] = {}
    for constraint in found.values(name, under):
        left, operator = found.first(constraint.text, "leftOperand"), found.first(constraint.text, "operator")
        if left is not None and (operator is None or local(operator.text) == _IMPLIED):
            key = left_operand(left.text)
            given[key] = (*given.get(key, ()), *found.values(constraint.text, "rightOperand"))
    return given


def _units(found: Statements, rule: str) -> dict[str, str]:
    units: dict[str, str] = {}
    for holder in (rule, *(action.text for action in found.values(rule, "action"))):
        for constraint in found.values(holder, "constraint", "refinement", "context"):
            left, unit = found.first(constraint.text, "leftOperand"), found.first(constraint.text, "unit")
            if left is not None and unit is not None:
                units[left_operand(left.text)] = unit.text
    return units


def left_operand(name: str) -> str:
    """The left operand a name stands for: ODRL's own may be bare, and the state vocabulary names them in capitals."""
    if name.startswith("https://w3id.org/force/sotw#"):
        short = local(name)
        return name if short in _TIMES else f"{ODRL}{short[:1].lower()}{short[1:]}"
    return expand_odrl(name)


def moment(value: Literal) -> datetime:
    """Read an instant; without offset it is local. Raises :class:`PolicyError` if it is none."""
    text = value.text.strip()
    read = read_as(Family.MOMENT, text.replace(" ", "T", 1) if " " in text else text)
    if read is None:
        raise PolicyError("an instant is written as 2026-11-22T09:30:00Z", "/at")
    return in_zone(text) if read.key.zone == "fixed" else read.key.first


def in_zone(text: str) -> datetime:
    """Read an instant that has an offset."""
    return datetime.fromisoformat(text.replace(" ", "T", 1))


# --- our own JSON -----------------------------------------------------------------------------------------------------


def _own(source: Mapping[str, Any]) -> Request:
    action = source.get("action")
    if not isinstance(action, str) or not action:
        raise PolicyError("a request names an action", "/action")
    at = source.get("at")
    return Request(
        expand_odrl(action),
        named(source, "target"),
        named(source, "party"),
        features(source.get("features"), "/features"),
        {left_operand(key): str(unit) for key, unit in (source.get("units") or {}).items()},
        None if at is None else moment(Literal(str(at))),
        named(source, "@id") or "",
    )


def named(source: Mapping[str, Any], key: str) -> str | None:
    """A name under a key, None if it is not there. Raises :class:`PolicyError` if something else stands there."""
    value = source.get(key)
    if value is None or isinstance(value, str):
        return value or None
    raise PolicyError("a name (IRI) as a text is accepted here", f"/{key}")


def features(source: object, pointer: str) -> dict[str, tuple[Literal, ...]]:
    """Read values by left operand."""
    if source is None:
        return {}
    if not isinstance(source, Mapping):
        raise PolicyError("an object of values by left operand is accepted here", pointer)
    return {left_operand(str(key)): literals(value, f"{pointer}/{key}") for key, value in source.items()}


def literals(source: object, pointer: str) -> tuple[Literal, ...]:
    """Read one value or a list of them."""
    found = statements({"@id": "urn:x", "value": source}).values("urn:x", "value")
    if not found or any(one.text.startswith("_:") for one in found):
        raise PolicyError("a text, a number, true, false or {@value, @type} is accepted here", pointer)
    return tuple(found)
