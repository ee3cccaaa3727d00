"""The lead among the processes of one participant: an advisory lock of one session, which ends with its process.

A thread waits in the server for it, so that it passes on at once; every minute it asks anew, since a statement that
waits for hours would keep the server from clearing up behind everybody.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors, pq

from connector.storage.sessions import connect

_KEY = 3086
_PAUSE = 0.5
_ASK_ANEW = "60s"

log = logging.getLogger("concord.storage")


class PostgresLead:
    """Implements `connector.ports.LeadLock`; nothing is connected before `watch`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._left = False
        self._pipe: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    def watch(self, changed: Callable[[bool], None]) -> None:
        """See the port; `changed` is called in a thread of this lock's own."""
        self._pipe = os.pipe()
        self._thread = threading.Thread(target=self._serve, args=(changed,), name="lead", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of it."""
        self._left = True
        if self._pipe is not None and self._thread is not None:
            os.write(self._pipe[1], b"x")
            self._thread.join()
            for end in self._pipe:
                os.close(end)
            self._pipe = None

    def _serve(self, changed: Callable[[bool], None]) -> None:
        while not self._left:
            try:
                with contextlib.closing(connect(self._url)) as connection:
                    self._compete(connection, changed)
            except psycopg.Error as error:
                log.warning("the lead cannot be asked for: %s", type(error).__name__)
            changed(False)
            if not self._left:
                self._sleep(_PAUSE)

    def _compete(self, connection: psycopg.Connection[Any], changed: Callable[[bool], None]) -> None:
        """Take the lock and keep it until the session or this process's wish for it ends. Raises psycopg.Error."""
        raw = connection.pgconn
        taken = connection.execute("SELECT pg_try_advisory_lock(%s, 0)", [_KEY]).fetchone() == (True,)
        if not taken:
            changed(False)
            connection.execute(f"SET lock_timeout = '{_ASK_ANEW}'".encode())
        while not taken and not self._left:
            taken = self._waited(raw)
        if taken:
            changed(True)
        while not self._left:
            select.select([raw.socket, self._wake], [], [])
            raw.consume_input()  # nothing is ever said here: it is the end of the session
            if raw.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError("the session is over")

    def _waited(self, raw: pq.abc.PGconn) -> bool:
        """Whether the lock was had within a minute. Raises psycopg.Error."""
        raw.send_query(f"SELECT pg_advisory_lock({_KEY}, 0)".encode())
        while raw.is_busy() and not self._left:
            select.select([raw.socket, self._wake], [], [])
            raw.consume_input()
        if self._left:
            return False
        taken = False
        while (answer := raw.get_result()) is not None:
            if answer.status == pq.ExecStatus.FATAL_ERROR:
                error = errors.error_from_result(answer)
                if not isinstance(error, errors.LockNotAvailable):
                    raise error
            else:
                taken = True
        return taken

    @property
    def _wake(self) -> int:
        return self._pipe[0] if self._pipe is not None else -1

    def _sleep(self, seconds: float) -> None:
        select.select([self._wake], [], [], seconds)
