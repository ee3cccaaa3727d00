"""The head of a request (its first line and its header fields): at most so long, and there in time.

uvicorn's fast parser sets no limit to either, so one connection could fill the memory of the process. `HTTP` names the
class below for uvicorn's `http` setting.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connector.api.queues import keep_short

MOST_BYTES = 65_536
SECONDS = 20.0
HTTP = "connector.api.heads:GuardedHttp"

_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedHttp(HttpToolsProtocol):
    """One connection. What is read at once (256 KiB) may pass the limit by so much, never by more."""

    _read = 0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there, and should say what they want."""
        super().connection_made(transport)  # type: ignore[arg-type] # a TCP transport, as the server makes no others
        keep_short(self.transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, then count what belongs to a head that is still not whole."""
        super().data_received(data)
        if self._late is not None:
            self._read += len(data)
            if self._read > MOST_BYTES:
                self._refuse(_TOO_LONG)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """Its head is whole; what follows is the body, which has limits of its own."""
        self._head_is_there()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_is_there()
        self._read = 0
        self._late = self.loop.call_later(SECONDS, self._refuse, _TOO_LATE)

    def _head_is_there(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, answer: bytes) -> None:
        self._head_is_there()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()
