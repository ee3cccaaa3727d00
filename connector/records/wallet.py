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
class HandedCode:
    """A one-time code that a browser brought from a holder's page, for minutes. `id`: the hash of its cookie.

    It is removed as soon as somebody signed in says yes or no to it.
    """

    key_width: ClassVar[int] = 1
    id: str
    holder: str
    code: str
    expires_at: Indexed[datetime | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletConsent:
    """A version of a person's consent for one holder; never edited.

    `wish` is what its signer wanted (yes or no) where the version says less, because guardians do not agree.
    """

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
    wish: str = ""


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
    """What a recipient of a person's data answered to their withdrawal.

    `tracking` is the holder's last word on how it goes (`contracts.withdrawing.Tracking`); "jws" is the signed text.
    """

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
    tracking: Json | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Somebody's authority to decide for a person here (reference S17).

    `kind`: parent, guardian, attorney or court. `account` is the person, `proxy` the account that acts. `until` is when
    it ends by itself (a child's majority); `ended_at` when it was ended. `scope` is {"studies": [...] or null}.
    """

    key_width: ClassVar[int] = 1
    id: str
    account: Indexed[str]
    proxy: Indexed[str]
    kind: str = "parent"
    evidence: str = ""
    scope: Json | None = None
    begins_at: datetime | None = None
    until: Indexed[datetime | None] = None
    jurisdiction: str = ""
    verified_by: str = ""
    verified_at: datetime | None = None
    ended_at: datetime | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOptOut:
    """A person's opt-out of secondary use, as they stated it here. `delivered` is {link: when its holder acknowledged}.

    `by` is the `Authority` of whoever stated it for them; empty: they did so themselves.
    """

    key_width: ClassVar[int] = 1
    id: str
    account: Indexed[str]
    by: str = ""
    at: datetime | None = None
    reversed_at: datetime | None = None
    delivered: Json | None = None
    reversal_delivered: Json | None = None
