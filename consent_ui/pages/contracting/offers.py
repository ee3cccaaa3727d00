"""A researcher's answer to an offer or counter-offer: accept it, ask for narrower terms, or decline."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from consent_ui.pages.contracting import narrowing
from consent_ui.pages.contracting.course import steps
from consent_ui.pages.contracting.narrowing import Sheet
from consent_ui.rendering import segment
from consent_ui.visit import Researcher, Visit, go

if TYPE_CHECKING:
    from connector.services.contracting import QuestionView

router = APIRouter(prefix="/research/negotiations", include_in_schema=False)

LONGEST = 2000
SAID = {
    "accept": "You accepted the offer. The provider confirms it next.",
    "decline": "Your no is sent with your reason. The negotiation is over.",
    "counter": "Your narrower request is sent. It is their turn now.",
}


@router.get("")
async def negotiations(visit: Researcher) -> Response:
    """Offers that wait for an answer, then every contract asked for or offered."""
    return visit.page(
        "research/negotiations.html",
        waiting=await visit.services.offers.list(visit.actor),
        negotiations=await visit.services.research.negotiations(visit.actor),
    )


@router.get("/{pid:path}/counter")
@router.post("/{pid:path}/counter")
async def counter(visit: Researcher, pid: str) -> Response:
    """The form for narrower terms; with what was filled in before, when it comes back from the check."""
    return narrowing.form_page(visit, sheet(await visit.services.offers.show(visit.actor, pid)))


@router.post("/{pid:path}/counter/check")
async def check_counter(visit: Researcher, pid: str) -> Response:
    """What the narrower request changes, before it is sent."""
    return narrowing.check_page(visit, sheet(await visit.services.offers.show(visit.actor, pid)))


@router.post("/{pid:path}/counter/send")
async def send_counter(visit: Researcher, pid: str) -> Response:
    """Send the narrower request."""
    shown = sheet(await visit.services.offers.show(visit.actor, pid))
    draft = narrowing.read(visit, shown)
    if draft is None:
        return narrowing.form_page(visit, shown)
    try:
        await visit.services.offers.counter(visit.actor, pid, visit.form.text("terms"), draft)
    except Problem as problem:
        return narrowing.refused(visit, shown, problem)
    return go(f"/research/negotiations/{segment(pid)}?said=counter")


def sheet(found: QuestionView) -> Sheet:
    """The form for making an offer narrower."""
    row = found.row
    return Sheet(
        title="Ask for narrower terms",
        lead=f"{row.counterparty_name} offers {row.dataset}. Your request answers that offer. They can accept it, "
        "answer again, or end the negotiation.",
        address=f"/research/negotiations/{segment(row.pid)}/counter",
        back=f"/research/negotiations/{segment(row.pid)}",
        back_words="The offer",
        send="Send this request",
        standing=found.standing,
        sent_to=row.counterparty_name,
        terms=found.terms_digest,
    )


@router.get("/{pid:path}")
async def negotiation(visit: Researcher, pid: str, said: str = "") -> Response:
    """One negotiation, step by step and round by round; with the offer to answer when there is one."""
    return await negotiation_page(visit, pid, said)


async def negotiation_page(visit: Visit, pid: str, said: str = "") -> Response:
    """The negotiation, again with what was written when something is wrong."""
    found = await visit.services.research.negotiation(visit.actor, pid)
    narrowing.mark_changed(visit, found.terms_digest)
    status = 400 if visit.form.errors else 200
    course = steps(found.steps, found.state, visit.participant.identity.name)
    return visit.page(
        "research/negotiation.html", status, negotiation=found, steps=course, said=SAID.get(said, ""),
        changed=said == narrowing.CHANGED,
    )  # fmt: skip


@router.post("/{pid:path}")
async def answer(visit: Researcher, pid: str) -> Response:
    """Answer the offer; declining needs its reason, narrower terms have a page of their own."""
    form, offers = visit.form, visit.services.offers
    decision = form.chosen("decision", ("accept", "counter", "decline"), "Choose your answer")
    reason, terms = form.text("reason"), form.text("terms")
    if decision == "decline" and not reason:
        form.refuse("reason", "Give the reason, so that the provider can make a better offer")
    if len(reason) > LONGEST:
        form.refuse("reason", f"Use at most {LONGEST} characters here; this has {len(reason)}")
    if form.errors:
        return await negotiation_page(visit, pid)
    here = f"/research/negotiations/{segment(pid)}"
    if decision == "counter":
        return go(f"{here}/counter?{urlencode({'terms': terms})}")
    try:
        if decision == "accept":
            await offers.accept(visit.actor, pid, terms)
        else:
            await offers.decline(visit.actor, pid, terms, reason)
    except Problem as problem:
        if problem.code == "not-asked":
            raise
        visit.note(problem, "decision", "reason")
        return await negotiation_page(visit, pid)
    return go(f"{here}?said={decision}")
