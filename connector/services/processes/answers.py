"""What a protocol door answers, and why a message is refused."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.messages import Json
from contracts.names import NIL_PID

_IDENTIFIER = re.compile(r"[^\x00-\x1f\x7f]{1,2048}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body. `then` is to be awaited once they have gone out."""

    status: int
    body: Json
    then: Callable[[], Awaitable[None]] | None = None


class Refusal(Exception):
    """A protocol error: answered with an error body, and nothing changes."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


def claimed_pids(body: Mapping[str, Any]) -> tuple[str, str]:
    """(providerPid, consumerPid) as a message claims them; the nil pid for one that is absent or cannot be read."""
    return text(body.get("providerPid")) or NIL_PID, text(body.get("consumerPid")) or NIL_PID


def text(value: object) -> str | None:
    """An identifier somebody else claims, if it is one (`contracts.shape.Identifier`)."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None
