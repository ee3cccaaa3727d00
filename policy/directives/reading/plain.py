"""Values of the plainest shape, read fast: nearly all there are.

Each function returns the value if it has exactly the shape named and nothing beside it, else None; then the readers of
:mod:`policy.directives.reading.element`, which name what is wrong, look at it. So nothing is decided here that is not
decided there alike.
"""

from datetime import date
from functools import lru_cache
from typing import Any

from policy.code_systems import system_of
from policy.directives.model import Actor, Coding, DataReference, Period

MAX_TEXT = 2_000
"""How long a code, an address or an identifier may be."""

PLAIN_TEXT, PLAIN_CODINGS = 250, 16
"""How long a code or the words beside it, and how many codings one concept, are in the plainest shape."""

MEANINGS = frozenset({"instance", "related", "dependents", "authoredby"})

# The same few codes and days stand in most consents. What is remembered says nothing of anybody.
_REMEMBERED, _DAYS = 4_096, 32_768


def text(value: object) -> bool:
    """Whether the value is a text that may be a code, an address or an identifier: nothing in it that nobody sees."""
    return type(value) is str and 0 < len(value) <= MAX_TEXT and value == value.strip() and value.isprintable()


@lru_cache(_REMEMBERED)
def _coding(system: object, code: object) -> Coding | None:
    plain = text(system) and text(code) and len(str(system)) <= PLAIN_TEXT and len(str(code)) <= PLAIN_TEXT
    return Coding(system_of(str(system)), str(code)) if plain else None


@lru_cache(_DAYS)
def day(value: str) -> bool:
    """Whether the text is a full date, as it stands in nearly all periods; the others are looked at elsewhere."""
    digits = value.replace("-", "")
    if len(value) != 10 or value[4] != "-" or value[7] != "-" or len(digits) != 8:
        return False
    try:
        return digits.isascii() and digits.isdigit() and bool(date.fromisoformat(value))
    except ValueError:
        return False


def coding(value: Any) -> Coding | None:
    """Read ``{system, code, display?}``."""
    if type(value) is not dict or (len(value) != 2 and not _with_words(value, "display", 2)):
        return None
    try:
        return _coding(value["system"], value["code"])
    except (KeyError, TypeError):
        return None


def _with_words(value: dict[Any, Any], name: str, others: int) -> bool:
    """Whether an object has so many members and words beside them."""
    words = value.get(name)
    return type(words) is str and len(words) <= PLAIN_TEXT and len(value) == others + 1


def codings(value: Any) -> tuple[Coding, ...] | None:
    """Read a list of codings."""
    if type(value) is not list or not value:
        return None
    try:
        found = [
            _coding(one["system"], one["code"]) if type(one) is dict and len(one) == 2 else coding(one) for one in value
        ]
    except (KeyError, TypeError):
        return None
    return None if None in found else tuple(found)  # type: ignore[arg-type]


def concept(value: Any) -> tuple[Coding, ...] | None:
    """Read ``{coding, text?}``."""
    if type(value) is not dict or (len(value) != 1 and not _with_words(value, "text", 1)):
        return None
    found = value.get("coding")
    return codings(found) if type(found) is list and len(found) <= PLAIN_CODINGS else None


def concepts(value: Any) -> tuple[tuple[Coding, ...], ...] | None:
    """Read a list of concepts."""
    if type(value) is not list or not value:
        return None
    found = [concept(one) for one in value]
    return None if None in found else tuple(found)  # type: ignore[arg-type]


def reference(value: Any) -> str | None:
    """Read ``{reference, display?}``."""
    if type(value) is not dict or (len(value) != 1 and not _with_words(value, "display", 1)):
        return None
    found = value.get("reference")
    return found if text(found) else None


def period(value: Any) -> Period | None:
    """Read ``{start?, end?}`` of full dates."""
    if type(value) is not dict:
        return None
    start, end = value.get("start"), value.get("end")
    if not value or len(value) != (start is not None) + (end is not None):
        return None
    if start is not None and (type(start) is not str or not day(start)):
        return None
    if end is not None and (type(end) is not str or not day(end) or (start is not None and start > end)):
        return None
    return Period(start=start, end=end)


def actors(value: Any) -> tuple[Actor, ...] | None:
    """Read a list of ``{role, reference}``."""
    if type(value) is not list or not value:
        return None
    found = []
    for one in value:
        if type(one) is not dict or len(one) != 2:
            return None
        role, who = concept(one.get("role")), reference(one.get("reference"))
        if role is None or who is None:
            return None
        found.append(Actor(role, who))
    return tuple(found)


def data(value: Any) -> tuple[DataReference, ...] | None:
    """Read a list of ``{meaning, reference}``."""
    if type(value) is not list or not value:
        return None
    found = []
    for one in value:
        if type(one) is not dict or len(one) != 2:
            return None
        meaning, what = one.get("meaning"), reference(one.get("reference"))
        if type(meaning) is not str or meaning not in MEANINGS or what is None:
            return None
        found.append(DataReference(meaning, what))
    return tuple(found)
