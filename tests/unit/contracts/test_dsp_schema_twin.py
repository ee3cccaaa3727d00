"""The models and the specification's JSON Schemas say the same of any body, but for the documented prose rules.

The schemas are the twin: mutations of the specification's examples (keys dropped, wrong types, empty arrays, extra and
foreign keys) go to both. `refused_by_prose` is written from the list in the docstring of `contracts.messages`, not from
the code.
"""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import schemas
from contracts.messages import MODELS, MessageError, Posted, read, type_of
from contracts.names import CONTEXT_URL, MessageType

VECTORS = Path(__file__).parents[2] / "vectors" / "dsp"
BODIES = [
    body
    for path in sorted(VECTORS.glob("*/example/*.json"))
    if (body := json.loads(path.read_text("utf-8"))) and "serviceEndpoint" not in body
]
TIMESTAMP = re.compile(
    schemas.schema("negotiation/contract-schema.json")["definitions"]["Agreement"]["allOf"][1]["properties"][
        "timestamp"
    ]["pattern"]
)
NESTED_DUTIES = ("duty", "remedy", "consequence")
FOREIGN = {
    "unheardOf": 1,
    "@id": "urn:uuid:1",
    "target": "urn:uuid:2",
    "providerPid": "urn:uuid:3",
    "consumerPid": "urn:uuid:4",
    "callbackAddress": "https://a.example",
    "hasPolicy": [],
    "dataset": [],
    "and": [],
    "or": [{"leftOperand": "purpose", "operator": "isA", "rightOperand": "x"}],
    "leftOperand": "purpose",
    "operator": "eq",
    "rightOperand": ["x"],
    "duty": [{"action": "delete", "target": "x"}],
    "constraint": [],
    "obligation": [{"action": "delete"}],
    "permission": [{"action": "use"}],
    "prohibition": [],
    "profile": ["p", "q"],
    "servesDataset": [],
    "filter": {},
    "reason": [None, 1],
    "code": "c",
    "auth": {"protocol": "p", "version": "1", "profile": []},
    "accessService": {"@id": "s", "@type": "DataService", "endpointURL": "https://s.example"},
    "provider_pid": "urn:uuid:5",
    "callback_address": "https://b.example",
    "@context": [CONTEXT_URL],
}
WRONG = [None, True, 0, 1.5, "text", [], {}, ["text"], [None], [{}], {"@id": "x"}, {"@value": 1.5}, [[]]]

Place = tuple[str | int, ...]


def kind_of(body: dict) -> MessageType:
    return type_of(body) or MessageType.VERSION_RESPONSE


def places(value: object, at: Place = ()) -> Iterator[Place]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*at, key)
        yield from places(entry, (*at, key))


def holder(body: object, at: Place) -> object:
    for part in at[:-1]:
        body = body[part]
    return body


def objects(value: object, at: Place = ()) -> Iterator[Place]:
    if isinstance(value, dict):
        yield at
    for place in places(value, at):
        inner = value
        for part in place[len(at) :]:
            inner = inner[part]
        if isinstance(inner, dict):
            yield place


def at_place(body: object, at: Place) -> object:
    for part in at:
        body = body[part]
    return body


@st.composite
def mutated(draw: st.DrawFn) -> tuple[MessageType, dict]:
    body = copy.deepcopy(draw(st.sampled_from(BODIES)))
    kind = kind_of(body)
    for _ in range(draw(st.integers(1, 3))):
        what = draw(st.sampled_from(["drop", "replace", "empty", "add"]))
        if what == "add":
            key = draw(st.sampled_from(sorted(FOREIGN)))
            at_place(body, draw(st.sampled_from(list(objects(body)))))[key] = copy.deepcopy(FOREIGN[key])
            continue
        place = draw(st.sampled_from(list(places(body)) or [()]))
        if not place:
            continue
        inside = holder(body, place)
        if what == "drop":
            del inside[place[-1]]
        elif what == "empty":
            inside[place[-1]] = [] if isinstance(inside[place[-1]], list) else {}
        else:
            inside[place[-1]] = copy.deepcopy(draw(st.sampled_from(WRONG)))
    return kind, body


