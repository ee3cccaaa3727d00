"""Numbers about people, made safe to show: nobody reads a number from 1 to 9, and nobody can work one out.

A reader may know the total of the counts, every count that is shown, and this code. For that reader each hidden count
of 1 to 9 keeps at least two possible values, and nine of them as soon as the total is 10 or more. A total is itself a
number about people: show it through `at_least_ten`.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeVar

THRESHOLD = 10
FEWER = "fewer than 10"
"""Stands for any count from 0 to 9."""
NOT_SHOWN = "not shown"
"""Stands for any count at all: one hidden so that a small one beside it cannot be found by subtraction."""

Reason = TypeVar("Reason", bound=str)
_BANDS = tuple(step * 10**power for power in range(1, 9) for step in (1, 2, 5))


def at_least_ten(n: int) -> str:
    """Return the number in digits, or "fewer than 10". Raises :class:`ValueError` below zero."""
    return str(n) if _counted(n) >= THRESHOLD else FEWER


def people_band(n: int) -> int:
    """Return the largest of 10, 20, 50, 100, 200, 500, ... that is not above `n`; 0 below ten.

    A description of a dataset says how many people it holds only by this band, so that two descriptions published one
    after the other do not show that one person left.
    """
    return max((band for band in _BANDS if band <= _counted(n)), default=0)


def is_band(n: int) -> bool:
    """Tell whether `n` is a value `people_band` returns."""
    return n == 0 or n in _BANDS


def band_words(band: int) -> str:
    """Return a band in words: "20 or more", or "fewer than 10"."""
    return f"{band} or more" if band >= THRESHOLD else FEWER


def fold(counts: Mapping[Reason, int]) -> dict[Reason, str | int]:
    """Return the counts as they may be shown, in the order given.

    If no count is 1 to 9, all are shown. Otherwise every count below ten reads "fewer than 10", and further reasons, in
    the order of their names, read "not shown" until no small count can be found by subtracting; where that takes all
    of them, all read "not shown". Name every reason there can be, also those with zero people: a reason that is absent
    tells the reader it is zero. Raises :class:`ValueError` for a count below zero.
    """
    small = {reason for reason, n in counts.items() if _counted(n) < THRESHOLD}
    if not any(counts[reason] for reason in small):
        return dict(counts)
    hidden = small | _folded(counts, small)
    if len(hidden) == len(counts):
        return dict.fromkeys(counts, NOT_SHOWN)
    return {reason: FEWER if reason in small else NOT_SHOWN if reason in hidden else n for reason, n in counts.items()}


def _folded(counts: Mapping[Reason, int], small: Set[Reason]) -> set[Reason]:
    """Pick reasons by name, never by size (a size would tell), until the hidden sum has room for any small count."""
    folded: set[Reason] = set()
    room = sum(counts[reason] for reason in small)
    for reason in sorted(counts.keys() - small):
        folded.add(reason)
        room += counts[reason] - THRESHOLD
        if room >= THRESHOLD:
            break
    return folded


def _counted(n: int) -> int:
    if n < 0:
        raise ValueError("a count of people is never below zero")
    return n
