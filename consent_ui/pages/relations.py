"""Staff pages about who belongs to whom: sign-ins of patients, links that may be wrong, authorities over people."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem, missing
from connector.services.wallet.authorities import AuthorityDraft
from consent_ui.rendering import segment
from consent_ui.visit import Dpo, Steward, Visit, go

router = APIRouter(include_in_schema=False)

OUTCOMES = (
    ("kept", "The link is right", "Sharing goes on as before. The wallet is told."),
    ("ended", "The link is wrong, and nothing takes its place",
     "It ends. Who received data under it is told to delete it."),
    ("moved", "The link is wrong, and I know whose record it is",
     "It ends, and a new link joins the right record. No consent moves: the person is asked again."),
)  # fmt: skip
KINDS = (("parent", "Parent", ""), ("guardian", "Guardian", ""), ("attorney", "Power of attorney", ""),
         ("court", "Appointed by a court", ""))  # fmt: skip


async def _patient(visit: Visit, field: str, sentence: str, needed: bool) -> str:
    """The one patient whose number is written in a field; empty with an error when there is not exactly one."""
    number = visit.form.text(field)
    if not number:
        if needed:
            visit.form.refuse(field, sentence)
        return ""
    found = await visit.services.disputes.numbered(visit.actor, number)
    if not found:
        visit.form.refuse(field, "No single patient has this number")
    return str(found)


@router.get("/steward/people/{patient}")
async def person(visit: Steward, patient: str) -> Response:
    """One person at the desk: their sign-in, and what to do when their link may be wrong."""
    return await _person_page(visit, patient)


async def _person_page(visit: Visit, patient: str) -> Response:
    everybody = await visit.services.steward.patients(visit.actor)
    found = next((one for one in everybody if one.id == patient), None)
    if found is None:
        raise missing("There is no such person here")
    disputed = [one for one in await visit.services.disputes.rows(visit.actor) if patient in (one.person, one.other)]
    open_ones = [one for one in disputed if one.settled_at is None]
    status = 400 if visit.form.errors else 200
    return visit.page("steward/person.html", status, person=found, disputes=open_ones)


@router.post("/steward/people/{patient}/sign-in")
async def tie(visit: Steward, patient: str) -> Response:
    """Tie a sign-in to this person, or take it away."""
    form = visit.form
    if form.text("act") == "untie":
        await visit.services.hand_over.untie(visit.actor, patient)
        return go(f"/steward/people/{segment(patient)}")
    subject = form.required("subject", "Write how this person signs in", 200)
    if not form.errors:
        try:
            await visit.services.hand_over.tie(visit.actor, patient, subject)
        except Problem as problem:
            visit.note(problem, "subject")
        else:
            return go(f"/steward/people/{segment(patient)}")
    return await _person_page(visit, patient)


@router.post("/steward/people/{patient}/wrong")
async def dispute(visit: Steward, patient: str) -> Response:
    """Say that the link of this person may be wrong."""
    form = visit.form
    reason = form.required("reason", "Write why the link may be wrong", 2000)
    other = await _patient(visit, "other", "", needed=False)
    if not form.errors:
        try:
            await visit.services.disputes.open(visit.actor, patient, reason, other)
        except Problem as problem:
            visit.note(problem, "reason", "other")
        else:
            return go(f"/steward/people/{segment(patient)}")
    return await _person_page(visit, patient)


@router.get("/dpo/links")
async def disputes(visit: Dpo) -> Response:
    """Links that may be wrong."""
    return visit.page("dpo/links.html", disputes=await visit.services.disputes.rows(visit.actor))


@router.get("/dpo/links/{dispute_id}")
async def one_dispute(visit: Dpo, dispute_id: str) -> Response:
    """One of them, with the three ways to settle it."""
    return await _dispute_page(visit, dispute_id)


async def _dispute_page(visit: Visit, dispute_id: str) -> Response:
    rows = await visit.services.disputes.rows(visit.actor)
    found = next((one for one in rows if one.id == dispute_id), None)
    if found is None:
        raise missing("There is no such dispute")
    return visit.page("dpo/link.html", 400 if visit.form.errors else 200, dispute=found, outcomes=OUTCOMES)


@router.post("/dpo/links/{dispute_id}")
async def settle(visit: Dpo, dispute_id: str) -> Response:
    """Settle it."""
    form = visit.form
    outcome = form.chosen("outcome", [key for key, _, _ in OUTCOMES], "Choose how this is settled")
    other = await _patient(visit, "other", "Write the number of the right patient", outcome == "moved")
    if not form.errors:
        try:
            await visit.services.disputes.settle(visit.actor, dispute_id, outcome, other, form.text("note"))
        except Problem as problem:
            visit.note(problem, "outcome", "other")
        else:
            return go("/dpo/links")
    return await _dispute_page(visit, dispute_id)


@router.get("/dpo/authorities")
async def authorities(visit: Dpo) -> Response:
    """Who may decide for whom at this wallet."""
    return await _authorities_page(visit)


async def _authorities_page(visit: Visit) -> Response:
    rows = await visit.services.wallet.authorities.rows(visit.actor)
    return visit.page("dpo/authorities.html", 400 if visit.form.errors else 200, rows=rows, kinds=KINDS)


@router.post("/dpo/authorities")
async def open_authority(visit: Dpo) -> Response:
    """Record one whose evidence was seen."""
    form = visit.form
    draft = AuthorityDraft(
        account=await _account(visit, "account"), proxy=await _account(visit, "proxy"),
        kind=form.chosen("kind", [key for key, _, _ in KINDS], "Choose on what it rests"),
        evidence=form.required("evidence", "Write what evidence you saw", 400),
        jurisdiction=form.required("jurisdiction", "Write whose law it rests on, such as DE", 6),
    )  # fmt: skip
    if not form.errors:
        try:
            await visit.services.wallet.authorities.open(visit.actor, draft)
        except Problem as problem:
            visit.note(problem, "account", "proxy", "kind", "evidence", "jurisdiction")
        else:
            return go("/dpo/authorities")
    return await _authorities_page(visit)


async def _account(visit: Visit, field: str) -> str:
    """The account of the sign-in name that is written in a field."""
    subject = visit.form.required(field, "Write how they sign in here", 200)
    found = [one for one in await visit.services.accounts.offered() if one.subject == subject] if subject else []
    if subject and not found:
        visit.form.refuse(field, "Nobody signs in here under this name")
    return found[0].id if found else ""


@router.post("/dpo/authorities/{authority}/end")
async def end_authority(visit: Dpo, authority: str) -> Response:
    """End one now; what was allowed by it rests until the person is asked."""
    await visit.services.wallet.authorities.end(visit.actor, authority)
    return go("/dpo/authorities")
