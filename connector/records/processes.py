"""Negotiations, agreements and transfers (Dataspace Protocol 2025-1), for both roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiation:
    """One contract negotiation as this participant sees it. `state` is the protocol state, nothing else."""

    key_width: ClassVar[int] = 1
    pid: str
    role: str  # provider | consumer
    counterparty: Indexed[str]
    their_pid: Indexed[str | None]
    callback: str = ""
    state: str = "REQUESTED"
    revision: int = 0
    dataset: str = ""
    offer: Json | None = None
    study: str | None = None
    purposes: Json | None = None  # {"purposes": [...]}
    agreement: str | None = None
    reason: Json | None = None
    steps: Json | None = None  # {"steps": [[state, at, by], ...]}
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A contract between this participant and one other. `standing` is active, suspended or ended."""

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
    profile: str = ""
    profile_digest: str = ""
    standing: str = "active"
    revision: int = 0
    made_at: datetime | None = None
    until: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer process. At the provider `token_hash` opens the data; at the consumer `data_address` says where."""

    key_width: ClassVar[int] = 1
    pid: str
    role: str
    counterparty: Indexed[str]
    their_pid: Indexed[str | None]
    callback: str = ""
    agreement: Indexed[str]
    dataset: str = ""
    format: str = "HttpData-PULL"
    kind: str = "records"  # records | stream
    state: str = "REQUESTED"
    revision: int = 0
    data_address: Json | None = None
    token_hash: Indexed[str | None] = None
    reason: Json | None = None
    steps: Json | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
