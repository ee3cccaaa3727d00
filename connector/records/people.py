"""Accounts that sign in, and their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who can sign in here. `subject` is the sign-in provider's name for them.

    `roles` is {"roles": [...], "claimed": [...]}: what was granted here, and what the provider last said they may do.
    """

    key_width: ClassVar[int] = 1
    id: str
    issuer: str = ""
    subject: Indexed[str] = ""
    name: str = ""
    born: date | None = None
    roles: Json | None = None
    standing: str = "active"
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser; `id` is the hash of the cookie. `assurance` of the sign-in: low, substantial or high.

    `authority` is the `Authority` by which they act for somebody else now; empty: they act for themselves. `sid` is
    the provider's name for the sign-in, `kept` what it gave us to ask after it (sealed, hexadecimal). `confirmed_at` is
    when it last said that the sign-in stands, `asked_at` when somebody last set out to ask.
    """

    key_width: ClassVar[int] = 1
    id: str
    account: Indexed[str]
    role: str = ""
    csrf: str = ""
    assurance: str = ""
    authority: str = ""
    sid: Indexed[str] = ""
    kept: str = ""
    confirmed_at: datetime | None = None
    asked_at: datetime | None = None
    created_at: datetime | None = None
    seen_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAttempt:
    """A sign-in under way: what must come back, and where to go then."""

    key_width: ClassVar[int] = 1
    id: str
    facts: Json | None = None
    expires_at: datetime | None = None
