"""A steward's pages: what needs a decision, sources, people and link codes, datasets and offers."""

from __future__ import annotations

from collections import Counter
from datetime import date

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from connector.services.steward import DatasetDraft
from consent_ui import choices, use_codes
from consent_ui.forms import Form
from consent_ui.rendering import segment
from consent_ui.risks import chosen_risk, risk_fields, risk_words
from consent_ui.session import TOKEN_FIELD
from consent_ui.times import LABELS, TIMES, chosen_times, withdrawal_words
from consent_ui.visit import Steward, Visit, go
from policy.odrl.duties import rule

router = APIRouter(prefix="/steward", include_in_schema=False)

KINDS = ("records", "stream")
FIELDS = (
    "description",
    "keywords",
    "categories",
    "source",
    "kind",
    "purposes",
    "until",
    "profile",
    "duo",
    "times",
    "risk",
)
STANDINGS = {"refused": "Would be refused", "possible": "Could be agreed", "contract": "A contract is in force"}
"""How a case of the outlook stands, in the order in which they are shown."""


@router.get("")
async def home(visit: Steward) -> Response:
    """What needs a decision, then numbers."""
    services = visit.services
    return visit.page(
        "steward/home.html",
        home=await services.steward.home(visit.actor),
        proposed=await services.contract_changes.waiting(visit.actor),
    )


@router.get("/sources")
async def sources(visit: Steward) -> Response:
    """Where data comes in, and how the last import went."""
    return visit.page("steward/sources.html", sources=await visit.services.steward.sources(visit.actor))


@router.get("/people")
async def people(visit: Steward) -> Response:
    """The desk, before a search."""
    return visit.page("steward/people.html", people=[], searched=False)


@router.post("/people")
async def find_people(visit: Steward) -> Response:
    """The desk: find a person. The name travels in the form, so that it stands in no address and no server log."""
    text = visit.form.required("text", "Write a name or a patient number", 120)
    found = await visit.services.steward.patients(visit.actor, text) if text else []
    status = 400 if visit.form.errors else 200
    return visit.page("steward/people.html", status, people=found, searched=bool(text))


@router.post("/people/code")
async def make_code(visit: Steward) -> Response:
    """A one-time link code, shown once, to print and hand over."""
    code = await visit.services.steward.make_link_code(visit.actor, visit.form.text("patient"))
    return visit.page("steward/code.html", code=code)


@router.get("/datasets")
async def datasets(visit: Steward, published: bool = False) -> Response:
    """Every dataset described here."""
    rows = await visit.services.steward.datasets(visit.actor)
    return visit.page("steward/datasets.html", datasets=rows, published=published)


@router.get("/datasets/outlook")
async def outlook(visit: Steward, standing: str = "") -> Response:
    """Who could get what today, over the present consents: first what waits for a steward, then what is refused."""
    places = list(STANDINGS)
    every = await visit.services.simulator.today(visit.actor)
    ordered = sorted(every, key=lambda case: (places.index(case.standing), case.if_approved is None))
    return visit.page(
        "steward/outlook.html",
        cases=[case for case in ordered if standing not in STANDINGS or case.standing == standing],
        counts=Counter(case.standing for case in every),
        total=len(every),
        standing=standing if standing in STANDINGS else "",
        standings=STANDINGS,
    )


@router.get("/datasets/new")
@router.post("/datasets/new")
async def describe(visit: Steward) -> Response:
    """The form; with what was filled in before, when it comes back from the check."""
    return form_page(visit, await source_choices(visit), await profile_choices(visit))


async def profile_choices(visit: Visit) -> list[choices.Choice]:
    """The profiles that can be chosen, as (name, words): those that come with Concord, then our own."""
    rows = await visit.services.profiles.rows(visit.actor)
    own = [
        (row.name, f"{row.title} (our own, version {row.version})")
        for row in rows
        if row.own and row.standing == "active"
    ]
    return [*choices.PROFILES, *own]


async def source_choices(visit: Visit) -> list[choices.Choice]:
    """The sources a dataset can be made from, as (id, name)."""
    return [(source.id, source.name) for source in await visit.services.steward.sources(visit.actor)]


def form_page(visit: Visit, known_sources: list[choices.Choice], profiles: list[choices.Choice]) -> Response:
    """The form with its errors, if any."""
    return visit.page(
        "steward/dataset_form.html",
        400 if visit.form.errors else 200,
        sources=known_sources,
        categories=[(key, label, "") for key, label in choices.categories()],
        purposes=[(iri, label, "") for iri, label in choices.purposes()],
        profiles=profiles,
        codes=use_codes.use_codes(),
        times=[(f"time-{name}", LABELS[name], offered) for name, offered in TIMES.items()],
        risks=risk_fields(),
        duties={name: [(*one, "") if name == "inform" else one for one in all] for name, all in choices.DUTIES.items()},
    )


@router.post("/datasets/check")
async def check(visit: Steward) -> Response:
    """The dataset and its terms as research groups will read them, before it is published."""
    known, profiles = await source_choices(visit), await profile_choices(visit)
    draft = read_dataset(visit.form, known, profiles, visit.now.date())
    if draft is None:
        return form_page(visit, known, profiles)
    grants, limits = use_codes.chosen_codes(draft.duo, draft.until)
    return visit.page(
        "steward/dataset_check.html",
        draft=draft,
        source_name=dict(known)[draft.source],
        category_words=[label for key, label in choices.categories() if key in draft.categories],
        purpose_words=grants or [choices.purpose_words(iri) for iri in draft.purposes],
        code_sentences=limits,
        replaced=choices.duty_words("pseudonymise"),
        duty_sentences=[
            withdrawal_words(draft.times),
            *map(choices.duty_words, chosen_duties(visit.form)),
            *risk_words(draft.risk),
        ],
        profile_words=dict(profiles)[draft.profile],
        carried=visit.form.hidden(TOKEN_FIELD),
    )


