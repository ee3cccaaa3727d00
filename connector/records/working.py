"""Work that any process of a participant may do, and who has taken it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work, done at least once. `standing`: waiting, done or failed; `about` is what it serves.

    Whoever takes it writes a token of its own into `lease`, and settles it only while that still stands: one that was
    thought dead and comes back late settles nothing. After `leased_until` anybody may take it again. `attempts` counts
    how often it was taken, `outcome` is what came of it, `error` the code of what went wrong, last or for good.
    `trace` is the W3C traceparent of who asked, empty where no traces are kept.
    """

    key_width: ClassVar[int] = 1
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("standing", "due_at"), ("about", "kind", "standing"))
    id: str
    kind: str = ""
    about: str = ""
    argument: Json | None = None
    standing: str = "waiting"
    attempts: int = 0
    due_at: datetime | None = None
    lease: str = ""
    leased_until: datetime | None = None
    outcome: Json | None = None
    error: str = ""
    trace: str = ""
    created_at: datetime | None = None
    ended_at: Indexed[datetime | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedToken:
    """A token of another participant that was used, so that no process of this one takes it again."""

    key_width: ClassVar[int] = 2
    issuer: str
    jti: str
    until: Indexed[datetime | None] = None
