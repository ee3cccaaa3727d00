"""A steward's requests for contracts: what waits for a verdict, one request whole, and the answer to it."""

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
from consent_ui.visit import Steward, Visit, go

if TYPE_CHECKING:
    from connector.services.contracting import QuestionView

router = APIRouter(prefix="/steward/negotiations", include_in_schema=False)

LONGEST = 2000
SAID = {
    "approve": "Your yes is recorded.",
    "refuse": "Your no is sent with your reason. The negotiation is over.",
    "counter": "Your narrower offer is sent. It is their turn now.",
    "offer": "Your offer is sent. It is their turn now.",
}
"""What was just done here -> the sentence that says so."""


@router.get("")
async def requests(visit: Steward) -> Response:
    """What waits for a verdict, the most pressing first, then every negotiation."""
    home = await visit.services.steward.home(visit.actor)
    return visit.page("contracting/requests.html", waiting=home.approvals, negotiations=home.negotiations)


@router.get("/{pid:path}/counter")
@router.post("/{pid:path}/counter")
async def counter(visit: Steward, pid: str) -> Response:
    """The form for a narrower offer; with what was filled in before, when it comes back from the check."""
    return narrowing.form_page(visit, sheet(await visit.services.approvals.show(visit.actor, pid)))


@router.post("/{pid:path}/counter/check")
async def check_counter(visit: Steward, pid: str) -> Response:
    """What the narrower offer changes, before it is sent."""
    return narrowing.check_page(visit, sheet(await visit.services.approvals.show(visit.actor, pid)))


@router.post("/{pid:path}/counter/send")
async def send_counter(visit: Steward, pid: str) -> Response:
    """Send the narrower offer."""
    shown = sheet(await visit.services.approvals.show(visit.actor, pid))
    draft = narrowing.read(visit, shown)
    if draft is None:
        return narrowing.form_page(visit, shown)
    try:
        await visit.services.approvals.counter(visit.actor, pid, visit.form.text("terms"), draft)
    except Problem as problem:
        return narrowing.refused(visit, shown, problem)
    return go(f"/steward/negotiations/{segment(pid)}?said=counter")


def sheet(found: QuestionView) -> Sheet:
    """The form for making a request narrower."""
    row = found.row
    return Sheet(
        title="Offer narrower terms",
        lead=f"{row.counterparty_name} asked for {row.dataset}. Your offer replaces their request. They can accept it, "
        "answer with still narrower terms, or end the negotiation.",
        address=f"/steward/negotiations/{segment(row.pid)}/counter",
        back=f"/steward/negotiations/{segment(row.pid)}",
        back_words="The request",
        send="Send this offer",
        standing=found.standing,
        sent_to=row.counterparty_name,
        terms=found.terms_digest,
    )


@router.get("/{pid:path}")
async def request(visit: Steward, pid: str, said: str = "") -> Response:
    """One request: who asks, on what terms, what others said, and the answer; or how it stands when none is asked."""
    try:
        return await request_page(visit, pid, said)
    except Problem as problem:
        if problem.status != 409:
            raise
    found = await visit.services.contracts.negotiation(visit.actor, pid)
    course = steps(found.steps, found.state, found.provider_name)
    return visit.page("contracting/request_over.html", negotiation=found, steps=course, said=SAID.get(said, ""))


async def request_page(visit: Visit, pid: str, said: str = "") -> Response:
    """The request, again with what was written when something is wrong."""
    found = await visit.services.approvals.show(visit.actor, pid)
    narrowing.mark_changed(visit, found.terms_digest)
    status = 400 if visit.form.errors else 200
    return visit.page(
        "contracting/request.html", status, asked=found, said=SAID.get(said, ""), changed=said == narrowing.CHANGED
    )


@router.post("/{pid:path}")
async def answer(visit: Steward, pid: str) -> Response:
    """Record the verdict; a refusal needs its reason, narrower terms have a page of their own."""
    form = visit.form
    decision = form.chosen("decision", ("approve", "counter", "refuse"), "Choose your answer")
    reason, terms = form.text("reason"), form.text("terms")
    if decision == "refuse" and not reason:
        form.refuse("reason", "Give the reason for the refusal, so that they can ask again on other terms")
    if len(reason) > LONGEST:
        form.refuse("reason", f"Use at most {LONGEST} characters here; this has {len(reason)}")
    if form.errors:
        return await request_page(visit, pid)
    here = f"/steward/negotiations/{segment(pid)}"
    if decision == "counter":
        return go(f"{here}/counter?{urlencode({'terms': terms})}")
    try:
        if decision == "approve":
            await visit.services.approvals.approve(visit.actor, pid, terms, reason)
        else:
            await visit.services.approvals.refuse(visit.actor, pid, terms, reason)
    except Problem as problem:
        if problem.code == "not-asked":
            raise
        visit.note(problem, "decision", "reason")
        return await request_page(visit, pid)
    return go(f"{here}?said={decision}")
