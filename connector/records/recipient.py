"""What a recipient keeps of what it received, by code only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedTransfer:
    """One transfer's file. `standing`: receiving, complete, broken, ended; `verified` is the manifest check.

    `bytes`, `lines` and `people` count what arrived; `finding` says in words what the check found, and what was erased
    since. `manifest` holds the manifest's claims, and the signed text itself as "jws"; `last_event` is of a stream.
    `kind` is records, stream, or opaque: a foreign connector's bytes, of which `media_type` and `digest` (SHA-256, hex)
    are all there is to know.
    """

    key_width: ClassVar[int] = 1
    transfer: str
    agreement: Indexed[str]
    kind: str = "records"
    path: str = ""
    standing: str = "receiving"
    bytes: int = 0
    lines: int = 0
    people: int = 0
    verified: bool | None = None
    finding: str = ""
    manifest: Json | None = None
    last_event: int = 0
    media_type: str = ""
    digest: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedPerson:
    """How much of one code arrived in one transfer; `end_offset` is where its last line ended in the sender's count."""

    key_width: ClassVar[int] = 2
    transfer: str
    code: Indexed[str]
    agreement: Indexed[str] = ""
    lines: int = 0
    bytes: int = 0
    end_offset: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A code that must never come back under this agreement, and what was done about it."""

    key_width: ClassVar[int] = 2
    agreement: str
    code: str
    notice: Indexed[str] = ""
    kind: str = "erase"
    cut: Json | None = None
    received_at: datetime | None = None
    stopped_at: datetime | None = None
    erased_at: datetime | None = None
    objects: int = 0
    lines: int = 0
    bytes: int = 0
    bytes_after: int = 0