@router.post("/datasets")
async def publish(visit: Steward) -> Response:
    """Publish the dataset with its offer."""
    known, profiles = await source_choices(visit), await profile_choices(visit)
    draft = read_dataset(visit.form, known, profiles, visit.now.date())
    if draft is None:
        return form_page(visit, known, profiles)
    try:
        await visit.services.steward.publish_dataset(visit.actor, draft)
    except Problem as problem:
        visit.note(problem, "title", *FIELDS)
        return form_page(visit, known, profiles)
    return go("/steward/datasets?published=1")


@router.post("/datasets/{dataset_id:path}/withdraw")
async def take_back(visit: Steward, dataset_id: str) -> Response:
    """Take a dataset out of the catalogue."""
    await visit.services.steward.withdraw_dataset(visit.actor, dataset_id)
    return go(f"/steward/datasets/{segment(dataset_id)}")


@router.get("/datasets/{dataset_id:path}")
async def dataset(visit: Steward, dataset_id: str) -> Response:
    """One dataset: its terms and its state."""
    return visit.page("steward/dataset.html", data=await visit.services.steward.dataset(visit.actor, dataset_id))


def read_dataset(
    form: Form, known_sources: list[choices.Choice], profiles: list[choices.Choice], today: date
) -> DatasetDraft | None:
    """The dataset the form describes; None when something is wrong, with a sentence on each field."""
    title = form.required("title", "Give the dataset a title", 200)
    description = form.required("description", "Describe the dataset", 4000)
    keywords = [word.strip() for word in form.text("keywords").split(",") if word.strip()]
    if not keywords:
        form.refuse("keywords", "Write at least one search word")
    source = form.chosen("source", {key for key, _ in known_sources}, "Choose a source")
    kind = form.chosen("kind", KINDS, "Choose how the data is sent")
    categories = [key for key, _ in choices.categories() if form.has("categories", key)]
    if not categories:
        form.refuse("categories", "Tick at least one kind of data")
    purposes = [iri for iri, _ in choices.purposes() if form.has("purposes", iri)]
    if not purposes:
        form.refuse("purposes", "Tick at least one purpose")
    until = form.day("until", "Say when the offer ends")
    if until and until <= today:
        form.refuse("until", "Choose a day in the future")
    profile = form.chosen("profile", {key for key, _ in profiles}, "Choose how names are removed")
    duo = form.text("duo").replace(",", " ").split()
    try:
        use_codes.chosen_codes(duo, until or today)
    except ValueError as fault:
        form.refuse("duo", f"{fault}")
    duties, times = [dict(rule(one)) for one in chosen_duties(form)], chosen_times(form)
    risk = chosen_risk(form)
    if risk and kind == "stream":
        form.refuse(f"risk-{next(iter(risk))}", "Live measurements say nothing that could be measured here")
    if form.errors or until is None:
        return None
    return DatasetDraft(
        title=title, description=description, keywords=keywords, categories=categories, source=source, kind=kind,
        purposes=purposes, until=until, profile=profile, duo=duo,
        duties=duties, times=times, risk=risk,
    )  # fmt: skip


def chosen_duties(form: Form) -> list[str]:
    """What the form asks of a recipient, as `policy.odrl.duties.rule` reads it; an error where it was not offered."""
    found = {name: form.text(name) for name in choices.DUTIES if form.text(name)}
    for name, one in found.items():
        if one not in dict(choices.DUTIES[name]):
            form.refuse(name, "Choose one of the answers in the list")
    return [one for name, one in found.items() if name not in form.errors]


@router.get("/requests")
async def requests(visit: Steward, decided: str = "") -> Response:
    """Study requests, those that wait first."""
    rows = await visit.services.steward.studies(visit.actor)
    return visit.page("steward/requests.html", studies=rows, decided=decided)


@router.get("/requests/{study_id:path}")
async def request(visit: Steward, study_id: str) -> Response:
    """One request: what people would read, and the decision."""
    return await request_page(visit, study_id)


async def request_page(visit: Visit, study_id: str) -> Response:
    """The request, again with what was written when something is wrong."""
    rows = await visit.services.steward.studies(visit.actor)
    found = next((row for row in rows if row.id == study_id), None)
    if found is None:
        raise Problem(404, "no-study", "Not found", "There is no such study request here.")
    return visit.page("steward/request.html", 400 if visit.form.errors else 200, study=found)


@router.post("/requests/{study_id:path}")
async def decide(visit: Steward, study_id: str) -> Response:
    """Record the decision; a refusal needs its reason."""
    form = visit.form
    decision = form.chosen("decision", ("approve", "refuse"), "Choose to approve or to refuse")
    reason = form.text("reason")
    if decision == "refuse" and not reason:
        form.refuse("reason", "Give the reason for the refusal, so that the research group can change the request")
    if len(reason) > 2000:
        form.refuse("reason", "Use at most 2000 characters for the reason")
    if not form.errors:
        try:
            await visit.services.steward.decide_study(
                visit.actor, study_id, decision == "approve", reason, form.has("broad_consent", "yes")
            )
        except Problem as problem:
            visit.note(problem, "decision")
        else:
            return go(f"/steward/requests?decided={'approved' if decision == 'approve' else 'refused'}")
    return await request_page(visit, study_id)
