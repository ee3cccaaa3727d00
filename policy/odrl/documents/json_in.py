"""JSON text to parsed JSON that is safe to go on with: no duplicate keys, no hostile depth, faults with their place."""

import json
import re
from math import isinf
from typing import Any, NoReturn

from policy.odrl.documents.contexts import Contexts, wire
from policy.odrl.documents.limits import MAX_NESTING, barred, refused
from policy.odrl.model import PolicyError
from policy.odrl.reading import plain

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\]:,]', re.DOTALL)
_IDS = ("@id", "uid")
_SEQUENCE = "andSequence"


def parsed(text: str) -> Any:
    """Return the JSON value of a text.

    Raises :class:`PolicyError` with line, column and cause for what is not one JSON value, for a key that an object
    has twice, and for numbers and depths that nobody needs.
    """
    _nesting(text)
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        refused(text, error.pos, f"not JSON: {error.msg}")
    except RecursionError:
        raise PolicyError("nested too deeply") from None
    except ValueError as error:
        raise PolicyError(f"not JSON: {error}"[:200]) from None
    _duplicates(text)
    return value


def with_contexts(source: Any) -> Any:
    """Return parsed JSON-LD with every context in place of its address; JSON without any gets that of the wire form.

    Raises :class:`PolicyError` with a JSON pointer for a context that is not bundled, an id that is not a text, an
    empty one, and a text with signs that no text may have.
    """
    walk = _Walk()
    found = walk.value(source, "")
    if walk.contexts.of_wire:
        found = _in_sequence(found)
    if walk.stated or not isinstance(found, dict | list):
        return found
    found = _in_sequence(found)
    if isinstance(found, dict):
        return {"@context": wire(), **found}
    return [{"@context": wire(), **one} if isinstance(one, dict) else one for one in found]


def _in_sequence(value: Any) -> Any:
    """In the wire form an array under andSequence is in order; in JSON-LD only a list is."""
    if isinstance(value, list):
        return [_in_sequence(one) for one in value]
    if not isinstance(value, dict):
        return value
    below = {key: one if key == "@context" else _in_sequence(one) for key, one in value.items()}
    return {
        key: {"@list": one} if plain(key) == _SEQUENCE and isinstance(one, list) else one for key, one in below.items()
    }


def pointer_of(source: Any, iri: str) -> str:
    """Return the JSON pointer of the first text that an IRI can have come from, empty if there is none."""
    places: list[tuple[Any, str]] = [(source, "")]
    while places:
        value, pointer = places.pop()
        below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        places += reversed([(one, f"{pointer}/{_escaped(str(key))}") for key, one in below])
        if isinstance(value, str) and iri.endswith(value.rpartition(":")[2]) and (value or not iri):
            return pointer
    return ""


class _Walk:
    """Goes through parsed JSON, copying it; `stated` tells whether it met a context."""

    def __init__(self) -> None:
        self.stated = False
        self.contexts = Contexts()

    def value(self, value: Any, pointer: str) -> Any:
        if isinstance(value, dict):
            return {key: self._entry(key, one, f"{pointer}/{_escaped(key)}") for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, f"{pointer}/{index}") for index, one in enumerate(value)]
        if isinstance(value, str) and barred(value):
            raise PolicyError("a null or half a surrogate pair is no text", pointer)
        return value

    def _entry(self, key: str, value: Any, pointer: str) -> Any:
        if barred(key):
            raise PolicyError("a null or half a surrogate pair is no text", pointer.encode("ascii", "replace").decode())
        if key == "@context":
            self.stated = True
            # One that is empty is still a context; in a list nobody takes it for none.
            return self.contexts.resolved(value, pointer) or [None if value is None else {}]
        if key in _IDS and not (isinstance(value, str) and value):
            raise PolicyError("an id is a text that is not empty", pointer)
        return self.value(value, pointer)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _nesting(text: str) -> None:
    depth = 0
    for found in _TOKENS.finditer(text):
        sign = found[0]
        depth += (sign in "{[") - (sign in "}]") if len(sign) == 1 else 0
        if depth > MAX_NESTING:
            refused(text, found.start(), f"deeper than {MAX_NESTING} brackets")


def _duplicates(text: str) -> None:
    """Raise for a key that an object of this valid JSON text has twice (a parser would silently keep the last)."""
    keys: list[set[str]] = []
    last, start = "", 0
    for found in _TOKENS.finditer(text):
        sign = found[0]
        if sign == ":":
            name = json.loads(last)
            if name in keys[-1]:
                refused(text, start, f"the key {name[:100]!r} stands twice in one object")
            keys[-1].add(name)
        elif sign in "{[":
            keys.append(set())
        elif sign in "}]":
            keys.pop()
        else:
            last, start = sign, found.start()


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    if isinf(found := float(digits)):
        raise ValueError(f"{digits[:40]} is too large a number")
    return found
