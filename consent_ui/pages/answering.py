"""Answering a study: one question per page, then the answer as a letter, then sending it.

Nothing is stored between questions: each page carries the answers so far, and every step reads them all again against
the study as it is now. An answer to words that have changed meanwhile is not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from connector.services.wallet import Answer
from consent_ui import words
from consent_ui.forms import DATE_PARTS, Form
from consent_ui.rendering import segment
from consent_ui.visit import Patient, Visit, go

if TYPE_CHECKING:
    from connector.services.wallet.views import DatasetChoice, StudyPage

router = APIRouter(prefix="/me/studies/{study_id}", include_in_schema=False)

DATE_FIELDS = {"dates", "linking", *(f"{name}-{part}" for name in ("from", "until", "last") for part in DATE_PARTS)}
PAUSES = (("7", "In a week"), ("30", "In a month"), ("90", "In three months"))
"""How long a question may be put off, in days."""
WAYS = {"yes": "which-data", "no": "no", "later": "later", "pause": "pause"}


@dataclass(frozen=True, slots=True)
class Shared:
    """What a form says about the data: dataset -> chosen kinds (None: all). A dataset left out is not shared."""

    chosen: dict[str, list[str] | None]

    def pairs(self, study: StudyPage) -> list[tuple[DatasetChoice, list[str] | None]]:
        """The shared datasets with the words of their kinds."""
        return [(data, self._kinds(data)) for data in study.datasets if data.dataset in self.chosen]

    def kept(self, study: StudyPage) -> list[DatasetChoice]:
        """Linked datasets the person shares nothing of."""
        return [data for data in study.datasets if data.linked and data.dataset not in self.chosen]

    def _kinds(self, data: DatasetChoice) -> list[str] | None:
        keys = self.chosen[data.dataset]
        return None if keys is None else [label for key, label in data.categories if key in keys]


def read_data(form: Form, study: StudyPage) -> Shared:
    """The answer to question 1; errors on the fields that lack one."""
    chosen: dict[str, list[str] | None] = {}
    for place, data in enumerate(study.datasets, 1):
        field = f"data-{place}"
        if not data.linked:
            continue
        answer = form.chosen(field, ("all", "some", "none"), f"Choose what {data.holder_name} may share")
        if answer == "all":
            chosen[data.dataset] = None
        elif answer == "some":
            known = {key for key, _ in data.categories}
            kinds = [key for key in form.every(f"{field}-kind") if key in known]
            if not kinds:
                form.refuse(field, f"Tick at least one kind of data from {data.holder_name}, or choose None of it")
            chosen[data.dataset] = kinds
    if not chosen and not form.errors:
        form.refuse("data-1", "You chose to share nothing. Choose some data, or say no to the study")
    return Shared(chosen)


def read_dates(form: Form, study: StudyPage) -> tuple[date | None, date | None]:
    """The answer to question 2, inside the time the study asks for; errors on the fields."""
    asked = study.window or (None, None)
    answer = form.chosen("dates", ("all", "some"), "Choose from which time data may be used")
    if answer != "some":
        return asked[0], asked[1]
    start = form.day("from", "", needed=False)
    end = form.day("until", "", needed=False)
    if start is None and end is None and not form.errors:
        form.refuse("from", "Fill in at least one of the two dates")
    if start and end and end < start:
        form.refuse("until", "The last day is before the first day. Change one of them")
    if (start and asked[1] and start > asked[1]) or (end and asked[0] and end < asked[0]):
        form.refuse("from", f"The study only asks for data {words.between(*asked)}. Choose days in that time")
    return latest(start, asked[0]), earliest(end, asked[1])


def read_last(visit: Visit, study: StudyPage) -> date | None:
    """The last day of the yes, if the person chose one: from today on, at most as long as the study runs."""
    last = visit.form.day("last", "", needed=False)
    if last is not None and last < visit.now.date():
        visit.form.refuse("last", "This day is over. Choose one from today on, or leave it empty")
    if last is not None and last > study.valid_until.date():
        visit.form.refuse("last", f"The study ends on {words.day(study.valid_until)}. Choose an earlier day")
    return last


def read_linking(form: Form, study: StudyPage) -> bool:
    """Whether the places may use one code for the person, where the study asks for that."""
    if not study.linking:
        return False
    return form.chosen("linking", ("yes", "no"), "Choose whether the places may use one code for you") == "yes"


def latest(one: date | None, other: date | None) -> date | None:
    """The later of two first days."""
    return max((day for day in (one, other) if day), default=None)


def earliest(one: date | None, other: date | None) -> date | None:
    """The earlier of two last days."""
    return min((day for day in (one, other) if day), default=None)


def carried(form: Form, study: StudyPage, *groups: str) -> list[tuple[str, str]]:
    """The hidden fields that take these groups of answers to the next page, with the words they answer."""
    pairs = [(name, value) for name, value in form.hidden() if group_of(name) in groups]
    return [("digest", study.digest), *pairs]


def group_of(field: str) -> str:
    """Which question a field belongs to: data, dates, or none."""
    if field.startswith("data-"):
        return "data"
    return "dates" if field in DATE_FIELDS else ""


def is_closed(visit: Visit, study: StudyPage) -> bool:
    """Whether the time to answer is over."""
    return visit.now >= study.answer_until


async def study_of(visit: Visit, study_id: str) -> StudyPage:
    """The study as it is now."""
    return await visit.services.wallet.study(visit.actor, study_id)


def stale(visit: Visit, study: StudyPage) -> Response | None:
    """The page that says the words changed, when the form answers other words than today's; None otherwise."""
    if visit.form.text("digest") == study.digest:
        return None
    return visit.page("patient/changed.html", 409, study=study)


