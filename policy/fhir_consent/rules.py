"""The rules of our record as provisions of R4 and R5: who may have what, of when, for what.

R4: the root denies, for the recipients and purposes it names; nested provisions permit (or deny, if nobody said yes),
per dataset, its categories within the clinical window. R5: the decision denies, and each provision is an exception to
it; a record that says no has none.
"""

from collections.abc import Mapping
from typing import Any

from policy.consent import ConsentError
from policy.directives.model import Release
from policy.fhir_consent.parts import allows
from policy.fhir_consent.places import listed, step
from policy.fhir_consent.terms import (
    CATEGORY,
    DATASET,
    IRI_SYSTEM,
    PARTICIPANT,
    RECIPIENT,
    Json,
    identified,
    present,
)
from policy.instants import span

_CLASSES = {Release.R4: "class", Release.R5: "documentType"}


def written(value: Mapping[str, Any], release: Release) -> Json:
    """Return the elements of the Consent that hold its rules."""
    scopes = [_scope(value, scope, release) for scope in value["data"]]
    until = {"end": value["valid_until"]}
    if release is Release.R4:
        kind = {"type": "permit" if allows(value) else "deny"}
        root = {"type": "deny", "period": until} | _asked(value)
        return {"provision": root | present(provision=[kind | one for one in scopes])}
    rules = [_asked(value) | one for one in scopes] if allows(value) else []
    return {"decision": "deny", "period": until} | present(provision=rules)


def read(resource: Mapping[str, Any], release: Release) -> Json:
    """Return what the rules say of the record; in R5 one that says no has none, and they say nothing."""
    if release is Release.R4:
        root = step(resource, "provision")
        return _read(root, listed(root, "provision"), release) | {"valid_until": step(root, "period", "end")}
    rules = listed(resource, "provision")
    until = {"valid_until": step(resource, "period", "end")}
    return until | (_read(rules[0], rules, release) if rules else {})


def _read(asked: object, rules: list[Any], release: Release) -> Json:
    return {
        "recipients": [step(actor, "reference", "identifier", "value") for actor in listed(asked, "actor")],
        "purposes": [step(purpose, "code") for purpose in listed(asked, "purpose")],
        "data": [_read_scope(rule, release) for rule in rules],
        "window": _window(rules[0]) if rules else None,
    }


def _asked(value: Mapping[str, Any]) -> Json:
    actors = [{"role": RECIPIENT, "reference": identified(PARTICIPANT, name)} for name in value["recipients"]]
    return present(actor=actors, purpose=[{"system": IRI_SYSTEM, "code": iri} for iri in value["purposes"]])


def _scope(value: Mapping[str, Any], scope: Mapping[str, Any], release: Release) -> Json:
    window = {name: day for name, day in (value["window"] or {}).items() if day is not None}
    classes = [{"system": CATEGORY, "code": key} for key in scope["categories"] or ()]
    data = [{"meaning": "instance", "reference": identified(DATASET, scope["dataset"])}]
    return present(**{_CLASSES[release]: classes}, dataPeriod=window) | {"data": data}


def _read_scope(rule: object, release: Release) -> Json:
    classes = [step(one, "code") for one in listed(rule, _CLASSES[release])]
    return {"dataset": step(rule, "data", 0, "reference", "identifier", "value"), "categories": classes or None}


def _window(rule: object) -> Json | None:
    """The days of a dataPeriod; a partial date stands for its first day at the start, its last at the end."""
    period = rule.get("dataPeriod") if isinstance(rule, Mapping) else None
    if not isinstance(period, Mapping):
        return None
    try:
        start = span(period["start"])[0] if "start" in period else None
        end = span(period["end"])[1] if "end" in period else None
    except ValueError:
        raise ConsentError("not-a-consent", "/provision/provision/dataPeriod") from None
    return {"start": start, "end": end}
