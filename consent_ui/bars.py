"""Counts as rows of a table and as pieces of the one bar beside it.

A count that is hidden is never drawn at its size: "fewer than 10" is drawn as 5, and everything whose number is not
shown at all is one row and one piece of a fixed width, so that a bar never looks as if nothing had been held back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.smallnumbers import FEWER, NOT_SHOWN
from consent_ui.words import number

HIDDEN = "Held back, number not shown"
HIDDEN_SHARE = 0.15
"""How much of a bar stands for numbers that are not shown."""
FEWER_DRAWN = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One row beside the bar: what it is, the count as text, and the reasons it stands for when their numbers are not
    shown. `start` and `width` are percentages of the bar, both 0 for what is not drawn."""

    words: str
    count: str
    reasons: tuple[str, ...] = ()
    start: float = 0.0
    width: float = 0.0


def rows(parts: Sequence[tuple[str, object]]) -> list[Row]:
    """(words, count) pairs as rows, those whose number is not shown as one, last."""
    shown = [(words, value) for words, value in parts if value != NOT_SHOWN]
    hidden = tuple(words for words, value in parts if value == NOT_SHOWN)
    share = HIDDEN_SHARE if hidden else 0.0
    total = sum(drawn(value) for _, value in shown)
    made, start = [], 0.0
    for words, value in shown:
        width = 100 * (1 - share) * drawn(value) / total if total else 0.0
        made.append(Row(words, number(value), (), round(start, 2), round(width, 2)))
        start += width
    return [*made, Row(HIDDEN, "not shown", hidden, round(start, 2), 100 * share)] if hidden else made


def drawn(value: object) -> int:
    """How large a count is drawn: itself; 5 for one that is only said to be small."""
    if value == FEWER:
        return FEWER_DRAWN
    digits = "".join(sign for sign in str(value) if sign.isdigit())
    return int(digits) if digits else 0
