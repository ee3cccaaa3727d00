"""Our JSON Schema (draft 2020-12) of 27560 records and receipts, and where a document does not meet it."""

import json
from functools import cache
from importlib import resources
from typing import Any

MOST_FAULTS = 20
MAX_DEPTH = 24


@cache
def _text() -> str:
    return resources.files("policy").joinpath("data/records27560.schema.json").read_text(encoding="utf-8")


def schema() -> dict[str, Any]:
    """The schema: of a record or a receipt, told apart by `@type`."""
    found: dict[str, Any] = json.loads(_text())
    return found


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator  # heavy: only for who checks a document

    return Draft202012Validator(schema())


def faults(document: object) -> list[str]:
    """The places (JSON pointers) where a document does not meet the schema, a few at most; never a value."""
    if _too_deep(document):
        return ["/"]
    found: list[str] = []
    for error in _validator().iter_errors(document):
        deepest = max(error.context or [error], key=lambda one: len(one.absolute_path))
        found.append("/" + "/".join(str(step) for step in deepest.absolute_path))
        if len(found) == MOST_FAULTS:
            break
    return found


def _too_deep(document: object) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return False
    return True