def refused_by_prose(kind: MessageType, body: dict) -> bool:
    if issubclass(MODELS[kind], Posted) and not isinstance(body.get("@id", "x"), str):
        return True
    if kind is MessageType.DATASET and body.get("@type", "Dataset") != "Dataset":
        return True
    policy = body.get("offer", body.get("agreement"))
    if kind not in {MessageType.CONTRACT_REQUEST, MessageType.CONTRACT_OFFER, MessageType.CONTRACT_AGREEMENT}:
        return False
    if not isinstance(policy, dict):
        return False
    if "target" not in policy or not isinstance(policy["target"], str):
        return True
    stamp = policy.get("timestamp")
    if kind is MessageType.CONTRACT_AGREEMENT and not (isinstance(stamp, str) and TIMESTAMP.fullmatch(stamp)):
        return True
    return has_fraction(policy) or any(
        rule_has_target(policy.get(k)) for k in ("permission", "prohibition", "obligation")
    )


def has_fraction(value: object) -> bool:
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, float) or any(has_fraction(entry) for entry in entries)


def rule_has_target(rules: object) -> bool:
    return any(
        "target" in rule or any(rule_has_target(rule.get(nested)) for nested in NESTED_DUTIES)
        for rule in (rules if isinstance(rules, list) else [rules])
        if isinstance(rule, dict)
    )


def accepted(kind: MessageType, body: object) -> bool:
    try:
        read(kind, body)
    except MessageError:
        return False
    return True


def agree(kind: MessageType, body: dict) -> None:
    by_schema = schemas.validator(kind).is_valid(body)
    expected = by_schema and not refused_by_prose(kind, body)
    assert accepted(kind, body) is expected, (kind, body)


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_model_and_schema_agree_on_mutated_examples(case: tuple[MessageType, dict]) -> None:
    agree(*case)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: kind_of(body))
def test_model_and_schema_agree_on_every_dropped_key(body: dict) -> None:
    for place in places(body):
        changed = copy.deepcopy(body)
        del holder(changed, place)[place[-1]]
        agree(kind_of(body), changed)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: kind_of(body))
def test_model_and_schema_agree_on_every_key_set_to_null_or_emptied(body: dict) -> None:
    for place in places(body):
        for value in (None, []):
            changed = copy.deepcopy(body)
            holder(changed, place)[place[-1]] = value
            agree(kind_of(body), changed)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: kind_of(body))
def test_model_and_schema_agree_when_a_message_claims_another_type(body: dict) -> None:
    for kind in MessageType:
        agree(kind, body)


CONSTRAINT_PARTS = {
    "leftOperand": st.sampled_from(["purpose", 1]),
    "operator": st.sampled_from(["eq", "isA", "isa", None, ["eq"]]),
    "rightOperand": st.sampled_from(["x", 5, {"@value": "5"}, ["x"], True]),
}
CONSTRAINTS = st.recursive(
    st.fixed_dictionaries({}, optional=CONSTRAINT_PARTS) | st.none(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            **CONSTRAINT_PARTS,
            **{key: st.lists(inner, max_size=2) | st.just("x") for key in ("and", "andSequence", "or", "xone")},
        },
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(CONSTRAINTS, max_size=2))
def test_model_and_schema_agree_on_constraints(constraints: list[object]) -> None:
    offer = {"@type": "Offer", "@id": "o", "target": "d", "permission": [{"action": "use", "constraint": constraints}]}
    body = {
        "@context": [CONTEXT_URL],
        "@type": MessageType.CONTRACT_REQUEST.value,
        "consumerPid": "c",
        "callbackAddress": "https://c.example",
        "offer": offer,
    }
    agree(MessageType.CONTRACT_REQUEST, body)


@given(st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()))
def test_what_is_not_an_object_is_no_message(body: object) -> None:
    assert not any(accepted(kind, body) for kind in MessageType)
