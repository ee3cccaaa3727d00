"""The shapes of offers and agreements on the wire (contract-schema.json and the negotiation protocol's prose).

A policy stays the plain JSON dict it came as, because agreement and offer are compared literally and extra terms must
not be lost: these checks only say yes, or raise. What a policy *means* is decided by the package `policy`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Final, cast

from pydantic import AfterValidator, Field

from contracts.faults import shape_fault
from contracts.shape import Json
from policy.canonical import Json as CanonicalJson
from policy.canonical import canonical

Place = tuple[str | int, ...]
OPERATORS: Final = frozenset(
    {
        "eq",
        "gt",
        "gteq",
        "lteq",
        "hasPart",
        "isA",
        "isAllOf",
        "isAnyOf",
        "isNoneOf",
        "isPartOf",
        "lt",
        "term-lteq",
        "neq",
    }
)
RULES: Final = ("permission", "prohibition", "obligation")
LOGICAL: Final = ("and", "andSequence", "or", "xone")
ATOMIC: Final = ("leftOperand", "operator", "rightOperand")
NESTED_DUTIES: Final = ("duty", "remedy", "consequence")
TIMESTAMP: Final = re.compile(
    r"-?([1-9][0-9]{3,}|0[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?|(24:00:00(\.0+)?))"
    r"(Z|(\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))?"
)
"""An XSD dateTime, as the specification's schema spells it."""
_IDENTIFIER: Final = re.compile(r"[^\x00-\x1f\x7f]{1,2048}")


class _Fault(Exception):
    """Where a policy is wrong, before it is known what the policy is part of."""

    def __init__(self, at: Place, what: str, accepted: str) -> None:
        super().__init__(what)
        self.at, self.what, self.accepted = at, what, accepted


def _checked_by(check: Callable[[Json], None]) -> Callable[[Json], Json]:
    def validate(policy: Json) -> Json:
        try:
            check(policy)
        except _Fault as fault:
            raise shape_fault(fault.at, fault.what, fault.accepted) from None
        except RecursionError:
            raise shape_fault((), "is nested too deeply", "a policy with fewer levels") from None
        return policy

    return validate


def _catalogue_offer(offer: Json) -> None:
    """An Offer in a catalogue: its target is the dataset it stands in, so it must not name one."""
    _policy(offer)
    if "@type" in offer:
        _type(offer, "Offer")
    if "target" in offer:
        raise _Fault(
            ("target",), "must not be here: an offer in a catalogue belongs to its dataset", "the key left out"
        )


def _message_offer(offer: Json) -> None:
    """An Offer in a request or offer message: names its target (prose), once, never in a rule (prose)."""
    _type(offer, "Offer")
    _policy(offer)
    _identifier(offer, "target", "the id of one dataset")
    _negotiable(offer)


def _agreement(agreement: Json) -> None:
    """An Agreement: target, assigner, assignee, and the time it was made (prose)."""
    _type(agreement, "Agreement")
    _policy(agreement)
    _identifier(agreement, "target", "the id of one dataset")
    _identifier(agreement, "assigner", "the provider's participant id")
    _identifier(agreement, "assignee", "the consumer's participant id")
    _timestamp(agreement)
    _negotiable(agreement)


def _policy(policy: Json) -> None:
    _identifier(policy, "@id", "the policy's id")
    if "profile" in policy:
        _profile(policy["profile"])
    for kind in RULES:
        if kind in policy:
            _rules(policy[kind], (kind,))
    if "permission" not in policy and "prohibition" not in policy:
        raise _Fault((), "has neither permission nor prohibition", "at least one of permission, prohibition")


def _profile(profile: object) -> None:
    if not isinstance(profile, str) and not (
        isinstance(profile, list) and all(isinstance(one, str) for one in profile)
    ):
        raise _Fault(("profile",), "is not a profile", "a string or an array of strings")


def _rules(rules: object, at: Place) -> None:
    if not isinstance(rules, list) or not rules:
        raise _Fault(at, "is not a list of rules", "an array with at least one rule")
    for index, rule in enumerate(rules):
        _rule(rule, (*at, index))


def _rule(rule: object, at: Place) -> None:
    if not isinstance(rule, dict):
        raise _Fault(at, "is not an object", "a rule: an object with an action")
    if not isinstance(rule.get("action"), str):
        raise _Fault((*at, "action"), "is not an action", "a string such as use")
    if "constraint" in rule:
        _constraints(rule["constraint"], (*at, "constraint"))


