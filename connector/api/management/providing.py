"""What a provider does: sources, people at the desk, datasets, study requests to decide."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.api.management.membership import Made
from connector.services.simulating import Outlook
from connector.services.steward import DatasetDraft, DatasetRow, LinkCode, PatientRow, SourceRow, StudyForDecision

router = APIRouter(route_class=ManagementRoute, tags=["provider"])


class DatasetSent(Sent):
    """A dataset to publish, with the standard research offer or (`offer`) one of its own.

    See `connector.services.steward.DatasetDraft`.
    """

    title: str
    description: str
    keywords: list[str]
    categories: list[str]
    source: str
    kind: str = "records"
    purposes: list[str]
    until: date
    profile: str = ""
    contact_name: str = ""
    contact_email: str = ""
    licence: str = ""
    provenance: str = ""
    health_category: str = ""
    period_start: date | None = None
    period_end: date | None = None
    duties: list[dict[str, Any]] = Field(default_factory=list, max_length=50)
    offer: dict[str, Any] | None = None
    duo: list[Annotated[str, Field(max_length=400)]] = Field(default_factory=list, max_length=30)
    times: dict[str, Annotated[str, Field(max_length=40)]] = Field(default_factory=dict, max_length=4)
    risk: dict[str, Annotated[str, Field(max_length=40)]] = Field(default_factory=dict, max_length=4)

    def draft(self) -> DatasetDraft:
        """As the service takes it."""
        return DatasetDraft(**{name: getattr(self, name) for name in type(self).model_fields})


class DecisionSent(Sent):
    """The steward's answer to a study request; a refusal needs its reason.

    `broad_consent`: a consent that the source holds counts where the person gave no answer to the study.
    """

    approve: bool
    reason: str = Field("", max_length=2000)
    broad_consent: bool = False


@router.get("/sources")
async def sources(called: Called, actor: Operator) -> list[SourceRow]:
    """Where data comes in."""
    return await called.steward.sources(actor)


@router.get("/patients")
async def patients(called: Called, actor: Operator, text: str = "") -> list[PatientRow]:
    """Our people, by a part of their name or their number."""
    return await called.steward.patients(actor, text)


@router.post("/patients/{id}/link-code", status_code=201)
async def link_code(called: Called, actor: Operator, id: str) -> LinkCode:
    """A one-time code for one of them, shown only now."""
    return await called.steward.make_link_code(actor, id)


@router.get("/datasets")
async def datasets(called: Called, actor: Operator) -> list[DatasetRow]:
    """Every dataset described here."""
    return await called.steward.datasets(actor)


@router.post("/datasets", status_code=201)
async def publish_dataset(called: Called, actor: Operator, sent: DatasetSent) -> Made:
    """Publish one with its offer."""
    return Made(await called.steward.publish_dataset(actor, sent.draft()))


@router.get("/datasets/{id}")
async def dataset(called: Called, actor: Operator, id: str) -> DatasetRow:
    """One dataset."""
    return await called.steward.dataset(actor, id)


@router.post("/datasets/{id}/withdraw", status_code=204)
async def withdraw_dataset(called: Called, actor: Operator, id: str) -> None:
    """Take one out of the catalogue."""
    await called.steward.withdraw_dataset(actor, id)


@router.get("/study-requests")
async def study_requests(called: Called, actor: Operator) -> list[StudyForDecision]:
    """Study requests that ask for data of ours."""
    return await called.steward.studies(actor)


@router.post("/study-requests/{id}/decision", status_code=204)
async def decide_study(called: Called, actor: Operator, id: str, sent: DecisionSent) -> None:
    """Approve one or refuse it."""
    await called.steward.decide_study(actor, id, sent.approve, sent.reason, sent.broad_consent)


@router.get("/outlook")
async def outlook(called: Called, actor: Operator) -> list[Outlook]:
    """Who could get what today: every study that asks for data of ours, answered as a release would be."""
    return await called.simulator.today(actor)


@router.get("/outlook/case")
async def supposed(
    called: Called,
    actor: Operator,
    study: str,
    dataset: str,
    recipient: str,
    purpose: str,
    at: AwareDatetime | None = None,
) -> Outlook:
    """One supposed case, now or at another instant."""
    return await called.simulator.suppose(actor, study, dataset, recipient, purpose, at)
