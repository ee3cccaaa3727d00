"""What FHIRPath expressions compute with: items in lists, three-valued truth, comparison (FHIRPath 2.0, 4.5, 6).

Items are texts, booleans, whole numbers, `Decimal`, `Moment`, and JSON objects as they stand. Nothing here repeats a
value in an error.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from msgspec import Raw

from connector.deidentify.foreign.temporal import Moment, compared, moment
from connector.deidentify.foreign.types import TEMPORAL

Item: TypeAlias = Any
"""A text, a number, a `Moment`, or a JSON object: whatever stood in the record."""
Items: TypeAlias = list[Item]
Run: TypeAlias = Callable[[Items], Items]

TRUE: Items = [True]
FALSE: Items = [False]
EMPTY: Items = []


class _Hollow:
    """An element of which an earlier rule left nothing: it is still there, and equal to nothing."""


HOLLOW = _Hollow()


class Unevaluable(ValueError):
    """An expression has no value here: kinds that cannot be compared, more items than one. It repeats no value."""


def leaf(value: Item, kind: str) -> Item:
    """A primitive of JSON as what is computed with."""
    if value.__class__ is Raw:
        return number(value)
    if kind in TEMPORAL and isinstance(value, str):
        return moment(value, kind) or value
    return value


def number(value: Raw) -> Decimal:
    """The number behind its digits."""
    try:
        return Decimal(bytes(value).decode())
    except InvalidOperation:
        raise Unevaluable("no number") from None


def one(items: Items) -> Item | None:
    """The only item, None when there is none. Raises Unevaluable when there are more."""
    if len(items) > 1:
        raise Unevaluable("several items where one is needed")
    return items[0] if items else None


def text(items: Items) -> str | None:
    """The only item, a text (a moment as it was written). Raises Unevaluable."""
    found = one(items)
    if isinstance(found, Moment):
        return found.text
    if found is HOLLOW:
        return None
    if found is None or isinstance(found, str):
        return found
    raise Unevaluable("a text is needed")


def whole(items: Items) -> int | None:
    """The only item, a whole number. Raises Unevaluable."""
    found = one(items)
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    raise Unevaluable("a whole number is needed")


def truth(items: Items) -> bool | None:
    """What a list says as a condition: a single item that is no boolean says yes (FHIRPath 4.5). Raises Unevaluable."""
    found = one(items)
    return found if isinstance(found, bool) or found is None else True


def said(answer: bool | None) -> Items:
    """A truth value as a list; what is unknown is empty."""
    return EMPTY if answer is None else TRUE if answer else FALSE


def same(left: Item, right: Item) -> bool | None:
    """Whether two items are equal; None when it cannot be told."""
    if isinstance(left, Moment) and isinstance(right, Moment):
        found = compared(left, right)
        return None if found is None else found == 0
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def equal(left: Items, right: Items) -> Items:
    """`=` of two lists: of the same length, item by item; empty when one of them is."""
    if not left or not right:
        return EMPTY
    if len(left) != len(right):
        return FALSE
    answers = [same(one, other) for one, other in zip(left, right, strict=True)]
    return FALSE if False in answers else EMPTY if None in answers else TRUE


def order(left: Items, right: Items) -> int | None:
    """-1, 0 or 1 for two single items of a kind; None when one is missing or it cannot be told. Raises Unevaluable."""
    first, second = one(left), one(right)
    if first in (None, HOLLOW) or second in (None, HOLLOW):
        return None
    if isinstance(first, Moment) and isinstance(second, Moment):
        return compared(first, second)
    if _kind(first) != _kind(second) or _kind(first) is None:
        raise Unevaluable("kinds that cannot be compared")
    return int(first > second) - int(first < second)


def _kind(value: Item) -> type | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return int
    return str if isinstance(value, str) else None


def distinct(items: Items) -> Items:
    """Each item once, in order."""
    found: Items = []
    for item in items:
        if not any(same(item, known) for known in found):
            found.append(item)
    return found
