"""What a patients' wallet keeps: links, consents given, their delivery, withdrawals' progress, uses of data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletLink:
    """One of our people at one holder."""

    key_width: ClassVar[int] = 1
    id: str
    account: Indexed[str]
    holder: Indexed[str]
    wallet_person: Indexed[str] = ""
    statement: str = ""
    standing: str = "active"
    linked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletConsent:
    """A version of a person's consent for one holder; never edited."""

    key_width: ClassVar[int] = 2
    id: str
    version: int
    account: Indexed[str]
    holder: Indexed[str] = ""
    link: str = ""
    study: Indexed[str] = ""
    state: str = ""
    record: Json | None = None
    jws: str = ""
    digest: str = ""
    current: bool = True
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How far a consent version got to its holder. `standing`: waiting, acknowledged, refused."""

    key_width: ClassVar[int] = 2
    consent: str
    version: int
    holder: str = ""
    standing: str = "waiting"
    sent_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledgement: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientProgress:
    """What a recipient of a person's data answered to their withdrawal."""

    key_width: ClassVar[int] = 1
    notice: str
    consent: Indexed[str]
    version: int = 0
    holder: str = ""
    recipient: str = ""
    recipient_name: str = ""
    told_at: datetime | None = None
    deadline: datetime | None = None
    received_at: datetime | None = None
    stopped_at: datetime | None = None
    erased_at: datetime | None = None
    exception: str | None = None
    objects: int = 0
    lines: int = 0
    verified: bool = False
    statements: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseOfData:
    """One line of a person's timeline: who received what, or was refused."""

    key_width: ClassVar[int] = 1
    id: str
    account: Indexed[str]
    holder: str = ""
    at: datetime | None = None
    kind: str = "release"
    recipient: str = ""
    recipient_name: str = ""
    study: str = ""
    agreement: str = ""
    resources: int | None = None
    reason: str = ""
