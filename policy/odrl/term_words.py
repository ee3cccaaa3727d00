"""One term in words: what it asks of a permission, and the condition it is elsewhere.

A permission's term is a phrase of its own ("Only for marketing", "The count must be at most 5"). Where a term limits a
prohibition or a duty it is put behind the sentence ("... until 31 December 2026", "... if the count is more than 5").
"""

import re
from calendar import month_name
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from policy.instants import TICK
from policy.law.statute import countries
from policy.odrl import vocabulary as v
from policy.odrl.duties import length, period
from policy.odrl.model import XSD, Constraint, Literal, Logical, Term
from policy.odrl.operands import HOSTING, JURISDICTION, SPATIAL, TRANSFER_GROUND, bounds
from policy.odrl.place_words import place
from policy.purposes import label, purpose

NEGATIVE = frozenset({"neq", "isNoneOf"})
_POSITIVE = frozenset({"eq", "isA", "isAnyOf"})
_LONGEST = 300


def term_words(term: Term) -> str:
    """Return one term of a permission, without a full stop; one we do not know is named by its operand."""
    if isinstance(term, Logical):
        parts = "; ".join(lower(term_words(part)) for part in term.parts)
        return _JOINED.get(term.operator, f"Joined by “{v.short(term.operator)}”: {{}}").replace("{}", parts)
    speak = _SAID.get(term.left)
    return (speak(term) if speak and not _odd(term) else "") or _must(term)


def behind(terms: Iterable[Term]) -> str:
    """Return what terms add behind a sentence that they limit, with a space before it; empty without any."""
    plain: list[str] = []
    rest: list[str] = []
    for term in terms:
        said = _after(term)
        (plain if said else rest).append(said or condition(term))
    joined = " and ".join(rest)
    return "".join(f" {one}" for one in (*plain, *([f"if {joined}"] if joined else [])))


def _after(term: Term) -> str:
    """The plain phrase of a purpose, time or place behind a sentence; empty for what is said with `if`."""
    if not isinstance(term, Constraint) or _odd(term):
        return ""
    if term.left == v.PURPOSE and term.operator in _POSITIVE:
        return f"for {either(_value(one) for one in term.right)}"
    if term.left == v.DATE_TIME:
        return _lowered_time(term)
    if term.left == SPATIAL and term.operator in _POSITIVE:
        return f"in {_places(term)}"
    return ""


def condition(term: Term) -> str:
    """Return a term as something that is so: "the count is at most 5", "until 31 December 2026"."""
    said = _after(term)
    if said:
        return said
    if isinstance(term, Logical):
        parts = "; ".join(map(condition, term.parts))
        return _FACTS_JOINED.get(term.operator, "this holds: {}").replace("{}", parts)
    fixed = _FACTS.get(term.left)
    if fixed and not _odd(term) and term.operator in _POSITIVE | NEGATIVE:
        return fixed[1] if term.operator in NEGATIVE else fixed[0]
    return f"{_called(term)} {_compared(term, 'is')}"


def _must(term: Constraint) -> str:
    return upper(f"{_called(term)} {_compared(term, 'must be')}")


def _called(term: Constraint) -> str:
    if term.given is not None:
        return f"“{term.given.text[:_LONGEST]}”"
    return _OPERANDS.get(term.left) or f"the {spaced(term.left)}"


def _compared(term: Constraint, verb: str) -> str:
    said = _values(term)
    if term.operator in NEGATIVE:
        verb, said = f"{verb} not" if verb == "is" else "must not be", f"{_of(term)}{said}"
    elif term.operator == "hasPart":
        verb = "contains" if verb == "is" else "must contain"
    else:
        compared = _ORDERED if term.left == _EVENT else _COMPARED
        said = f"{compared.get(term.operator, f'“{v.short(term.operator)}” ')}{_of(term)}{said}"
    status = f" (status: {term.status.text[:_LONGEST]})" if term.status else ""
    return f"{verb} {said}{status}"


