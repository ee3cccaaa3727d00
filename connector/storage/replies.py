"""How a store's thread answers who asked: an event loop is woken once for a whole group, not once per answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Reply(Protocol):
    """Somebody waiting for what came of a command."""

    def begin(self) -> bool:
        """Whether it is still wanted; False for one given up while it waited."""
        ...


Outcome = tuple[Reply, Any, BaseException | None]


class FutureReply(Generic[T]):
    """Somebody in any thread."""

    def __init__(self) -> None:
        self.future: Future[T] = Future()

    def begin(self) -> bool:
        """See `Reply`."""
        return self.future.set_running_or_notify_cancel()


class LoopReply(Generic[T]):
    """Somebody on an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()

    def begin(self) -> bool:
        """See `Reply`."""
        return not self.future.cancelled()


def deliver(outcomes: Sequence[Outcome]) -> None:
    """Give everybody their result or error; a loop that has ended wants nothing any more."""
    waiting: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        reply, result, error = outcome
        if isinstance(reply, LoopReply):
            waiting.setdefault(reply.loop, []).append(outcome)
        elif isinstance(reply, FutureReply):
            _settle(reply.future, result, error)
    for loop, theirs in waiting.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_all, theirs)


def _settle_all(outcomes: list[Outcome]) -> None:
    for reply, result, error in outcomes:
        future = reply.future  # type: ignore[attr-defined] # a LoopReply
        if not future.done():
            _settle(future, result, error)


def _settle(future: Future[Any] | asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
