"""The FHIR Consent as R4 and as R5 write it: who, when, on which policy, which base decision, and the tree below it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from policy.code_systems import ACT_CODE, is_known
from policy.directives.model import Coding, Directive, Effect, Provision, Release
from policy.directives.reading.crossing import DATE_TIME, POLICY, POLICY_RULE
from policy.directives.reading.element import Element, concept, moment, names, period
from policy.directives.reading.heading import called, everybody, loose_codings, replaced
from policy.directives.reading.plain_consents import plain_root
from policy.directives.reading.plain_heads import Head, plain_head
from policy.directives.reading.provisions import bare, effect, read_provision, read_provisions

SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
"""The kinds of consent that R4 has an element for; R5 counts them among the categories."""


# v3-ActConsentDirective: what each says where nothing more particular applies.
RULES = {
    "OPTIN": Effect.PERMIT,
    "OPTINR": Effect.PERMIT,
    "OPTOUT": Effect.DENY,
    "OPTOUTE": Effect.DENY,
    "EMRGONLY": Effect.DENY,
}
# The rest of that family: that there is a consent of some kind, or that there is none. Neither says yes or no.
_SAYING_NEITHER = frozenset({"GRANTORCHOICE", "IMPLIED", "IMPLIEDD", "NOCONSENT", "NOPP"})
_FAMILY = _SAYING_NEITHER | RULES.keys()

# R5's "unknown" is not among them: nobody knows whether such a consent counts.
_STATUSES = {
    Release.R4: frozenset({"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"}),
    Release.R5: frozenset({"draft", "active", "inactive", "not-done", "entered-in-error"}),
}

# Elements that do not bear on what is allowed: who keeps the consent, where its paper is.
_ASIDE = ("resourceType", "id", "meta", "language", "text", "identifier", "sourceAttachment", "sourceReference")
_ASIDE_R4 = (*_ASIDE, "organization")
_PASSED_OVER = frozenset(_ASIDE_R4)
_ASIDE_R5 = (*_ASIDE, "grantor", "grantee", "manager", "controller", "policyText")


def read_plain(resource: Mapping[str, Any], name: str | None) -> Directive | None:
    """Return the directive of an R4 Consent that is surely not too large, and all of the plainest shape, else None."""
    head = plain_head(resource, _STATUSES[Release.R4], _PASSED_OVER)
    written = None if head is None else plain_root(resource.get("provision"))
    return None if head is None or written is None else _r4(resource, name, head, written, [])


def read_r4(resource: Mapping[str, Any], name: str | None) -> Directive:
    """Return the directive of an R4 Consent."""
    faults: list[str] = []
    head = plain_head(resource, _STATUSES[Release.R4], _PASSED_OVER) or _careful_head(resource, faults)
    return _r4(resource, name, head, _written_root(resource), faults)


def _r4(resource: Mapping[str, Any], name: str | None, head: Head, written: Provision, faults: list[str]) -> Directive:
    rules = head.rules
    if not _understood(rules, resource.get("policyRule")):
        faults.append("/policyRule")
    ruled = tuple(_bases("/policyRule", rules)) if rules else ()
    typed = () if written.effect is None else ((f"{written.pointer}/type", written.effect),)
    return Directive(
        id=called(resource, name, faults),
        release=Release.R4,
        status=head.status,
        subjects=head.subjects,
        decided_at=head.decided_at,
        scope=head.scope,
        categories=head.categories,
        bases=(*typed, *ruled),
        emergency_only=bool(rules) and _emergency_only(rules),
        root=_as_exception(written) if ruled and not typed else written,
        policies=(*head.policies, *_codes(rules)) if rules else head.policies,
        signers=head.signers,
        replaces=head.replaces,
        unknown=tuple(sorted(faults)),
        resource=resource,
    )


def _careful_head(resource: Mapping[str, Any], faults: list[str]) -> Head:
    """Return the head of an R4 Consent of whatever shape, and name what was not understood."""
    element = Element(resource, "", faults)
    element.ignore(*_ASIDE_R4)
    element.pass_over("contained")
    element.own("provision")
    rule = element.part("policyRule")
    head = Head(
        status=_status(element, Release.R4),
        subjects=_subjects(element, "patient"),
        decided_at=moment(element, "dateTime"),
        scope=_scope(element),
        categories=tuple(loose_codings(element.parts("category") or ())),
        rules=tuple(loose_codings([rule])) if rule is not None else (),
        policies=tuple(_policies(element)),
        signers=everybody(element, "performer"),
        replaces=replaced(element),
    )
    _verification(element)
    element.close()
    return head


def read_r5(resource: Mapping[str, Any], name: str | None) -> Directive:
    """Return the directive of an R5 Consent."""
    faults: list[str] = []
    element = Element(resource, "", faults)
    element.ignore(*_ASIDE_R5)
    element.pass_over("contained")
    root, stated = _root_r5(element)
    rules = tuple(loose_codings(element.parts("regulatoryBasis") or ()))
    old_rules = tuple(loose_codings(_rules_said(element)))
    if not _understood((*rules, *old_rules), *_listed(resource.get("regulatoryBasis"))):
        element.fault("regulatoryBasis")
    kinds = tuple(loose_codings(element.parts("category") or ()))
    read = Directive(
        id=called(resource, name, faults),
        release=Release.R5,
        status=_status(element, Release.R5),
        subjects=_subjects(element, "subject"),
        decided_at=_instant_of(element) or moment(element, "date"),
        scope=tuple(one for one in kinds if one.system == SCOPES),
        categories=tuple(one for one in kinds if one.system != SCOPES),
        bases=(*stated, *_bases("/regulatoryBasis", rules), *_bases("/extension", old_rules)),
        emergency_only=_emergency_only((*rules, *old_rules)),
        root=root,
        policies=(*_basis(element), *_policies_said(element), *_codes((*rules, *old_rules))),
        signers=everybody(element, "grantor") or everybody(element, "grantee"),
        replaces=replaced(element),
        resource=resource,
    )
    _verification(element)
    element.close()
    return replace(read, unknown=tuple(sorted(faults)))


# --- the base decision ------------------------------------------------------------------------------------------------


def _root_r5(element: Element) -> tuple[Provision, tuple[tuple[str, Effect], ...]]:
    """Return the root and the decision it says.

    Without any decision, one single rule that says its type by HL7's cross-version extension is the root of R4.
    """
    decision = effect(element, "decision") if "decision" in element else None
    nested, span = read_provisions(element, Release.R5), period(element, "period")
    if "decision" not in element and len(nested) == 1 and nested[0].effect is not None and span is None:
        return nested[0], ((nested[0].pointer, nested[0].effect),)
    root = Provision(effect=decision, pointer="", period=span, nested=nested)
    return root, () if decision is None else (("/decision", decision),)


def _bases(pointer: str, rules: Iterable[Coding]) -> Iterator[tuple[str, Effect]]:
    for one in dict.fromkeys(RULES.get(rule.code) for rule in rules if rule.system == ACT_CODE):
        if one is not None:
            yield pointer, one


def _understood(rules: Iterable[Coding], *concepts: object) -> bool:
    """Whether the policy rules can be told apart from those that say yes or no.

    A code of that family in a system that nobody knows, or in words beside other codes, may mean what it says.
    """
    rules = tuple(rules)
    for one in rules:
        code = one.code.upper()
        if code in _FAMILY and (one.code not in RULES or one.system != ACT_CODE) and not _another(one.system):
            return False
    words = {str(one["text"]).strip().upper() for one in concepts if isinstance(one, Mapping) and "text" in one}
    return not words & _FAMILY - {one.code for one in rules}


def _listed(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list) else ()


def _another(system: str) -> bool:
    """Whether a system is one we know, and not the one that these rules are of."""
    return system != ACT_CODE and is_known(system)


def _emergency_only(rules: Iterable[Coding]) -> bool:
    return any(rule.system == ACT_CODE and rule.code == "EMRGONLY" for rule in rules)


def _written_root(resource: Mapping[str, Any]) -> Provision:
    written = resource.get("provision")
    if written is None:
        return Provision(effect=None, pointer="/provision")
    return read_provision(written, "/provision", Release.R4)


def _as_exception(written: Provision) -> Provision:
    """Return the root below which a provision without a type stands that has conditions of its own.

    Where a policy rule holds the base decision, R4 calls such a provision "an exception to the base policy", and the
    examples of R5 write it one level down. One without conditions only holds the others.
    """
    return written if bare(written) else Provision(effect=None, pointer="", nested=(written,))


# --- who, when, on what ground ----------------------------------------------------------------------------------------


def _status(element: Element, release: Release) -> str:
    found = element.text("status")
    if found not in _STATUSES[release]:
        element.fault("status")
    return found or ""


def _instant_of(element: Element) -> str | None:
    """Return R4's dateTime if an extension says it beside the day that R5 has; one of another day is named."""
    found = [moment(one, "valueDateTime") for one in element.extensions(DATE_TIME)]
    written = element.own("date")
    if len(found) > 1 or any(one is None or (written and one[:10] != written) for one in found):
        element.fault("extension")
        return None
    return found[0] if found else None


