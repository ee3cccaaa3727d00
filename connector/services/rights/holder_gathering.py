"""Everything a holder keeps about one person, as plain JSON values: what an answer to GDPR art. 15 has to contain.

Codes a recipient knows the person by are left out: together with the person's name they would undo what a recipient
may not undo. Staff stand here as staff, not by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from connector.ports import Transaction
from connector.problems import missing
from connector.records import (
    Agreement,
    CaptureEvidence,
    Consent,
    DecisionMade,
    DevicePoint,
    EmergencyAccess,
    HandedOver,
    Link,
    LinkDispute,
    Notice,
    OptOut,
    Person,
    Source,
    SourceConsent,
    SourceRecord,
)
from connector.services.context import Context
from connector.services.dpo.wording import duty_words, limits
from connector.services.rights.gathering import Value, as_json
from connector.services.rooms.names import dataset_title, study_title
from connector.services.rooms.transfers import reason_words
from policy.categories import words as category_words
from policy.consent import ConsentRecord, effective_state
from policy.decision import Decision
from policy.instants import wire

_LEFT_OUT = frozenset({"code", "cut", "body", "inputs", "answers", "by", "reviewed_by", "opened_by", "settled_by",
                       "taken_by", "person_key", "other", "hand_note", "lane", "next_at", "account"})  # fmt: skip
"""Fields that are about somebody else, would join the person to a code, or stand elsewhere in the file."""


def person_file(tx: Transaction, context: Context, person_id: str) -> Value:
    """The person's file. Raises Problem 404."""
    person = known(tx, person_id)
    now, name_of = context.clock(), context.members.name_of
    return {
        "made_at": wire(now),
        "holder": {"id": context.me.id, "name": context.me.name, "address": context.me.origin,
                   "contact": context.settings.dpo_contact or context.settings.contact or None},
        "person": _person(tx, person),
        "links": [_plain(one) | {"wallet_name": name_of(one.wallet)} for one in tx.find(Link, person=person_id)],
        "link_disputes": _disputes(tx, person_id),
        "records": summary(tx, person_id),
        "consents": [_consent(tx, one, now) for one in tx.find(Consent, person=person_id, order="committed_at")],
        "source_consents": [
            _plain(one) | {"resource": one.body} for one in tx.find(SourceConsent, person=person_id, order="version")
        ],
        "opt_outs": [_plain(one) for one in tx.find(OptOut, person=person_id, order="at")],
        "evidence": [_plain(one) for one in tx.find(CaptureEvidence, person=person_id, order="taken_at")],
        "decisions": [_decision(tx, one) for one in tx.find(DecisionMade, person=person_id, order="at")],
        "transfers": [_handed(tx, context, one) for one in tx.find(HandedOver, person=person_id, order="first_at")],
        "withdrawals": [
            _plain(one) | {"recipient_name": name_of(one.recipient), "study_title": study_title(tx, one.study)}
            for one in tx.find(Notice, person=person_id, order="effective_at")
        ],
        "emergencies": [_plain(one) for one in tx.find(EmergencyAccess, person=person_id, order="declared_at")],
    }  # fmt: skip


def _person(tx: Transaction, person: Person) -> Value:
    source = tx.get(Source, person.source)
    return _plain(person) | {"source_name": source.name if source else person.source}


def _disputes(tx: Transaction, person_id: str) -> list[Value]:
    """When it was doubted whose record a link joins, for either person it may be about.

    Why is left out, and so is the officer's note: such words are about two people, and one of them is somebody else.
    """
    mine = [(one, "the link was yours") for one in tx.find(LinkDispute, person=person_id)]
    mine += [(one, "the link may have been meant for you") for one in tx.find(LinkDispute, other=person_id)]
    return [
        {"id": one.id, "about": about, "opened_at": as_json(one.opened_at), "settled_at": as_json(one.settled_at),
         "outcome": one.outcome}
        for one, about in mine
    ]  # fmt: skip


