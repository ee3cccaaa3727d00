"""What a consumer does: catalogues of others, study requests, negotiations, contracts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.api.management.membership import Made
from connector.services.research import (
    AgreementRow,
    CatalogueEntry,
    ContractRoom,
    NegotiationRow,
    NegotiationView,
    StudyDraft,
    StudyRow,
    StudyView,
)

router = APIRouter(route_class=ManagementRoute, tags=["consumer"])
Id = Annotated[str, Query(max_length=2048)]


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody whose catalogue can be asked for."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Begun:
    """Our id of a process."""

    pid: str


class StudySent(Sent):
    """A study request to publish. `data` lists [holder, dataset, categories or null for all].

    `linking`: people are asked whether the holders may use one code for them in this study.
    """

    title: str
    summary: str
    words: dict[str, str]
    purposes: list[str]
    data: list[tuple[str, str, list[str] | None]]
    answer_until: AwareDatetime
    valid_until: AwareDatetime
    contact_name: str
    contact_email: str
    window_start: date | None = None
    window_end: date | None = None
    recipients: list[str] = Field(default_factory=list)
    linking: bool = False

    def draft(self) -> StudyDraft:
        """As the service takes it."""
        return StudyDraft(**{name: getattr(self, name) for name in type(self).model_fields})


class ContractSent(Sent):
    """A contract to ask for. `offer` may be left out where the dataset has only one.

    Without a study (and then without a purpose) the offer is asked for exactly as it stands.
    """

    provider: str
    dataset: str
    study: str = ""
    purpose: str = ""
    offer: str = ""


class EndingSent(Sent):
    """Why it ends, for the other side."""

    reason: str = Field(min_length=1, max_length=500)


@router.get("/providers")
async def providers(called: Called, actor: Operator) -> list[Provider]:
    """Whose catalogues can be asked for."""
    return [Provider(*one) for one in await called.research.providers(actor)]


@router.get("/catalog")
async def catalog(
    called: Called, actor: Operator, provider: str | None = None, text: str = "", category: str | None = None
) -> list[CatalogueEntry]:
    """What a provider offers, or all of them; narrowed by words and a category of data."""
    return await called.research.catalogue(actor, provider, text, category)


@router.get("/catalog/dataset")
async def catalog_dataset(called: Called, actor: Operator, provider: Id, dataset: Id) -> CatalogueEntry:
    """One dataset of a provider."""
    return await called.research.dataset(actor, provider, dataset)


@router.get("/studies")
async def studies(called: Called, actor: Operator) -> list[StudyRow]:
    """Our study requests."""
    return await called.research.studies(actor)


@router.post("/studies", status_code=201)
async def publish_study(called: Called, actor: Operator, sent: StudySent) -> Made:
    """Publish one."""
    return Made(await called.research.publish_study(actor, sent.draft()))


@router.get("/studies/{id}")
async def study(called: Called, actor: Operator, id: str) -> StudyView:
    """One of ours."""
    return await called.research.study(actor, id)


@router.get("/negotiations")
async def negotiations(called: Called, actor: Operator, role: str | None = None) -> list[NegotiationRow]:
    """Negotiations, in either role or the one named (consumer, provider)."""
    return await called.contracts.negotiations(actor, role)


@router.post("/negotiations", status_code=201)
async def negotiate(called: Called, actor: Operator, sent: ContractSent) -> Begun:
    """Ask for a contract."""
    return Begun(
        await called.research.negotiate(actor, sent.provider, sent.dataset, sent.offer, sent.study, sent.purpose)
    )


@router.get("/negotiations/{pid}")
async def negotiation(called: Called, actor: Operator, pid: str) -> NegotiationView:
    """One negotiation, in either role."""
    return await called.contracts.negotiation(actor, pid)


@router.post("/negotiations/{pid}/terminate", status_code=204)
async def terminate(called: Called, actor: Operator, pid: str, sent: EndingSent) -> None:
    """End a negotiation that is not final."""
    await called.contracts.terminate(actor, pid, sent.reason)


@router.get("/agreements")
async def agreements(called: Called, actor: Operator, role: str | None = None) -> list[AgreementRow]:
    """Contracts, in either role or the one named."""
    return await called.contracts.agreements(actor, role)


@router.get("/agreements/{id:path}")
async def agreement(called: Called, actor: Operator, id: str) -> ContractRoom:
    """One contract with what happened under it, in either role."""
    return await called.contracts.room(actor, id)


@router.get("/transfers/{pid}/manifest")
async def manifest(called: Called, actor: Operator, pid: str) -> dict[str, Any]:
    """The provider's signed list of contents, as verified."""
    return await called.research.manifest(actor, pid)
