"""Negotiations, agreements and transfers (Dataspace Protocol 2025-1), for both roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiation:
    """One contract negotiation as this participant sees it. `state` is the protocol state, nothing else.

    `offer` (with `selection`) is the offer or request that stands now, made by `offered_by`; `offers` is every one so
    far. `parting` is what we have decided to end it with and the counter-party has not acknowledged yet.
    """

    key_width: ClassVar[int] = 1
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("counterparty", "their_pid"), ("state", "counterparty"))
    pid: str
    role: str  # provider | consumer
    counterparty: str
    their_pid: str | None
    callback: str = ""
    state: str = "REQUESTED"
    revision: int = 0
    dataset: str = ""
    initiator: str = "consumer"
    offer: Json | None = None
    offered_by: str = "consumer"
    selection: Json | None = None
    offers: Json | None = None  # {"offers": [{"by", "at", "policy", "selection"}, ...]}
    study: str | None = None
    purposes: Json | None = None  # {"purposes": [...]}
    agreement: str | None = None
    parting: Json | None = None  # {"step", "code", "reason"}
    answer_by: Indexed[datetime | None] = None
    reminded_at: datetime | None = None
    reason: Json | None = None
    steps: Json | None = None  # {"steps": [[state, at, by], ...]}
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A contract between this participant and one other.

    `standing` is pending, active, suspended, ended or replaced. `replaces` names the agreement this one amends and
    `root` the first of that chain, whose pseudonyms go on; both are empty for a contract that amends none.
    """

    key_width: ClassVar[int] = 1
    id: str
    role: str
    counterparty: Indexed[str]
    negotiation: Indexed[str]
    dataset: Indexed[str]
    policy: Json | None = None
    digest: str = ""
    study: Indexed[str | None] = None
    study_digest: str | None = None
    purposes: Json | None = None
    selection: Json | None = None
    profile: str = ""
    profile_digest: str = ""
    standing: str = "active"
    revision: int = 0
    replaces: Indexed[str] = ""
    root: Indexed[str] = ""
    made_at: datetime | None = None
    until: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    end_reason: str = ""
    deadlines: Json | None = None
    suspended_at: datetime | None = None
    suspended_why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer process. At the provider `token_hash` opens the data; at the consumer `data_address` says where.

    `push_to` is where a push goes (provider) or what it is told (consumer). `parting` is what we have decided to pause
    or end it with and the counter-party has not acknowledged yet: from then on nothing is opened. `next_token_hash`
    belongs to a fresh address that is under way to a consumer who may still use the old one.
    """

    key_width: ClassVar[int] = 1
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = (("counterparty", "their_pid"), ("state", "role"))
    pid: str
    role: str
    counterparty: str
    their_pid: str | None
    callback: str = ""
    agreement: Indexed[str]
    dataset: str = ""
    format: str = "HttpData-PULL"
    kind: str = "records"  # records | stream
    state: str = "REQUESTED"
    revision: int = 0
    data_address: Json | None = None
    push_to: Json | None = None
    token_hash: Indexed[str | None] = None
    next_token_hash: str | None = None
    suspended_by: str | None = None
    parting: Json | None = None  # {"step", "code", "reason"}
    reason: Json | None = None
    steps: Json | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def held(self) -> bool:
        """Whether we have stopped it and the counter-party has not acknowledged that yet."""
        return self.parting is not None
