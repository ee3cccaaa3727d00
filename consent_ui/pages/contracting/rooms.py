"""What both sides of a contract do with it: end it early, propose narrower terms, answer a proposal.

The pages are the same at either side, below `/research` and `/steward`; the visitor's area says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from connector.services.contracting import Standing
from consent_ui import choices
from consent_ui.pages.contracting import narrowing
from consent_ui.pages.contracting.narrowing import Sheet
from consent_ui.rendering import segment
from consent_ui.visit import Side, Visit, go

if TYPE_CHECKING:
    from connector.services.exchange.changes import AmendmentView
    from connector.services.rooms.views import ContractRoom

router = APIRouter(prefix="/contracts", include_in_schema=False)

LONGEST = 2000


async def room_of(visit: Visit, agreement: str) -> ContractRoom:
    """The contract as this side may see it."""
    if side(visit) == "/research":
        return await visit.services.research.room(visit.actor, agreement)
    return await visit.services.contracts.room(visit.actor, agreement)


def side(visit: Visit) -> str:
    """The first step of the addresses of this side."""
    return visit.area.home if visit.area else ""


@router.get("/{agreement:path}/end")
async def ask_end(visit: Side, agreement: str) -> Response:
    """What an early end means, before the button."""
    return await end_page(visit, agreement)


async def end_page(visit: Visit, agreement: str) -> Response:
    """The page before an early end, with its error if any."""
    room = await room_of(visit, agreement)
    history = await visit.services.contract_changes.history(visit.actor, agreement)
    if not history.can_end:
        return go(f"{side(visit)}/contracts/{segment(agreement)}")
    days = visit.participant.settings.erase_days
    status = 400 if visit.form.errors else 200
    return visit.page("contracting/end.html", status, room=room, days=days)


@router.post("/{agreement:path}/end")
async def end(visit: Side, agreement: str) -> Response:
    """End the contract, then show what follows."""
    reason = visit.form.required("reason", "Give the reason. Both sides keep it", LONGEST)
    if visit.form.errors:
        return await end_page(visit, agreement)
    try:
        await visit.services.endings.end(visit.actor, agreement, reason)
    except Problem as problem:
        if problem.where != "reason":
            raise
        visit.note(problem, "reason")
        return await end_page(visit, agreement)
    return go(f"{side(visit)}/contracts/{segment(agreement)}?done=ended")


@router.get("/{agreement:path}/change")
@router.post("/{agreement:path}/change")
async def change(visit: Side, agreement: str) -> Response:
    """The form for proposing narrower terms."""
    return narrowing.form_page(visit, await sheet(visit, agreement))


@router.post("/{agreement:path}/change/check")
async def check_change(visit: Side, agreement: str) -> Response:
    """What would change, before it is proposed."""
    return narrowing.check_page(visit, await sheet(visit, agreement))


@router.post("/{agreement:path}/change/send")
async def send_change(visit: Side, agreement: str) -> Response:
    """Propose it."""
    shown = await sheet(visit, agreement)
    draft = narrowing.read(visit, shown)
    if draft is None:
        return narrowing.form_page(visit, shown)
    try:
        made = await visit.services.amendments.narrow(visit.actor, agreement, draft, visit.form.text("reason"))
    except Problem as problem:
        return narrowing.refused(visit, shown, problem)
    return go(f"{side(visit)}/contracts/proposals/{segment(made)}?done=proposed")


async def sheet(visit: Visit, agreement: str) -> Sheet:
    """The form for narrower terms of a contract."""
    room = await room_of(visit, agreement)
    here = f"{side(visit)}/contracts/{segment(agreement)}"
    return Sheet(
        title="Propose narrower terms",
        lead=f"For the contract with {room.counterparty_name} about {room.dataset}. The present terms hold until they "
        "accept. For wider terms, ask for a new contract.",
        address=f"{here}/change",
        back=here,
        back_words="The contract",
        send="Send this proposal",
        standing=standing(room),
        sent_to=room.counterparty_name,
        reason=True,
    )


def standing(room: ContractRoom) -> Standing:
    """What the terms of a contract allow at most, as far as its room says it; the service judges what is within."""
    named = [iri for rule in choices.rules(room.policy) for term in terms_of(rule) for iri in choices.purposes_of(term)]
    last = (room.until - timedelta(microseconds=1)).date() if room.until else None
    return Standing(
        purposes=[(iri, choices.purpose_words(iri)) for iri in dict.fromkeys(named)], until=last, recipients=[],
        categories=choices.categories(), records_from=None, records_until=None,
    )  # fmt: skip


def terms_of(rule: Mapping[str, Any]) -> list[object]:
    """The constraints of a rule."""
    found = rule.get("constraint", [])
    return found if isinstance(found, list) else [found]


@router.get("/proposals/{amendment:path}")
async def proposal(visit: Side, amendment: str, done: str = "") -> Response:
    """One proposal: what it changes, how it stands, and the answer to it."""
    return await proposal_page(visit, amendment, done)


async def proposal_page(visit: Visit, amendment: str, done: str = "") -> Response:
    """The proposal, again with what was written when something is wrong."""
    found = await visit.services.contract_changes.amendment(visit.actor, amendment)
    return visit.page("contracting/proposal.html", 400 if visit.form.errors else 200, proposal=found, done=done)


@router.post("/proposals/{amendment:path}/withdraw")
async def withdraw(visit: Side, amendment: str) -> Response:
    """Take our own proposal back."""
    await visit.services.amendments.withdraw(visit.actor, amendment)
    return go(f"{side(visit)}/contracts/proposals/{segment(amendment)}")


@router.post("/proposals/{amendment:path}")
async def answer(visit: Side, amendment: str) -> Response:
    """Accept or decline what the other side proposed; declining needs its reason."""
    form = visit.form
    decision = form.chosen("decision", ("accept", "decline"), "Choose your answer")
    reason = form.text("reason")
    if decision == "decline" and not reason:
        form.refuse("reason", "Give the reason, so that they can propose something better")
    if len(reason) > LONGEST:
        form.refuse("reason", f"Use at most {LONGEST} characters here; this has {len(reason)}")
    if form.errors:
        return await proposal_page(visit, amendment)
    try:
        if decision == "accept":
            await visit.services.amendments.accept(visit.actor, amendment)
        else:
            await visit.services.amendments.decline(visit.actor, amendment, reason)
    except Problem as problem:
        visit.note(problem, "decision", "reason")
        return await proposal_page(visit, amendment)
    return go(f"{side(visit)}/contracts/proposals/{segment(amendment)}?done={decision}")


def to_answer(waiting: list[AmendmentView], visit: Visit) -> list[tuple[AmendmentView, str]]:
    """Proposals for the home page, each with the address of its page."""
    return [(one, f"{side(visit)}/contracts/proposals/{segment(one.id)}") for one in waiting]
