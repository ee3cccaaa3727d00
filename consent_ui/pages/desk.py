"""The desk: what people without a wallet are asked, their answers taken down, their receipt; and whom sources mean."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from connector.problems import Problem
from connector.services.holding.assisted import CHANNELS, DeskAnswer
from connector.services.holding.evidence_files import Evidence, protocol
from consent_ui.forms import Form
from consent_ui.pages.receipts import taken
from consent_ui.rendering import segment
from consent_ui.visit import Steward, Visit, go

if TYPE_CHECKING:
    from connector.services.holding.desk import Script

router = APIRouter(prefix="/steward", include_in_schema=False)

WAYS = (
    ("paper", "On paper", "Keep the signed form: scan it or take a picture."),
    ("phone", "By phone", "Keep a recording, or write down what was said."),
    ("desk", "Here at the desk", "Keep the signed form, or write down what was said."),
)
DECISIONS = {
    "yes": ("Yes", "The study gets what is ticked below, from now on."),
    "no": ("No", "Nothing is shared with this study."),
    "pause": ("Pause", "Nothing new is sent until the person says yes again."),
    "stop": ("Stop new use", "Nothing new is sent. The study may keep what it has."),
    "erase": ("Stop and delete", "Nothing new is sent, and the study has to delete what it has."),
}
FIELDS = ("decision", "channel", "read_out", "datasets", "evidence", "window", "last", "authority")


@router.get("/people/{patient}/answers")
async def answers(visit: Steward, patient: str) -> Response:
    """The studies that may be read out to one person, with their answers; and their opt-out."""
    return await answers_page(visit, patient)


async def answers_page(visit: Visit, patient: str) -> Response:
    """The list, again with what was wrong about the opt-out."""
    desk = visit.services.desk
    person = await desk.person(visit.actor, patient)
    studies = await desk.studies(visit.actor, patient)
    status = 400 if visit.form.errors else 200
    return visit.page("steward/answers.html", status, person=person, studies=studies, ways=WAYS)


@router.post("/people/{patient}/opt-out")
async def opt_out(visit: Steward, patient: str) -> Response:
    """Somebody opts out of secondary use, or takes that back."""
    form = visit.form
    choice = form.chosen("choice", ("out", "in"), "Choose what the person wants")
    channel = form.chosen("channel", CHANNELS, "Choose how the person said it")
    if not form.errors:
        try:
            await visit.services.desk.opt_out(
                visit.actor, patient, out=choice == "out", channel=channel, evidence=kept(form)
            )
        except Problem as problem:
            visit.note(problem, "evidence", "channel")
        else:
            return go(f"/steward/people/{segment(patient)}/answers")
    return await answers_page(visit, patient)


@router.get("/people/{patient}/studies/{study}")
async def script(visit: Steward, patient: str, study: str) -> Response:
    """What has to be read out, and the form for the answer."""
    return await script_page(visit, patient, study)


async def script_page(visit: Visit, patient: str, study: str) -> Response:
    """The words and the form, again with what was filled in."""
    read = await visit.services.desk.script(visit.actor, patient, study)
    holding = read.study.state in {"given", "renewed", "suspended"}
    offered = ("yes", "pause", "stop", "erase") if holding else ("yes", "no")
    if read.study.state == "withdrawn":  # what the study was let keep then can still be asked back
        offered = ("yes", "erase")
    return visit.page(
        "steward/script.html",
        400 if visit.form.errors else 200,
        script=read,
        ways=WAYS,
        decisions=[(key, *DECISIONS[key]) for key in offered],
    )


@router.post("/people/{patient}/studies/{study}/answer")
async def record(visit: Steward, patient: str, study: str) -> Response:
    """Take the answer down."""
    read = await visit.services.desk.script(visit.actor, patient, study)
    answer = read_answer(visit.form, read)
    if not visit.form.errors:
        try:
            done = await visit.services.desk.record(visit.actor, patient, study, answer)
        except Problem as problem:
            visit.note(problem, "decision", *FIELDS)
        else:
            told = len(done.recipients)
            return go(f"/steward/recorded/{segment(done.consent)}?state={segment(done.state)}&told={told}")
    return await script_page(visit, patient, study)


@router.get("/recorded/{consent}")
async def recorded(visit: Steward, consent: str, state: str = "", told: int = 0) -> Response:
    """What was recorded, and the receipt to print and hand over."""
    return visit.page("steward/recorded.html", consent=consent, state=state, told=told)


@router.get("/recorded/{consent}/receipt.html")
async def receipt(visit: Steward, consent: str) -> Response:
    """The receipt as a page to print."""
    paper = await visit.services.desk.receipt(visit.actor, consent, "html")
    return HTMLResponse(paper.body)


@router.get("/recorded/{consent}/receipt.{form}")
async def receipt_file(visit: Steward, consent: str, form: str) -> Response:
    """The receipt as a file: pdf, json, jws."""
    return taken(await visit.services.desk.receipt(visit.actor, consent, form))


def read_answer(form: Form, script: Script) -> DeskAnswer:
    """The answer the form describes; errors on the fields."""
    decision = form.chosen("decision", DECISIONS, "Choose what the person said")
    channel = form.chosen("channel", CHANNELS, "Choose how the person said it")
    start, end = read_dates(form)
    last = form.day("last", "", needed=False)
    if decision == "yes" and not form.has("read_out", "yes"):
        form.refuse("read_out", "Read the words to the person, or let them read them, and tick that you did")
    return DeskAnswer(
        decision=decision, channel=channel, read_out=form.has("read_out", "yes"), digest=form.text("digest"),
        datasets=read_datasets(form, script) if decision == "yes" else {}, window_start=start, window_end=end,
        until=last, evidence=kept(form), authority=form.text("authority"),
    )  # fmt: skip


def read_datasets(form: Form, script: Script) -> dict[str, list[str] | None]:
    """What is shared of each dataset; every kind of it is all of it."""
    chosen: dict[str, list[str] | None] = {}
    for place, data in enumerate(script.datasets, 1):
        keys = [key for key, _ in data.categories]
        ticked = [key for key in form.every(f"data-{place}") if key in keys]
        if ticked:
            chosen[data.dataset] = None if len(ticked) == len(keys) else ticked
    if not chosen:
        form.refuse("data-1", "Tick at least one kind of data, or record a no")
    return chosen


def read_dates(form: Form) -> tuple[date | None, date | None]:
    """Between which days data may be used; empty fields set no limit."""
    start, end = form.day("from", "", needed=False), form.day("until", "", needed=False)
    if start and end and end < start:
        form.refuse("until", "The last day is before the first day. Change one of them")
    return start, end


def kept(form: Form) -> Evidence | None:
    """The file that came along, or else what was written down."""
    if (file := form.files.get("evidence")) is not None:
        return Evidence(file.media_type, file.body)
    words = form.text("protocol")
    return protocol(words) if words else None


@router.get("/sources/names")
async def names(visit: Steward) -> Response:
    """Which references of sources mean which participants."""
    return await names_page(visit)


async def names_page(visit: Visit) -> Response:
    """The list and the form, again with what was filled in."""
    known = await visit.services.steward.participants(visit.actor)
    return visit.page(
        "steward/names.html",
        400 if visit.form.errors else 200,
        rows=await visit.services.source_names.listed(visit.actor),
        sources=[(one.id, one.name) for one in await visit.services.steward.sources(visit.actor)],
        participants=[(one.id, one.name) for one in known],
    )


@router.post("/sources/names")
async def say_name(visit: Steward) -> Response:
    """Say whom a reference means, or take it back."""
    form, names = visit.form, visit.services.source_names
    source = form.required("source", "Choose the source")
    reference = form.required("reference", "Write the reference as the source has it", 300)
    back = form.text("act") == "take-back"
    participant = "" if back else form.required("participant", "Choose whom it means")
    if not form.errors:
        try:
            if back:
                await names.take_back(visit.actor, source, reference)
            else:
                await names.say(visit.actor, source, reference, participant)
        except Problem as problem:
            visit.note(problem, "reference", "participant", "source")
        else:
            return go("/steward/sources/names")
    return await names_page(visit)
