"""De-identification profiles: read, compared, tried on records, and a steward's own checked and kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.services.contract_profiles import ContractProfile
from connector.services.steward.profile_views import (
    ProfileCheck,
    ProfileCoverage,
    ProfileDifference,
    ProfileRow,
    ProfileText,
)

router = APIRouter(route_class=ManagementRoute, tags=["provider"])
_LONGEST = 1024 * 1024


class ProfileSent(Sent):
    """The text of a profile file (TOML)."""

    text: str = Field(max_length=_LONGEST)


class Retiring(Sent):
    """Why nothing is to be offered under it any more."""

    why: str = Field(min_length=1, max_length=500)


@router.get("/profiles")
async def profiles(called: Called, actor: Operator) -> list[ProfileRow]:
    """Every profile there is here: those that come with Concord, and our own with all versions."""
    return await called.profiles.rows(actor)


@router.post("/profiles", status_code=201)
async def add_profile(called: Called, actor: Operator, sent: ProfileSent) -> ProfileRow:
    """Keep one of our own. The same text again changes nothing; a changed one needs a new version."""
    return await called.profiles.add(actor, sent.text)


@router.get("/profiles/of-contract")
async def of_contract(called: Called, actor: Operator, agreement: str) -> ContractProfile:
    """The one that a contract names, in either role; a recipient gets it from the provider, by its digest."""
    return await called.contract_profiles.of(actor, agreement)


@router.post("/profiles/{name}/retire")
async def retire(called: Called, actor: Operator, name: str, sent: Retiring) -> ProfileRow:
    """Offer nothing under it any more. Contracts that name it keep it until their end."""
    return await called.profiles.retire(actor, name, sent.why)


@router.post("/profiles/check")
async def check_profile(called: Called, actor: Operator, sent: ProfileSent) -> ProfileCheck:
    """Look through one: every fault with its line, and where it keeps more than research-standard does."""
    return await called.profiles.check(actor, sent.text)


@router.get("/profiles/{name}")
async def profile(called: Called, actor: Operator, name: str) -> ProfileText:
    """One with the text of its file, by name (the newest) or by `name:digest`."""
    return await called.profiles.show(actor, name)


@router.get("/profiles/{name}/difference")
async def difference(
    called: Called, actor: Operator, name: str, against: str, release: str = "R4"
) -> ProfileDifference:
    """What `against` does otherwise than this one, element by element, in a FHIR release."""
    return await called.profiles.difference(actor, name, against, release)


@router.get("/profiles/{name}/coverage")
async def coverage(
    called: Called, actor: Operator, name: str, source: str, limit: Annotated[int, Query(ge=1, le=20_000)] = 2000
) -> ProfileCoverage:
    """What it would do to records of a source: elements kept, changed, dropped, not known. Nothing is released."""
    return await called.profiles.coverage(actor, name, source, limit)
