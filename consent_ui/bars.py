"""Counts as pieces of one bar. Every bar stands beside its table; a count that is hidden is drawn as 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consent_ui.words import number


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a bar: where it starts and how wide it is (percent), what it is, and the count as text."""

    start: str
    width: str
    words: str
    count: str


def drawn(value: object) -> int:
    """How large a count is drawn: itself; 5 for `fewer than 10`, which hides the exact number."""
    digits = "".join(sign for sign in str(value) if sign.isdigit())
    if not digits:
        return 0
    return 5 if str(value).startswith("fewer") else int(digits)


def bar(parts: Sequence[tuple[str, object]]) -> list[Piece]:
    """(words, count) pairs as pieces of one bar of 100 percent; empty when there is nothing to draw."""
    total = sum(drawn(value) for _, value in parts)
    pieces, start = [], 0.0
    for label, value in parts if total else ():
        width = 100 * drawn(value) / total
        pieces.append(Piece(f"{start:.2f}%", f"{width:.2f}%", label, number(value)))
        start += width
    return pieces
