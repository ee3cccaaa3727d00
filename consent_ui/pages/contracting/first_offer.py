"""A steward makes the first offer to a participant: for a study of theirs, or as published; narrowed where meant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem, missing
from connector.services.contracting import OfferDraft, Standing
from consent_ui import choices, participants
from consent_ui.pages.contracting import narrowing
from consent_ui.pages.contracting.narrowing import Sheet
from consent_ui.pages.contracting.rules import datasets
from consent_ui.rendering import segment
from consent_ui.visit import Steward, Visit, go
from policy.purposes import label

if TYPE_CHECKING:
    from connector.services.steward import StudyForDecision

router = APIRouter(prefix="/steward/negotiations/offer", include_in_schema=False)

NO_STUDY = "*"
HERE = "/steward/negotiations/offer"


@router.get("")
async def whom(visit: Steward) -> Response:
    """Step 1: to whom, what, and for which study."""
    return await whom_page(visit)


async def studies(visit: Visit) -> list[StudyForDecision]:
    """Study requests that were approved here."""
    return [one for one in await visit.services.steward.studies(visit.actor) if one.state == "approved"]


async def whom_page(visit: Visit) -> Response:
    """The first step, with its errors if any."""
    found = [(one.id, f"{one.title}, {one.organisation_name}", "") for one in await studies(visit)]
    return visit.page(
        "contracting/offer_form.html", 400 if visit.form.errors else 200,
        consumers=participants.options(await participants.known(visit)), datasets=await datasets(visit),
        studies=[*found, (NO_STUDY, "No study: exactly as published", "No purpose is named beyond those on offer.")],
    )  # fmt: skip


@router.post("")
async def chosen(visit: Steward) -> Response:
    """Check the first step and go on to the terms."""
    form = visit.form
    consumer = form.chosen("consumer", {one.id for one in await participants.known(visit)}, "Choose who gets the offer")
    dataset = form.chosen("dataset", {key for key, _ in await datasets(visit)}, "Choose the dataset")
    known = {NO_STUDY, *(one.id for one in await studies(visit))}
    study = form.chosen("study", known, "Choose the study it is for, or none")
    if form.errors:
        return await whom_page(visit)
    query = urlencode({"consumer": consumer, "dataset": dataset, "study": study.replace(NO_STUDY, "")})
    return go(f"{HERE}/terms?{query}")


@router.get("/terms")
@router.post("/terms")
async def terms(visit: Steward, consumer: str, dataset: str, study: str = "") -> Response:
    """Step 2: the terms, narrower than published where the steward wants that."""
    return narrowing.form_page(visit, await sheet(visit, OfferDraft(consumer, dataset, study)))


@router.post("/terms/check")
async def check(visit: Steward, consumer: str, dataset: str, study: str = "") -> Response:
    """The offer before it is sent."""
    shown = await sheet(visit, OfferDraft(consumer, dataset, study))
    one_purpose(visit, shown, study)
    return narrowing.check_page(visit, shown)


@router.post("/terms/send")
async def send(visit: Steward, consumer: str, dataset: str, study: str = "") -> Response:
    """Send the offer."""
    shown = await sheet(visit, OfferDraft(consumer, dataset, study))
    purpose = one_purpose(visit, shown, study)
    read = narrowing.read(visit, shown)
    if read is None:
        return narrowing.form_page(visit, shown)
    narrower = replace(read, purposes=[]) if study else read
    try:
        pid = await visit.services.approvals.offer(visit.actor, OfferDraft(consumer, dataset, study, purpose, narrower))
    except Problem as problem:
        return narrowing.refused(visit, shown, problem)
    return go(f"/steward/negotiations/{segment(pid)}?said=offer")


def one_purpose(visit: Visit, shown: Sheet, study: str) -> str:
    """The one purpose of an offer for a study, ticked or the only one there is; nothing without a study."""
    if not study:
        return ""
    named = [iri for iri, _ in shown.standing.purposes]
    wanted = [iri for iri in named if visit.form.has("purposes", iri)] or named
    if len(wanted) != 1:
        visit.form.refuse("purposes", "Tick one purpose: an offer for a study is for one of its purposes")
    return wanted[0] if wanted else ""


async def sheet(visit: Visit, draft: OfferDraft) -> Sheet:
    """The form for the terms of an offer; 404 for what is not there to be offered."""
    names = dict(participants.options(await participants.known(visit)))
    titles = dict(await datasets(visit))
    study = next((one for one in await studies(visit) if one.id == draft.study), None)
    if draft.consumer not in names or draft.dataset not in titles or (draft.study and study is None):
        raise missing("There is no such dataset, participant or study request to make an offer with.")
    about = f" for the study “{study.title}”" if study else ", exactly as published unless you narrow it here"
    query = urlencode({"consumer": draft.consumer, "dataset": draft.dataset, "study": draft.study})
    return Sheet(
        title=f"Offer {titles[draft.dataset]}",
        lead=f"To {names[draft.consumer]}{about}. They can accept it, answer with narrower terms, or decline.",
        address=f"{HERE}/terms", query=f"?{query}", back=HERE, back_words="Whom and what", send="Send this offer",
        standing=standing(draft.consumer, names[draft.consumer], study), sent_to=names[draft.consumer],
        empty_is_fine=True,
    )  # fmt: skip


def standing(consumer: str, name: str, study: StudyForDecision | None) -> Standing:
    """The choices of an offer that stands nowhere yet: those of the study, else every purpose and kind of data."""
    return Standing(
        purposes=[(iri, words) for iri, words in choices.purposes() if label(iri) in study.purposes] if study else [],
        until=None, recipients=[(consumer, name)], categories=choices.categories(), records_from=None,
        records_until=None,
    )  # fmt: skip