def _of(term: Constraint) -> str:
    return "any of " if term.operator == "isNoneOf" and len(term.right) > 1 else ""


def _values(term: Constraint) -> str:
    listed = [_valued(term, one) for one in term.right]
    found = " and ".join(listed) if term.operator == "isAllOf" else either(listed)
    found = f"what {found} stands for" if term.by_reference else found
    return f"{found} {v.short(term.unit.text)}" if term.unit else found


def _valued(term: Constraint, literal: Literal) -> str:
    if term.left in _PLACES:
        return place(literal.text)
    if literal.datatype in {f"{XSD}date", f"{XSD}dateTime", f"{XSD}dateTimeStamp"} or term.left == v.DATE_TIME:
        try:
            return moment_words(bounds(literal)[0])
        except (ValueError, OverflowError):
            return literal.text[:_LONGEST]
    return _value(literal)


def _value(literal: Literal) -> str:
    if literal.datatype == f"{XSD}duration":
        try:
            return length(period(literal.text))
        except ValueError:
            return literal.text[:_LONGEST]
    if literal.text.startswith("_:"):
        return "something without a name"
    named = label(literal.text) if purpose(literal.text) else literal.text[:_LONGEST]
    for start in (v.ODRL, v.CONCORD):
        named = named.removeprefix(start)
    return named or "an empty text"


def _odd(term: Constraint) -> bool:
    """Whether a constraint says more than operand, operator and values, which a fixed phrase would leave out."""
    return bool(term.unit or term.status or term.by_reference or term.given)


# --- phrases of their own ---------------------------------------------------------------------------------------------


def _about_time(term: Constraint) -> str:
    try:
        first, after = bounds(term.right[0])
    except (ValueError, OverflowError):
        return f"With a time limit that cannot be read: {term.right[0].text[:_LONGEST]}"
    if term.operator in {"lt", "lteq"}:
        return f"Until {_last(first if term.operator == 'lt' else after)}"
    if term.operator in {"gt", "gteq"}:
        return f"From {moment_words(after if term.operator == 'gt' else first)}"
    if len(term.right) > 1 or term.operator not in {"eq", "neq"}:
        return ""
    return f"{'Only' if term.operator == 'eq' else 'Not'} on {moment_words(first)}"


def _lowered_time(term: Constraint) -> str:
    said = _about_time(term)
    if not said.startswith(("Until", "From", "Only on")):
        return ""
    return lower(said.removeprefix("Only "))


def _last(after: datetime) -> str:
    # The last moment before an instant; one that ends a day, to the second, is said as that day.
    last = after - TICK
    return _date(last) if f"{last:%H:%M:%S}" == "23:59:59" else moment_words(last)


def moment_words(moment: datetime) -> str:
    """Return an instant in words; midnight is said as the day it begins."""
    return _date(moment) if f"{moment:%H:%M:%S}" == "00:00:00" else f"{_date(moment)}, {moment:%H:%M} UTC"


def _date(moment: datetime) -> str:
    return f"{moment.day} {month_name[moment.month]} {moment.year}"


def _chosen(only: str, never: str) -> Callable[[Constraint], str]:
    """A phrase for one of the values and one for none of them; empty for any other operator."""

    def said(term: Constraint) -> str:
        if term.operator not in _POSITIVE | NEGATIVE:
            return ""
        values = _places(term) if term.left in _PLACES else either(_value(one) for one in term.right)
        return f"{never if term.operator in NEGATIVE else only} {values}"

    return said


def _about_purpose(term: Constraint) -> str:
    if term.operator == "isAllOf":
        return f"Only for all of: {', '.join(_value(one) for one in term.right)}"
    return _chosen("Only for", "Not for")(term)


def _places(term: Constraint) -> str:
    texts = {one.text for one in term.right}
    for union, words in (("EU", "the European Union"), ("EEA", "the European Economic Area")):
        if texts == set(countries(union)):
            return words
    return either(place(one.text) for one in term.right)


