"""What a contract's pages show: plain frozen values, nothing to decide. States are lower-case words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a negotiation: done `at`, `waiting` (the next one), or still to come."""

    state: str
    at: datetime | None
    by: str
    waiting: bool


@dataclass(frozen=True, slots=True)
class NegotiationRow:
    """One negotiation in a list. `provider_name` is the other side when we are the provider ourselves."""

    pid: str
    provider_name: str
    dataset: str
    study_title: str
    state: str
    at: datetime
    role: str = "consumer"
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class NegotiationView:
    """One negotiation, step by step."""

    pid: str
    provider_name: str
    dataset: str
    state: str
    steps: list[Step]
    sentences: list[str]
    agreement: str | None
    reason: str | None
    study_title: str
    role: str = "consumer"
    dataset_id: str = ""
    study: str | None = None


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One contract in a list."""

    id: str
    counterparty_name: str
    dataset: str
    study_title: str
    made_at: datetime
    until: datetime | None
    state: str
    role: str = "consumer"
    dataset_id: str = ""


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One transfer. Counts of people are exact only for the provider's own staff; else text where they are small."""

    pid: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    people: int | str
    resources: int
    bytes: int | None
    withheld: list[tuple[str, str]]
    withheld_resources: list[tuple[str, int | str]]
    manifest_verified: bool | None
    path: str
    agreement: str = ""
    finding: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawalRow:
    """One person who stopped, by the number of the notice only."""

    notice: str
    received_at: datetime | None
    stopped_at: datetime | None
    erased_at: datetime | None
    objects: int
    lines: int
    agreement: str = ""
    kind: str = "erase"


@dataclass(frozen=True, slots=True)
class ContractRoom:
    """One contract: who agreed what, what was sent, what was held back and why, who stopped."""

    id: str
    role: str
    counterparty_name: str
    dataset: str
    study_title: str
    state: str
    steps: list[Step]
    sentences: list[str]
    made_at: datetime
    until: datetime | None
    digest: str
    policy: dict[str, Any]
    transfers: list[TransferRow]
    withdrawals: list[WithdrawalRow]
    negotiation: str = ""
    dataset_id: str = ""
    study: str | None = None
