"""A consent record and its surroundings as a 27560 consent record in DPV terms (JSON-LD).

The processing part says what was agreed; where nothing was, what was asked. Everything a reader of 27560 needs stands
in its own terms; under `concord:` stands what the standard has no word for, so that the record can be taken back.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from policy.categories import OTHER
from policy.categories import words as category_words
from policy.consent import Capture, ConsentRecord, DataScope, EffectiveState, Signer, effective_state
from policy.instants import wire
from policy.records27560 import terms
from policy.records27560.surroundings import Earlier, Party, Surroundings, SurroundingsError

Object = dict[str, Any]
_DERIVED = frozenset({EffectiveState.EXPIRED, EffectiveState.AUTHORITY_ENDED, EffectiveState.NOT_YET_DECIDED})


def record_27560(record: ConsentRecord, around: Surroundings, as_of: datetime | None = None) -> Object:
    """The 27560 record. With `as_of`, an event says when time itself ended it.

    Raises :class:`SurroundingsError`: "unknown-party" where the record names a party whose name, address and contact
    are not given; "other-data" where it covers a dataset the notice did not ask for; "other-chain" where the earlier
    versions are not those before this one.
    """
    _check(record, around)
    return {
        "@context": dict(terms.CONTEXT),
        "@id": record.name,
        "@type": "dpv:ConsentRecord",
        "dct:identifier": record.name,
        "dct:conformsTo": terms.RECORD_PROFILE,
        "concord:schemaVersion": terms.SCHEMA_VERSION,
        "dpv:hasDataSubject": {"@type": "dpv:DataSubject", "dct:identifier": record.link},
        "dpv:hasDataController": list(around.controllers),
        "dpv:hasEntity": [_party(one) for one in around.parties],
        "dpv:hasJurisdiction": [f"loc:{one}" for one in around.jurisdictions] or ["concord:JurisdictionNotOnFile"],
        "dpv:hasApplicableLaw": list(around.applicable_law),
        "dpv:hasLegalBasis": list(around.legal_basis),
        "dpv:hasProcess": list(_processes(record, around)),
        "dpv:hasConsentControl": {
            "@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"],
            "dpv:isExercisedAt": around.control.url,
            "dct:description": around.control.words,
        },
        "dpv:hasRight": [_right(one) for one in around.rights],
        **({"dpv:hasAuthority": around.authority} if around.authority else {}),
        "dpv:hasNotice": _notice(record, around),
        "dpv:hasConsentStatus": list(_events(record, around, as_of)),
        "concord:consent": _ours(record),
    }


def _check(record: ConsentRecord, around: Surroundings) -> None:
    for name in (record.holder, record.wallet, *record.recipients):
        if around.party(name) is None:
            raise SurroundingsError("unknown-party", "/parties")
    for scope in record.data:
        if around.asked(scope.dataset) is None:
            raise SurroundingsError("other-data", "/asked_data")
    if len(around.earlier) != record.version - 1:
        raise SurroundingsError("other-chain", "/earlier")


def _party(party: Party) -> Object:
    place = {"dpv:hasJurisdiction": f"loc:{party.jurisdiction}"} if party.jurisdiction else {}
    return {
        "@id": party.id,
        "@type": ["dpv:LegalEntity", *(terms.ROLES[role] for role in party.roles)],
        "dct:identifier": party.id,
        "dpv:hasName": party.name,
        "dpv:hasAddress": party.address,
        "dpv:hasContact": list(party.contacts),
        **place,
    }


def _processes(record: ConsentRecord, around: Surroundings) -> Iterator[Object]:
    """One process per dataset that was agreed to; per dataset asked for where none was."""
    if record.data:
        purposes = record.purposes or around.asked_purposes
        recipients = record.recipients or around.asked_recipients
        for scope in record.data:
            yield _process(scope, around, purposes, recipients, agreed=True)
        return
    for asked in around.asked_data:
        scope = DataScope(dataset=asked.dataset, categories=asked.categories)
        yield _process(scope, around, around.asked_purposes, around.asked_recipients, agreed=False)


def _process(
    scope: DataScope, around: Surroundings, purposes: tuple[str, ...], recipients: tuple[str, ...], *, agreed: bool
) -> Object:
    asked = around.asked(scope.dataset)
    if asked is None:
        raise SurroundingsError("other-data", "/asked_data")
    return {
        "@type": "dpv:Process",
        "dct:title": asked.title,
        "dct:identifier": scope.dataset,
        "concord:agreed": agreed,
        "dpv:hasPurpose": list(purposes),
        "dpv:hasPersonalData": _personal_data(scope.categories),
        "dpv:hasDataSource": asked.source,
        "dpv:hasRecipient": list(recipients),
        "dpv:hasThirdParty": [one for one in recipients if one not in around.controllers],
        "dpv:hasProcessing": [around.collection, *around.processing],
        "dpv:hasNecessity": "dpv:Optional",
        "dpv:hasStorageCondition": _storage(around),
    }


def _personal_data(categories: tuple[str, ...] | None) -> list[Object]:
    if categories is None:
        return [{"@type": ["dpv:PersonalData", terms.SPECIAL, terms.ANY_HEALTH_DATA], "dct:title": "All of it"}]
    return [
        {
            "@type": ["dpv:PersonalData", terms.SPECIAL, *((kind,) if (kind := _kind(key)) else ())],
            "dct:title": category_words(key),
            "dct:identifier": key,
        }
        for key in categories
    ]


def _kind(key: str) -> str | None:
    return None if key == OTHER else terms.PERSONAL_DATA.get(key)


def _storage(around: Surroundings) -> list[Object]:
    storage = around.storage
    places = [{"@type": "dpv:StorageLocation", "dpv:hasLocation": one} for one in storage.locations]
    countries = [{"@type": "dpv:StorageLocation", "dpv:hasLocation": f"loc:{one}"} for one in storage.countries]
    until = {"@type": ["dpv:UntilTimeDuration", "xsd:dateTime"], "rdf:value": wire(storage.until)}
    return [
        *places,
        *countries,
        {"@type": "dpv:StorageDuration", "rdfs:comment": storage.rule, "dpv:hasDuration": until},
    ]


def _right(right: Any) -> Object:
    found = {"@type": ["dpv:DataSubjectRight", f"eu-gdpr:{right.article}"], "dct:title": right.title}
    return found | ({"dpv:isExercisedAt": right.url} if right.url else {})


def _notice(record: ConsentRecord, around: Surroundings) -> Object:
    notice = around.notice
    return {
        "@id": notice.id,
        "@type": "dpv:ConsentNotice",
        "dct:title": notice.title,
        "dct:date": wire(notice.published_at),
        "dct:coverage": f"{wire(notice.published_at)}/{wire(notice.shown_until)}",
        "dct:language": record.words.language,
        "dct:hasVersion": record.words.version,
        "concord:sha256": record.words.digest,
        **({"schema:url": notice.url} if notice.url else {}),
    }


def _events(record: ConsentRecord, around: Surroundings, as_of: datetime | None) -> Iterator[Object]:
    """The whole chain, oldest first; then what time made of it."""
    kind = terms.TYPES[around.consent_type]
    for earlier in around.earlier:
        yield _event(earlier, kind)
    yield _this(record, kind)
    meant = effective_state(record, as_of) if as_of is not None else None
    if meant in _DERIVED:
        yield {
            "@type": [terms.STATES[meant], kind],
            "dpv:isIndicatedBy": "concord:Time",
            "dpv:hasIndicationMethod": "Follows from the dates of the consent",
            "dpv:isIndicatedAtTime": wire(_when(record, meant)),
            "dct:valid": _valid(record.decided_at, record.valid_until),
            "concord:version": record.version,
            "concord:derived": True,
        }


def _when(record: ConsentRecord, meant: EffectiveState) -> datetime:
    if meant is EffectiveState.AUTHORITY_ENDED and record.signer.until is not None:
        return max(record.signer.until, record.decided_at)  # an authority may have ended before it was used
    return record.valid_until if meant is EffectiveState.EXPIRED else record.decided_at


def _event(event: Earlier, kind: str) -> Object:
    return {
        "@type": [terms.STATES[EffectiveState(event.state.value)], kind],
        "dpv:isIndicatedBy": terms.BY[event.by],
        "dpv:isIndicatedAtTime": wire(event.at),
        "dct:valid": _valid(event.at, event.valid_until),
        "concord:version": event.version,
    }


def _this(record: ConsentRecord, kind: str) -> Object:
    return {
        "@type": [terms.STATES[EffectiveState(record.state.value)], kind],
        "dpv:isIndicatedBy": _signer(record.signer),
        "dpv:hasIndicationMethod": terms.METHODS[record.capture.channel] if record.capture else terms.METHOD_UNKNOWN,
        "dpv:isIndicatedAtTime": wire(record.decided_at),
        "dct:valid": _valid(record.decided_at, record.valid_until),
        "concord:version": record.version,
        **({"concord:capture": _capture(record.capture)} if record.capture else {}),
    }


def _valid(start: datetime, end: datetime) -> str:
    return f"{wire(start)}/{wire(end)}"


def _signer(signer: Signer) -> str | Object:
    if signer.kind == "self":
        return terms.BY["self"]
    found: Object = {"@type": terms.BY[signer.kind], "concord:authority": signer.authority}
    if signer.until is not None:
        found["concord:authorityUntil"] = wire(signer.until)
    if signer.record is not None:
        found["concord:authorityRecord"] = signer.record
    return found


def _capture(capture: Capture) -> Object:
    given = capture.model_dump(mode="json")
    return {f"concord:{name}": value for name, value in given.items() if value is not None}


def _ours(record: ConsentRecord) -> Object:
    """What the consent pins and 27560 has no word for."""
    value: Mapping[str, Any] = record.to_json()
    pinned = {
        "concord:id": record.id,
        "concord:digest": record.digest(),
        "concord:previous": record.previous,
        "concord:study": record.study,
        "concord:studyDigest": record.study_digest,
        "concord:holder": record.holder,
        "concord:wallet": record.wallet,
        "concord:purposes": list(record.purposes),
        "concord:recipients": list(record.recipients),
        "concord:window": value["window"],
        "concord:onWithdrawal": record.on_withdrawal,
        "concord:replaces": list(record.replaces),
    }
    return {name: part for name, part in pinned.items() if part is not None}
