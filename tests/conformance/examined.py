"""What every message and answer of ours must be: valid by the published schema, the bare context, no more keys.

`examine` judges one body; `keys_of` reads from the schema itself which keys a message may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from contracts import schemas
from contracts.messages import MODELS, Posted
from contracts.names import CONTEXT_URL, NAMESPACE, MessageType
from policy.odrl.vocabulary import SELECTION

POSTED = frozenset(kind for kind, model in MODELS.items() if issubclass(model, Posted))
"""What one side posts to the other; each has an @id of its own."""
CATALOGUE = frozenset({MessageType.CATALOG, MessageType.DATASET})
OWN = {SELECTION}
"""Keys of ours that the specification does not know, each a full IRI."""
_ERRORS = {"negotiations": MessageType.NEGOTIATION_ERROR, "transfers": MessageType.TRANSFER_ERROR}


def examine(body: Any, *kinds: MessageType) -> MessageType:
    """Which message this is. Fails unless it is one of `kinds` (any, when none is named), valid and bare."""
    assert isinstance(body, dict), f"no object: {body!r}"
    kind = MessageType(body.get("@type"))
    assert kind in (kinds or MessageType), f"{kind} where {', '.join(kinds)} belongs"
    faults = [fault.message for fault in schemas.validator(kind).iter_errors(body)]
    assert not faults, f"{kind} is not valid: {faults[0][:300]}\n{body}"
    assert body["@context"] == [CONTEXT_URL], f"{kind} names more than the bare context: {body['@context']}"
    if kind not in CATALOGUE:
        known = keys_of(schemas.SCHEMA_OF[kind]) | OWN | ({"@id"} if kind in POSTED else set())
        assert set(body) <= known, f"{kind} has keys nobody defines: {sorted(set(body) - known)}"
    if kind in POSTED:
        assert isinstance(body.get("@id"), str), f"{kind} has no @id"
    return kind


def error_kind(path: str) -> MessageType:
    """Which error body an address of ours answers with."""
    parts = path.split("/")
    return next((kind for name, kind in _ERRORS.items() if name in parts), MessageType.CATALOG_ERROR)


@cache
def keys_of(name: str) -> frozenset[str]:
    """Every key the schema at the path `name` defines at its top level."""
    return frozenset(properties({"$ref": NAMESPACE + name}))


def properties(schema: Mapping[str, Any], at: str = "") -> dict[str, tuple[Mapping[str, Any], str]]:
    """The properties a schema defines for an object, through references and alternatives, and where each stands.

    `at` is the path of the document in which `schema` stands, for its local references.
    """
    found: dict[str, tuple[Mapping[str, Any], str]] = {}
    for part, place in flattened(schema, at):
        for key, inner in part.get("properties", {}).items():
            found.setdefault(key, (inner, place))
    return found


def flattened(schema: Mapping[str, Any], at: str) -> list[tuple[Mapping[str, Any], str]]:
    """A schema and everything it refers to or is composed of, each with the document it stands in."""
    parts = [(schema, at)]
    if "$ref" in schema:
        parts += flattened(*_resolved(schema["$ref"], at))
    for word in ("allOf", "anyOf", "oneOf"):
        parts += [found for inner in schema.get(word, ()) for found in flattened(inner, at)]
    return parts


def _resolved(reference: str, at: str) -> tuple[Mapping[str, Any], str]:
    document, _, pointer = reference.removeprefix(NAMESPACE).partition("#")
    name = document or at
    found: Any = schemas.schema(name)
    for step in pointer.split("/")[1:]:
        found = found[step]
    return found, name
