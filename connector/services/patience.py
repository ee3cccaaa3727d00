"""How long a message is tried again, by what came back: values only, no clock.

A "later" status is the peer's word that it may change its mind; each has its own patience. Trouble at the peer and
silence have none of their own: such a message is tried until it has failed for `give_up` altogether.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

TRIES: Final = 12
"""How often an answer nobody can use, or a "later" without steps of its own, is tried before it counts as a no."""
_STEPS: Final[dict[int, tuple[float, ...]]] = {
    409: (0.1, 0.3, 0.6),
    404: (0.2, 0.4, 0.8, 1.2, 1.6, 2.0, 2.0),
}
"""Seconds before each further try. 409: the peer is busy with its own step (EDC for about a second). 404: it may be
starting, or not have committed yet what it told us."""
_FIRST: Final[dict[int, tuple[float, ...]]] = {404: (0.25, 0.35, 0.5)}
"""The same for the first message of a process to a connector that is none of ours: there 404 is how EDC says that it
has no such offer or agreement. The conformance kit's answers to a first message are there within half a second."""
_LESS_OFTEN: Final = 429
"""Never a no: whoever says it has judged how often we come, and nothing of what we say."""
LATER: Final = frozenset({401, 404, 408, 409, 425, _LESS_OFTEN})
_LONGEST: Final = 60.0
_BORNE: Final = timedelta(seconds=60)
"""A token of a minute is taken up to a minute early or late."""


def later(status: int, repeats: int, jitter: float, *, first: bool = False) -> timedelta | None:
    """When to try again after this status came `repeats` times in a row before; None: now it is a no.

    `jitter` in 0..1 spreads peers that failed together. `first`: it opens a process at a
    connector that is none of ours.
    """
    if status not in LATER:
        return None
    steps = (_FIRST if first and status in _FIRST else _STEPS).get(status)
    if steps is None:
        return retry_after(repeats, jitter) if status == _LESS_OFTEN or repeats < TRIES else None
    return timedelta(seconds=steps[repeats] * (0.75 + jitter / 2)) if repeats < len(steps) else None


def retry_after(attempts: int, jitter: float) -> timedelta:
    """Exponential backoff from 200 ms to 60 s; `jitter` in 0..1 spreads peers that failed together."""
    return timedelta(seconds=min(_LONGEST, 0.2 * 2 ** min(attempts, 9)) * (0.5 + jitter / 2))


def clocks_apart(date: str | None, now: datetime) -> bool:
    """Whether an answer's `Date` (RFC 9110, 6.6.1) and our clock differ by more than a token bears.

    Then a 401 says nothing about us: it is over once one of the two clocks has been put right.
    """
    try:
        told = parsedate_to_datetime(date or "")
        return told.tzinfo is not None and abs(told - now) > _BORNE
    except (ValueError, OverflowError):  # a year or a zone that no clock shows
        return False


def asked_for(value: str | None) -> timedelta:
    """What `Retry-After` asks for in seconds (RFC 9110, 10.2.3), at most a minute; nothing for a date or nonsense."""
    text = (value or "").strip()
    return (
        timedelta(seconds=min(_LONGEST, float(text)))
        if text.isascii() and text.isdigit() and len(text) < 10
        else timedelta()
    )