def _plain(record: Any) -> Value:
    """A record's own fields as JSON values, without those that are left out."""
    names = (name for name in type(record).__dataclass_fields__ if name not in _LEFT_OUT)
    return {name: as_json(getattr(record, name)) for name in names}


def _consent(tx: Transaction, one: Consent, now: Any) -> Value:
    record = ConsentRecord.from_json(one.record)
    return _plain(one) | {
        "study_title": study_title(tx, one.study), "means_now": str(effective_state(record, now)),
    }  # fmt: skip


def _decision(tx: Transaction, one: DecisionMade) -> Value:
    decision = Decision.from_json(one.decision or {})
    agreement = tx.get(Agreement, one.agreement)
    return {
        "id": one.id, "at": as_json(one.at), "agreement": one.agreement, "release": one.release,
        "outcome": one.outcome, "study_title": study_title(tx, agreement.study) if agreement else "",
        "recipient": agreement.counterparty if agreement else None,
        "first_reason": reason_words(one.first_reason), "because": [cause.text for cause in decision.because],
        "limits": limits(decision), "duties": duty_words(decision.obligations),
        "valid_until": as_json(decision.valid_until),
    }  # fmt: skip


def _handed(tx: Transaction, context: Context, one: HandedOver) -> Value:
    agreement = tx.get(Agreement, one.agreement)
    return _plain(one) | {
        "recipient_name": context.members.name_of(one.recipient), "study_title": study_title(tx, one.study),
        "dataset": dataset_title(tx, agreement.dataset) if agreement else "",
        "purposes": list((agreement.purposes or {}).get("purposes", [])) if agreement else [],
        "contract_until": as_json(agreement.until) if agreement else None,
    }  # fmt: skip


def summary(tx: Transaction, person_id: str) -> list[Value]:
    """What is kept, by kind: how many records, and from when to when."""
    found: dict[tuple[str, str], Value] = {}
    for kind, category, start, end in _dated(tx, person_id):
        row = found.setdefault(
            (kind, category),
            {"kind": kind, "category": category, "words": category_words(category), "count": 0, "first": None,
             "last": None},
        )  # fmt: skip
        row["count"] += 1
        row["first"] = min(filter(None, (row["first"], as_json(start))), default=None)
        row["last"] = max(filter(None, (row["last"], as_json(end or start))), default=None)
    return [found[key] for key in sorted(found)]


def _dated(tx: Transaction, person_id: str) -> Iterator[tuple[str, str, Any, Any]]:
    for record in tx.find(SourceRecord, person=person_id):
        if not record.deleted:
            yield record.resource_type, record.category, record.start, record.end
    for point in tx.find(DevicePoint, person=person_id):
        yield "Measurement", point.category, point.start, point.end


def copies(tx: Transaction, person_id: str) -> dict[str, bytes]:
    """The records themselves (GDPR art. 15(3)), one to a line as they came."""
    records = tx.find(SourceRecord, person=person_id, order="id")
    points = tx.find(DevicePoint, person=person_id, order="sequence")
    found = {
        "records.ndjson": _lines(one.body for one in records if not one.deleted),
        "measurements.ndjson": _lines(one.body for one in points),
    }
    return {name: body for name, body in found.items() if body}


def evidence_files(tx: Transaction, person_id: str) -> dict[str, bytes]:
    """What was kept of how a consent was taken: scans, recordings, protocols."""
    return {
        f"evidence/{one.digest}": one.body for one in tx.find(CaptureEvidence, person=person_id, order="digest")
    }  # fmt: skip


def _lines(bodies: Iterable[bytes]) -> bytes:
    return b"".join(b" ".join(body.split(b"\n")) + b"\n" for body in bodies)


def counted(tx: Transaction, person_id: str) -> int:
    """How many records are kept about a person."""
    return tx.count(SourceRecord, person=person_id, deleted=False) + tx.count(DevicePoint, person=person_id)


def known(tx: Transaction, person_id: str) -> Person:
    """The person. Raises Problem 404."""
    person = tx.get(Person, person_id)
    if person is None:
        raise missing("We keep data about nobody by this id")
    return person
