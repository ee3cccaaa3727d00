"""The members register, our own signing keys, sealed secrets, and small settings of the store."""

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
class OwnKey:
    """A signing key of this participant since a rotation, by its name in the vault (`participant-2`).

    `sealed` is the private half as the vault sealed it, empty once it was destroyed; `public` the public half, sealed
    too, so that nobody but the vault can have written it. `retires_at` is when it stops counting (None: the newest),
    `retired_at` when it did.
    """

    key_width: ClassVar[int] = 1
    id: str
    number: int = 1
    sealed: bytes = b""
    public: bytes = b""
    made_at: datetime | None = None
    retires_at: datetime | None = None
    retired_at: datetime | None = None


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
