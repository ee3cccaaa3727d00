"""Transfers in either role: asked for, looked at, paused, let go on, ended."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import Field, SecretStr

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.processes.object_store import named
from connector.services.rooms import TransferRow
from contracts.object_store import ObjectStore

router = APIRouter(route_class=ManagementRoute, tags=["transfers"])


class Bucket(Sent):
    """A place in an object store (S3) and what opens it; the keys go to the provider, and are not kept here."""

    endpoint: str = Field(max_length=2048)
    bucket: str = Field(max_length=63)
    access_key: str = Field(max_length=256)
    secret_key: SecretStr = Field(max_length=512)
    session_token: SecretStr = Field(SecretStr(""), max_length=8192)
    prefix: str = Field("", max_length=512)
    region: str = Field("us-east-1", max_length=64)
    format: str = Field("", max_length=120)

    def named(self) -> ObjectStore:
        """Raises Problem 400."""
        secrets = {name: getattr(self, name).get_secret_value() for name in ("secret_key", "session_token")}
        return named(**self.model_dump(exclude=set(secrets)), **secrets)


class Asked(Sent):
    """The contract whose data is asked for, and whether the provider shall push it to us.

    `since_last`: only what changed since the last release that is here. `push_s3`: it shall go into this store.
    """

    agreement: str = Field(max_length=2048)
    push: bool = False
    since_last: bool = False
    push_s3: Bucket | None = None


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
    store = sent.push_s3.named() if sent.push_s3 else None
    desk = called.transfer_desk
    return Begun(await desk.ask(actor, sent.agreement, push=sent.push, since_last=sent.since_last, store=store))


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
