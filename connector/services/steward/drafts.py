"""From what a steward fills in to a description, an offer and the record that holds both. Raises Problem 400."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlsplit

from catalog.description import DatasetDescription, DescriptionError, read_description
from catalog.smallnumbers import people_band
from connector.deidentify.profile import Profile, ProfileError
from connector.ports import Transaction
from connector.problems import invalid
from connector.records import Dataset, Source
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.steward.offering import assessed, check_duties, coded, own_offer, timed, with_duties
from connector.services.steward.profiles import profile_offered
from connector.services.steward.views import DatasetDraft
from contracts.risk import asks
from contracts.terms import BoundTerms, with_terms
from policy.offers import research_offer

_KINDS: Mapping[str, tuple[str, str, str, str, str]] = {
    "records": (
        "fhir", "research-standard", "fhir-r4", "EHRS", "Records kept in the course of care, as imported from where "
        "they are kept. Names and other marks of a person are replaced before anything leaves.",
    ),
    "stream": (
        "openmhealth", "device-stream", "open-mhealth", "WELA", "Measurements sent by people's own devices, passed on "
        "as they arrive. Names and other marks of a person are replaced before anything leaves.",
    ),
}  # fmt: skip
"""Kind of dataset -> kind of source, usual profile, format of profiles, EHDS category, provenance."""

_LICENCE = "urn:concord:licence:as-offered"
"""Non-public data: what may be done with it is what the offer says."""


def read_draft(tx: Transaction, context: Context, draft: DatasetDraft, source: Source | None, people: int) -> Dataset:
    """The record to keep. `people` is how many the source holds; only its band is published."""
    if draft.kind not in _KINDS:
        raise invalid("This is not a kind of dataset", "kind", "records or stream")
    source_kind = _KINDS[draft.kind][0]
    if source is None or source.kind != source_kind:
        raise invalid(f"A dataset of {draft.kind} needs a source of the kind {source_kind}", "source")
    profile = _profile(tx, draft, source.release)
    id = f"urn:concord:dataset:{_slug(draft.title)}:{context.random(4).hex()}"
    description = _described(context, draft, id, people)
    offer = _offered(context, draft, profile)
    return Dataset(
        id=id, source=source.id, kind=draft.kind, title=description.title,
        description=description.model_dump(mode="json"), offer_id=str(offer["@id"]), offer=offer,
        profile=profile.pinned, published_at=context.clock(),
    )  # fmt: skip


def _profile(tx: Transaction, draft: DatasetDraft, release: str) -> Profile:
    _, usual, wanted, _, _ = _KINDS[draft.kind]
    try:
        profile = profile_offered(tx, draft.profile or usual)
        profile.fits(release)
    except ProfileError as fault:
        raise invalid(str(fault), "profile") from None
    if profile.format != wanted:
        raise invalid(f"This profile is not for {draft.kind}", "profile", usual)
    return profile


def _described(context: Context, draft: DatasetDraft, id: str, people: int) -> DatasetDescription:
    me, now = context.me, context.clock()
    category, provenance = _KINDS[draft.kind][3:]
    body = {
        "id": id, "title": draft.title, "description": draft.description, "keywords": draft.keywords,
        "categories": draft.categories, "publisher_name": me.name,
        "contact": {
            "name": draft.contact_name or f"{me.name}, data office",
            "email": draft.contact_email or _mailbox(me.origin), "page": me.origin,
        },
        "licence": draft.licence or _LICENCE, "provenance": draft.provenance or provenance, "kind": draft.kind,
        "source": draft.source, "issued": now, "modified": now, "version": "1",
        "health_category": draft.health_category or category, "number_of_people": people_band(people),
        "period_start": draft.period_start, "period_end": draft.period_end,
    }  # fmt: skip
    try:
        return read_description(body)
    except DescriptionError as error:
        first = error.problems[0]
        raise invalid(str(error), first.field, first.accepted, "description-not-accepted") from None


def _offered(context: Context, draft: DatasetDraft, profile: Profile) -> dict[str, Any]:
    if draft.offer is not None:
        if draft.duo:
            raise invalid("Codes narrow the standard offer; one of your own says itself what it allows", "duo")
        written = assessed(timed(draft.offer, draft.times), draft.risk)
        return _measurable(draft, own_offer(context, written, draft.duties, profile.pinned))
    plain = assessed(timed(_standard(context, draft, profile), draft.times), draft.risk)
    offer = with_duties(plain, draft.duties)
    check_duties(context, offer)
    return _measurable(draft, offer)


def _measurable(draft: DatasetDraft, offer: dict[str, Any]) -> dict[str, Any]:
    if draft.kind == "stream" and asks(offer):
        raise invalid("A stream says nothing about people whose risk could be measured", "risk", "a dataset of records")
    return offer


def _standard(context: Context, draft: DatasetDraft, profile: Profile) -> dict[str, Any]:
    until = datetime.combine(draft.until, time(23, 59, 59), UTC)
    if until <= context.clock():
        raise invalid("The offer would have ended already", "until", "a day in the future")
    try:
        plain = coded(dict(research_offer(new_id(), draft.purposes, until)), draft.duo, until)
        offer = with_terms(plain, BoundTerms(profile=profile.pinned))
    except ValueError as fault:
        raise invalid(str(fault), "purposes", code="purpose-unknown") from None
    return offer


def _mailbox(origin: str) -> str:
    """The address RFC 2142 keeps for questions about what an organisation offers, at our own host."""
    host = urlsplit(origin).hostname or ""
    if re.fullmatch(r"[0-9.]+", host):
        return f"info@[{host}]"
    return f"info@{host}" if "." in host else "info@host.invalid"


def _slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "dataset"
