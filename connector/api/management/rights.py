"""What people and officers take away: receipts, exports, a person's file at the holder, the register of processing."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response

from connector.api.management.door import Called, ManagementRoute, Officer, Operator
from connector.services.rights.holder_files import OpenedFile
from connector.services.wallet.receipts import Paper

router = APIRouter(route_class=ManagementRoute, tags=["rights"])


@router.get("/receipts/{number}", response_class=Response)
async def receipt(
    called: Called, actor: Operator, number: str, format: Literal["json", "jws", "html", "pdf"] = "json"
) -> Response:
    """A receipt of a consent given at this wallet: the document with its signature, or set for reading."""
    return sent(await called.wallet.receipts.file(actor, number, format))


@router.get("/people/{account}/export", response_class=Response)
async def export(called: Called, actor: Operator, account: str) -> Response:
    """Everything this wallet keeps about a person, as one archive."""
    return sent(await called.rights.exports.of(actor, account))


@router.get("/people/{person}/file", response_model=None)
async def person_file(
    called: Called, actor: Officer, person: str, ground: str = "access", reference: str = "",
    format: Literal["json", "html", "zip"] = "json",
) -> OpenedFile | Response:  # fmt: skip
    """What this holder keeps about a person. Opening it is logged, and the person's wallet is told."""
    files = called.rights.files
    if format == "json":
        return await files.open(actor, person, ground, reference)
    make = files.page if format == "html" else files.archive
    return sent(await make(actor, person, ground, reference))


@router.get("/dpo/register", response_class=Response)
async def register(
    called: Called, actor: Officer, format: Literal["json", "html", "csv", "jws", "zip"] = "json"
) -> Response:
    """The register of processing activities (GDPR art. 30), generated now."""
    return sent(await called.rights.registers.file(actor, format))


def sent(paper: Paper) -> Response:
    """A file as an answer. Its name holds no name of a person."""
    headers = {"Content-Disposition": f'attachment; filename="{paper.name}"', "Cache-Control": "no-store"}
    return Response(paper.body, media_type=paper.media_type, headers=headers)