@router.get("")
async def read(visit: Patient, study_id: str) -> Response:
    """What the study asks, in layers, and the three ways to answer."""
    study = await study_of(visit, study_id)
    return visit.page("patient/study.html", study=study, closed=is_closed(visit, study))


@router.post("")
async def choose(visit: Patient, study_id: str) -> Response:
    """Yes, no, think about it, or pause a yes: each leads to a page of its own, none is sent yet."""
    study = await study_of(visit, study_id)
    answer = visit.form.chosen("answer", WAYS, "Choose one of the answers")
    if answer == "pause":
        return visit.page("patient/stop_check.html", study=study, kind="pause")
    if answer == "no" and study.answered == "given":
        return go(f"/me/studies/{segment(study_id)}/stop")
    if answer:
        return go(f"/me/studies/{segment(study_id)}/{WAYS[answer]}")
    return visit.page("patient/study.html", 400, study=study, closed=is_closed(visit, study))


@router.get("/no")
async def check_no(visit: Patient, study_id: str) -> Response:
    """The no as a letter, before it is sent."""
    study = await study_of(visit, study_id)
    return visit.page("patient/check_no.html", study=study, able=any(data.linked for data in study.datasets))


@router.get("/later")
async def later(visit: Patient, study_id: str) -> Response:
    """Thinking about it: nothing happens, unless the person wants to be asked again at a time of their choice."""
    return later_page(visit, await study_of(visit, study_id))


def later_page(visit: Visit, study: StudyPage) -> Response:
    """The page; without the choice when there is nothing to put off."""
    fresh = study.answered in (None, "deferred", "refused") and any(data.linked for data in study.datasets)
    left = (study.answer_until - visit.now).days
    choices = [
        (days, label, f"On {words.day(visit.now.date() + timedelta(days=int(days)))} the question waits for you again.")
        for days, label in PAUSES
        if fresh and int(days) < left
    ]
    return visit.page("patient/later.html", 400 if visit.form.errors else 200, study=study, choices=choices)