def _constraints(constraints: object, at: Place) -> None:
    if not isinstance(constraints, list):
        raise _Fault(at, "is not an array", "an array of constraints")
    for index, constraint in enumerate(constraints):
        _constraint(constraint, (*at, index))


def _constraint(constraint: object, at: Place) -> None:
    """Exactly one of an atomic and a logical constraint, as the schema's `oneOf` decides it."""
    if not isinstance(constraint, dict):
        raise _Fault(at, "is not an object", "a constraint")
    atomic, logical = _fault_of(_atomic, constraint, at), _fault_of(_logical, constraint, at)
    if atomic and logical:
        raise logical if any(key in constraint for key in LOGICAL) else atomic
    if not atomic and not logical:
        raise _Fault(at, "is both an atomic and a logical constraint", "one of the two")


def _fault_of(check: Callable[[Json, Place], None], constraint: Json, at: Place) -> _Fault | None:
    try:
        check(constraint, at)
    except _Fault as fault:
        return fault
    return None


def _atomic(constraint: Json, at: Place) -> None:
    for key in ATOMIC:
        if key not in constraint:
            raise _Fault(
                (*at, key), "is missing", "leftOperand, operator and rightOperand, or one of " + ", ".join(LOGICAL)
            )
    if not isinstance(constraint["leftOperand"], str):
        raise _Fault((*at, "leftOperand"), "is not a string", "a term such as purpose")
    operator = constraint["operator"]
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise _Fault((*at, "operator"), "is not a known operator", "one of " + ", ".join(sorted(OPERATORS)))
    if not isinstance(constraint["rightOperand"], str | dict | list):
        raise _Fault((*at, "rightOperand"), "is not an operand", "a string, an object or an array; numbers as strings")


def _logical(constraint: Json, at: Place) -> None:
    for key in LOGICAL:
        if key in constraint:
            _constraints(constraint[key], (*at, key))
    if sum(key in constraint for key in LOGICAL) != 1:
        raise _Fault(at, "does not have exactly one logical operator", "one of " + ", ".join(LOGICAL))


def _type(policy: Json, expected: str) -> None:
    if policy.get("@type") != expected:
        raise _Fault(("@type",), "is not the type expected here", expected)


def _identifier(policy: Json, key: str, accepted: str) -> None:
    if key not in policy:
        raise _Fault((key,), "is missing", accepted)
    value = policy[key]
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise _Fault((key,), "is not an identifier", f"{accepted}: 1 to 2048 characters, no control characters")


def _timestamp(agreement: Json) -> None:
    value = agreement.get("timestamp")
    if not isinstance(value, str) or not TIMESTAMP.fullmatch(value):
        raise _Fault(
            ("timestamp",), "is not the time the agreement was made", "an XSD dateTime such as 2025-01-01T00:00:00Z"
        )


def _negotiable(policy: Json) -> None:
    """What only a policy under negotiation owes: no target in a rule, and a canonical form to hash and compare."""
    for kind in RULES:
        for at in _targets(policy.get(kind), (kind,)):
            raise _Fault(at, "must not be here: the policy names the target, its rules do not", "the key left out")
    try:
        canonical(cast("CanonicalJson", policy))
    except (TypeError, ValueError):
        raise _Fault(
            (), "has no canonical form", "JSON without fractions or unpaired surrogates; numbers as strings"
        ) from None


def _targets(rules: object, at: Place) -> Iterator[Place]:
    """The places below `rules` where a rule, or a duty inside it, names a target."""
    listed = rules if isinstance(rules, list) else [rules]
    for index, rule in enumerate(listed):
        if not isinstance(rule, dict):
            continue
        here = (*at, index) if isinstance(rules, list) else at
        if "target" in rule:
            yield (*here, "target")
        for nested in NESTED_DUTIES:
            yield from _targets(rule.get(nested), (*here, nested))


CatalogueOffer = Annotated[
    Json, AfterValidator(_checked_by(_catalogue_offer)), Field(description="an Offer without target")
]
"""An Offer as it stands in a catalogue or dataset."""
MessageOffer = Annotated[
    Json, AfterValidator(_checked_by(_message_offer)), Field(description="an Offer with its target")
]
"""An Offer as a ContractRequestMessage or ContractOfferMessage carries it."""
AgreementPolicy = Annotated[Json, AfterValidator(_checked_by(_agreement)), Field(description="an Agreement")]
"""An Agreement as a ContractAgreementMessage carries it."""
