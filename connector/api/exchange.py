"""The consent exchange between connectors, below `/consent` (docs/consent-exchange.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from connector.api.bodies import read_bytes, read_object
from connector.api.doors import participant_of, sender_of
from connector.identity.members import Member
from connector.problems import Problem
from connector.services.context import Context
from connector.services.delivery import wake_recipient

router = APIRouter(prefix="/consent", include_in_schema=False)

Receive = Callable[[Member, Mapping[str, Any]], Awaitable[dict[str, Any]]]


async def _heard(request: Request) -> tuple[Member, dict[str, Any]]:
    participant = participant_of(request)
    data = await read_bytes(request, participant.settings.body_limit)
    body = read_object(data)
    sender = await sender_of(request, data)
    await _alive(participant.context, sender)
    return sender, body


async def _alive(context: Context, sender: Member) -> None:
    """Whoever speaks to us is there: what waits for them leaves now."""
    if context.deliveries.waits_for(sender.id):
        context.deliveries.back(sender.id)
        await context.store.write(lambda tx: wake_recipient(tx, context.clock, sender.id))


async def _answer(request: Request, receive: Receive) -> Response:
    sender, body = await _heard(request)
    return JSONResponse(await receive(sender, body))


@router.post("/studies")
async def studies(request: Request) -> Response:
    """A study request for our steward, or a holder's approval for us to show."""
    sender, body = await _heard(request)
    status, answer = await participant_of(request).services.studies.receive(sender, body)
    return JSONResponse(answer, status)


@router.post("/links")
async def links(request: Request) -> Response:
    """A person's one-time code, entered at their wallet."""
    return await _answer(request, participant_of(request).services.link_desk.accept)


@router.post("/doubts")
async def doubts(request: Request) -> Response:
    """A person says that a link of theirs joins them with somebody else's record."""
    return await _answer(request, participant_of(request).services.disputes.receive)


@router.post("/link-standings")
async def link_standings(request: Request) -> Response:
    """A holder tells a wallet how a link stands."""
    return await _answer(request, participant_of(request).services.wallet.links.standing)


@router.post("/consents")
async def consents(request: Request) -> Response:
    """A signed consent, change or withdrawal."""
    return await _answer(request, participant_of(request).services.consent_desk.receive)


@router.post("/heartbeat")
async def heartbeat(request: Request) -> Response:
    """The wallet is alive."""
    return await _answer(request, participant_of(request).services.consent_desk.heartbeat)


@router.post("/withdrawals")
async def withdrawals(request: Request) -> Response:
    """A holder tells this recipient that a person stopped."""
    return await _answer(request, participant_of(request).services.erasure_desk.receive)


@router.post("/statements")
async def statements(request: Request) -> Response:
    """A recipient states what it stopped or erased."""
    return await _answer(request, participant_of(request).services.stopping.receive)


@router.post("/resumptions")
async def resumptions(request: Request) -> Response:
    """Somebody who had paused goes on."""
    return await _answer(request, participant_of(request).services.resuming.resumed)


@router.post("/reminders")
async def reminders(request: Request) -> Response:
    """A holder reminds this recipient of a withdrawal that is overdue."""
    return await _answer(request, participant_of(request).services.resuming.reminded)


@router.post("/standings")
async def standings(request: Request) -> Response:
    """A holder tells the wallet that it ended a consent itself."""
    return await _answer(request, participant_of(request).services.standings.receive)


@router.post("/suspensions")
async def suspensions(request: Request) -> Response:
    """The provider lets a contract rest, or go on."""
    return await _answer(request, participant_of(request).services.suspending.receive)


@router.post("/progress")
async def progress(request: Request) -> Response:
    """A holder forwards a recipient's statement to the person's wallet."""
    return await _answer(request, participant_of(request).services.wallet.feedback.progress)


@router.post("/endings")
async def endings(request: Request) -> Response:
    """The other side has ended an agreement."""
    return await _answer(request, participant_of(request).services.endings.receive)


@router.post("/erasures")
async def erasures(request: Request) -> Response:
    """A recipient states that what it received under an agreement that is over is deleted."""
    return await _answer(request, participant_of(request).services.endings.erased)


@router.get("/erasures/{notice}/{object}")
async def erasure(request: Request, notice: str, object: str) -> Response:
    """Whether a person is really gone from one thing that a statement of ours listed: 410 when they are."""
    participant = participant_of(request)
    sender = await sender_of(request)
    found = await participant.services.looking.look(sender, notice, object)
    if found is None:
        raise Problem(410, "erased", "This is gone", "nothing of the person is in it")
    return JSONResponse(found.wire())


@router.get("/profiles")
async def profiles(request: Request, agreement: str) -> Response:
    """The de-identification profile that a contract of the sender's names, with its text."""
    participant = participant_of(request)
    sender = await sender_of(request)
    return JSONResponse(await participant.services.contract_profiles.hand_out(sender, agreement))


@router.post("/amendments")
async def amendments(request: Request) -> Response:
    """The other side proposes changed terms."""
    return await _answer(request, participant_of(request).services.amendment_desk.proposed)


@router.post("/answers")
async def answers(request: Request) -> Response:
    """The other side answers a proposal, or takes its own back."""
    return await _answer(request, participant_of(request).services.amendment_desk.answered)


@router.post("/duties")
async def duties(request: Request) -> Response:
    """The recipient states that it did what it owed."""
    return await _answer(request, participant_of(request).services.duties.receive)


@router.post("/opt-outs")
async def opt_outs(request: Request) -> Response:
    """A person opts out of secondary use, or takes that back."""
    return await _answer(request, participant_of(request).services.opt_out_desk.receive)


@router.post("/uses")
async def uses(request: Request) -> Response:
    """A holder tells a wallet who used its people's data."""
    return await _answer(request, participant_of(request).services.wallet.feedback.uses)
