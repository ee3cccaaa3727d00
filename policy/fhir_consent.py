"""Consent records as FHIR R4 Consent resources, there and back without loss.

The resource says what a reader of any FHIR system can enforce safely: the root provision denies, for the recipients
and purposes it names; nested provisions permit, per dataset, its categories within the clinical window. A refusal
has a root that denies and nested provisions that deny. The person appears only as the opaque id of their link.

What the standard has no element for stands in one extension (:data:`EXTENSION`). Reading accepts exactly what writing
can produce: an element, code or modifier extension we do not know could narrow the consent, so it is refused with a
named reason instead of being skipped (reference S1).
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from policy.consent import ConsentError, ConsentRecord, State
from policy.instants import instant, span

NS = "https://w3id.org/concord/ns#"
EXTENSION = f"{NS}consent-record"
IRI_SYSTEM = "urn:ietf:rfc:3986"
LINK, PARTICIPANT, DATASET = f"{NS}link", f"{NS}participant", f"{NS}dataset"
CATEGORY, AUTHORITY = f"{NS}category", f"{NS}authority"

MAX_DEPTH = 16

_HL7 = "http://terminology.hl7.org/CodeSystem"
_SCOPE = {"coding": [{"system": f"{_HL7}/consentscope", "code": "research"}]}
_KIND = {"coding": [{"system": f"{_HL7}/consentcategorycodes", "code": "research"}]}
_RECIPIENT = {"coding": [{"system": f"{_HL7}/v3-ParticipationType", "code": "IRCP"}]}

# A paused consent is inactive to FHIR, like a withdrawn one; the extension tells which.
_STATUS: Mapping[State, str] = MappingProxyType(
    {State.GIVEN: "active", State.REFUSED: "rejected", State.WITHDRAWN: "inactive", State.SUSPENDED: "inactive"}
)

# Parts of the extension: name -> type of its value. All but `previous` and `on-withdrawal` are always there.
_PARTS: Mapping[str, str] = MappingProxyType(
    {
        "version": "valuePositiveInt",
        "previous": "valueString",
        "state": "valueCode",
        "study-digest": "valueString",
        "wallet": "valueUri",
        "on-withdrawal": "valueCode",
        "words-version": "valueString",
        "words-language": "valueCode",
        "words-digest": "valueString",
    }
)

# Elements that a server may add and that cannot change what the consent means.
_IGNORED = frozenset({"id", "meta", "text", "language"})


_ELEMENTS = _IGNORED | {
    *("resourceType", "extension", "identifier", "status", "scope", "category", "patient", "dateTime", "performer"),
    *("organization", "policy", "verification", "provision"),
}


def to_fhir(record: ConsentRecord) -> dict[str, Any]:
    """Return the record as a FHIR R4 Consent resource (a JSON object)."""
    value = record.to_json()
    patient = _identified(LINK, record.link)
    performer = _identified(AUTHORITY, record.signer.authority) if record.signer.authority else patient
    return {
        "resourceType": "Consent",
        "id": record.id.removeprefix("urn:uuid:"),
        "extension": [{"url": EXTENSION, "extension": list(_extension_parts(value))}],
        "identifier": [{"system": IRI_SYSTEM, "value": record.id}],
        "status": _STATUS[record.state],
        "scope": _SCOPE,
        "category": [_KIND],
        "patient": patient,
        "dateTime": value["decided_at"],
        "performer": [performer],
        "organization": [_identified(PARTICIPANT, record.holder)],
        "policy": [{"uri": record.study}],
        "verification": [{"verified": True, "verifiedWith": performer, "verificationDate": value["decided_at"]}],
        "provision": _root(value),
    }


def from_fhir(resource: object) -> ConsentRecord:
    """Return the record that a FHIR R4 Consent resource holds.

    Raises :class:`~policy.consent.ConsentError` whose `code` names the reason and whose `pointer` the place, never a
    value: "not-a-consent", "too-deep", "unknown-modifier", "not-verified", "missing-element", "unknown-element",
    "contradiction".
    """
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Consent":
        raise ConsentError("not-a-consent")
    _refuse_modifiers(resource, "", 0)
    unknown = sorted(resource.keys() - _ELEMENTS)
    if unknown:
        raise ConsentError("unknown-element", f"/{unknown[0]}")
    found = _record(resource)
    given = {name: value for name, value in resource.items() if name not in _IGNORED}
    given["extension"] = [one for one in _list(resource, "extension") if _url(one) == EXTENSION]
    _compare(given, {name: value for name, value in to_fhir(found).items() if name not in _IGNORED}, "")
    return found


def _root(value: Mapping[str, Any]) -> dict[str, Any]:
    nested = [_nested(value, scope) for scope in value["data"]]
    actors = [{"role": _RECIPIENT, "reference": _identified(PARTICIPANT, name)} for name in value["recipients"]]
    purposes = [{"system": IRI_SYSTEM, "code": iri} for iri in value["purposes"]]
    root = {"type": "deny", "period": {"end": value["valid_until"]}}
    return root | _present(actor=actors, purpose=purposes, provision=nested)


def _nested(value: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    window = {name: day for name, day in (value["window"] or {}).items() if day is not None}
    classes = [{"system": CATEGORY, "code": key} for key in scope["categories"] or ()]
    kind = {"type": "deny" if value["state"] == State.REFUSED else "permit"}
    data = [{"meaning": "instance", "reference": _identified(DATASET, scope["dataset"])}]
    return kind | _present(**{"class": classes}, dataPeriod=window) | {"data": data}


def _present(**elements: Any) -> dict[str, Any]:
    # FHIR has no empty lists or objects: what is empty is left out.
    return {name: value for name, value in elements.items() if value}


def _identified(system: str, value: str) -> dict[str, Any]:
    return {"identifier": {"system": system, "value": value}}


def _extension_parts(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    flat = {**value, **{f"words-{name}": part for name, part in value["words"].items()}}
    for name, kind in _PARTS.items():
        part = flat[name] if name in flat else flat[name.replace("-", "_")]
        if part is not None:
            yield {"url": name, kind: part}


def _record(resource: Mapping[str, Any]) -> ConsentRecord:
    if any(_is_false(check) for check in _list(resource, "verification")):
        raise ConsentError("not-verified", "/verification")
    parts = _parts(resource)
    performer = _step(resource, "performer", 0, "identifier")
    root = _step(resource, "provision")
    nested = _list(root, "provision")
    return ConsentRecord.from_json(
        {
            **{name.replace("-", "_"): parts.get(name) for name in _PARTS if not name.startswith("words-")},
            "id": _step(resource, "identifier", 0, "value"),
            "study": _step(resource, "policy", 0, "uri"),
            "link": _step(resource, "patient", "identifier", "value"),
            "holder": _step(resource, "organization", 0, "identifier", "value"),
            "recipients": [_step(actor, "reference", "identifier", "value") for actor in _list(root, "actor")],
            "purposes": [_step(purpose, "code") for purpose in _list(root, "purpose")],
            "data": [_scope(provision) for provision in nested],
            "window": _window(nested[0]) if nested else None,
            "decided_at": _step(resource, "dateTime"),
            "valid_until": _step(root, "period", "end"),
            "words": {name: parts.get(f"words-{name}") for name in ("version", "language", "digest")},
            "signer": _signer(performer),
        }
    )


def _parts(resource: Mapping[str, Any]) -> dict[str, Any]:
    ours = [one for one in _list(resource, "extension") if _url(one) == EXTENSION]
    if len(ours) != 1:
        raise ConsentError("missing-element", "/extension")
    found = {}
    for part in _list(ours[0], "extension"):
        name = _url(part)
        if name not in _PARTS or name in found:
            raise ConsentError("unknown-element", "/extension")
        found[name] = _step(part, _PARTS[name])
    return found


def _signer(performer: Mapping[str, Any]) -> dict[str, Any]:
    proxy = performer.get("system") == AUTHORITY
    return {"kind": "proxy" if proxy else "self", "authority": performer.get("value") if proxy else None}


def _scope(provision: object) -> dict[str, Any]:
    classes = [_step(one, "code") for one in _list(provision, "class")]
    return {"dataset": _step(provision, "data", 0, "reference", "identifier", "value"), "categories": classes or None}


def _window(provision: object) -> dict[str, Any] | None:
    """The days of a dataPeriod; a partial date stands for its first day at the start, its last at the end."""
    period = provision.get("dataPeriod") if isinstance(provision, Mapping) else None
    if not isinstance(period, Mapping):
        return None
    try:
        start = span(period["start"])[0] if "start" in period else None
        end = span(period["end"])[1] if "end" in period else None
    except ValueError:
        raise ConsentError("not-a-consent", "/provision/provision/dataPeriod") from None
    return {"start": start, "end": end}


def _step(value: Any, *path: str | int) -> Any:
    """The value at a path; its absence, or another shape on the way, is a missing element."""
    for step in path:
        known = isinstance(value, Mapping) and step in value
        if not known and not (isinstance(value, list) and step == 0 and len(value) == 1):
            raise ConsentError("missing-element", "".join(f"/{name}" for name in path))
        value = value[step]
    return value


def _list(value: object, name: str) -> list[Any]:
    found = value.get(name, []) if isinstance(value, Mapping) else []
    if not isinstance(found, list):
        raise ConsentError("not-a-consent", f"/{name}")
    return found


def _url(extension: object) -> str:
    found = extension.get("url") if isinstance(extension, Mapping) else None
    return found if isinstance(found, str) else ""


def _is_false(verification: object) -> bool:
    return not isinstance(verification, Mapping) or verification.get("verified") is not True


def _refuse_modifiers(value: object, pointer: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ConsentError("too-deep", pointer)
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in {"modifierExtension", "_modifierExtension", "implicitRules", "_implicitRules"}:
                raise ConsentError("unknown-modifier", f"{pointer}/{name}")
            _refuse_modifiers(inner, f"{pointer}/{name}", depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_modifiers(inner, f"{pointer}/{index}", depth + 1)


def _compare(given: object, written: object, pointer: str) -> None:
    """Refuse anything given that we would not write for the same record, so that nothing said is passed over."""
    if isinstance(given, Mapping) and isinstance(written, Mapping):
        for name in sorted(given.keys() | written.keys()):
            if name not in written:
                raise ConsentError("unknown-element", f"{pointer}/{name}")
            if name not in given:
                raise ConsentError("missing-element", f"{pointer}/{name}")
            _compare(given[name], written[name], f"{pointer}/{name}")
    elif isinstance(given, list) and isinstance(written, list) and len(given) == len(written):
        for index, (one, other) in enumerate(zip(given, written, strict=True)):
            _compare(one, other, f"{pointer}/{index}")
    elif not _alike(given, written, pointer):
        raise ConsentError("contradiction", pointer)


def _alike(given: object, written: object, pointer: str) -> bool:
    if type(given) is type(written) and given == written:
        return True
    # A date may be given in part, an instant in another offset: alike if both mean the same.
    edge = {"start": 0, "end": 1}.get(pointer.rpartition("/")[2])
    try:
        if "/dataPeriod/" in pointer and edge is not None:
            return span(given)[edge] == span(written)[edge]
        return instant(given) == instant(written)
    except ValueError:
        return False
