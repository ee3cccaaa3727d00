"""A worker's ear at the broker: Celery in threads, each of which asks the worker's event loop and waits for it.

Two queues: deliveries do not wait behind long jobs. A task is acknowledged when it was done, or when it turned out that
somebody else does it; whatever goes wrong here, the table says what there is to do.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import time
import warnings
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from connector.jobs.broker import DELIVER, DO, application, queue_of
from connector.services.tasks import trace_of

if TYPE_CHECKING:
    from celery import Celery
    from celery.concurrency.thread import TaskPool

Answer = Callable[[str], Coroutine[Any, Any, None]]
_AT_ONCE = 16
"""Lanes delivered at a time on behalf of the broker."""
_REST = 1.0
_LONGEST = 2.0
"""Seconds for each of its threads to end; what is left dies with the process."""

log = logging.getLogger("concord.consuming")


class Consuming:
    """Listens until `close`. `deliver` gets a letter's id, `do` a job's; both run on the loop that starts it."""

    def __init__(self, participant: str, broker: str, deliver: Answer, do: Answer, at_once: int) -> None:
        self._participant = participant
        self._broker = broker
        self._answers = {DELIVER: (deliver, _AT_ONCE), DO: (do, at_once)}
        self._asked: set[concurrent.futures.Future[None]] = set()
        self._closing = False
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Listen, in threads; a broker that does not answer is tried again and again."""
        from celery.worker import state

        state.should_stop = None
        _answer_pings_only()
        self._loop = asyncio.get_running_loop()
        for task, (_, at_once) in self._answers.items():
            made = application(self._participant, self._broker)
            for name, (answer, _) in self._answers.items():  # each knows both: Celery keeps one table for a process
                made.task(name=name, shared=False, ignore_result=True)(self._asking(answer))
            thread = threading.Thread(target=self._listen, args=(made, task, at_once), name="celery", daemon=True)
            self._threads.append(thread)
            thread.start()

    async def close(self) -> None:
        """Take nothing more, and break off what is being waited for: it stands in the table."""
        from celery.worker import state

        self._closing = True
        setattr(state, "should_stop", 0)  # noqa: B010 - typed as None there
        for asked in list(self._asked):
            asked.cancel()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, _LONGEST)

    def _asking(self, answer: Answer) -> Callable[[str], None]:
        def ask(name: str) -> None:
            if self._closing or self._loop is None:
                return
            asked = asyncio.run_coroutine_threadsafe(answer(name), self._loop)
            self._asked.add(asked)
            try:
                asked.result()
            except concurrent.futures.CancelledError:
                pass
            except Exception as error:
                log.error("what the broker asked for failed: %s\n%s", type(error).__name__, trace_of(error))
            finally:
                self._asked.discard(asked)

        return ask

    def _listen(self, made: Celery, task: str, at_once: int) -> None:
        from celery.exceptions import CPendingDeprecationWarning
        from celery.worker import WorkController

        warnings.simplefilter("ignore", CPendingDeprecationWarning)  # of a setting's next default
        made.conf.worker_enable_remote_control = task == DO  # one of the two answers `concord doctor`
        while not self._closing:
            try:
                WorkController(
                    app=made, pool=_pool_of(made), concurrency=at_once, queues=[queue_of(self._participant, task)],
                    hostname=None, without_gossip=True, without_mingle=True, without_heartbeat=True,
                    loglevel="WARNING",
                ).start()  # fmt: skip
            except Exception as error:
                log.error("the broker is not listened to: %s\n%s", type(error).__name__, trace_of(error))
            if not self._closing:
                time.sleep(_REST)


def _answer_pings_only() -> None:
    """Whoever can write into Redis could otherwise make a worker deaf, end it, or have it tell its settings."""
    from celery.worker.control import Panel

    for command in Panel.data.keys() - {"ping"}:
        Panel.data.pop(command, None)


def _pool_of(made: Celery) -> type[TaskPool]:
    """Threads that know whose tasks they do: Celery looks that up in each of them."""
    from celery.concurrency.thread import TaskPool

    class Threads(TaskPool):
        """For one application."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.executor = concurrent.futures.ThreadPoolExecutor(self.limit, initializer=made.set_current)

    return Threads
