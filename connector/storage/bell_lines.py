"""Bells between the processes of one participant: sent with the commit, heard on a connection that only listens.

What a process rings itself it hears at once, without the server. While the listening connection is lost rings may be
missed: once it is back every bell rings, and whoever waits looks at the records again.
"""

from __future__ import annotations

import json
import logging
import os
import select
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from connector.ports import EVERY_BELL, NEAR
from connector.storage.sessions import connect

CHANNEL = "concord_bells"
_MOST = 7_000
"""Bytes of bells in one notice; the server takes 8,000."""
_PAUSE = 0.5

log = logging.getLogger("concord.storage")


def notices(bells: set[str], sender: str = "") -> Iterator[tuple[str, str]]:
    """The channel and the text of each notice that carries these bells."""
    portion: list[str] = []
    for bell in sorted(bell for bell in bells if not bell.startswith(NEAR)):
        name = bell if len(bell.encode()) <= _MOST // 2 else EVERY_BELL
        if portion and len(_text(sender, [*portion, name]).encode()) > _MOST:
            yield CHANNEL, _text(sender, portion)
            portion = []
        portion.append(name)
    if portion:
        yield CHANNEL, _text(sender, portion)


def _text(sender: str, bells: Iterable[str]) -> str:
    return json.dumps([sender, *bells], ensure_ascii=False)


class BellLine:
    """Listens from the moment it is made, in a thread that runs `listen`, until told to leave.

    Raises psycopg.OperationalError when it is made and the server does not answer.
    """

    def __init__(self, url: str, ring: Callable[[set[str]], None]) -> None:
        self._url = url
        self._ring = ring
        self._wake, self._waker = os.pipe()
        self._left = False
        self.name = os.urandom(8).hex()
        self._connection: psycopg.Connection[Any] | None = self._opened()

    def leave(self) -> None:
        """Stop listening; may be called from any thread."""
        self._left = True
        os.write(self._waker, b"x")

    def listen(self) -> None:
        """Ring what others ring."""
        while not self._left:
            try:
                if self._connection is None:
                    self._connection = self._opened()
                    self._ring({EVERY_BELL})
                self._hear(self._connection)
            except psycopg.Error as error:
                log.warning("bells of other processes are not heard: %s", type(error).__name__)
                self._close()
                select.select([self._wake], [], [], _PAUSE)
        self._close()
        os.close(self._wake)
        os.close(self._waker)

    def _opened(self) -> psycopg.Connection[Any]:
        connection = connect(self._url)
        # Not by psycopg: it would drop a notice that comes with the answer.
        if connection.pgconn.exec_(f"LISTEN {CHANNEL}".encode()).status != ExecStatus.COMMAND_OK:
            connection.close()
            raise psycopg.OperationalError("not listening")
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        raw = connection.pgconn
        while not self._left:
            rung: set[str] = set()
            while (notice := raw.notifies()) is not None:
                sender, *bells = json.loads(notice.extra)
                if sender != self.name:
                    rung.update(bells)
            if rung:
                self._ring(rung)
            select.select([raw.socket, self._wake], [], [])
            raw.consume_input()
