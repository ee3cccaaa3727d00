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
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One message to be delivered at least once, in order within its `lane`. `standing`: waiting, delivered or dead.

    A dead letter has `dead_at` and says why in `reason`: refused, dropped, or unreachable. The last of these still
    waits: it is tried once a day, and leaves as soon as the peer is seen alive; the others have no body any more.
    `status` is the last HTTP status (0: no answer), seen `repeats` times in a row; `first_error` befell it at
    `failing_since`. `origin` is host and port of the url; `overtaken` marks a message whose answer changes nothing.
    Where several processes deliver, one takes it with `lease`, a token of its own, and has it until `leased_until`.
    `trace` is the W3C traceparent of what queued it, empty where no traces are kept.
    """

    key_width: ClassVar[int] = 1
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("lane", "standing"), ("about", "standing"), ("recipient", "standing", "due_at"), ("standing", "due_at"),
    )  # fmt: skip
    id: str
    lane: str
    sequence: int = 0
    recipient: str = ""
    origin: str = ""
    url: str = ""
    kind: str = ""
    about: str = ""
    body: Json | None = None
    standing: str = "waiting"
    attempts: int = 0
    status: int = 0
    repeats: int = 0
    due_at: datetime | None = None
    error: str | None = None
    first_error: str | None = None
    failing_since: datetime | None = None
    reason: str = ""
    overtaken: bool = False
    created_at: datetime | None = None
    delivered_at: datetime | None = None
    dead_at: Indexed[datetime | None] = None
    lease: str = ""
    leased_until: datetime | None = None
    trace: str = ""
