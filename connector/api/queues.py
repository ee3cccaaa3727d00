"""How much of an answer waits between us and the network: what is queued there cannot be called back any more.

A kernel takes megabytes for a reader that takes nothing. A chunk of a release in there is handed over, yet has not
left; after a withdrawal it would still go out.
"""

from __future__ import annotations

import asyncio
import socket

LARGEST_UNSENT = 65_536
"""Bytes the kernel takes before it has sent what it holds."""


def keep_short(transport: asyncio.Transport) -> None:
    """Let the kernel take little ahead, and the server call an answer held up from the first byte not yet taken."""
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(*_option())
    # Not 0: over TLS the loops then call an empty buffer full.
    transport.set_write_buffer_limits(high=1)


def _option() -> tuple[int, int, int]:
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        return socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, LARGEST_UNSENT
    # This also limits what is under way, so it is slower over long distances.
    return socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST_UNSENT
