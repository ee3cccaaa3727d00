"""A researcher's pages: catalogue, asking for a contract, contracts with their transfers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem, missing
from consent_ui import choices
from consent_ui.forms import filled
from consent_ui.pages.contracting.transfers import possible
from consent_ui.rendering import segment
from consent_ui.visit import Researcher, Visit, go

if TYPE_CHECKING:
    from connector.services.research import CatalogueEntry
    from connector.services.rooms.views import Fit

router = APIRouter(prefix="/research", include_in_schema=False)


CHECK, ANYWAY = "check", "anyway"
"""What the form for a contract may be sent for, other than to ask: only to compare, and to ask despite a clash."""


@router.get("")
async def home(visit: Researcher) -> Response:
    """What needs the researcher, then numbers."""
    services = visit.services
    found = await services.research.home(visit.actor)
    offered = await services.offers.list(visit.actor)
    shown = {f"/research/negotiations/{segment(row.pid)}" for row in offered}
    return visit.page(
        "research/home.html",
        home=found,
        offered=offered,
        proposed=await services.contract_changes.waiting(visit.actor),
        others=[one for one in found.waiting if one.address not in shown],
    )


@router.get("/catalogue")
async def catalogue(visit: Researcher, text: str = "", provider: str = "", category: str = "") -> Response:
    """What providers offer, narrowed by words, provider and kind of data."""
    visit.form = filled({"text": text})
    research = visit.services.research
    entries = await research.catalogue(visit.actor, provider or None, text.strip(), category or None)
    wider = await research.catalogue(visit.actor, provider or None, text.strip(), None)
    there = {label for entry in wider for label in entry.categories}
    return visit.page(
        "research/catalogue.html",
        entries=entries,
        providers=await research.providers(visit.actor),
        categories=[(key, label) for key, label in choices.categories() if label in there or key == category],
        text=text,
        provider=provider,
        category=category,
        address=narrowing(text=text, provider=provider, category=category),
        dataset_address=dataset_address,
    )


def narrowing(**now: str) -> Callable[..., str]:
    """A function that gives the catalogue's address with some of its filters changed."""

    def address(**changed: str) -> str:
        query = urlencode({name: value for name, value in (now | changed).items() if value})
        return f"/research/catalogue?{query}" if query else "/research/catalogue"

    return address


def dataset_address(entry: CatalogueEntry) -> str:
    """Where a dataset's own page is."""
    return f"/research/catalogue/dataset?{urlencode({'provider': entry.provider, 'dataset': entry.dataset})}"


@router.get("/catalogue/dataset")
async def dataset(visit: Researcher, provider: str, dataset: str) -> Response:
    """One dataset: what it is, its terms, and how to ask for a contract."""
    return await dataset_page(visit, await visit.services.research.dataset(visit.actor, provider, dataset))


async def dataset_page(visit: Visit, entry: CatalogueEntry, fit: Fit | None = None) -> Response:
    """The dataset, again with what was chosen when something is wrong, or with how that fits the terms."""
    studies = await visit.services.research.studies(visit.actor)
    return visit.page(
        "research/dataset.html",
        400 if visit.form.errors else 200,
        entry=entry,
        studies=[(study.id, study.title) for study in studies],
        purposes_within=choices.purposes_within,
        fit=fit,
        checked=visit.form.text("offer"),
    )


@router.post("/negotiations")
async def negotiate(visit: Researcher) -> Response:
    """Ask a provider for a contract, for one study and one purpose."""
    form, research = visit.form, visit.services.research
    entry = await research.dataset(visit.actor, form.text("provider"), form.text("dataset"))
    if form.text("offer") not in {offer.id for offer in entry.offers}:
        raise missing("This offer is not in the provider's catalogue any more.")
    known = {study.id for study in await research.studies(visit.actor)}
    study = form.chosen("study", known, "Choose the study request this is for")
    purpose = form.chosen("purpose", {iri for iri, _ in choices.purposes()}, "Choose the purpose")
    if not form.errors:
        asked = (entry.provider, entry.dataset, form.text("offer"), study, purpose)
        try:
            fit = await research.preview(visit.actor, *asked)
            if form.text("step") == CHECK or (clashing(fit) and form.text("step") != ANYWAY):
                return await dataset_page(visit, entry, fit)
            pid = await research.negotiate(visit.actor, *asked)
        except Problem as problem:
            visit.note(problem, "study", "purpose")
        else:
            return go(f"/research/negotiations/{segment(pid)}")
    return await dataset_page(visit, entry)


def clashing(fit: Fit | None) -> bool:
    """Whether it is certain that what is asked for cannot be kept together with the offer."""
    return fit is not None and fit.verdict == "conflict"


@router.post("/catalogue/as-offered")
async def ask_as_offered(visit: Researcher) -> Response:
    """Ask for a contract on exactly the terms of an offer, without a study."""
    form, research = visit.form, visit.services.research
    entry = await research.dataset(visit.actor, form.text("provider"), form.text("dataset"))
    if form.text("offer") not in {offer.id for offer in entry.offers}:
        raise missing("This offer is not in the provider's catalogue any more.")
    pid = await research.negotiate(visit.actor, entry.provider, entry.dataset, form.text("offer"))
    return go(f"/research/negotiations/{segment(pid)}")


@router.get("/contracts")
async def contracts(visit: Researcher) -> Response:
    """Every contract made."""
    agreements = await visit.services.research.agreements(visit.actor)
    return visit.page("research/contracts.html", agreements=agreements)


@router.post("/contracts/{agreement:path}/request")
async def request_data(visit: Researcher, agreement: str) -> Response:
    """Ask for the data of a contract."""
    await visit.services.research.request_transfer(visit.actor, agreement)
    return go(f"/research/contracts/{segment(agreement)}?requested=1")


@router.get("/contracts/{agreement:path}")
async def room(visit: Researcher, agreement: str, requested: bool = False, done: str = "") -> Response:
    """The contract room: who agreed what, what was sent, what was held back and why, who stopped, what changed."""
    return visit.page(
        "contracting/room.html",
        room=await visit.services.research.room(visit.actor, agreement),
        history=await visit.services.contract_changes.history(visit.actor, agreement),
        duties=await visit.services.duties.list(visit.actor, agreement),
        requested=requested,
        done=done,
        possible=possible,
    )
