"""Where work belongs that several processes and participants do together: the trace it is a part of.

The present place is a W3C traceparent (`00-<32 hex>-<16 hex>-01`), carried along in the task, handed into transactions,
kept with what is queued in them, and sent with our messages. Empty: no traces are kept here, and all of this costs next
to nothing. Who keeps spans is handed in by wiring (`connector.observe.traces`). A span has a name and words of the
house: never an identifier of a person, a process or a dataset, and no value of a record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

TRACEPARENT = "traceparent"
_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")
_SHARED = "dsp."
"""Kinds of messages that carry their place in a trace, and stay in it. Others are about people: a trace that two of
them shared would tell their recipients that they are about the same one."""
_PLACE: ContextVar[str] = ContextVar("concord_traceparent", default="")
_ARRIVAL: ContextVar[Callable[[], str] | None] = ContextVar("concord_arrival", default=None)


class Span(Protocol):
    """Something under way."""

    def say(self, **words: str | int) -> None:
        """Note words or figures of the house about it."""
        ...


class Traces(Protocol):
    """Keeps spans."""

    def span(
        self, name: str, parent: str = "", *, begins: bool = False, **words: str | int
    ) -> AbstractContextManager[Span]:
        """Something that is under way within the block, part of `parent` or of what is under way already.

        Part of nothing, it is kept only if it `begins` a trace.
        """
        ...


class _Unkept:
    def say(self, **words: str | int) -> None:
        """Nobody listens."""


class NoTraces:
    """Keeps nothing: the form of a process whose operator did not ask for traces."""

    @contextmanager
    def span(self, name: str, parent: str = "", *, begins: bool = False, **words: str | int) -> Iterator[Span]:  # noqa: ARG002
        """See the port."""
        yield UNKEPT


UNKEPT = _Unkept()
NO_TRACES = NoTraces()


def current() -> str:
    """The traceparent of what is under way here, empty where there is none."""
    return _PLACE.get()


def is_shared(kind: str) -> bool:
    """Whether messages of this kind carry their place in a trace to their recipient."""
    return kind.startswith(_SHARED)


def kept_with(kind: str) -> str:
    """What is kept with a message of this kind that is queued here; empty where it begins a trace of its own."""
    return _PLACE.get() if is_shared(kind) else ""


def headers(shared: bool = True) -> dict[str, str]:
    """What goes with a message to another participant."""
    place = _PLACE.get() if shared else ""
    return {TRACEPARENT: place} if place else {}


def sender_known() -> None:
    """Whoever sent the request that is under way here has shown who they are: from here on it is kept."""
    begin = _ARRIVAL.get()
    if begin is not None:
        _PLACE.set(begin())


@contextmanager
def arriving(begin: Callable[[], str]) -> Iterator[None]:
    """A request is under way in the block. `begin` is called once its sender is known, and returns its place."""
    place, arrival = _PLACE.set(""), _ARRIVAL.set(begin)
    try:
        yield
    finally:
        _ARRIVAL.reset(arrival)
        _PLACE.reset(place)


def read(text: str | None) -> str:
    """A traceparent from outside, empty for anything that is none."""
    return text if text and _FORM.fullmatch(text) else ""


@contextmanager
def within(place: str) -> Iterator[None]:
    """What is under way in the block is part of `place`."""
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)
