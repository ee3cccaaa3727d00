"""Telling workers, by way of the broker, what has just been committed: which job, which message.

Nothing rests on it. When the broker does not answer, what is told meanwhile is let go: workers find it in the table.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from functools import partial

from connector.jobs.broker import DELIVER, DO, application, queue_of
from connector.records import OutboxMessage
from connector.services.context import Context
from connector.services.delivery import TROUBLED
from connector.services.departures import BELL as OUTBOX
from connector.services.departures import HANDED
from connector.services.jobs import BELL as JOBS
from connector.services.jobs import POSTED
from connector.services.tasks import trace_of

EVERYTHING = ""
"""In place of a message or a job: look at the whole table."""
_MOST = 10_000
_REST = 1.0
"""Seconds for which nothing is told after the broker did not answer."""
Tell = Callable[[str, str], None]
"""Takes the name of a task and its one argument; raises whatever the broker's client raises."""

log = logging.getLogger("concord.posting")


def posting_to(participant: str, broker: str) -> Callable[[], Tell]:
    """Opens the way to a broker, in the thread that uses it."""

    def opened() -> Tell:
        made = application(participant, broker)

        def tell(task: str, argument: str) -> None:
            try:
                made.send_task(
                    task, args=[argument], queue=queue_of(participant, task), retry=False, argsrepr="", kwargsrepr="",
                )  # fmt: skip
            except Exception:
                made.close()
                raise

        return tell

    return opened


class Posting:
    """One per process. `lanes`: the outbox too is left to workers. `run` ends when cancelled."""

    def __init__(self, context: Context, opened: Callable[[], Tell], *, lanes: bool) -> None:
        self._context = context
        self._opened = opened
        self._lanes = lanes
        self._letters: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._waiting: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Tell until cancelled."""
        bells, thread = self._context.bells, threading.Thread(target=self._serve, name="posting", daemon=True)
        thread.start()
        bells.listen(POSTED, partial(self.tell, DO))
        try:
            if self._lanes:
                bells.listen(HANDED, partial(self.tell, DELIVER))
                bells.listen(TROUBLED, self._context.deliveries.troubled)
                await self._look_back()
            while True:
                # A bell of somebody who does not know which: a peer is back, a job was let go.
                await bells.wait(OUTBOX if self._lanes else JOBS)
                self.tell(DELIVER if self._lanes else DO, EVERYTHING)
        finally:
            bells.listen(POSTED, _nobody)
            if self._lanes:
                bells.listen(HANDED, _nobody)
            self._letters.put(None)

    async def _look_back(self) -> None:
        """Which peers did not take something: only they need to be woken when they come back."""
        try:
            left = await self._context.store.read(lambda tx: tx.rows(OutboxMessage, ("recipient",), standing="waiting"))
        except Exception as error:  # then everybody is taken for troubled
            log.error("the outbox cannot be read: %s\n%s", type(error).__name__, trace_of(error))
            return
        self._context.deliveries.troubled(*(row[0] for row in left))

    def tell(self, task: str, argument: str) -> None:
        """Queue it for the thread; the same again while it waits there changes nothing. Never blocks."""
        letter = (task, argument)
        if letter not in self._waiting and len(self._waiting) < _MOST:
            self._waiting.add(letter)
            self._letters.put(letter)

    def _serve(self) -> None:
        tell: Tell | None = None
        silent_until = 0.0
        while (letter := self._letters.get()) is not None:
            self._waiting.discard(letter)
            if time.monotonic() < silent_until:
                continue
            try:
                tell = tell or self._opened()
                tell(*letter)
            except Exception as error:  # whatever it is: the table is looked at without being told
                log.warning("workers could not be told: %s", type(error).__name__)
                tell = None  # Redis may have forgotten the queue; a new connection makes it again
                silent_until = time.monotonic() + _REST


def _nobody(_name: str) -> None:
    """Nobody listens any more."""
