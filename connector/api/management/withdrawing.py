"""Pauses and limits at a wallet; at a holder what is late, notes by hand, contracts that rest, consents it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, Request
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.api.management.people import person
from connector.services.exchange.standings import HeldConsent
from connector.services.suspending import SuspendedContract
from connector.services.wallet.pausing import Limit
from connector.services.wallet.views import PermissionCard
from connector.services.withdrawals import Withdrawal

router = APIRouter(route_class=ManagementRoute, tags=["withdrawals"])


@dataclass(frozen=True, slots=True)
class Studies:
    """The studies that something was done about."""

    studies: list[str]


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts that something was done about."""

    agreements: list[str]


class PauseSent(Sent):
    """Whose sharing rests or goes on, and with which study; null: with every study."""

    account: str
    study: str | None = None


class LimitSent(Sent):
    """What stays of what is shared: datasets with categories (null: all as now), clinical days, the last day."""

    account: str
    study: str
    datasets: dict[str, list[str] | None] | None = None
    window_start: date | None = None
    window_end: date | None = None
    until: date | None = None


class NoteSent(Sent):
    """What a recipient said that speaks no exchange: told, stopped, erased or exception, and how that is known."""

    answer: str
    evidence: str = Field(max_length=2000)
    ground: str = Field("", max_length=2000)


class LiftSent(Sent):
    """Why a contract that rests goes on."""

    reason: str = Field(max_length=2000)


class EndSent(Sent):
    """How a holder ends a consent itself: terminated or invalidated, and why or by whose decision."""

    state: str
    reason: str = Field(max_length=400)


@router.post("/consents/pause")
async def pause(request: Request, called: Called, sent: PauseSent) -> Studies:
    """Let one study rest, or every study."""
    whom = await person(request, called, sent.account)
    if sent.study is None:
        return Studies(await called.wallet.pause_everything(whom))
    await called.wallet.pause(whom, sent.study)
    return Studies([sent.study])


@router.post("/consents/resume")
async def resume(request: Request, called: Called, sent: PauseSent) -> Studies:
    """Go on with one study as before its pause, or with every study."""
    whom = await person(request, called, sent.account)
    if sent.study is None:
        return Studies(await called.wallet.resume_everything(whom))
    await called.wallet.resume(whom, sent.study)
    return Studies([sent.study])


@router.post("/consents/limit")
async def limit(request: Request, called: Called, sent: LimitSent) -> list[PermissionCard]:
    """Share less with a study. Nothing that was received is deleted."""
    whom = await person(request, called, sent.account)
    wanted = Limit(sent.datasets, sent.window_start, sent.window_end, sent.until)
    await called.wallet.limit(whom, sent.study, wanted)
    return [card for card in await called.wallet.permissions(whom) if card.study == sent.study]


@router.get("/withdrawals")
async def withdrawals(called: Called, actor: Operator, open_only: bool = False) -> list[Withdrawal]:
    """What we told recipients, and what they answered; what needs the officer comes first."""
    return await called.withdrawals.list(actor, open_only=open_only)


@router.get("/withdrawals/suspended")
async def suspended(called: Called, actor: Operator) -> list[SuspendedContract]:
    """Contracts that rest, and the withdrawals their recipients have still to answer."""
    return await called.suspending.list(actor)


@router.post("/withdrawals/suspended/{agreement}/lift")
async def lift(called: Called, actor: Operator, agreement: str, sent: LiftSent) -> Contracts:
    """Let every contract with this recipient go on, once it has answered."""
    return Contracts(await called.suspending.lift(actor, agreement, sent.reason))


@router.get("/withdrawals/{notice}")
async def withdrawal(called: Called, actor: Operator, notice: str) -> Withdrawal:
    """One of them."""
    return await called.withdrawals.one(actor, notice)


@router.post("/withdrawals/{notice}/note")
async def note(called: Called, actor: Operator, notice: str, sent: NoteSent) -> Withdrawal:
    """Note by hand what a recipient answered that speaks no exchange."""
    return await called.withdrawals.note(actor, notice, sent.answer, sent.evidence, sent.ground)


@router.get("/consents/held")
async def held(called: Called, actor: Operator, study: str | None = None) -> list[HeldConsent]:
    """The consents that stand at this holder, by id."""
    return await called.standings.list(actor, study)


@router.post("/consents/held/{consent}/end", status_code=204)
async def end(called: Called, actor: Operator, consent: str, sent: EndSent) -> None:
    """End a consent as its controller, or strike it out on an authority's decision."""
    await called.standings.end(actor, consent, sent.state, sent.reason)