def _fixed(said: str, otherwise: str) -> Callable[[Constraint], str]:
    return lambda term: otherwise if term.operator in NEGATIVE else said if term.operator in _POSITIVE else ""


_PLACES = frozenset({SPATIAL, JURISDICTION, HOSTING})
_SAID: Mapping[str, Callable[[Constraint], str]] = MappingProxyType(
    {
        v.PURPOSE: _about_purpose,
        v.DATE_TIME: _about_time,
        v.RECIPIENT: _chosen("Only for", "Not for"),
        SPATIAL: _chosen("Only in", "Not in"),
        JURISDICTION: _chosen("Only for recipients in", "Not for recipients in"),
        HOSTING: _chosen("Only where the data is kept in", "Not where the data is kept in"),
        TRANSFER_GROUND: _chosen("Only on this ground for a transfer abroad:", "Not on this ground for a transfer:"),
        v.CONSENT: _fixed("Only about people who said yes themselves", "Without asking each person"),
        v.STUDY: _fixed("Only for the study that is named", "Not for the study that is named"),
        v.STUDY_DIGEST: _fixed("Only for the study as it was described", "Not for the study as it was described"),
        v.STUDY_APPROVAL: _fixed("Only for a study that the data holder has approved", "Only for other studies"),
        v.PROFILE: _fixed("Only after identities are removed in the way agreed", "Only in another way than named"),
        v.SELECTION: _fixed("Only the selection of data that is agreed", "Only another selection of data"),
        v.DATASET: _chosen("Only from the dataset", "Not from the dataset"),
    }
)
_FACTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        v.CONSENT: ("the people said yes themselves", "the people were not asked"),
        v.STUDY: ("it is for the study that is named", "it is not for the study that is named"),
        v.STUDY_DIGEST: ("the study is as it was described", "the study is not as it was described"),
        v.STUDY_APPROVAL: ("the data holder has approved the study", "the data holder has not approved the study"),
        v.PROFILE: ("identities are removed in the way agreed", "identities are not removed in the way agreed"),
        v.SELECTION: ("it is the selection of data that is agreed", "it is not the selection of data that is agreed"),
    }
)
_JOINED: Mapping[str, str] = MappingProxyType(
    {
        "and": "All of these: {}",
        "andSequence": "All of these, in this order: {}",
        "or": "At least one of these: {}",
        "xone": "Exactly one of these: {}",
    }
)
_FACTS_JOINED: Mapping[str, str] = MappingProxyType(
    {
        "and": "all of these hold: {}",
        "andSequence": "all of these hold, in this order: {}",
        "or": "at least one of these holds: {}",
        "xone": "exactly one of these holds: {}",
    }
)
_OPERANDS: Mapping[str, str] = MappingProxyType(
    {v.DATE_TIME: "the time", SPATIAL: "the place", JURISDICTION: "the recipient's country"}
    | {HOSTING: "the country where the data is kept", TRANSFER_GROUND: "the ground for a transfer abroad"}
)
_EVENT = f"{v.ODRL}event"
_ORDERED: Mapping[str, str] = MappingProxyType(
    {"eq": "at ", "lt": "before ", "lteq": "before or at ", "gt": "after ", "gteq": "at or after "}
)
_COMPARED: Mapping[str, str] = MappingProxyType(
    {
        "eq": "", "isAnyOf": "", "isAllOf": "all of ", "lt": "less than ", "lteq": "at most ", "gt": "more than ",
        "gteq": "at least ", "isA": "a kind of ", "isPartOf": "within ",
    }
)  # fmt: skip


def either(names: Iterable[str]) -> str:
    """Return names as alternatives: "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def lower(text: str) -> str:
    """Return a phrase as it stands inside a sentence."""
    return text[:1].lower() + text[1:]


def upper(text: str) -> str:
    """Return a phrase as it begins a sentence."""
    return text[:1].upper() + text[1:]


def spaced(iri: str) -> str:
    """Return the short name of an operand or action as words: "pay amount"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", v.short(iri)).lower()
