"""At a recipient: what was made of received data, what withdrawals ask of people here, and checking what is held."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Officer, Operator, Sent
from connector.api.management.membership import Made
from connector.services.received.chain import Chain
from connector.services.received.views import DerivationRow, HeldRow, Registering

router = APIRouter(route_class=ManagementRoute, tags=["consumer"])


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the connector may rewrite files; below it researchers keep what it shall take people out of."""

    path: str


class DerivationSent(Sent):
    """Something made of received data: at least one parent. `codes` null: it is not known who is in it.

    `stays` is anonymous or published, with a ground, for a result. `current`: made from the files as they are now.
    """

    kind: str = Field("file", max_length=20)
    name: str = Field("", max_length=200)
    path: str = Field("", max_length=4096)
    transfers: list[str] = Field(default_factory=list, max_length=1000)
    derivations: list[str] = Field(default_factory=list, max_length=1000)
    codes: list[str] | None = Field(None, max_length=200_000)
    stays: str = Field("", max_length=20)
    ground: str = Field("", max_length=1000)
    current: bool = False


class RebuiltSent(Sent):
    """Where it lies now, if elsewhere than before."""

    path: str = Field("", max_length=4096)


class StaysSent(Sent):
    """Why it stays: anonymous or published (a result), or exception (the data protection officer's word)."""

    reason: str = Field(max_length=20)
    ground: str = Field(max_length=1000)


@router.get("/derivations")
async def derivations(called: Called, actor: Operator) -> list[DerivationRow]:
    """Everything registered, newest first."""
    return await called.derivations.all(actor)


@router.post("/derivations", status_code=201)
async def register(called: Called, actor: Operator, sent: DerivationSent) -> Made:
    """Register something made of received data."""
    return Made(await called.derivations.register(actor, Registering(**sent.model_dump())))


@router.get("/derivations/tasks")
async def tasks(called: Called, actor: Operator) -> list[DerivationRow]:
    """What is to be rebuilt or erased by somebody here, the nearest deadline first."""
    return await called.derivations.tasks(actor)


@router.get("/derivations/folder")
async def folder(called: Called) -> Folder:
    """Where the connector may rewrite files."""
    return Folder(called.derivations.folder)


@router.get("/derivations/{id}")
async def derivation(called: Called, actor: Operator, id: str) -> DerivationRow:
    """One of them."""
    return await called.derivations.get(actor, id)


@router.post("/derivations/{id}/rebuilt", status_code=204)
async def rebuilt(called: Called, actor: Operator, id: str, sent: RebuiltSent | None = None) -> None:
    """It was made anew without those who stopped."""
    await called.derivations.rebuilt(actor, id, sent.path if sent else "")


@router.post("/derivations/{id}/erased", status_code=204)
async def erased(called: Called, actor: Operator, id: str) -> None:
    """It is deleted."""
    await called.derivations.erased(actor, id)


@router.post("/derivations/{id}/stays", status_code=204)
async def stays(called: Called, actor: Operator, officer: Officer, id: str, sent: StaysSent) -> None:
    """It stays, on a stated ground."""
    await called.derivations.stays(officer if sent.reason == "exception" else actor, id, sent.reason, sent.ground)


@router.get("/received")
async def held(called: Called, actor: Operator) -> list[HeldRow]:
    """What was received and is here, and until when it may be used."""
    return await called.looking.held(actor)


@router.get("/received/verify")
async def verify(called: Called, actor: Operator, transfer: str | None = None) -> list[Chain]:
    """Received files against their manifests: one, or all."""
    return await called.looking.verify(actor, transfer)
