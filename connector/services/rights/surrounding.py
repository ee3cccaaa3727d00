"""What a 27560 record needs and a consent does not know, from what is known here: study, register, settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from connector.ports import Transaction
from connector.problems import missing
from connector.records import Study
from connector.services.context import Context
from contracts.study import StudyRequest
from policy.consent import ConsentRecord
from policy.records27560 import Surroundings

_RIGHTS = (
    ("A7-3", "Stop: withdraw this consent on any day, without a reason", "/me/permissions"),
    ("A15", "See everything that is kept about you", "/me/file"),
    ("A16", "Have what is wrong corrected", None),
    ("A17", "Have your data deleted", "/me/permissions"),
    ("A20", "Take your data with you", "/me/file"),
    ("A77", "Complain to a data protection authority", None),
)
_ON_STOPPING = "When you stop and ask for it, each receiver has to delete what it holds within the time in its contract"
_NO_ADDRESS = "No address is on file here"


def study_of(tx: Transaction, id: str) -> StudyRequest:
    """The study request as it is known here. Raises Problem 404."""
    found = tx.get(Study, id)
    if found is None or found.document is None:
        raise missing("The study request of this consent is not known here any more")
    return StudyRequest.read(found.document)


def surroundings(
    context: Context, record: ConsentRecord, study: StudyRequest, earlier: Sequence[ConsentRecord]
) -> Surroundings:
    """Everything around one version of a consent; `earlier` are the versions before it."""
    asked = _asked(record, study)
    recipients = list(dict.fromkeys([*study.recipients, *record.recipients]))
    places = [place for id in recipients if (place := _place(context, id)) is not None]
    return Surroundings.read(
        {
            "parties": [_party(context, id, roles, study) for id, roles in _roles(record, study, recipients).items()],
            "controllers": list(dict.fromkeys([record.holder, study.organisation])),
            "notice": {
                "id": study.id, "title": study.title, "published_at": study.published_at,
                "shown_until": study.answer_until,
            },
            "storage": {
                "locations": [study.words.stored_where],
                "countries": sorted({country for place in places for country in place.hosting}),
                "until": record.valid_until, "rule": _ON_STOPPING,
            },
            "control": _control(context, record, study),
            "jurisdictions": sorted(_jurisdictions(context, [record.holder, *recipients])),
            "asked_purposes": study.purposes,
            "asked_recipients": recipients,
            "asked_data": asked,
            "rights": [
                {"article": article, "title": title,
                 "url": f"{context.me.origin}{path}" if path and not at_desk(record) else None}
                for article, title, path in _RIGHTS
            ],
            "earlier": [
                {"version": one.version, "state": one.state, "at": one.decided_at, "valid_until": one.valid_until,
                 "by": one.signer.kind}
                for one in earlier
            ],
        }
    )  # fmt: skip


def at_desk(record: ConsentRecord) -> bool:
    """Whether staff of the holder took it down: then there are no pages of a wallet to go to."""
    return record.wallet == record.holder


def _control(context: Context, record: ConsentRecord, study: StudyRequest) -> dict[str, str]:
    """Where a person changes their mind, and how in words."""
    if not at_desk(record):
        return {
            "url": f"{context.me.origin}/me/studies/{study.id}/stop",
            "words": "Stop it on the wallet's pages, in two steps, on any day and without a reason",
        }
    contacts = ", ".join(contacts_of(context, record.holder))
    name = context.me.name if record.holder == context.me.id else context.members.name_of(record.holder)
    return {
        "url": _origin(context, record.holder),
        "words": f"Tell {name} at the desk, by phone or in a letter, on any day and without a reason: {contacts}",
    }


def _origin(context: Context, id: str) -> str:
    member = context.members.known(id)
    return context.me.origin if id == context.me.id or member is None else member.origin


def _asked(record: ConsentRecord, study: StudyRequest) -> list[dict[str, Any]]:
    """What was asked for at this holder; data that a later edition of the study dropped keeps standing by its id."""
    asked = [
        {"dataset": one.dataset, "title": one.title, "source": record.holder, "categories": one.categories}
        for one in study.at(record.holder)
    ]
    known = {one["dataset"] for one in asked}
    dropped = [
        {"dataset": scope.dataset, "title": scope.dataset, "source": record.holder, "categories": scope.categories}
        for scope in record.data
        if scope.dataset not in known
    ]
    return [*asked, *dropped]


def _roles(record: ConsentRecord, study: StudyRequest, recipients: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {record.holder: ["controller", "source"]}
    found.setdefault(record.wallet, []).append("processor")
    found.setdefault(study.organisation, []).append("controller")
    for id in recipients:
        found.setdefault(id, []).append("recipient")
    return {id: list(dict.fromkeys(roles)) for id, roles in found.items()}


def _party(context: Context, id: str, roles: list[str], study: StudyRequest) -> dict[str, Any]:
    name = study.organisation_name if id == study.organisation else context.members.name_of(id)
    place = _place(context, id)
    return {
        "id": id, "name": context.me.name if id == context.me.id else name, "address": address_of(context, id),
        "contacts": contacts_of(context, id, study), "roles": roles,
        "jurisdiction": place.jurisdiction if place else None,
    }  # fmt: skip


def address_of(context: Context, id: str) -> str:
    """A postal address where there is one on file, else where the participant's connector answers."""
    if id == context.me.id:
        return context.settings.postal_address or context.me.origin
    member = context.members.known(id)
    return member.origin if member is not None else _NO_ADDRESS


def contacts_of(context: Context, id: str, study: StudyRequest | None = None) -> list[str]:
    """Whom people can ask: of the study, of our settings, else the connector's address."""
    if study is not None and id == study.organisation:
        return [f"{study.contact.name} <{study.contact.email}>"]
    own = (context.settings.contact, context.settings.dpo_contact) if id == context.me.id else ()
    return [one for one in own if one] or [address_of(context, id)]


def _place(context: Context, id: str) -> Any:
    member = context.members.known(id)
    return member.place if member is not None else None


def _jurisdictions(context: Context, ids: Iterable[str]) -> set[str]:
    return {place.jurisdiction for id in ids if (place := _place(context, id)) is not None}
