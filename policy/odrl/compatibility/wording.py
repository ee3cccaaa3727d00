"""A comparison in words: what each side says, what clashes, what nobody can tell."""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from policy.odrl import vocabulary as v
from policy.odrl.compatibility.claims import Claim, Side
from policy.odrl.model import XSD, Constraint, Literal, Policy, Rule, Term
from policy.odrl.words import permitted_words, term_words
from policy.purposes import label, purpose

_SUBJECTS: Mapping[Side, str] = MappingProxyType(
    {
        Side.OFFER: "the offer",
        Side.REQUEST: "the request",
        Side.CONSENT: "the person's consent",
        Side.FACTS: "what is already so",
    }
)
_COMPARED: Mapping[str, str] = MappingProxyType(
    {
        "eq": "exactly",
        "neq": "anything but",
        "lt": "less than",
        "lteq": "at most",
        "gt": "more than",
        "gteq": "at least",
        "isA": "a kind of",
        "isPartOf": "within",
        "hasPart": "something that contains",
        "isAnyOf": "one of",
        "isAllOf": "all of",
        "isNoneOf": "none of",
    }
)
_LISTED = 5
_DAYS = re.compile(r"P(\d{1,6})D", re.ASCII)


def clash(claims: Sequence[Claim]) -> str:
    """Return claims that cannot hold together, as one sentence without a full stop."""
    said = [claim_words(one) for one in claims]
    sides = {one.side for one in claims}
    if len(sides) == 1 and len(said) > 1:
        return _upper(f"{_SUBJECTS[claims[0].side]} contradicts itself: {_joined(said)}")
    alone = len(said) == 1 and bool(claims[0].terms)
    return _upper(f"{said[0]}, which nothing can meet") if alone else _upper(_joined(said))


def claim_words(claim: Claim) -> str:
    """Return what a side says: "the offer ends 31 December 2027"."""
    subject = _SUBJECTS[claim.side]
    if claim.words:
        return f"{subject}: {_lower(claim.words).rstrip('.')}"
    return _joined([_term(subject, claim.side, one.term) for one in claim.terms])


def _term(subject: str, side: Side, term: Term) -> str:
    said = term_words(term)
    if said.startswith("Until "):
        return f"{subject} {'runs until' if side is Side.REQUEST else 'ends'} {said.removeprefix('Until ')}"
    if said.startswith("From "):
        return f"{subject} begins {said.removeprefix('From ')}"
    if said.startswith(("Only ", "Not ")):
        return f"{subject} is {_lower(said)}"
    return f"{subject} asks for {_generic(term)}" if isinstance(term, Constraint) else f"{subject} says: {_lower(said)}"


def _generic(term: Constraint) -> str:
    compared = _COMPARED.get(term.operator, v.local(term.operator))
    shown = ", ".join(_value(one) for one in term.right[:_LISTED])
    more = f" and {len(term.right) - _LISTED} more" if len(term.right) > _LISTED else ""
    return f"{operand(term.left)}: {compared} {shown}{more}"


def operand(left: str) -> str:
    """Return what a left operand is called."""
    return _OPERANDS.get(left) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", v.local(left)).lower()


_OPERANDS: Mapping[str, str] = MappingProxyType(
    {v.DATE_TIME: "the time", v.PURPOSE: "the purpose", v.RECIPIENT: "the recipient", v.DATASET: "the dataset"}
)


def value_words(left: str, value: Literal) -> str:
    """Return a value that is allowed: "the time: 31 December 2027"."""
    if left == v.DATE_TIME:
        # The last second of a day is said as that day.
        said = term_words(Constraint(left, "lteq" if "T23:59:59" in value.text else "eq", (value,)))
        return f"{operand(left)}: {said.removeprefix('Only on ').removeprefix('Until ')}"
    return f"{operand(left)}: {_value(value)}"


def _value(literal: Literal) -> str:
    days = _DAYS.fullmatch(literal.text)
    if days and literal.datatype == f"{XSD}duration":
        return f"{days[1]} day{'' if days[1] == '1' else 's'}"
    return label(literal.text) if purpose(literal.text) else literal.text[:200]


def not_kept(limit: Claim, asked: Sequence[Claim]) -> str:
    """Say which limit of the offer the request does not keep, and what it says instead."""
    said = [claim_words(one) for one in asked if not one.denied] or ["the request says nothing about it"]
    return _upper(_joined([claim_words(limit), *said]))


def silent(side: Side, left: str) -> str:
    """Say that one side leaves open what the other limits."""
    other = Side.OFFER if side is Side.REQUEST else Side.REQUEST
    return _upper(f"{_SUBJECTS[other]} limits {operand(left)}; {_SUBJECTS[side]} says nothing about it")


def open_relation(left: str, claims: Iterable[Claim]) -> str:
    """Say that nobody has stated how what the sides say of one thing relates."""
    said = _joined([claim_words(one) for one in claims])
    return _upper(f"{said}; nobody can tell whether {operand(left)} can be both")


def owed_and_forbidden(side: Side, duty: Rule) -> str:
    """Say that one side obliges to what the other forbids."""
    other = Side.REQUEST if side is Side.OFFER else Side.OFFER
    return _upper(f"{_SUBJECTS[side]} asks for the duty “{v.local(duty.action)}”; {_SUBJECTS[other]} forbids it")


def other_action(offered: str, asked: str) -> str:
    """Say that another use is asked for than is on offer."""
    return f"The request asks for “{_lower(_permitted(asked))}”; the offer allows “{_lower(_permitted(offered))}”"


def wider_action(offered: str) -> str:
    """Say that a wider use is asked for than is on offer."""
    return f"The offer allows only “{_lower(_permitted(offered))}”; the request asks for more"


def unrelated_actions(offered: str, asked: str) -> str:
    """Say that nobody has stated how two actions relate."""
    return f"Nobody has stated how the actions “{v.local(offered)}” and “{v.local(asked)}” relate"


def nothing_offered() -> str:
    """Say that the offer permits nothing."""
    return "The offer allows nothing"


def nothing_stated() -> str:
    """Say that there is nothing to compare."""
    return "Neither side limits anything"


def too_involved() -> str:
    """Say that the comparison was given up."""
    return "The terms are too involved to be compared"


def undecided() -> str:
    """Say that nobody can tell, where no single term is the reason."""
    return "Nobody can tell whether all terms can hold together"


def not_understood(side: Side, policy: Policy) -> str:
    """Say that a policy holds what is not understood; empty if it does not."""
    return _upper(f"{_SUBJECTS[side]} holds a term that we do not understand") if policy.unknown else ""


def _permitted(action: str) -> str:
    return permitted_words(action).rstrip(",")


def _joined(said: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(said))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
