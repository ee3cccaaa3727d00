"""At a recipient: asking what was received, and exporting it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.received.asking import MOST_ROWS, Answered, Asked, Exported, TablesHere

router = APIRouter(route_class=ManagementRoute, tags=["consumer"])
_Named = Annotated[str, Query(max_length=2048)]


class QuestionSent(Sent):
    """One SELECT over the tables of a contract, of one transfer, or (neither named) of the only contract there is."""

    sql: str = Field(min_length=1, max_length=100_000)
    agreement: str = Field("", max_length=2048)
    transfer: str = Field("", max_length=2048)
    rows: int = Field(1000, ge=1, le=MOST_ROWS)


class ExportSent(Sent):
    """A new file on this machine, by its full path. Without `sql`: everything, as NDJSON the records themselves."""

    format: str = Field(max_length=20)
    path: str = Field(min_length=1, max_length=4096)
    sql: str = Field("", max_length=100_000)
    name: str = Field("", max_length=200)
    agreement: str = Field("", max_length=2048)
    transfer: str = Field("", max_length=2048)


@router.get("/data/tables")
async def tables(called: Called, actor: Operator, agreement: _Named = "", transfer: _Named = "") -> TablesHere:
    """What can be asked."""
    return await called.questions.tables(actor, Asked(agreement, transfer))


@router.post("/data/query")
async def query(called: Called, actor: Operator, sent: QuestionSent) -> Answered:
    """The answer to one question."""
    return await called.questions.ask(actor, Asked(sent.agreement, sent.transfer), sent.sql, sent.rows)


@router.post("/data/export", status_code=201)
async def export(called: Called, actor: Operator, sent: ExportSent) -> Exported:
    """Write an answer, or the records, to a file, and register it."""
    asked = Asked(sent.agreement, sent.transfer)
    return await called.questions.export(actor, asked, sent.format, sent.path, sent.sql, sent.name)