@router.post("/later")
async def put_off(visit: Patient, study_id: str) -> Response:
    """Be asked again at the time chosen."""
    study = await study_of(visit, study_id)
    days = visit.form.chosen("again", [days for days, _ in PAUSES], "Choose when to be asked again")
    if not visit.form.errors:
        again = visit.now.date() + timedelta(days=int(days))
        try:
            await visit.services.wallet.answer(visit.actor, study_id, Answer("later", again=again))
        except Problem as problem:
            visit.note(problem, "again")
        else:
            return go("/me")
    return later_page(visit, study)


@router.get("/which-data")
async def ask_data(visit: Patient, study_id: str) -> Response:
    """Question 1, nothing ticked."""
    return data_page(visit, await study_of(visit, study_id))


@router.post("/which-data")
async def ask_data_again(visit: Patient, study_id: str) -> Response:
    """Question 1 with what was answered before."""
    study = await study_of(visit, study_id)
    return stale(visit, study) or data_page(visit, study)


def data_page(visit: Visit, study: StudyPage) -> Response:
    """Question 1; to link a place first when there is nothing to choose from."""
    if not any(data.linked for data in study.datasets):
        return go(f"/me/studies/{segment(study.id)}")
    status = 400 if visit.form.errors else 200
    return visit.page("patient/which_data.html", status, study=study, carried=carried(visit.form, study, "dates"))


@router.get("/dates")
@router.get("/check")
async def ask_from_start(visit: Patient, study_id: str) -> Response:
    """A later question opened by its address alone begins at the first."""
    study = await study_of(visit, study_id)
    return go(f"/me/studies/{segment(study.id)}/which-data")


@router.post("/dates")
async def ask_dates(visit: Patient, study_id: str) -> Response:
    """Question 2, once question 1 is answered."""
    study = await study_of(visit, study_id)
    if outdated := stale(visit, study):
        return outdated
    read_data(visit.form, study)
    return data_page(visit, study) if visit.form.errors else dates_page(visit, study)


def dates_page(visit: Visit, study: StudyPage) -> Response:
    """Question 2."""
    return visit.page(
        "patient/dates.html",
        400 if visit.form.errors else 200,
        study=study,
        carried=carried(visit.form, study, "data"),
        carried_back=carried(visit.form, study, "data", "dates"),
    )


@router.post("/check")
async def check_yes(visit: Patient, study_id: str) -> Response:
    """The whole answer as a letter, before it is sent."""
    study = await study_of(visit, study_id)
    if outdated := stale(visit, study):
        return outdated
    shared = read_data(visit.form, study)
    if visit.form.errors:
        return data_page(visit, study)
    window, last = read_dates(visit.form, study), read_last(visit, study)
    linking = read_linking(visit.form, study)
    if visit.form.errors:
        return dates_page(visit, study)
    return visit.page(
        "patient/check_yes.html",
        study=study,
        shared=shared.pairs(study),
        kept=shared.kept(study),
        window=window,
        last=last,
        linking=linking,
        carried=carried(visit.form, study, "data", "dates"),
    )


@router.post("/answer")
async def send(visit: Patient, study_id: str) -> Response:
    """Send the answer: signed with the person's key and delivered to each place; then the receipt."""
    study = await study_of(visit, study_id)
    if outdated := stale(visit, study):
        return outdated
    decision = visit.form.chosen("decision", ("yes", "no"), "Choose one of the answers")
    answer = Answer("no", {}, None, None) if decision == "no" else yes_answer(visit, study)
    if visit.form.errors:
        return data_page(visit, study)
    try:
        receipt = await visit.services.wallet.answer(visit.actor, study_id, answer)
    except Problem as problem:
        visit.note(problem, "form")
        return visit.page("patient/study.html", 400, study=study, closed=is_closed(visit, study))
    return go(f"/me/receipts/{segment(receipt.number)}")


def yes_answer(visit: Visit, study: StudyPage) -> Answer:
    """The yes the form describes, read once more from the start."""
    shared, (start, end) = read_data(visit.form, study), read_dates(visit.form, study)
    last = read_last(visit, study)
    return Answer("yes", shared.chosen, start, end, last, linkage=read_linking(visit.form, study))
