"""The members register, sealed secrets, and small settings of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEntry:
    """A participant we know; `entry` is a `connector.identity.members.Member`, `heard_at` its wallet's last word."""

    key_width: ClassVar[int] = 1
    id: str
    origin: Indexed[str] = ""
    standing: str = "active"
    entry: Json | None = None
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
