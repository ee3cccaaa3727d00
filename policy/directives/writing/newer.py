"""An R4 Consent written as R5.

R5 has a decision, and exceptions that turn it round level by level; it has neither a type for a rule nor conditions on
the whole but the period. A rule that does not turn its parent round says so in HL7's cross-version extension. Whoever
does not know that extension reads the opposite, so it is written only where the opposite is a denial (reference S5).

A whole that permits under conditions becomes one rule without any decision, which says by that extension that it
permits: whoever does not know it finds nothing decided. A whole that denies under conditions cannot be said.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from policy.directives.model import Directive, Effect, Provision
from policy.directives.reading.provisions import bare
from policy.directives.writing.moving import (
    FLIPPED,
    RESOURCE_TYPES,
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

_STATUS = {"proposed": "draft", "rejected": "not-done"}
_RENAMED = {"patient": "subject", "performer": "grantee"}


def newer(directive: Directive) -> Json:
    """Return an R4 directive as an R5 Consent; raises :class:`DirectiveError` for what R5 cannot say."""
    base = base_of(directive)
    source = directive.resource
    target: Json = {"resourceType": "Consent", **meta(source), **kept(source, *SAME), **renamed(source, _RENAMED)}
    brought_back(target, "5.0")
    set_aside(source, target, "4.0")
    _status(source, target)
    _kinds(source, target)
    _when(source, target)
    _papers(source, target)
    _policies(source, target)
    _checks(source, target)
    tree = _tree(source, directive.root, base)
    _rules(source, target, decided="decision" in tree)
    return target | tree


def _status(source: Mapping[str, Any], target: Json) -> None:
    status = source["status"]
    target["status"] = _STATUS.get(status, status)
    if status == "proposed":
        target["_status"] = {"extension": [said("4.0", "status", "valueCode", status)]}


def _kinds(source: Mapping[str, Any], target: Json) -> None:
    """The scope is one of R5's categories."""
    scope = [source["scope"]] if "scope" in source else []
    found = [*scope, *source.get("category", ())]
    if found:
        target["category"] = deepcopy(found)


def _when(source: Mapping[str, Any], target: Json) -> None:
    """R5 keeps the day only; the instant stands beside it."""
    written = source.get("dateTime")
    if written is not None:
        target["date"] = written[:10]
        joined(target, [said("4.0", "dateTime", "valueDateTime", written)] if len(written) > 10 else [])


def _papers(source: Mapping[str, Any], target: Json) -> None:
    for name, kind in (("sourceAttachment", "valueAttachment"), ("sourceReference", "valueReference")):
        more = [one[kind] for one in taken(target, "5.0", name) if kind in one]
        found = [*([deepcopy(source[name])] if name in source else []), *more]
        if found:
            target[name] = found
    for one in target.get("sourceAttachment", ()):
        if "size" in one:
            one["size"] = str(one["size"])  # a number of 64 bits is written as digits in R5


def _policies(source: Mapping[str, Any], target: Json) -> None:
    """R5 stands on one policy, by its address; several, or one with its authority, stand in an extension."""
    policies = source.get("policy", [])
    basis = next((one for one in taken(target, "5.0", "policyBasis")), None)
    if basis is not None:
        target["policyBasis"] = _parts(basis)
    elif len(policies) == 1 and policies[0].keys() == {"uri"}:
        target["policyBasis"] = {"url": policies[0]["uri"]}
        policies = []
    joined(target, [_policy(one) for one in policies])


def _rules(source: Mapping[str, Any], target: Json, decided: bool) -> None:
    """The policy rule is a regulatory basis; it must not read as a decision where the root has conditions."""
    rules = [one["valueCodeableConcept"] for one in taken(target, "5.0", "regulatoryBasis")]
    own = [*renamed(source, {"policyRule": "own"}).values()]
    if not decided:
        joined(target, [said("4.0", "policyRule", "valueCodeableConcept", one) for one in own])
        own = []
    if own or rules:
        target["regulatoryBasis"] = [*own, *rules]


def _policy(policy: Mapping[str, Any]) -> Json:
    """One policy of R4 as an extension with its parts."""
    found = said("4.0", "policy", "extension", [])
    parts = [{"url": name, "valueUri": policy[name]} for name in ("authority", "uri") if name in policy]
    return found | {"extension": [*policy.get("extension", ()), *parts]}


def _parts(extension: Mapping[str, Any]) -> Json:
    """The basis of R5 from the extension that R4 held it in."""
    kinds = {"reference": "valueReference", "url": "valueUrl"}
    found = {one.get("url"): one for one in extension.get("extension", ())}
    return {name: found[name][kind] for name, kind in kinds.items() if name in found}


def _checks(source: Mapping[str, Any], target: Json) -> None:
    checks = deepcopy(source.get("verification", []))
    for check in checks:
        dates = [check["verificationDate"]] if "verificationDate" in check else []
        dates += [one["valueDateTime"] for one in taken(check, "5.0", "verification.verificationDate")]
        check.update({"verificationDate": dates} if dates else {})
        for name, kind in (("verificationType", "valueCodeableConcept"), ("verifiedBy", "valueReference")):
            for one in taken(check, "5.0", f"verification.{name}"):
                check[name] = one[kind]
    if checks:
        target["verification"] = checks


# --- the rules --------------------------------------------------------------------------------------------------------


def _tree(source: Mapping[str, Any], root: Provision, base: Effect) -> Json:
    decision: Json = {"decision": base.value}
    written = source.get("provision")
    if written is None:
        return decision
    if not root.pointer:  # the root is an exception to the policy rule
        return decision | {"provision": [_rule(written, root.nested[0], base, base)]}
    if bare(replace(root, period=None)):
        return decision | kept(written, "period") | _below(written, root, base, base)
    if base is not Effect.PERMIT or root.effect is None:
        raise cannot_say(root.pointer)
    return {"provision": [_rule(written, root, Effect.PERMIT, Effect.DENY)]}


def _rule(source: Mapping[str, Any], rule: Provision, parent: Effect, as_read: Effect) -> Json:
    """Return one rule. `parent` is what the one above says, `as_read` what it says without any extension."""
    turned = FLIPPED[parent]
    effect, as_read = rule.effect or turned, FLIPPED[as_read]
    if effect is Effect.DENY and as_read is Effect.PERMIT:
        raise cannot_say(f"{rule.pointer}/type")
    target = kept(source, *SAME_IN_PROVISION, "dataPeriod", "data") | _classes(source, rule)
    target |= _below(source, rule, effect, as_read)
    if effect is not turned or not target:  # FHIR has no empty objects
        joined(target, [said("4.0", "provision.type", "valueCode", effect.value)])
    return target


def _below(source: Mapping[str, Any], rule: Provision, effect: Effect, as_read: Effect) -> Json:
    rules = zip(source.get("provision", ()), rule.nested, strict=True)
    found = [_rule(one, nested, effect, as_read) for one, nested in rules]
    return {"provision": found} if found else {}


def _classes(source: Mapping[str, Any], rule: Provision) -> Json:
    """One list of classes as R5's two, of which both would have to hold: so all are of one kind or of the other."""
    if rule.classes is None:
        return {}
    kinds = {one.system in RESOURCE_TYPES for one in rule.classes}
    if len(kinds) != 1:
        raise cannot_say(f"{rule.pointer}/class")
    return renamed(source, {"class": "resourceType" if kinds.pop() else "documentType"})
