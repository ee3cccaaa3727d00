"""What the data protection officer does: log, proofs, export; contracts' history, decisions, withdrawals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Officer, Sent
from connector.services.dpo import (
    DecisionView,
    DpoHome,
    History,
    LogEntryView,
    LogRow,
    LogVerdict,
    NoticeRow,
    Replay,
)
from connector.services.evidence import Exported
from connector.services.rooms.views import AgreementRow

router = APIRouter(route_class=ManagementRoute, tags=["evidence"])


class VerificationSent(Sent):
    """Checkpoints kept elsewhere that must fit the log too; none is fine."""

    checkpoints: list[str] = Field(default_factory=list, max_length=1000)


class ExportSent(Sent):
    """A new or empty directory on this machine, by its full path."""

    directory: Path


@router.get("/audit/entries")
async def entries(
    called: Called,
    actor: Officer,
    after: Annotated[int, Query(ge=-1)] = -1,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[LogRow]:
    """Entries of the log after an index, oldest first."""
    return await called.dpo.log(actor, after, limit)


@router.get("/audit/entries/{index}")
async def entry(called: Called, actor: Officer, index: int) -> LogEntryView:
    """One entry with its proof."""
    return await called.dpo.entry(actor, index)


@router.post("/audit/verify")
async def verify(called: Called, actor: Officer, sent: VerificationSent | None = None) -> LogVerdict:
    """The whole log checked now."""
    return await called.dpo.verify(actor, sent.checkpoints if sent else ())


@router.post("/audit/export")
async def export(called: Called, actor: Officer, sent: ExportSent) -> Exported:
    """The log written out, with what is needed to verify it without us."""
    return await called.dpo.export(actor, sent.directory)


@router.get("/dpo")
async def home(called: Called, actor: Officer) -> DpoHome:
    """What is overdue, then numbers."""
    return await called.dpo.home(actor)


@router.get("/dpo/contracts")
async def contracts(called: Called, actor: Officer) -> list[AgreementRow]:
    """Every contract."""
    return await called.dpo.contracts(actor)


@router.get("/dpo/contracts/{id:path}")
async def history(called: Called, actor: Officer, id: str) -> History:
    """Everything that happened under one."""
    return await called.dpo.history(actor, id)


@router.get("/dpo/decisions/{id}")
async def decision(called: Called, actor: Officer, id: str) -> DecisionView:
    """One decision and why it came out so."""
    return await called.dpo.decision(actor, id)


@router.post("/dpo/decisions/{id}/replay")
async def replay(called: Called, actor: Officer, id: str) -> Replay:
    """The same rules run again on the inputs kept."""
    return await called.dpo.replay(actor, id)


@router.get("/dpo/withdrawals")
async def withdrawals(called: Called, actor: Officer) -> list[NoticeRow]:
    """Who was told to stop, and what they answered."""
    return await called.dpo.withdrawals(actor)
