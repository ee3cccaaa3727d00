"""Points arriving from devices, and the credentials devices use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePoint:
    """One Open mHealth data point in arrival order (`sequence` grows, never reused)."""

    key_width: ClassVar[int] = 1
    sequence: int
    source: str
    person: Indexed[str]
    point_id: Indexed[str] = ""
    category: str = ""
    start: datetime | None = None
    end: datetime | None = None
    body: bytes = b""
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCredential:
    """What a person's device shows at the public ingest; only its hash is kept."""

    key_width: ClassVar[int] = 1
    token_hash: str
    person: Indexed[str]
    source: str = ""
    created_at: datetime | None = None
