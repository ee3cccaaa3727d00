"""The members register, sealed secrets, and small settings of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEntry:
    """A participant we know. `standing`: active, suspended or removed."""

    key_width: ClassVar[int] = 1
    id: str
    name: str = ""
    role: str = ""
    origin: Indexed[str] = ""
    fingerprint: str = ""
    standing: str = "active"
    allow_http: bool = False
    document: Json | None = None
    added_at: datetime | None = None
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A secret sealed under the vault's master key; deleting the row destroys it."""

    key_width: ClassVar[int] = 1
    name: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A small fact the store keeps about itself."""

    key_width: ClassVar[int] = 1
    name: str
    value: str
