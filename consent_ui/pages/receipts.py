"""A person's papers: receipts to read, print and check, and everything kept about them to take away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response

from consent_ui.visit import Patient

if TYPE_CHECKING:
    from connector.services.wallet.receipts import Paper

router = APIRouter(prefix="/me", include_in_schema=False)


@router.get("/receipts/{number}.{form}")
async def receipt_file(visit: Patient, number: str, form: str) -> Response:
    """The receipt to keep: as signed (json, jws), as a page that works offline (html), or for paper (pdf)."""
    return taken(await visit.services.wallet.receipts.file(visit.actor, number, form))


@router.get("/receipts/{number}")
async def receipt(visit: Patient, number: str) -> Response:
    """The receipt to read or print."""
    wallet = visit.services.wallet
    return visit.page(
        "patient/receipt.html",
        receipt=await wallet.receipt(visit.actor, number),
        proof=await wallet.receipts.proof(visit.actor, number),
        number=number,
    )


@router.get("/file")
async def take_away(visit: Patient) -> Response:
    """What one can take away, and what is in it."""
    return visit.page("patient/file.html")


@router.get("/file.zip")
async def file(visit: Patient) -> Response:
    """Everything the wallet keeps about the person, made now."""
    return taken(await visit.services.rights.exports.of(visit.actor))


def taken(paper: Paper) -> Response:
    """A file as an answer; the name it is saved under names nobody."""
    headers = {"Content-Disposition": f'attachment; filename="{paper.name}"'}
    return Response(paper.body, media_type=paper.media_type, headers=headers)
