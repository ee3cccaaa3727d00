"""The terms of an offer or agreement: what it says apart from who, when and about which dataset.

They are compared literally, and hashed. Four terms of ours are constraints in every permission, operator `eq`, with
strings as operands, so that a party who knows only DSP repeats them with the rest, and one who takes messages through
JSON-LD does not lose them. Their names and meaning are `policy.odrl.vocabulary`'s:

| left operand | right operand | put there by |
|---|---|---|
| `profile` | the de-identification profile, by name | the provider, in its catalogue |
| `study`, `studyDigest` | the study request: its id and the digest of this version | the consumer, in its request |
| `selection` | the digest of the `Selection` | the consumer, in its request |

The selection itself travels beside the offer, under the key `policy.odrl.vocabulary.SELECTION` of the message; the
agreement repeats the constraint, and so pins it.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Final, NamedTuple, cast

from contracts.faults import MessageError
from contracts.fields import Name
from contracts.shape import Json, Strict
from contracts.study import Categories, Window
from policy import purposes
from policy.canonical import Json as CanonicalJson
from policy.canonical import digest
from policy.odrl.vocabulary import PROFILE, PURPOSE, SELECTION, STUDY, STUDY_DIGEST, expand_odrl

NOT_TERMS: Final = frozenset({"@id", "@type", "target", "assigner", "assignee", "timestamp"})
"""The keys of a policy that say who, when and about what; every other key is a term, known to us or not."""

_NARROWING: Final = frozenset({"eq", "isA", "isAnyOf"})


class Selection(Strict):
    """Which part of a dataset is asked for: a cohort by name, categories of data, clinical dates. Null: all of it."""

    cohort: Name | None
    variables: Categories | None
    period: Window | None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the canonical selection: the right operand of the constraint."""
        return digest(cast("CanonicalJson", self.wire()))


class BoundTerms(NamedTuple):
    """The terms of ours that a policy carries in every permission; None where it carries none."""

    study: str | None = None
    study_digest: str | None = None
    selection: str | None = None
    profile: str | None = None


_OPERANDS: Final = (STUDY, STUDY_DIGEST, SELECTION, PROFILE)
"""The left operands, in the order of `BoundTerms`."""


def terms_of(policy: Json) -> Json:
    """The terms of an offer or agreement; the nested values are the policy's own, not copies."""
    return {key: value for key, value in policy.items() if key not in NOT_TERMS}


def terms_digest(policy: Json) -> str:
    """SHA-256 (hex) over the canonical terms: the same for an offer and the agreement made from it.

    Raises ValueError for terms that have no canonical form (a policy read by `contracts.messages` has one).
    """
    return digest(cast("CanonicalJson", terms_of(policy)))


def with_terms(offer: Json, terms: BoundTerms) -> Json:
    """A copy of the offer with these terms in every permission; one that already stands there is left alone.

    Raises ValueError when the offer has no permission, or a permission says otherwise already.
    """
    bound = deepcopy(offer)
    permissions = _permissions(bound)
    if not permissions:
        message = "this offer permits nothing, so no term can be bound; accepted: an offer with a permission"
        raise ValueError(message)
    for permission in permissions:
        for operand, value in zip(_OPERANDS, terms, strict=True):
            if value is not None:
                _bind(permission, operand, value)
    return bound


def bound_terms(policy: Json) -> BoundTerms:
    """Our terms in a policy. Raises MessageError when permissions disagree, or one is there twice or unreadable."""
    return BoundTerms(*(_bound(policy, operand) for operand in _OPERANDS))


def requested_purposes(offer: Json) -> tuple[str, ...]:
    """Every purpose for which the offer, if agreed, would allow use: full IRIs, in order, without repeats.

    Empty when any permission is not limited to purposes that can be listed: then what is asked for is more than can be
    said, and the reader must treat it as *no purpose given*. A logical `and` is limited by any of its parts, an `or` or
    `xone` only by all of them.
    """
    permissions = _permissions(offer)
    limits = [_all_of(permission.get("constraint")) for permission in permissions]
    if not limits or any(limit is None for limit in limits):
        return ()
    return _distinct([purpose for limit in limits for purpose in limit or ()])


def _all_of(constraints: object) -> tuple[str, ...] | None:
    """The purposes a conjunction is limited to, or None when nothing in it limits the purpose."""
    listed = constraints if isinstance(constraints, list) else []
    limits = [limit for constraint in listed if (limit := _limit(constraint)) is not None]
    return tuple(purpose for limit in limits for purpose in limit) if limits else None


def _any_of(constraints: object) -> tuple[str, ...] | None:
    limits = [_limit(constraint) for constraint in constraints] if isinstance(constraints, list) else []
    if not limits or any(limit is None for limit in limits):
        return None
    return tuple(purpose for limit in limits for purpose in limit or ())


def _limit(constraint: object) -> tuple[str, ...] | None:
    if not isinstance(constraint, dict):
        return None
    if _names(constraint, PURPOSE) and constraint.get("operator") in _NARROWING:
        return _purposes(constraint.get("rightOperand"))
    for operator, combine in (("and", _all_of), ("andSequence", _all_of), ("or", _any_of), ("xone", _any_of)):
        if operator in constraint:
            return combine(constraint[operator])
    return None


def _purposes(operand: object) -> tuple[str, ...] | None:
    """An IRI, an object that names one, or an array of these; None when any of it cannot be read."""
    if isinstance(operand, list):
        found = [_purposes(entry) for entry in operand]
        readable = all(found)
        return tuple(purpose for entry in found for purpose in entry or ()) if found and readable else None
    if isinstance(operand, dict):
        operand = operand.get("@id", operand.get("@value"))
    return (purposes.expand(operand),) if isinstance(operand, str) and operand else None


def _names(constraint: Json, operand: str) -> bool:
    left = constraint.get("leftOperand")
    return isinstance(left, str) and expand_odrl(left) == operand


def _permissions(policy: Json) -> list[Json]:
    permissions = policy.get("permission")
    return [one for one in permissions if isinstance(one, dict)] if isinstance(permissions, list) else []


def _bind(permission: Json, operand: str, value: str) -> None:
    constraints = permission.setdefault("constraint", [])
    if not isinstance(constraints, list):
        message = "this permission's constraint is not an array; accepted: an array of constraints"
        raise ValueError(message)
    standing = [one for one in constraints if isinstance(one, dict) and _names(one, operand)]
    wanted: Json = {"leftOperand": operand, "operator": "eq", "rightOperand": value}
    if any(one != wanted for one in standing):
        message = f"this permission says something else about {operand} already; accepted: an offer without it"
        raise ValueError(message)
    if not standing:
        constraints.append(wanted)


def _bound(policy: Json, operand: str) -> str | None:
    values = [_values(permission, operand) for permission in _permissions(policy)]
    if not any(values):
        return None
    if any(len(found) != 1 for found in values) or len({found[0] for found in values}) != 1:
        raise MessageError(
            "/permission", f"does not say the same once in each about {operand}", "one value, in every permission"
        )
    return values[0][0]


def _values(permission: Json, operand: str) -> list[str]:
    constraints = permission.get("constraint")
    found = []
    for one in constraints if isinstance(constraints, list) else []:
        if not isinstance(one, dict) or not _names(one, operand):
            continue
        value = one.get("rightOperand")
        if one.get("operator") != "eq" or not isinstance(value, str):
            raise MessageError("/permission", f"has an unreadable constraint on {operand}", "operator eq and a string")
        found.append(value)
    return found


def _distinct(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
