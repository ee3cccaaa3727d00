"""A researcher's study requests: the list, the form, the check before publishing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from connector.services.research import StudyDraft
from consent_ui import choices
from consent_ui.forms import Form
from consent_ui.session import TOKEN_FIELD
from consent_ui.visit import Researcher, Visit, go

if TYPE_CHECKING:
    from connector.services.research import CatalogueEntry

router = APIRouter(prefix="/research/studies", include_in_schema=False)

WORDS = {
    "why": "Say why you do this study",
    "who_sees": "Say who sees the data",
    "stored_where": "Say where the data is kept",
    "if_you_say_no": "Say what happens if a person says no",
    "risks": "Say what the risks are",
    "money": "Say whether anybody earns money with it",
}
FIELDS = ("summary", "purposes", "data", "window_end", "answer_until", "valid_until", "contact_name", "contact_email")
Offered = list[tuple[str, "CatalogueEntry", list[choices.Choice]]]


@router.get("")
async def studies(visit: Researcher, published: bool = False) -> Response:
    """Every study request of this organisation."""
    rows = await visit.services.research.studies(visit.actor)
    return visit.page("research/studies.html", studies=rows, published=published)


@router.get("/new")
@router.post("/new")
async def write(visit: Researcher) -> Response:
    """The form; with what was filled in before, when it comes back from the check."""
    return form_page(visit, await offered(visit))


def form_page(visit: Visit, entries: Offered) -> Response:
    """The form with its errors, if any."""
    status = 400 if visit.form.errors else 200
    return visit.page("research/study_form.html", status, entries=entries, purposes=with_hint(choices.purposes()))


def with_hint(options: list[choices.Choice]) -> list[tuple[str, str, str]]:
    """Choices without a sentence under each."""
    return [(value, label, "") for value, label in options]


async def offered(visit: Visit) -> Offered:
    """What can be asked for: a token per dataset, its entry, its kinds of data as (key, words)."""
    entries = await visit.services.research.catalogue(visit.actor, None, "", None)
    return [
        (f"{entry.provider}|{entry.dataset}", entry, choices.category_keys(list(entry.categories))) for entry in entries
    ]


@router.post("/check")
async def check(visit: Researcher) -> Response:
    """What people will read, before it is published."""
    entries = await offered(visit)
    draft = read_study(visit.form, entries, visit.now)
    if draft is None:
        return form_page(visit, entries)
    shown = {
        "title": draft.title,
        "summary": draft.summary,
        "words": draft.words,
        "purposes": [choices.purpose_words(iri) for iri in draft.purposes],
        "datasets": described(draft, entries),
        "window_start": draft.window_start,
        "window_end": draft.window_end,
        "answer_until": draft.answer_until,
        "valid_until": draft.valid_until,
        "contact_name": draft.contact_name,
        "contact_email": draft.contact_email,
        "linking": draft.linking,
    }
    return visit.page("research/study_check.html", study=shown, carried=visit.form.hidden(TOKEN_FIELD))


def described(draft: StudyDraft, entries: Offered) -> list[str]:
    """The asked-for data in words, one line per dataset."""
    names = {(entry.provider, entry.dataset): entry for _, entry, _ in entries}
    labels = dict(choices.categories())
    lines = []
    for holder, dataset, kinds in draft.data:
        entry = names[holder, dataset]
        some = "; ".join(labels[key] for key in kinds) if kinds else "everything in it"
        lines.append(f"{entry.provider_name}, {entry.title}: {some}")
    return lines


@router.post("")
async def publish(visit: Researcher) -> Response:
    """Publish the request: the stewards get it."""
    entries = await offered(visit)
    draft = read_study(visit.form, entries, visit.now)
    if draft is None:
        return form_page(visit, entries)
    try:
        await visit.services.research.publish_study(visit.actor, draft)
    except Problem as problem:
        visit.note(problem, "title", *WORDS, *FIELDS)
        return form_page(visit, entries)
    return go("/research/studies?published=1")


@router.get("/{study_id:path}")
async def study(visit: Researcher, study_id: str) -> Response:
    """One request: what people read, and what each steward decided."""
    return visit.page("research/study.html", study=await visit.services.research.study(visit.actor, study_id))


def read_study(form: Form, entries: Offered, now: datetime) -> StudyDraft | None:
    """The request the form describes; None when something is wrong, with a sentence on each field."""
    title = form.required("title", "Give the study a title", 200)
    summary = form.required("summary", "Say in at most two sentences what the study is about", 600)
    known = {iri for iri, _ in choices.purposes()}
    purposes = [iri for iri in form.every("purposes") if iri in known]
    if not purposes:
        form.refuse("purposes", "Tick at least one purpose")
    words = {name: form.required(name, sentence) for name, sentence in WORDS.items()}
    data = read_data(form, entries)
    times = read_times(form, now)
    name = form.required("contact_name", "Give the name of somebody people can ask", 120)
    email = form.required("contact_email", "Give an e-mail address people can write to", 254)
    if email and ("@" not in email.strip("@") or " " in email):
        form.refuse("contact_email", "Write an e-mail address such as study@university.example")
    if form.errors:
        return None
    return StudyDraft(
        title=title, summary=summary, words=words, purposes=purposes, data=data, contact_name=name,
        contact_email=email, linking=form.has("linking", "yes"), **times,
    )  # fmt: skip


def read_data(form: Form, entries: Offered) -> list[tuple[str, str, list[str] | None]]:
    """The datasets ticked, each with the kinds ticked under it (None: all)."""
    asked: list[tuple[str, str, list[str] | None]] = []
    for token, entry, kinds in entries:
        if form.has("data", token):
            ticked = [key for key, _ in kinds if form.has(f"kinds-{token}", key)]
            asked.append((entry.provider, entry.dataset, ticked or None))
    if not asked:
        form.refuse("data", "Tick at least one dataset")
    return asked


def read_times(form: Form, now: datetime) -> dict[str, Any]:
    """The four dates of a request, in order; the last two as the end of that day."""
    start = form.day("window_start", "", needed=False)
    end = form.day("window_end", "", needed=False)
    if start and end and end < start:
        form.refuse("window_end", "This day is before the first day. Change one of them")
    answer = form.day("answer_until", "Say until when people can answer")
    valid = form.day("valid_until", "Say when a yes ends")
    if answer and answer <= now.date():
        form.refuse("answer_until", "Choose a day in the future, so that people have time to answer")
    if answer and valid and valid <= answer:
        form.refuse("valid_until", "A yes must last longer than the time to answer")
    return {
        "window_start": start,
        "window_end": end,
        "answer_until": end_of_day(answer),
        "valid_until": end_of_day(valid),
    }


def end_of_day(day: date | None) -> datetime | None:
    """The last second of a day, in UTC."""
    return datetime.combine(day, time(23, 59, 59), UTC) if day else None
