"""The append-only log: entries, Merkle nodes, signed checkpoints (RFC 6962)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry. `position` is its leaf index in the tree, None until the sequencer has integrated it."""

    key_width: ClassVar[int] = 1
    sequence: int
    position: Indexed[int | None]
    at: str = ""
    kind: Indexed[str] = ""
    subject: Indexed[str] = ""
    commitment: str = ""
    salt: bytes = b""
    body: str | None = None
    leaf_hash: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNode:
    """The hash of a complete subtree: `level` 0 holds the leaves."""

    key_width: ClassVar[int] = 2
    level: int
    position: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCheckpoint:
    """A signed statement of size and root (C2SP signed note)."""

    key_width: ClassVar[int] = 1
    size: int
    root: bytes
    note: str
    at: datetime
