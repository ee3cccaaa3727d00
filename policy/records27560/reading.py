"""A 27560 record taken back: the consent record it was written from, and its surroundings.

Only what writing can produce is accepted, the same rule as for FHIR: a field we do not know could narrow what was
agreed, and a field that contradicts another could widen it. So what was read is written again and compared.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from policy.consent import ConsentError, ConsentRecord
from policy.instants import instant
from policy.records27560 import terms
from policy.records27560.schema import faults
from policy.records27560.surroundings import Surroundings, SurroundingsError
from policy.records27560.writing import record_27560

Object = Mapping[str, Any]


class RecordError(ValueError):
    """A document is no record of ours: `code` names why, `pointer` the place; never a value."""

    def __init__(self, code: str, pointer: str = "") -> None:
        super().__init__(f"{code} at {pointer or '/'}")
        self.code = code
        self.pointer = pointer


def read_27560(document: object) -> tuple[ConsentRecord, Surroundings]:
    """The consent record and its surroundings.

    Raises :class:`RecordError`: "not-a-record" with the place where the schema is not met, "not-a-consent" where the
    consent in it is none, "contradiction" where two parts of the document say different things.
    """
    found = faults(document)
    if found:
        raise RecordError("not-a-record", found[0])
    if not isinstance(document, Mapping) or document["@type"] != "dpv:ConsentRecord":
        raise RecordError("not-a-record", "/@type")
    record, around = _read(document)
    try:
        written = record_27560(record, around, _as_of(document))
    except SurroundingsError as error:
        raise RecordError("contradiction", error.pointer) from None
    _compare(document, written)
    return record, around


def _read(document: Object) -> tuple[ConsentRecord, Surroundings]:
    try:
        return ConsentRecord.from_json(_record(document)), Surroundings.read(_surroundings(document))
    except ConsentError as error:
        raise RecordError("not-a-consent", error.pointer) from None
    except SurroundingsError as error:
        raise RecordError("not-a-record", error.pointer) from None
    except (KeyError, IndexError, ValueError, TypeError, AttributeError):
        raise RecordError("not-a-record") from None


def _compare(given: Object, written: Object) -> None:
    for name in sorted(given.keys() | written.keys()):
        if given.get(name) != written.get(name):
            raise RecordError("contradiction", f"/{name}")


def _as_of(document: Object) -> datetime | None:
    """A moment at which the derived event is true, if the document holds one."""
    last = document["dpv:hasConsentStatus"][-1]
    if not last.get("concord:derived"):
        return None
    moment = instant(last["dpv:isIndicatedAtTime"])
    early = terms.STATES[_NOT_YET] in last["@type"]
    return datetime.min.replace(tzinfo=moment.tzinfo) if early else moment


_NOT_YET = next(state for state, term in terms.STATES.items() if term == "concord:ConsentNotYetDecided")


def _recorded(document: Object) -> Object:
    """The event that is this version itself."""
    said: list[Object] = [one for one in document["dpv:hasConsentStatus"] if not one.get("concord:derived")]
    return said[-1]


def _record(document: Object) -> dict[str, Any]:
    event, ours, notice = _recorded(document), document["concord:consent"], document["dpv:hasNotice"]
    start, end = event["dct:valid"].split("/")
    capture = {name.removeprefix("concord:"): value for name, value in event.get("concord:capture", {}).items()}
    return {
        "id": ours["concord:id"],
        "version": event["concord:version"],
        "previous": ours.get("concord:previous"),
        "state": terms.RECORDED[event["@type"][0]].value,
        "study": ours["concord:study"],
        "study_digest": ours["concord:studyDigest"],
        "link": document["dpv:hasDataSubject"]["dct:identifier"],
        "holder": ours["concord:holder"],
        "wallet": ours["concord:wallet"],
        "recipients": ours["concord:recipients"],
        "purposes": ours["concord:purposes"],
        "data": [_scope(one) for one in document["dpv:hasProcess"] if one["concord:agreed"]],
        "window": ours.get("concord:window"),
        "decided_at": start,
        "valid_until": end,
        "words": {
            "version": notice["dct:hasVersion"],
            "language": notice["dct:language"],
            "digest": notice["concord:sha256"],
        },
        "signer": _signer(event["dpv:isIndicatedBy"]),
        "on_withdrawal": ours.get("concord:onWithdrawal"),
        "capture": capture or None,
        "replaces": ours["concord:replaces"],
    }


def _scope(process: Object) -> dict[str, Any]:
    return {"dataset": process["dct:identifier"], "categories": _categories(process)}


def _categories(process: Object) -> list[str] | None:
    keys = [one.get("dct:identifier") for one in process["dpv:hasPersonalData"]]
    return None if keys == [None] else keys


def _signer(by: str | Object) -> dict[str, Any]:
    if isinstance(by, str):
        return {"kind": terms.INVERSE_BY[by], "authority": None}
    return {
        "kind": terms.INVERSE_BY[by["@type"]],
        "authority": by["concord:authority"],
        "until": by.get("concord:authorityUntil"),
        "record": by.get("concord:authorityRecord"),
    }


def _surroundings(document: Object) -> dict[str, Any]:
    process = document["dpv:hasProcess"][0]
    events = [one for one in document["dpv:hasConsentStatus"] if not one.get("concord:derived")]
    collection, *processing = process["dpv:hasProcessing"]
    control, places = document["dpv:hasConsentControl"], document["dpv:hasJurisdiction"]
    return {
        "parties": [_party(one) for one in document["dpv:hasEntity"]],
        "controllers": document["dpv:hasDataController"],
        "notice": _notice(document["dpv:hasNotice"]),
        "storage": _storage(process["dpv:hasStorageCondition"]),
        "control": {"url": control["dpv:isExercisedAt"], "words": control["dct:description"]},
        "jurisdictions": [one.removeprefix("loc:") for one in places if one.startswith("loc:")],
        "applicable_law": document["dpv:hasApplicableLaw"],
        "legal_basis": document["dpv:hasLegalBasis"],
        "consent_type": terms.INVERSE_TYPES[events[-1]["@type"][1]],
        "collection": collection,
        "processing": processing,
        "asked_purposes": process["dpv:hasPurpose"],
        "asked_recipients": process["dpv:hasRecipient"],
        "asked_data": [_asked(one) for one in document["dpv:hasProcess"]],
        "rights": [_right(one) for one in document["dpv:hasRight"]],
        "authority": document.get("dpv:hasAuthority"),
        "earlier": [_earlier(one) for one in events[:-1]],
    }


def _party(party: Object) -> dict[str, Any]:
    place = party.get("dpv:hasJurisdiction")
    return {
        "id": party["dct:identifier"],
        "name": party["dpv:hasName"],
        "address": party["dpv:hasAddress"],
        "contacts": party["dpv:hasContact"],
        "roles": [terms.INVERSE_ROLES[one] for one in party["@type"][1:]],
        "jurisdiction": place.removeprefix("loc:") if place else None,
    }


def _notice(notice: Object) -> dict[str, Any]:
    start, end = notice["dct:coverage"].split("/")
    return {
        "id": notice["@id"],
        "title": notice["dct:title"],
        "published_at": start,
        "shown_until": end,
        "url": notice.get("schema:url"),
    }


def _storage(conditions: list[Object]) -> dict[str, Any]:
    *places, lasting = conditions
    named = [one["dpv:hasLocation"] for one in places]
    return {
        "locations": [one for one in named if not one.startswith("loc:")],
        "countries": [one.removeprefix("loc:") for one in named if one.startswith("loc:")],
        "until": lasting["dpv:hasDuration"]["rdf:value"],
        "rule": lasting["rdfs:comment"],
    }


def _asked(process: Object) -> dict[str, Any]:
    return {
        "dataset": process["dct:identifier"],
        "title": process["dct:title"],
        "source": process["dpv:hasDataSource"],
        "categories": _categories(process),
    }


def _right(right: Object) -> dict[str, Any]:
    article = right["@type"][1].removeprefix("eu-gdpr:")
    return {"article": article, "title": right["dct:title"], "url": right.get("dpv:isExercisedAt")}


def _earlier(event: Object) -> dict[str, Any]:
    return {
        "version": event["concord:version"],
        "state": terms.RECORDED[event["@type"][0]].value,
        "at": event["dpv:isIndicatedAtTime"],
        "valid_until": event["dct:valid"].split("/")[1],
        "by": terms.INVERSE_BY[event["dpv:isIndicatedBy"]],
    }
