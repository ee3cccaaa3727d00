"""Messages received, and messages still to be delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxMessage:
    """One message received, with the answer given: the same message gets the same answer again."""

    key_width: ClassVar[int] = 2
    sender: str
    message_id: str
    digest: str
    status: int
    answer: Json | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One message to be delivered at least once, in order within its `lane`. `standing`: waiting, delivered or dead."""

    key_width: ClassVar[int] = 1
    id: str
    lane: Indexed[str]
    sequence: int = 0
    recipient: str = ""
    url: str = ""
    kind: str = ""
    about: Indexed[str] = ""
    body: Json | None = None
    standing: Indexed[str] = "waiting"
    attempts: int = 0
    due_at: datetime | None = None
    error: str | None = None
    created_at: datetime | None = None
    delivered_at: datetime | None = None
