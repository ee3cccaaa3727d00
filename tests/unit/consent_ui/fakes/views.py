"""The views of the services, in the shapes the portal relies on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from connector.services.actors import Actor
from connector.services.wallet.views import *  # noqa: F403 - the portal sees one set of views


def view(cls):
    return dataclass(frozen=True, slots=True)(cls)


@view
class Session:
    id: str
    actor: Actor
    csrf: str
    roles: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


@view
class Offer:
    id: str
    sentences: list[str]
    policy: dict[str, Any]


@view
class CatalogueEntry:
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


@view
class StudyRow:
    id: str
    title: str
    state: str
    published_at: datetime
    approvals: list[tuple[str, str, datetime | None]]


@view
class StudyView(StudyRow):
    summary: str
    words: dict[str, str]
    purposes: list[str]
    datasets: list[str]


@view
class StudyDraft:
    title: str
    summary: str
    words: dict[str, str]
    purposes: list[str]
    data: list[tuple[str, str, list[str] | None]]
    window_start: date | None
    window_end: date | None
    answer_until: datetime
    valid_until: datetime
    contact_name: str
    contact_email: str


@view
class Step:
    state: str
    at: datetime | None
    by: str
    waiting: bool


@view
class NegotiationRow:
    pid: str
    provider_name: str
    dataset: str
    study_title: str
    state: str
    at: datetime


@view
class NegotiationView:
    pid: str
    provider_name: str
    dataset: str
    state: str
    steps: list[Step]
    sentences: list[str]
    agreement: str | None
    reason: str | None
    study_title: str


@view
class AgreementRow:
    id: str
    counterparty_name: str
    dataset: str
    study_title: str
    made_at: datetime
    until: datetime | None
    state: str


@view
class TransferRow:
    pid: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    people: int | str
    resources: int
    bytes: int
    withheld: list[tuple[str, str]]
    withheld_resources: list[tuple[str, int]]
    manifest_verified: bool | None
    path: str


@view
class WithdrawalRow:
    notice: str
    received_at: datetime
    stopped_at: datetime | None
    erased_at: datetime | None
    objects: int
    lines: int


@view
class ContractRoom:
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


@view
class Waiting:
    words: str
    since: datetime | None
    address: str
    act: str


@view
class ResearchHome:
    waiting: list[Waiting]
    negotiations: list[NegotiationRow]
    agreements: list[AgreementRow]
    transfers: list[TransferRow]
    withdrawals: list[WithdrawalRow]


@view
class SourceRow:
    id: str
    name: str
    kind: str
    people: int
    records: int
    last_import: datetime | None
    problems: list[str]


@view
class PatientRow:
    id: str
    number: str
    name: str
    born: date
    linked: bool


@view
class LinkCode:
    code: str
    expires_at: datetime
    patient_name: str


@view
class DatasetRow:
    id: str
    title: str
    kind: str
    state: str
    source: str
    sentences: list[str]
    people: int
    yield_text: str | None
    published_at: datetime | None


@view
class DatasetDraft:
    title: str
    description: str
    keywords: list[str]
    categories: list[str]
    source: str
    kind: str
    purposes: list[str]
    until: date
    profile: str


@view
class StudyForDecision:
    id: str
    title: str
    organisation_name: str
    summary: str
    words: dict[str, str]
    purposes: list[str]
    datasets: list[str]
    state: str
    received_at: datetime
    decided_at: datetime | None
    decided_by: str | None


@view
class StewardHome:
    studies_waiting: list[StudyForDecision]
    negotiations: list[NegotiationRow]
    datasets: list[DatasetRow]
    sources: list[SourceRow]


@view
class NoticeRow:
    notice: str
    at: datetime
    recipient_name: str
    kind: str
    received_at: datetime | None
    stopped_at: datetime | None
    erased_at: datetime | None
    deadline: datetime | None
    overdue: bool


@view
class LogState:
    entries: int


@view
class DpoHome:
    contracts: int
    overdue: list[NoticeRow]
    refused_decisions: int
    log: LogState


@view
class LogRow:
    index: int | None
    at: datetime
    kind: str
    words: str
    subject: str
    integrated: bool


@view
class DecisionRow:
    id: str
    at: datetime
    person_code: str
    outcome: str
    first_reason: str


@view
class History:
    room: ContractRoom
    entries: list[LogRow]
    decisions: list[DecisionRow]


@view
class DecisionView:
    id: str
    at: datetime
    outcome: str
    reasons: list[tuple[str, str, str, str]]
    residual: list[str]
    obligations: list[str]
    unknown: list[str]
    valid_until: datetime | None
    inputs: dict[str, Any]
    would_change: str | None


@view
class Replay:
    same: bool
    at: datetime
    outcome: str
    differences: list[str] = field(default_factory=list)


@view
class LogEntryView:
    row: LogRow
    leaf_hash: str
    proof: list[str]
    root: str
    size: int
    checkpoint: str


@view
class LogVerdict:
    ok: bool
    entries: int
    first_bad: int | None
    what: str
    at: datetime
