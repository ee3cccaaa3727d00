"""Consent records as FHIR Consent resources of R4 and R5, there and back without loss.

The resource says what a reader of any FHIR system can enforce safely: the base denies, and what was agreed to is
permitted per dataset, its categories within the clinical window, for the recipients and purposes named. A record that
does not say yes permits nothing. The person appears only as the opaque id of their link.

What the standard has no element for stands in one extension (:data:`EXTENSION`). Reading accepts exactly what writing
can produce: an element, code or modifier extension we do not know could narrow the consent, so it is refused with a
named reason instead of being skipped (reference S1). Consents of others are read by :mod:`policy.directives.reading`.
"""

from collections.abc import Mapping
from typing import Any

from policy.consent import ConsentError, ConsentRecord
from policy.directives.model import Release
from policy.fhir_consent import parts, rules
from policy.fhir_consent.places import listed, step, url_of
from policy.fhir_consent.strict import compare, refuse_modifiers
from policy.fhir_consent.terms import (
    EXTENSION,
    IRI_SYSTEM,
    KIND,
    LINK,
    PARTICIPANT,
    SCOPE,
    SIGNERS,
    STATUS,
    Json,
    identified,
)

__all__ = ["EXTENSION", "from_fhir", "to_fhir"]

# Elements that a server may add and that cannot change what the consent means.
_IGNORED = frozenset({"id", "meta", "text", "language"})
_BOTH = _IGNORED | {"resourceType", "extension", "identifier", "status", "category", "verification", "provision"}
_ELEMENTS = {
    Release.R4: _BOTH | {"scope", "patient", "dateTime", "performer", "organization", "policy"},
    Release.R5: _BOTH | {"subject", "date", "grantor", "controller", "policyBasis", "period", "decision"},
}


def to_fhir(record: ConsentRecord, release: Release = Release.R4) -> dict[str, Any]:
    """Return the record as a FHIR Consent resource (a JSON object)."""
    value = record.to_json()
    by = identified(SIGNERS[record.signer.kind], record.signer.authority or record.link)
    dates = value["decided_at"] if release is Release.R4 else [value["decided_at"]]
    return {
        "resourceType": "Consent",
        "id": record.id.removeprefix("urn:uuid:"),
        "extension": parts.written(value, release),
        "identifier": [{"system": IRI_SYSTEM, "value": record.id}],
        "status": STATUS[release][record.state],
        **(_head_r4(value, by) if release is Release.R4 else _head_r5(value, by)),
        "verification": [{"verified": True, "verifiedWith": by, "verificationDate": dates}],
        **rules.written(value, release),
    }


def from_fhir(resource: object, release: Release = Release.R4) -> ConsentRecord:
    """Return the record that a FHIR Consent resource of the release holds.

    Raises :class:`~policy.consent.ConsentError` whose `code` names the reason and whose `pointer` the place, never a
    value: "not-a-consent", "too-deep", "unknown-modifier", "not-verified", "missing-element", "unknown-element",
    "contradiction".
    """
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Consent":
        raise ConsentError("not-a-consent")
    refuse_modifiers(resource)
    unknown = sorted(resource.keys() - _ELEMENTS[release])
    if unknown:
        raise ConsentError("unknown-element", f"/{unknown[0]}")
    found = _record(resource, release)
    given = {name: value for name, value in resource.items() if name not in _IGNORED}
    given["extension"] = [one for one in listed(resource, "extension") if url_of(one) == EXTENSION]
    compare(given, {name: value for name, value in to_fhir(found, release).items() if name not in _IGNORED}, "")
    return found


def _head_r4(value: Mapping[str, Any], by: Json) -> Json:
    return {
        "scope": SCOPE,
        "category": [KIND],
        "patient": identified(LINK, value["link"]),
        "dateTime": value["decided_at"],
        "performer": [by],
        "organization": [identified(PARTICIPANT, value["holder"])],
        "policy": [{"uri": value["study"]}],
    }


def _head_r5(value: Mapping[str, Any], by: Json) -> Json:
    return {
        "category": [SCOPE, KIND],
        "subject": identified(LINK, value["link"]),
        "date": value["decided_at"][:10],
        "grantor": [by],
        "controller": [identified(PARTICIPANT, value["holder"])],
        "policyBasis": {"url": value["study"]},
    }


# Where each field that has an element of its own stands.
_PLACES: Mapping[Release, Mapping[str, tuple[str | int, ...]]] = {
    Release.R4: {
        "study": ("policy", 0, "uri"),
        "link": ("patient", "identifier", "value"),
        "holder": ("organization", 0, "identifier", "value"),
        "decided_at": ("dateTime",),
    },
    Release.R5: {
        "study": ("policyBasis", "url"),
        "link": ("subject", "identifier", "value"),
        "holder": ("controller", 0, "identifier", "value"),
    },
}
_BY = {Release.R4: "performer", Release.R5: "grantor"}


def _record(resource: Mapping[str, Any], release: Release) -> ConsentRecord:
    if any(_is_false(check) for check in listed(resource, "verification")):
        raise ConsentError("not-verified", "/verification")
    said = parts.read(resource, release)
    signer = said.pop("signer", {})
    by = step(resource, _BY[release], 0, "identifier")
    if not isinstance(by, Mapping):
        raise ConsentError("missing-element", f"/{_BY[release]}/0/identifier")
    return ConsentRecord.from_json(
        {
            "recipients": [],
            "purposes": [],
            "window": None,
            **said,
            **{name: step(resource, *place) for name, place in _PLACES[release].items()},
            **rules.read(resource, release),
            "id": step(resource, "identifier", 0, "value"),
            "signer": _signer(by) | signer,
        }
    )


def _signer(by: Mapping[str, Any]) -> Json:
    kind = next((name for name, system in SIGNERS.items() if system == by.get("system")), "self")
    return {"kind": kind, "authority": None if kind == "self" else by.get("value")}


def _is_false(verification: object) -> bool:
    return not isinstance(verification, Mapping) or verification.get("verified") is not True
