"""Malformed messages, made by Hypothesis from the published schemas: a good message with one to three places broken.

The places are those the schema defines, walked through its references; what is put there is mostly near to what the
schema wants (a wrong case, an empty array, a number for a string), and the schema itself judges that the outcome is not
valid. So no rule of ours has a say in what counts as malformed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from contracts import schemas
from contracts.names import CONTEXT_URL, NAMESPACE, MessageType
from tests.conformance.examined import flattened, properties

Place = tuple[str | int, ...]
_DEEPEST = 8
"""Constraints hold constraints without end; a good message of ours goes no deeper."""

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
)
"""Any JSON that can be written as UTF-8."""
USUAL = (None, True, 0, 7, 1.5, "", " ", "\x00", [], {}, [[]], [None], [7], [""], {"@id": "x"}, {"@value": "x"})


def places(kind: MessageType, good: Mapping[str, Any]) -> list[tuple[Place, tuple[Any, ...]]]:
    """Every place of a message that its schema defines and `good` has, and what is nearly right there."""
    found = list(_walk({"$ref": NAMESPACE + schemas.SCHEMA_OF[kind]}, "", good, ()))
    assert found, f"the schema of {kind} defines nothing"
    return found


def _walk(schema: Mapping[str, Any], at: str, value: Any, place: Place) -> Iterator[tuple[Place, tuple[Any, ...]]]:
    if len(place) > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, (inner, where) in properties(schema, at).items():
            if key in value:
                yield (*place, key), tuple(_near(inner, where, value[key]))
                yield from _walk(inner, where, value[key], (*place, key))
    if isinstance(value, list) and value:
        for part, where in flattened(schema, at):
            if "items" in part:
                yield (*place, 0), tuple(_near(part["items"], where, value[0]))
                yield from _walk(part["items"], where, value[0], (*place, 0))


def _near(schema: Mapping[str, Any], at: str, value: Any) -> Iterator[Any]:
    """What somebody who reads the schema carelessly would write."""
    yield [value]
    yield {"@id": value}
    for part, _ in flattened(schema, at):
        allowed = [part["const"]] if "const" in part else part.get("enum", [])
        for one in allowed:
            yield from (str(one).lower(), f"dspace:{one}", f"{one} ", {"@id": one})
        if "minItems" in part:
            yield []
        if "contains" in part:
            yield from ([], ["https://example.org/context"], CONTEXT_URL)


@st.composite
def malformed(draw: st.DrawFn, kind: MessageType, good: Mapping[str, Any]) -> dict[str, Any]:
    """A message of this kind that its published schema refuses."""
    known = places(kind, good)
    body = deepcopy(dict(good))
    for place, near in draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique_by=lambda one: one[0])):
        value = draw(st.just(_GONE) | st.sampled_from([*near, *USUAL]) | ANYTHING)
        _put(body, place, value if value is _GONE else deepcopy(value))
    surplus = draw(st.sampled_from([*SURPLUS.get(kind, [{}]), {}]))
    body |= surplus
    return draw(st.just(body).filter(lambda made: not schemas.validator(kind).is_valid(made)))


_GONE = object()
SURPLUS: dict[MessageType, list[dict[str, Any]]] = {
    MessageType.CONTRACT_REQUEST: [{"providerPid": "x", "callbackAddress": "https://example.org"}],
    MessageType.CONTRACT_OFFER: [{"consumerPid": "x", "callbackAddress": "https://example.org"}],
}
"""What is well formed by itself and not together."""


def _put(body: Any, place: Place, value: Any) -> None:
    """Write `value` there, or take out what stands there; nothing when an outer place is gone already."""
    for step in place[:-1]:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return
    last = place[-1]
    if isinstance(body, dict) and isinstance(last, str):
        if value is _GONE:
            body.pop(last, None)
        else:
            body[last] = value
    elif isinstance(body, list) and isinstance(last, int) and last < len(body):
        if value is _GONE:
            del body[last]
        else:
            body[last] = value
