"""What the owner of this machine may see of its own records, exactly: releases made, answers received, erasures done.

Exact numbers about people are for the participant itself. People stand here by their consent's id or by code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from connector.api.management.door import Around, ManagementRoute
from connector.ports import Transaction
from connector.records import Consent, Release, Tombstone

router = APIRouter(route_class=ManagementRoute, tags=["evidence"])
Id = Annotated[str, Query(max_length=2048)]


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """What left under a transfer. `withheld` counts people by reason code, `withheld_resources` resources."""

    release: str
    transfer: str
    agreement: str
    kind: str
    standing: str
    people: int
    resources: int
    bytes: int
    withheld: dict[str, int]
    withheld_resources: dict[str, int]
    dropped: list[str]
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReceivedConsent:
    """The newest version of somebody's answer, as this holder enforces it."""

    consent: str
    version: int
    state: str
    datasets: list[str]
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """What we were asked to delete, and did. `bytes_after` arrived although it was sent after the holder's commit."""

    notice: str
    agreement: str
    code: str
    kind: str
    received_at: datetime | None
    stopped_at: datetime | None
    erased_at: datetime | None
    objects: int
    lines: int
    bytes: int
    bytes_after: int


@router.get("/releases")
async def releases(around: Around, agreement: Id) -> list[ReleaseRow]:
    """Everything released under a contract, newest first."""
    return await around.store.read(
        lambda tx: [_release(one) for one in tx.find(Release, agreement=agreement, order="-started_at")]
    )


@router.get("/received-consents")
async def received_consents(around: Around, study: Id) -> list[ReceivedConsent]:
    """The answers of people to a study, as delivered by their wallets."""

    def query(tx: Transaction) -> list[ReceivedConsent]:
        found = tx.find(Consent, study=study, current=True, order="committed_at")
        return [
            ReceivedConsent(one.id, one.version, one.state, _datasets(one.record), one.committed_at) for one in found
        ]

    return await around.store.read(query)


@router.get("/erasures")
async def erasures(around: Around, agreement: Id) -> list[ErasureRow]:
    """What we were asked to delete under a contract."""

    def query(tx: Transaction) -> list[ErasureRow]:
        names = tuple(ErasureRow.__dataclass_fields__)
        found = tx.find(Tombstone, agreement=agreement, order="received_at")
        return [ErasureRow(**{name: getattr(one, name) for name in names}) for one in found]

    return await around.store.read(query)


def _release(one: Release) -> ReleaseRow:
    return ReleaseRow(
        release=one.id, transfer=one.transfer, agreement=one.agreement, kind=one.kind, standing=one.standing,
        people=one.people, resources=one.resources, bytes=one.bytes, withheld=dict(one.withheld or {}),
        withheld_resources=dict(one.withheld_resources or {}), dropped=list((one.dropped or {}).get("at", [])),
        started_at=one.started_at, finished_at=one.finished_at,
    )  # fmt: skip


def _datasets(record: dict[str, Any] | None) -> list[str]:
    return [str(scope["dataset"]) for scope in (record or {}).get("data", [])]
