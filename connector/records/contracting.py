"""What people decide about contracts: standing rules, who has been asked, what they answered, whom they accepted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationRule:
    """How requests are answered once policy allows them. Empty `dataset`: any of ours; empty `counterparty`: anybody.

    `answer` is accept, refuse, person or quorum (two different persons); `days` is how long they have.
    """

    key_width: ClassVar[int] = 2
    dataset: str
    counterparty: str
    answer: str
    days: int = 14
    reason: str = ""  # of a refusal, for the other side
    set_by: str = ""
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's verdict on exactly one offer. `digest` is of its terms and selection, so a changed offer has none.

    `verdict` is approve, refuse or offer (the person made this offer themselves).
    """

    key_width: ClassVar[int] = 3
    negotiation: str
    digest: str
    account: str
    name: str = ""
    verdict: str = "approve"
    note: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAsked:
    """A negotiation that waits for people here. `question` says about what; `due_at` is the next reminder or the end.

    It counts while the negotiation still stands where it was asked (`question` is that of its present state).
    """

    key_width: ClassVar[int] = 1
    negotiation: str
    question: str
    role: str  # ours: provider | consumer
    needed: int = 1
    asked_at: datetime
    answer_by: datetime
    reminded_at: datetime | None = None
    due_at: Indexed[datetime | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueOffer:
    """An offer of another participant's catalogue, as it was when we asked for a contract under it."""

    key_width: ClassVar[int] = 2
    provider: str
    offer_id: str
    policy: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAcceptance:
    """The steward's word for a member that cannot prove erasure: withdrawals towards it are tracked by hand."""

    key_width: ClassVar[int] = 1
    member: str
    by: str = ""
    by_name: str = ""
    at: datetime | None = None
    why: str = ""
    until: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""
