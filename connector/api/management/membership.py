"""Who this participant is, whom it knows, who can sign in here; and waiting for something to come about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from connector.api.doors import participant_of
from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.identity.keys import fingerprint, shown
from connector.services.accounts import AccountRow
from connector.services.membership import MemberRow
from connector.services.waiting import LONGEST, Awaited

router = APIRouter(route_class=ManagementRoute, tags=["participant"])
_STANDING = {"suspend": "suspended", "remove": "removed", "activate": "active"}


@dataclass(frozen=True, slots=True)
class Participant:
    """The running participant: `document` as others read it, `pid` of the operating system."""

    id: str
    name: str
    role: str
    url: str
    fingerprint: str
    document: str
    pid: int
    directory: str


@dataclass(frozen=True, slots=True)
class Made:
    """The id of what was made."""

    id: str


class MemberSent(Sent):
    """A participant to listen to: its address, and the fingerprint its people told you another way.

    `new_key`: it is known already and lost its key; this is the fingerprint of the one it has now.
    """

    url: str = Field(max_length=2048)
    fingerprint: str = Field(max_length=200)
    allow_http: bool = False
    new_key: bool = False


class PlaceSent(Sent):
    """Where a member is established, where it keeps data, and the grounds on file for data that goes there."""

    jurisdiction: str = Field(max_length=2)
    hosting: list[str] = Field(min_length=1, max_length=50)
    grounds: list[str] = Field(default_factory=list, max_length=20)


class AccountSent(Sent):
    """Somebody of staff who may sign in."""

    subject: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)
    roles: list[str] = Field(min_length=1, max_length=10)


class RolesSent(Sent):
    """Roles of staff."""

    roles: list[str] = Field(min_length=1, max_length=10)


@router.get("/participant")
async def participant(request: Request) -> Participant:
    """Who is running here."""
    found, running = participant_of(request), request.app.state.running
    me = found.identity
    digits = fingerprint(found.context.signer.public_jwk)
    return Participant(
        me.id, me.name, me.role, me.origin, shown(digits), found.keys.document(digits), running.pid,
        str(found.settings.directory),
    )  # fmt: skip


@router.get("/members")
async def members(called: Called, actor: Operator) -> list[MemberRow]:
    """The register."""
    return await called.membership.members(actor)


@router.post("/members", status_code=201)
async def add_member(called: Called, actor: Operator, sent: MemberSent) -> MemberRow:
    """Learn to know a participant by its own signed document."""
    return await called.membership.add(
        actor, sent.url, sent.fingerprint, allow_http=sent.allow_http, new_key=sent.new_key
    )


@router.post("/members/{id}/place")
async def place_member(called: Called, actor: Operator, id: str, sent: PlaceSent) -> MemberRow:
    """Note where a member is and keeps data."""
    return await called.membership.set_place(actor, id, sent.jurisdiction, sent.hosting, sent.grounds)


@router.post("/members/{id}/{act}")
async def change_member(
    called: Called, actor: Operator, id: str, act: Literal["suspend", "remove", "activate"]
) -> MemberRow:
    """Suspend, remove or listen again."""
    return await called.membership.set_standing(actor, id, _STANDING[act])


@router.get("/accounts")
async def accounts(called: Called, actor: Operator) -> list[AccountRow]:
    """Everybody who can sign in here."""
    return await called.accounts.accounts(actor)


@router.post("/accounts", status_code=201)
async def open_account(called: Called, actor: Operator, sent: AccountSent) -> Made:
    """Open a staff account, or give a known one further roles."""
    return Made(await called.accounts.open_account(actor, sent.subject, sent.name, sent.roles))


@router.post("/accounts/{id}/roles/take", status_code=204)
async def take_roles(called: Called, actor: Operator, id: str, sent: RolesSent) -> None:
    """Take roles from somebody of staff; sessions in one of them end at once."""
    await called.accounts.take_roles(actor, id, sent.roles)


@router.post("/accounts/{id}/close", status_code=204)
async def close_account(called: Called, actor: Operator, id: str) -> None:
    """Let nobody sign in with an account any more; its sessions end at once."""
    await called.accounts.close_account(actor, id)


@router.get("/wait")
async def wait(
    called: Called,
    actor: Operator,
    about: Annotated[str, Query(max_length=2048)],
    states: Annotated[str, Query(alias="for", max_length=400)],
    timeout: Annotated[float, Query(ge=0, le=LONGEST)] = 30.0,  # noqa: ASYNC109 - part of the address
) -> Awaited:
    """A negotiation, transfer, study or consent, once it is in one of the states (comma-separated) or time is up."""
    return await called.waiting.until(actor, about, states.lower().split(","), timeout)
