"""What every store does alike: commands and questions wait in queues, threads of the store take them from there.

Commands that wait together are handed over together, so that they can share one commit; each is answered by itself.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from connector.ports import LeadLock, SharedGate
from connector.storage.replies import FutureReply, LoopReply, Reply, deliver

T = TypeVar("T")
Command = Callable[[Any], Any]
Asked = tuple[Command, Reply]
Waiting = queue.SimpleQueue[Asked | None]
READERS = 3


class StoreClosed(RuntimeError):
    """The store was closed before this was asked of it."""


class OpenStore(Protocol):
    """What wiring and commands hold: `connector.ports.Store`, for callers without an event loop too, and its end."""

    @property
    def shared_gate(self) -> SharedGate | None:
        """The release gate between the processes that use this store; None when there is but one."""
        ...

    @property
    def lead_lock(self) -> LeadLock | None:
        """Which of the processes that use this store has the lead; None when there is but one."""
        ...

    async def write(self, command: Callable[[Any], T]) -> T:
        """See `connector.ports.Store`."""
        ...

    async def read(self, query: Callable[[Any], T]) -> T:
        """See `connector.ports.Store`."""
        ...

    async def look(self, query: Callable[[Any], T]) -> T:
        """See `connector.ports.Store`."""
        ...

    def submit(self, command: Callable[[Any], T]) -> Future[T]:
        """`write` for callers outside an event loop."""
        ...

    def read_now(self, query: Callable[[Any], T]) -> T:
        """`read` in this thread."""
        ...

    def close(self) -> None:
        """Finish what is queued, then let go."""
        ...


class QueuedStore(ABC):
    """One thread that writes, some that read. A store says how a group is committed and how a question is answered."""

    shared_gate: SharedGate | None = None
    lead_lock: LeadLock | None = None

    def _start(self, *more: Callable[[], None], readers: int = READERS) -> None:
        """Open the queues and start the threads; `more` are threads of the engine's own."""
        self._queue: Waiting = queue.SimpleQueue()
        self._questions: Waiting = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._local = threading.local()
        self._readers = readers
        works = [self._write_forever] + [self._read_forever] * readers + list(more)
        self._threads = [threading.Thread(target=work, name="store", daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    async def write(self, command: Callable[[Any], T]) -> T:
        """Run a command in the writer's thread; returns when its group has been committed to disk."""
        reply: LoopReply[T] = LoopReply(asyncio.get_running_loop())
        self._put(self._queue, command, reply)
        return await reply.future

    def submit(self, command: Callable[[Any], T]) -> Future[T]:
        """The same for callers outside an event loop. Raises StoreClosed."""
        reply: FutureReply[T] = FutureReply()
        self._put(self._queue, command, reply)
        return reply.future

    async def read(self, query: Callable[[Any], T]) -> T:
        """Run a query in a reader's thread."""
        reply: LoopReply[T] = LoopReply(asyncio.get_running_loop())
        self._put(self._questions, query, reply)
        return await reply.future

    @abstractmethod
    def read_now(self, query: Callable[[Any], T]) -> T:
        """Run a query in this thread, on its own connection and one consistent snapshot."""

    @abstractmethod
    def _write_forever(self) -> None:
        """The writer: until `_group` says that nothing more comes."""

    @abstractmethod
    def _let_go(self) -> None:
        """Every thread has ended: close what is open."""

    def _leave(self) -> None:  # noqa: B027 - most engines have no threads of their own
        """The store is being closed: wake the engine's own threads."""

    def close(self) -> None:
        """Finish what is queued, then let go of the records; nothing can be asked of this store any more."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
            for _ in range(self._readers):
                self._questions.put(None)
        self._leave()
        for thread in self._threads:
            thread.join()
        self._let_go()

    def _put(self, where: Waiting, command: Command, reply: Reply) -> None:
        with self._door:
            if self._closed:
                raise StoreClosed
            where.put((command, reply))

    def _read_forever(self) -> None:
        while self._answer_one():
            pass

    def _answer_one(self) -> bool:
        """Answer the next question. A function of its own, so that nothing of an answer is kept until the next."""
        if (asked := self._questions.get()) is None:
            return False
        query, reply = asked
        if reply.begin():
            try:
                result = self.read_now(query)
            except BaseException as error:
                deliver([(reply, None, error)])
            else:
                deliver([(reply, result, None)])
        return True

    def _group(self, most: int) -> tuple[list[Asked], bool]:
        """Wait for commands: all that wait by then and are still wanted, and whether more may come."""
        item = self._queue.get()
        group = []
        while item is not None:
            group.append(item)
            if len(group) == most:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        return [one for one in group if one[1].begin()], item is not None
