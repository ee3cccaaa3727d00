"""Transfers in either role: asked for, looked at, paused, let go on, ended."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.rooms import TransferRow

router = APIRouter(route_class=ManagementRoute, tags=["transfers"])


class Asked(Sent):
    """The contract whose data is asked for, and whether the provider shall push it to us.

    `since_last`: only what changed since the last release that is here.
    """

    agreement: str = Field(max_length=2048)
    push: bool = False
    since_last: bool = False


class Reason(Sent):
    """Why, for the other side."""

    reason: str = Field(min_length=1, max_length=500)


class Ending(Sent):
    """Why it is called off, if it is."""

    reason: str = Field("", max_length=500)


@dataclass(frozen=True, slots=True)
class Begun:
    """Our id of a process."""

    pid: str


@router.get("/transfers")
async def transfers(called: Called, actor: Operator, agreement: str | None = None) -> list[TransferRow]:
    """Every transfer, newest first, or those of one contract."""
    return await called.transfer_desk.transfers(actor, agreement)


@router.post("/transfers", status_code=201)
async def ask(called: Called, actor: Operator, sent: Asked) -> Begun:
    """Ask for the data of a contract."""
    return Begun(await called.transfer_desk.ask(actor, sent.agreement, push=sent.push, since_last=sent.since_last))


@router.get("/transfers/{pid}")
async def transfer(called: Called, actor: Operator, pid: str) -> TransferRow:
    """One of them."""
    return await called.transfer_desk.transfer(actor, pid)


@router.post("/transfers/{pid}/suspend", status_code=204)
async def suspend(called: Called, actor: Operator, pid: str, sent: Reason) -> None:
    """Pause one that runs; at a provider nothing more leaves from then on."""
    await called.transfer_desk.suspend(actor, pid, sent.reason)


@router.post("/transfers/{pid}/resume", status_code=204)
async def resume(called: Called, actor: Operator, pid: str) -> None:
    """Let one go on that we paused."""
    await called.transfer_desk.resume(actor, pid)


@router.post("/transfers/{pid}/end", status_code=204)
async def end(called: Called, actor: Operator, pid: str, sent: Ending | None = None) -> None:
    """End one: with a reason it is called off, without one a consumer's that runs is completed."""
    await called.transfer_desk.end(actor, pid, sent.reason if sent else "")
