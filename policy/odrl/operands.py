"""The left operands a contract may use here: which facts they are about, which operators and values make sense.

The comparison itself is that of :mod:`policy.odrl.evaluating`. What has no meaning for an operand makes the policy one
that is not understood, it is not guessed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType

from policy.instants import TICK, day, instant
from policy.odrl import vocabulary as v
from policy.odrl.evaluating.purposive import PURPOSIVE
from policy.odrl.evaluating.request import Request
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Truth, all_of, any_of, one_of
from policy.odrl.model import XSD, Constraint, Literal
from policy.purposes import purpose

JURISDICTION, HOSTING = f"{v.CONCORD}jurisdiction", f"{v.CONCORD}hosting"
TRANSFER_GROUND, SPATIAL = f"{v.CONCORD}transferGround", f"{v.ODRL}spatial"

__all__ = ["TICK", "NotUnderstoodError", "Truth", "World", "all_of", "any_of", "bounds", "one_of", "understand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The facts a contract is evaluated against. None or empty means not known, and meets nothing.

    `jurisdiction` and `hosting` are the countries of the requester and of its data, `transfer_grounds` those on file.
    """

    now: datetime
    requester: str
    dataset: str
    purposes: tuple[str, ...] = ()
    consent: str | None = None
    study: str | None = None
    study_digest: str | None = None
    study_approval: str | None = None
    profile: str | None = None
    selection: str | None = None
    jurisdiction: str | None = None
    hosting: tuple[str, ...] = ()
    transfer_grounds: tuple[str, ...] = ()
    request: Request = field(init=False, repr=False, compare=False)
    state: State = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = {left: tuple(map(Literal, texts)) for left, texts in self._features() if texts}
        object.__setattr__(self, "request", Request("", self.dataset or None, self.requester or None, known))
        object.__setattr__(self, "state", State(self.now))

    def _features(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for left, name in _FACTS.items():
            text = getattr(self, name)
            yield left, (text,) if text else ()
        places = tuple(dict.fromkeys((*((self.jurisdiction,) if self.jurisdiction else ()), *self.hosting)))
        yield v.PURPOSE, self.purposes
        yield HOSTING, self.hosting
        yield TRANSFER_GROUND, tuple(name for one in self.transfer_grounds for name in _spellings(one))
        yield SPATIAL, places if self.jurisdiction and self.hosting else ()


_FACTS: Mapping[str, str] = MappingProxyType(
    {
        v.RECIPIENT: "requester",
        v.DATASET: "dataset",
        v.CONSENT: "consent",
        v.STUDY: "study",
        v.STUDY_DIGEST: "study_digest",
        v.STUDY_APPROVAL: "study_approval",
        v.PROFILE: "profile",
        v.SELECTION: "selection",
        JURISDICTION: "jurisdiction",
    }
)


def _spellings(iri: str) -> Iterator[str]:
    """The name of a ground in full and, as contracts write it, with each bundled prefix."""
    full = v.expand(iri)
    yield full
    for prefix, start in v.PREFIXES.items():
        if full.startswith(start):
            yield f"{prefix}:{full[len(start) :]}"


class NotUnderstoodError(ValueError):
    """The operand, its operator or its value is not one that can be evaluated here."""


def understand(constraint: Constraint) -> None:
    """Raise :class:`NotUnderstoodError`, naming what, if a constraint says something that has no meaning here."""
    odd = "unit" if constraint.unit else "status" if constraint.status else None
    if odd or constraint.by_reference or constraint.given or any(one.language for one in constraint.right):
        raise NotUnderstoodError(f"{constraint.pointer}/{odd or 'rightOperand'}")
    if len(constraint.right) > 1 and constraint.operator not in {"isAnyOf", "isNoneOf", "isAllOf"}:
        raise NotUnderstoodError(f"{constraint.pointer}/rightOperand: several values for {constraint.operator}")
    if constraint.left == v.PURPOSE:
        _purposes(constraint)
    elif constraint.left == v.DATE_TIME:
        _moment(constraint)
    elif constraint.left in _NAMES:
        _names(constraint, _NAMES[constraint.left])
    else:
        raise NotUnderstoodError(f"{constraint.pointer}/leftOperand: {constraint.left}")


# --- names: recipient, study and the like: one value, compared as it is written ---------------------------------------

_ANY: frozenset[str] = frozenset()
# left operand -> the values we know; none means any
_NAMES: Mapping[str, frozenset[str]] = MappingProxyType(
    dict.fromkeys((*_FACTS, HOSTING, TRANSFER_GROUND, SPATIAL), _ANY)
    | {v.CONSENT: frozenset({v.PER_PERSON}), v.STUDY_APPROVAL: frozenset({v.APPROVED})}
)
_PLACES, _COUNTRY = frozenset({JURISDICTION, HOSTING, SPATIAL}), re.compile(r"[A-Z]{2}", re.ASCII)
_ANY_OF, _NONE_OF = frozenset({"eq", "isAnyOf"}), frozenset({"neq", "isNoneOf"})


def _names(constraint: Constraint, known: frozenset[str]) -> None:
    if constraint.operator not in _ANY_OF | _NONE_OF:
        raise NotUnderstoodError(f"{constraint.pointer}/operator: {constraint.operator}")
    if any(literal.datatype not in {None, f"{XSD}string", f"{XSD}anyURI"} for literal in constraint.right):
        raise NotUnderstoodError(f"{constraint.pointer}/rightOperand")
    texts = frozenset(literal.text for literal in constraint.right)
    if constraint.left == TRANSFER_GROUND and not all("://" in v.expand(text) for text in texts):
        raise NotUnderstoodError(f"{constraint.pointer}/rightOperand: not a full IRI, nor with a prefix known here")
    if constraint.left in _PLACES and not all(map(_COUNTRY.fullmatch, texts)):
        raise NotUnderstoodError(f"{constraint.pointer}/rightOperand: not a country as ISO 3166 writes it (DE)")
    if known and (not texts <= known or constraint.operator in _NONE_OF):
        raise NotUnderstoodError(f"{constraint.pointer}/rightOperand: {min(texts)}")


def _purposes(constraint: Constraint) -> None:
    for literal in constraint.right:
        if literal.datatype not in {None, f"{XSD}anyURI"} or purpose(literal.text) is None:
            raise NotUnderstoodError(f"{constraint.pointer}/rightOperand: {literal.text}")
    if constraint.operator not in PURPOSIVE:
        raise NotUnderstoodError(f"{constraint.pointer}/operator: {constraint.operator}")


# --- dateTime: the moment of the decision -----------------------------------------------------------------------------

_COMPARISONS = frozenset({"lt", "lteq", "gt", "gteq", "eq", "neq"})


def _moment(constraint: Constraint) -> None:
    try:
        bounds(constraint.right[0])
    except ValueError:
        raise NotUnderstoodError(
            f"{constraint.pointer}/rightOperand: not a date or an instant with an offset"
        ) from None
    if constraint.operator not in _COMPARISONS:
        raise NotUnderstoodError(f"{constraint.pointer}/operator: {constraint.operator}")


def bounds(literal: Literal) -> tuple[datetime, datetime]:
    """Return the first instant a dateTime value means and the first after it; a date is its whole day in UTC.

    Raises :class:`ValueError` if it is neither, or so far off that no instant lies before or after it.
    """
    if literal.datatype not in {None, f"{XSD}dateTime", f"{XSD}dateTimeStamp", f"{XSD}date"}:
        raise ValueError("another datatype")
    whole_day = len(literal.text) == 10
    first = datetime.combine(day(literal.text), time(), UTC) if whole_day else instant(literal.text)
    try:
        _ = first - TICK  # who puts a limit into words asks for the last instant before it
        return first, first + (timedelta(days=1) if whole_day else TICK)
    except OverflowError:
        raise ValueError("beyond the first or the last instant there is") from None