def _subjects(element: Element, name: str) -> tuple[str, ...]:
    found = element.part(name)
    if found is None:
        element.fault(name)
        return ()
    return names(found)


def _scope(element: Element) -> tuple[Coding, ...]:
    found = element.part("scope")
    return concept(found) if found is not None else ()


def _policies(element: Element) -> Iterator[str]:
    """Yield the addresses of the policies; one that names an authority only, or nothing, is none."""
    for policy in element.parts("policy") or ():
        policy.ignore("authority")
        uri = policy.text("uri")
        policy.close()
        if uri is not None:
            yield uri


def _policies_said(element: Element) -> Iterator[str]:
    """Yield the policies of R4, of which there may be several, as an extension says them in R5."""
    for policy in element.extensions(POLICY):
        policy.ignore("url")
        for part in policy.extensions("uri"):
            uri = part.text("valueUri")
            yield from (uri,) if uri is not None else ()


def _rules_said(element: Element) -> Iterator[Element]:
    """Yield the policy rules of R4 that stand in an extension in R5."""
    for extension in element.extensions(POLICY_RULE):
        extension.ignore("url")
        rule = extension.part("valueCodeableConcept")
        extension.close()
        if rule is not None:
            yield rule


def _basis(element: Element) -> Iterator[str]:
    basis = element.part("policyBasis")
    if basis is not None:
        url, reference = basis.text("url"), basis.part("reference")
        yield from (url,) if url is not None else ()
        yield from names(reference) if reference is not None else ()
        basis.close()


def _codes(rules: Iterable[Coding]) -> Iterator[str]:
    return (f"{rule.system}|{rule.code}" for rule in rules)


def _verification(element: Element) -> None:
    """Name the checks with the person if there were any and none of them confirmed the consent."""
    confirmed = []
    for check in element.parts("verification") or ():
        confirmed.append(check.own("verified") is True)
        check.ignore("verificationType", "verifiedBy", "verifiedWith", "verificationDate")
        check.close()
    if confirmed and not any(confirmed):
        element.fault("verification")
