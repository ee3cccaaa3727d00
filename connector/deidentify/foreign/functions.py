"""The functions of FHIRPath that rules may use, and what they do (FHIRPath 2.0, 5 and 6). What is missing is refused.

Regular expressions are .NET's in these rule files: named groups `(?<name>...)` and `${name}` are told in Python's way.
One that takes too long over a text (many do, over the right one) is given up, and the record refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from connector.deidentify.foreign.fhirpath import PathError
from connector.deidentify.foreign.temporal import Moment
from connector.deidentify.foreign.values import (
    EMPTY,
    FALSE,
    TRUE,
    Item,
    Items,
    Unevaluable,
    one,
    said,
    text,
    truth,
    whole,
)

if TYPE_CHECKING:
    import regex

LONGEST_MATCHED = 10_000
"""Characters of a text that a regular expression is run over at most."""
LONGEST_MATCHING = 0.05
"""Seconds that it may take: a million times what a sensible one needs."""
Function: TypeAlias = Callable[..., Items]
"""Takes the items it is called on, then the items of each argument."""

_TOO_LONG = "a regular expression takes too long over a text"
_GROUP = re.compile(r"\(\?<([A-Za-z_]\w*)>")
_NAMED = re.compile(r"\$\{(\w+)\}|\$(\d+)|\$\$")


def pattern(written: str) -> regex.Pattern[str]:
    """A regular expression of .NET's kind. Raises PathError when Python has no such thing."""
    import regex

    try:
        re.compile(translated := _GROUP.sub(r"(?P<\1>", written))
        return regex.compile(translated)
    except (re.error, regex.error, RecursionError, OverflowError):
        raise PathError("a regular expression that cannot be read") from None


def is_found(compiled: regex.Pattern[str], text: str) -> bool:
    """Whether it matches anywhere in a text. Raises Unevaluable."""
    try:
        return compiled.search(_bounded(text), timeout=LONGEST_MATCHING) is not None
    except TimeoutError:
        raise Unevaluable(_TOO_LONG) from None


def replaced(compiled: regex.Pattern[str], instead: str, text: str) -> str:
    """A text with every match replaced. Raises Unevaluable."""
    try:
        return compiled.sub(instead, _bounded(text), timeout=LONGEST_MATCHING)
    except TimeoutError:
        raise Unevaluable(_TOO_LONG) from None


def replacement(written: str, groups: Mapping[str, int]) -> str:
    """What a match is replaced with, in Python's way. Raises PathError for a group that is not there."""

    def told(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None:
            return "$"
        if not name.isdecimal() and name not in groups:
            raise PathError("a replacement names a group that its pattern does not have")
        return f"\\g<{name}>"

    parts = re.split(r"(\\)", written)
    return "".join("\\\\" if part == "\\" else _NAMED.sub(told, part) for part in parts)


def _bounded(text: str) -> str:
    if len(text) > LONGEST_MATCHED:
        raise Unevaluable("a text too long to be searched")
    return text


def written(item: Item) -> str:
    """An item as FHIRPath's toString() tells it."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, str | int | Decimal | Moment):
        return str(item)
    raise Unevaluable("an object has no text")


def _to_string(items: Items) -> Items:
    found = one(items)
    return EMPTY if found is None else [written(found)]


def _to_integer(items: Items) -> Items:
    found = one(items)
    if isinstance(found, bool | int):
        return [int(found)]
    if isinstance(found, str) and re.fullmatch(r"[+-]?\d{1,18}", found, re.ASCII):
        return [int(found)]
    return EMPTY


def _substring(items: Items, start: Items, length: Items | None = None) -> Items:
    found, first = text(items), whole(start)
    if found is None or first is None or not 0 <= first < len(found):
        return EMPTY
    count = len(found) if length is None else whole(length)
    return [found[first : first + max(count or 0, 0)]]


def _on_text(act: Callable[[str], Item]) -> Function:
    def run(items: Items) -> Items:
        found = text(items)
        return EMPTY if found is None else [act(found)]

    return run


def _on_texts(act: Callable[[str, str], bool]) -> Function:
    def run(items: Items, other: Items) -> Items:
        found, wanted = text(items), text(other)
        return EMPTY if found is None or wanted is None else said(act(found, wanted))

    return run


def _replace(items: Items, old: Items, new: Items) -> Items:
    found, before, after = text(items), text(old), text(new)
    return EMPTY if found is None or before is None or after is None else [found.replace(before, after)]


def _if(_: Items, condition: Items, yes: Items, no: Items = EMPTY) -> Items:
    return yes if truth(condition) else no


def _negated(items: Items) -> Items:
    answer = truth(items)
    return EMPTY if answer is None else said(not answer)


FUNCTIONS: Mapping[str, tuple[int, int, Function]] = {
    "exists": (0, 0, lambda items: said(bool(items))),
    "empty": (0, 0, lambda items: said(not items)),
    "hasValue": (0, 0, lambda items: said(len(items) == 1 and not isinstance(items[0], dict))),
    "not": (0, 0, _negated),
    "count": (0, 0, lambda items: [len(items)]),
    "first": (0, 0, lambda items: items[:1]),
    "last": (0, 0, lambda items: items[-1:]),
    "single": (0, 0, lambda items: [] if one(items) is None else items),
    "allTrue": (0, 0, lambda items: FALSE if False in items else TRUE),
    "anyTrue": (0, 0, lambda items: TRUE if True in items else FALSE),
    "toString": (0, 0, _to_string),
    "toInteger": (0, 0, _to_integer),
    "length": (0, 0, _on_text(len)),
    "upper": (0, 0, _on_text(str.upper)),
    "lower": (0, 0, _on_text(str.lower)),
    "trim": (0, 0, _on_text(str.strip)),
    "startsWith": (1, 1, _on_texts(str.startswith)),
    "endsWith": (1, 1, _on_texts(str.endswith)),
    "contains": (1, 1, _on_texts(str.__contains__)),
    "substring": (1, 2, _substring),
    "replace": (2, 2, _replace),
    "iif": (2, 3, _if),
}
"""By name: how many arguments at least and at most, and what it does. `where`, `all`, `matches`, `ofType` and the like,
whose arguments are not values, are compiled in `expressions`."""
