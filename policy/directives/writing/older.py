"""An R5 Consent written as R4.

R4 says of every rule whether it permits or denies, so every turn of R5's tree is written out. The decision stands in
the policy rule, or at the root if that has conditions: untyped, such a root would be an exception to the policy.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from policy.directives.model import Directive, Effect, Provision
from policy.directives.reading.consents import RULES, SCOPES
from policy.directives.reading.crossing import TYPES
from policy.directives.writing.moving import (
    FLIPPED,
    SAME,
    SAME_IN_PROVISION,
    Json,
    base_of,
    brought_back,
    cannot_say,
    joined,
    kept,
    meta,
    renamed,
    said,
    set_aside,
    taken,
)

_STATUS = {"not-done": "rejected"}
_RENAMED = {"subject": "patient", "grantee": "performer"}
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CODE = {Effect.PERMIT: "OPTIN", Effect.DENY: "OPTOUT"}

# R4 wants one kind for every consent; a consent that decides about data, and does not say which kind, is of this one.
_PLAIN_SCOPE = {"coding": [{"system": SCOPES, "code": "patient-privacy"}]}


def older(directive: Directive) -> Json:
    """Return an R5 directive as an R4 Consent; raises :class:`DirectiveError` for what R4 cannot say."""
    base = base_of(directive)
    source = directive.resource
    target: Json = {"resourceType": "Consent", **meta(source), **kept(source, *SAME), **renamed(source, _RENAMED)}
    brought_back(target, "4.0")
    set_aside(source, target, "5.0")
    _status(source, target)
    _kinds(source, target)
    _when(source, target)
    _papers(source, target)
    _policies(source, target)
    _checks(source, target)
    root = _root(source, directive.root, base)
    _rules(source, target, base, "type" in root)
    return target | ({"provision": root} if root else {})


def _status(source: Mapping[str, Any], target: Json) -> None:
    beside = deepcopy(source.get("_status", {}))
    said_before = [one.get("valueCode") for one in taken(beside, "4.0", "status")]
    status = source["status"]
    target["status"] = "proposed" if status == "draft" and said_before == ["proposed"] else _STATUS.get(status, status)


def _kinds(source: Mapping[str, Any], target: Json) -> None:
    """The first category that is a scope becomes the scope."""
    categories = deepcopy(source.get("category", []))
    scope = next((one for one in categories if _is_scope(one)), None)
    rest = [one for one in categories if one is not scope]
    target["scope"] = deepcopy(_PLAIN_SCOPE) if scope is None else scope
    if rest:
        target["category"] = rest


def _is_scope(concept: Mapping[str, Any]) -> bool:
    return any(one.get("system") == SCOPES for one in concept.get("coding", ()))


def _when(source: Mapping[str, Any], target: Json) -> None:
    instants = [one["valueDateTime"] for one in taken(target, "4.0", "dateTime")]
    if instants or "date" in source:
        target["dateTime"] = instants[0] if instants else source["date"]


def _papers(source: Mapping[str, Any], target: Json) -> None:
    """R4 keeps one paper; the others stand in extensions."""
    kinds = {"sourceAttachment": "valueAttachment", "sourceReference": "valueReference"}
    papers = [(name, one) for name in kinds for one in deepcopy(source.get(name, []))]
    for name, one in papers:
        if name == "sourceAttachment" and "size" in one:
            one["size"] = int(one["size"]) if str(one["size"]).isdecimal() else one["size"]
    target |= dict(papers[:1])
    joined(target, [said("5.0", name, kinds[name], one) for name, one in papers[1:]])


def _policies(source: Mapping[str, Any], target: Json) -> None:
    basis = source.get("policyBasis", {})
    policies = [_policy(one) for one in taken(target, "4.0", "policy")]
    if basis.keys() == {"url"}:
        policies.insert(0, {"uri": basis["url"]})
    elif basis:
        kinds = {"reference": "valueReference", "url": "valueUrl"}
        parts = [{"url": name, kind: deepcopy(basis[name])} for name, kind in kinds.items() if name in basis]
        joined(target, [said("5.0", "policyBasis", "extension", parts)])
    if policies:
        target["policy"] = policies


def _policy(extension: Mapping[str, Any]) -> Json:
    parts = [one for one in extension.get("extension", ()) if one.get("url") in {"authority", "uri"}]
    rest = [one for one in extension.get("extension", ()) if one not in parts]
    found = {one["url"]: one["valueUri"] for one in parts}
    return found | ({"extension": rest} if rest else {})


def _rules(source: Mapping[str, Any], target: Json, base: Effect, said_already: bool) -> None:
    """R4 stands on one rule: on the code that R5 kept of it, or the plainest one where nothing else says the base."""
    rules = [one["valueCodeableConcept"] for one in taken(target, "4.0", "policyRule")]
    rules += deepcopy(source.get("regulatoryBasis", []))
    own = next((one for one in rules if any(c.get("code") in RULES for c in one.get("coding", ()))), None)
    if own is None:
        first = rules[0] if rules else None
        own = first if said_already else {"coding": [{"system": _ACT_CODE, "code": _CODE[base]}]}
    if own is not None:
        target["policyRule"] = own
    rest = [one for one in rules if one is not own]
    joined(target, [said("5.0", "regulatoryBasis", "valueCodeableConcept", one) for one in rest])


def _checks(source: Mapping[str, Any], target: Json) -> None:
    checks = deepcopy(source.get("verification", []))
    for check in checks:
        dates = check.pop("verificationDate", [])
        check.update({"verificationDate": dates[0]} if dates else {})
        more = [said("5.0", "verification.verificationDate", "valueDateTime", one) for one in dates[1:]]
        kind, by = check.pop("verificationType", None), check.pop("verifiedBy", None)
        more += [said("5.0", "verification.verificationType", "valueCodeableConcept", kind)] if kind else []
        more += [said("5.0", "verification.verifiedBy", "valueReference", by)] if by else []
        joined(check, more)
    if checks:
        target["verification"] = checks


# --- the rules --------------------------------------------------------------------------------------------------------


def _root(source: Mapping[str, Any], root: Provision, base: Effect) -> Json:
    if root.pointer:
        return _rule(source["provision"][0], root, FLIPPED[base])
    period = kept(source, "period")
    rules = [_rule(one, rule, base) for one, rule in zip(source.get("provision", ()), root.nested, strict=True)]
    return ({"type": base.value} | period if period else {}) | ({"provision": rules} if rules else {})


def _rule(source: Mapping[str, Any], rule: Provision, parent: Effect) -> Json:
    effect = rule.effect or FLIPPED[parent]
    if any(not actor.roles or not actor.reference for actor in rule.actors or ()):
        raise cannot_say(f"{rule.pointer}/actor")
    if rule.resource_types is not None and rule.document_types is not None:
        raise cannot_say(f"{rule.pointer}/documentType")  # R4 has one list for both, of which one is enough
    target: Json = {"type": effect.value} | kept(source, *SAME_IN_PROVISION, "dataPeriod", "data")
    joined(target, [one for one in target.pop("extension", []) if one.get("url") not in TYPES])
    target |= renamed(source, {"resourceType": "class"}) | renamed(source, {"documentType": "class"})
    below = zip(source.get("provision", ()), rule.nested, strict=True)
    rules = [_rule(one, nested, effect) for one, nested in below]
    return target | ({"provision": rules} if rules else {})
