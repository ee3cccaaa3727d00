"""How long a message is tried again, by what came back: values only, no clock.

A "later" status is the peer's word that it may change its mind; each has its own patience. Trouble at the peer and
silence have none of their own: such a message is tried until it has failed for `give_up` altogether.
"""

from __future__ import annotations

from datetime import timedelta
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
LATER: Final = frozenset({401, 404, 408, 409, 425, 429})
_LONGEST: Final = 60.0


def later(status: int, repeats: int, jitter: float, *, first: bool = False) -> timedelta | None:
    """When to try again after this status came `repeats` times in a row before; None: now it is a no.

    `jitter` in 0..1 spreads peers that failed together. `first`: it opens a process at a
    connector that is none of ours.
    """
    if status not in LATER:
        return None
    steps = (_FIRST if first and status in _FIRST else _STEPS).get(status)
    if steps is None:
        return retry_after(repeats, jitter) if repeats < TRIES else None
    return timedelta(seconds=steps[repeats] * (0.75 + jitter / 2)) if repeats < len(steps) else None


def retry_after(attempts: int, jitter: float) -> timedelta:
    """Exponential backoff from 200 ms to 60 s; `jitter` in 0..1 spreads peers that failed together."""
    return timedelta(seconds=min(_LONGEST, 0.2 * 2 ** min(attempts, 9)) * (0.5 + jitter / 2))


def asked_for(value: str | None) -> timedelta:
    """What `Retry-After` asks for in seconds (RFC 9110, 10.2.3), at most a minute; nothing for a date or nonsense."""
    text = (value or "").strip()
    return (
        timedelta(seconds=min(_LONGEST, float(text)))
        if text.isascii() and text.isdigit() and len(text) < 10
        else timedelta()
    )
