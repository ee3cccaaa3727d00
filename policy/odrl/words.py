"""The terms of a policy as plain sentences, for the people who are asked and for those who must keep to them."""

from calendar import month_name
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from policy.instants import TICK
from policy.odrl import vocabulary as v
from policy.odrl.duties import read_duty, words
from policy.odrl.model import Constraint, Logical, Policy, Rule, Term
from policy.odrl.operands import NotUnderstoodError, bounds
from policy.odrl.terms import flat, stated
from policy.purposes import label


def sentence(policy: Policy) -> list[str]:
    """Return the policy as sentences, one term each, without repeats; a term not understood is said to be so."""
    found = [*_permissions(policy), *_prohibitions(policy), *_duties(policy)]
    if policy.unknown:
        found.append("It holds a term that we do not understand. Nothing can be shared under it.")
    return list(dict.fromkeys(found))


def term_words(term: Term) -> str:
    """Return one term of a permission, without a full stop; one we do not know is named by its operand."""
    return _said(term)


def permitted_words(action: str) -> str:
    """Return what an action (an IRI) permits, without its purpose and without a full stop."""
    return _PERMITTED.get(action, f"The action “{_short(action)}” is allowed").rstrip(",")


def forbidden_sentence(rule: Rule) -> str:
    """Return one prohibition as a sentence."""
    said = _FORBIDDEN.get(rule.action, f"The action “{_short(rule.action)}” is not allowed")
    conditions = [_lower(_said(term)) for term in flat(stated(rule))]
    return f"{said}. This counts only under these terms: {'; '.join(conditions)}." if conditions else f"{said}."


def duty_sentence(duty: Rule) -> str:
    """Return one duty as a sentence; one that we do not know is named by its action."""
    try:
        return words(read_duty(duty))
    except NotUnderstoodError:
        return f"The duty “{_short(duty.action)}” is owed."


def _permissions(policy: Policy) -> Iterator[str]:
    if not policy.permissions:
        yield "It allows nothing."
    for rule in policy.permissions:
        terms = list(flat(stated(rule)))
        purposes = [term for term in terms if isinstance(term, Constraint) and _within_purposes(term)]
        yield _allowed(rule, purposes)
        yield from (_said(term) + "." for term in terms if term not in purposes)


def _within_purposes(term: Constraint) -> bool:
    return term.left == v.PURPOSE and term.operator in {"isA", "isAnyOf", "eq"}


def _allowed(rule: Rule, purposes: list[Constraint]) -> str:
    done = _PERMITTED.get(rule.action, f"The action “{_short(rule.action)}” is allowed")
    aims = " and at the same time ".join(_either(label(literal.text) for literal in term.right) for term in purposes)
    return f"{done} for {aims}." if aims else f"{done}."


def _prohibitions(policy: Policy) -> Iterator[str]:
    yield from map(forbidden_sentence, policy.prohibitions)


def _duties(policy: Policy) -> Iterator[str]:
    inside = [duty for rule in policy.permissions for duty in rule.duties]
    yield from map(duty_sentence, (*inside, *policy.obligations))


def _said(term: Term) -> str:
    if isinstance(term, Logical):
        return _JOINED[term.operator].format("; ".join(_lower(_said(part)) for part in term.parts))
    speak = _SAID.get(term.left)
    return speak(term) if speak else f"With a term about “{_short(term.left)}”"


def _about_time(term: Constraint) -> str:
    try:
        first, after = bounds(term.right[0])
    except (ValueError, OverflowError):
        return "With a time limit that cannot be read"
    if term.operator in {"lt", "lteq"}:
        return f"Until {_last(first if term.operator == 'lt' else after)}"
    if term.operator in {"gt", "gteq"}:
        return f"From {_moment(after if term.operator == 'gt' else first)}"
    return f"{'Only' if term.operator == 'eq' else 'Not'} on {_moment(first)}"


def _last(after: datetime) -> str:
    # The last moment before an instant; one that ends a day, to the second, is said as that day.
    last = after - TICK
    return _date(last) if f"{last:%H:%M:%S}" == "23:59:59" else _moment(last)


def _moment(moment: datetime) -> str:
    return _date(moment) if f"{moment:%H:%M:%S}" == "00:00:00" else f"{_date(moment)}, {moment:%H:%M} UTC"


def _date(moment: datetime) -> str:
    return f"{moment.day} {month_name[moment.month]} {moment.year}"


def _about_purpose(term: Constraint) -> str:
    listed = _either(label(literal.text) for literal in term.right)
    negative = term.operator in {"neq", "isNoneOf"}
    return f"Not for {listed}" if negative else f"Only for {listed}"


def _about_recipient(term: Constraint) -> str:
    names = _either(literal.text for literal in term.right)
    return f"Not for {names}" if term.operator in {"neq", "isNoneOf"} else f"Only for {names}"


def _fixed(said: str, otherwise: str) -> Callable[[Constraint], str]:
    return lambda term: otherwise if term.operator in {"neq", "isNoneOf"} else said


_SAID: Mapping[str, Callable[[Constraint], str]] = MappingProxyType(
    {
        v.PURPOSE: _about_purpose,
        v.DATE_TIME: _about_time,
        v.RECIPIENT: _about_recipient,
        v.CONSENT: _fixed("Only about people who said yes themselves", "Without asking each person"),
        v.STUDY: _fixed("Only for the study that is named", "Not for the study that is named"),
        v.STUDY_DIGEST: _fixed("Only for the study as it was described", "Not for the study as it was described"),
        v.STUDY_APPROVAL: _fixed("Only for a study that the data holder has approved", "Only for other studies"),
        v.PROFILE: _fixed("Only after identities are removed in the way agreed", "Only in another way than named"),
        v.SELECTION: _fixed("Only the selection of data that is agreed", "Only another selection of data"),
        v.DATASET: _fixed("Only from the dataset that is named", "Not from the dataset that is named"),
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

_PERMITTED: Mapping[str, str] = MappingProxyType(
    {
        v.USE: "May be used",
        v.RELEASE: "Records may be sent",
        v.ANALYSE: "Questions may be asked of the data, and only the answers leave,",
        f"{v.ODRL}stream": "May be sent as it is measured",
        f"{v.ODRL}display": "May be looked at",
        f"{v.ODRL}read": "May be read",
    }
)

_FORBIDDEN: Mapping[str, str] = MappingProxyType(
    {
        v.REIDENTIFY: "Nobody may try to find out who a person is",
        v.DISTRIBUTE: "Must not be passed on to anyone else",
        v.USE: "Must not be used",
        v.RELEASE: "Records must not be sent",
        v.ANALYSE: "No questions may be asked of the data",
        f"{v.ODRL}stream": "Must not be sent as it is measured",
        f"{v.ODRL}sell": "Must not be sold",
        f"{v.ODRL}transfer": "Must not be handed over to anyone else",
        f"{v.ODRL}modify": "Must not be changed",
        f"{v.ODRL}derive": "Nothing new may be made from it",
        f"{v.ODRL}aggregate": "Must not be joined with other data",
        "http://creativecommons.org/ns#CommercialUse": "Must not be used to make money",
    }
)


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _short(iri: str) -> str:
    return iri.rpartition("#")[2].rpartition("/")[2]
