"""What a researcher reads: plain frozen values. Numbers about people come as text wherever they could be small."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.services.rooms.views import AgreementRow, NegotiationRow, TransferRow, WithdrawalRow


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer as its provider published it, and in sentences."""

    id: str
    sentences: list[str]
    policy: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A dataset in somebody's catalogue. `categories` are words; `expected_yield` a number of ten or more, or words.

    `later` says for some days from now how many of them would still be there if nobody renewed, in words.
    """

    provider: str
    provider_name: str
    dataset: str
    title: str
    description: str
    categories: list[str]
    kind: str
    offers: list[Offer]
    expected_yield: str | None
    temporal: str | None
    later: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study request of ours; `approvals` lists (holder, state, when)."""

    id: str
    title: str
    state: str
    published_at: datetime
    approvals: list[tuple[str, str, datetime | None]]


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study request of ours, whole."""

    id: str
    title: str
    state: str
    published_at: datetime
    approvals: list[tuple[str, str, datetime | None]]
    summary: str
    words: dict[str, str]
    purposes: list[str]
    datasets: list[str]
    purpose_iris: list[str]
    answer_until: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that needs the researcher: what, since when, and where in the portal to do it.

    `urgent`: half of the time to answer is over.
    """

    words: str
    since: datetime | None
    address: str
    act: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class ResearchHome:
    """The first page: what waits, then what there is."""

    waiting: list[Waiting]
    negotiations: list[NegotiationRow]
    agreements: list[AgreementRow]
    transfers: list[TransferRow]
    withdrawals: list[WithdrawalRow]
