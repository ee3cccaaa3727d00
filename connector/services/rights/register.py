"""The register of processing activities (GDPR art. 30), generated: from sources, catalogue, contracts, studies, members
and their places, profiles, deadlines. Nothing in it is typed by anybody, so it is as true as the records are.

An activity is one dataset on offer, one contract (as provider or as recipient), one source, or the hosting of people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.records import Account, Agreement, Dataset, Source, Study, WalletLink
from connector.services.context import Context
from connector.services.deadlines import deadlines_named
from connector.services.rights.gathering import as_json
from connector.services.rights.surrounding import address_of
from connector.services.rooms.names import dataset_title, sentences, study_title
from contracts.study import StudyRequest
from policy.categories import CATEGORIES
from policy.categories import words as category_words
from policy.instants import wire
from policy.law import statute
from policy.odrl import PolicyError, compiled
from policy.odrl import vocabulary as v
from policy.purposes import label

_HOSTING_PURPOSE = "Let people decide about their data, and show them what became of it"
_KEEPING_PURPOSE = "Keep records of care so that they can be shared where people allow it"
_CONSENT = "Consent: GDPR art. 6(1)(a) and 9(2)(a)"
_SAFETY = (
    "Codes in place of names, made for each contract alone; secrets kept apart from the records",
    "Each hand-over checked against the person's consent, and written in a log that cannot be changed unseen",
    "Messages signed, members known by key; keys and backups kept apart",
)
_ALL_KINDS = "All kinds of data in the collection"


@dataclass(frozen=True, slots=True)
class Abroad:
    """A place outside the European Economic Area that data go to, and on what ground (art. 30(1)(e))."""

    recipient: str
    country: str
    ground: str


@dataclass(frozen=True, slots=True)
class Activity:
    """One processing activity with what art. 30(1)(b) to (g) asks for. `from_record` is what it was generated from."""

    id: str
    kind: str
    name: str
    role: str
    state: str
    purposes: list[str]
    legal_basis: str
    subjects: list[str]
    data: list[str]
    recipients: list[str]
    abroad: list[Abroad]
    places: list[str]
    erased: list[str]
    safety: list[str]
    terms: list[str]
    since: str | None
    until: str | None
    from_record: str


@dataclass(frozen=True, slots=True)
class Register:
    """The register of one participant at one time."""

    id: str
    made_at: str
    controller: dict[str, str]
    activities: list[Activity]

    def to_json(self) -> dict[str, Any]:
        """As the JSON object that is signed."""
        return asdict(self)


def register(tx: Transaction, context: Context) -> Register:
    """The register as it stands now."""
    now, me, settings = context.clock(), context.me, context.settings
    return Register(
        id=f"register-{me.id}-{now:%Y-%m-%dT%H%M%SZ}", made_at=wire(now),
        controller={
            "id": me.id, "name": me.name, "role": me.role, "address": address_of(context, me.id),
            "contact": settings.contact or address_of(context, me.id),
            "data_protection_officer": settings.dpo_contact or "not on file: set dpo_contact",
        },
        activities=[*_contracts(tx, context, now), *_offers(tx, context), *_sources(tx), *_hosting(tx, context)],
    )  # fmt: skip


def _contracts(tx: Transaction, context: Context, now: datetime) -> Iterator[Activity]:
    for one in tx.find(Agreement, order="-made_at"):
        yield _contract(tx, context, one, now)


def _contract(tx: Transaction, context: Context, one: Agreement, now: datetime) -> Activity:
    giving = one.role == "provider"
    recipients = [one.counterparty if giving else context.me.id]
    study = _study(tx, one.study)
    recipients += [id for id in (study.recipients if study else ()) if id not in recipients]
    verb = "Share" if giving else "Use"
    ended = one.until is not None and one.until <= now
    return Activity(
        id=one.id, kind="contract", name=f"{verb} {dataset_title(tx, one.dataset)}" + _for(tx, one.study),
        role="controller that provides" if giving else "controller that receives",
        state="expired" if ended and one.standing == "active" else one.standing, purposes=_purposes(one, study),
        legal_basis=_CONSENT, subjects=["Patients and other people whose records are kept"],
        data=_kinds(one, study), recipients=[context.members.name_of(id) for id in recipients],
        abroad=[*_abroad(context, recipients, now)], places=_places(context, recipients),
        erased=_deadlines(context, one), safety=[*_SAFETY, f"Identities removed by the profile {one.profile}"]
        if one.profile else list(_SAFETY),
        terms=sentences(one.policy), since=as_json(one.made_at), until=as_json(one.ended_at or one.until),
        from_record=f"agreement {one.id}, SHA-256 {one.digest}",
    )  # fmt: skip


def _for(tx: Transaction, study: str | None) -> str:
    return f" for the study {study_title(tx, study)}" if study else ""


def _study(tx: Transaction, id: str | None) -> StudyRequest | None:
    found = tx.get(Study, id) if id else None
    return StudyRequest.read(found.document) if found is not None and found.document else None


def _purposes(one: Agreement, study: StudyRequest | None) -> list[str]:
    named = (one.purposes or {}).get("purposes") or (study.purposes if study else ())
    return [label(purpose) for purpose in named] or ["Not stated in the contract"]


def _kinds(one: Agreement, study: StudyRequest | None) -> list[str]:
    """The kinds of data the contract selects, else those the study asks for of this dataset."""
    selected = (one.selection or {}).get("variables")
    if not selected and study is not None:
        asked = [entry.categories for entry in study.data if entry.dataset == one.dataset]
        selected = [key for keys in asked if keys is not None for key in keys]
    return [category_words(key) for key in selected] if selected else [_ALL_KINDS]


def _deadlines(context: Context, one: Agreement) -> list[str]:
    times = deadlines_named(context, one)
    return [
        f"At the end of the contract, {as_json(one.until)}" if one.until else "At the end of the contract",
        f"When a person stops: use ends within {_span(times.stop)}, deleted within {_span(times.erase)}, "
        f"backups gone within {_span(times.backups)}",
    ]


def _span(length: Any) -> str:
    hours = int(length.total_seconds()) // 3600
    return f"{hours // 24} days" if hours % 24 == 0 and hours > 24 else f"{hours} hours"


def _offers(tx: Transaction, context: Context) -> Iterator[Activity]:
    for one in tx.find(Dataset, order="-published_at"):
        purposes = _offered(one.offer)
        yield Activity(
            id=one.id, kind="offer", name=f"Offer {one.title} in the catalogue", role="controller", state=one.standing,
            purposes=purposes or ["Not stated in the offer"], legal_basis=_CONSENT,
            subjects=["Patients and other people whose records are kept"],
            data=_described(one), recipients=["Whoever a contract is made with; see the contracts"], abroad=[],
            places=_places(context, [context.me.id]),
            erased=["Nothing leaves by an offer alone"], safety=list(_SAFETY), terms=sentences(one.offer),
            since=as_json(one.published_at), until=None, from_record=f"dataset {one.id}, offer {one.offer_id}",
        )  # fmt: skip


def _offered(offer: Mapping[str, Any] | None) -> list[str]:
    """The purposes an offer allows, in words."""
    try:
        policy = compiled(offer or {}).policy
    except PolicyError:
        return []
    named = [
        literal.text
        for rule in policy.permissions
        for term in rule.terms
        if getattr(term, "left", None) == v.PURPOSE
        for literal in getattr(term, "right", ())
    ]
    return [label(one) for one in dict.fromkeys(named)]


def _described(one: Dataset) -> list[str]:
    known = (one.description or {}).get("categories")
    keys = [key for key in known if key in CATEGORIES] if isinstance(known, list) else []
    return [category_words(key) for key in keys] or [_ALL_KINDS]


def _sources(tx: Transaction) -> Iterator[Activity]:
    for one in tx.find(Source, order="id"):
        device = one.kind == "openmhealth"
        yield Activity(
            id=one.id, kind="source", name=f"Keep {one.name}", role="controller", state="active",
            purposes=[_KEEPING_PURPOSE], legal_basis="As stated by the source: care, or the person's contract",
            subjects=["People who wear a device" if device else "Patients"],
            data=[category.words for category in CATEGORIES.values() if (category.source == "device") == device],
            recipients=["Nobody by itself"], abroad=[], places=[], erased=["By the rules of the source"],
            safety=list(_SAFETY), terms=[], since=as_json(one.imported_at), until=None, from_record=f"source {one.id}",
        )  # fmt: skip


def _hosting(tx: Transaction, context: Context) -> Iterator[Activity]:
    if context.me.role != "wallet" and not tx.find(WalletLink, limit=1):
        return
    holders = sorted({context.members.name_of(one.holder) for one in tx.find(WalletLink, standing="active")})
    first = tx.find(Account, order="created_at", limit=1)
    yield Activity(
        id=f"{context.me.id}:people", kind="wallet", name="Host people who decide about their data", role="controller",
        state="active", purposes=[_HOSTING_PURPOSE], legal_basis="Contract with the person: GDPR art. 6(1)(b)",
        subjects=["People with an account here, and those who act for them"],
        data=["Name, date of birth and sign-in name", "Answers to studies, with their signatures",
              "Which place used their data, when and for what"],
        recipients=holders or ["Nobody yet"], abroad=[], places=[],
        erased=["When the person closes their account; signed answers as long as they prove something"],
        safety=list(_SAFETY), terms=[], since=as_json(first[0].created_at) if first else None, until=None,
        from_record="accounts and links",
    )  # fmt: skip


def _abroad(context: Context, ids: Iterable[str], now: datetime) -> Iterator[Abroad]:
    for id in ids:
        place = context.members.place_of(id)
        if place is None:
            continue
        for country in dict.fromkeys((place.jurisdiction, *place.hosting)):
            if not statute.in_eea(country):
                yield Abroad(context.members.name_of(id), country, _ground(country, place.transfer_grounds, now))


def _ground(country: str, grounds: Iterable[str], now: datetime) -> str:
    """Why data may go there: a decision about the whole country that still holds, else what is on file."""
    decided = statute.adequacy().get(country)
    if decided is not None and not decided.only and (decided.until is None or now < decided.until):
        return "Adequacy decision of the European Commission (art. 45)"
    known = statute.transfer_grounds()
    named = [known[iri].words if (iri := v.expand(one)) in known else one for one in grounds]
    return "; ".join(named) or "NO GROUND ON FILE"


def _places(context: Context, ids: Iterable[str]) -> list[str]:
    found = []
    for id in ids:
        place = context.members.place_of(id)
        where = ", ".join(place.hosting) if place is not None else "not on file"
        found.append(f"{context.members.name_of(id)}: {where}")
    return found
