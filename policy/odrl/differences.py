"""What one policy says otherwise than another, term by term, in words people read and with the direction it goes.

The direction is read off what is written, as in `policy.odrl.comparison`: a term that follows from the other is the
wider one. Who the parties are and what a policy is called are no terms of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from policy.odrl import vocabulary as v
from policy.odrl.comparison import implies
from policy.odrl.model import Constraint, Policy, Rule, Term
from policy.odrl.reading import read
from policy.odrl.terms import flat, stated
from policy.odrl.words import duty_sentence, forbidden_sentence, permitted_words, term_words

NOTHING_SAID = "Nothing is said"
NOT_UNDERSTOOD = "A term that we do not understand"


class Change(StrEnum):
    """Which way a term went: it allows less, it allows more, or that cannot be said."""

    NARROWER = "narrower"
    WIDER = "wider"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TermDifference:
    """One term that differs: a stable key, what it is called, and what it says before and after, in words."""

    term: str
    label: str
    before: str
    after: str
    change: Change


class _Kind(NamedTuple):
    key: str
    label: str


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        v.PURPOSE: _Kind("purpose", "Purpose"),
        v.RECIPIENT: _Kind("recipient", "Recipient"),
        v.CONSENT: _Kind("consent", "Each person's consent"),
        v.STUDY: _Kind("study", "Study"),
        v.STUDY_DIGEST: _Kind("study-version", "Version of the study"),
        v.STUDY_APPROVAL: _Kind("study-approval", "Approval of the study"),
        v.PROFILE: _Kind("profile", "How identities are removed"),
        v.SELECTION: _Kind("selection", "Selection of data"),
        v.DATASET: _Kind("dataset", "Dataset"),
    }
)
_UNTIL, _FROM, _MOMENT = _Kind("until", "End"), _Kind("from", "Beginning"), _Kind("moment", "Time")
_OTHER, _USE = _Kind("other", "Further terms"), _Kind("use", "Use")
_FORBIDDEN, _DUTY = _Kind("prohibition", "Not allowed"), _Kind("duty", "Duty")
_UNREAD = _Kind("not-understood", "Not understood")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[TermDifference]:
    """Return every term in which two policies (wire form) differ, permissions first.

    Raises :class:`~policy.odrl.model.PolicyError` if one of them is not a policy at all.
    """
    old, new = read(before), read(after)
    return [
        *_uses(old, new),
        *_permitted(old, new),
        *_stated(_FORBIDDEN, _prohibitions(old), _prohibitions(new)),
        *_stated(_DUTY, _duties(old), _duties(new)),
        *_unread(old, new),
    ]


def _uses(old: Policy, new: Policy) -> Iterator[TermDifference]:
    had, has = ({rule.action for rule in one.permissions} for one in (old, new))
    if had != has:
        yield _difference(_USE, _used(had), _used(has), _less_or_more(_covered(has, had), _covered(had, has)))


def _used(actions: Iterable[str]) -> str:
    return "; ".join(sorted(permitted_words(action) for action in actions)) or "It allows nothing"


def _covered(narrow: Iterable[str], wide: set[str]) -> bool:
    return all(any(v.includes(one, action) for one in wide) for action in narrow)


def _permitted(old: Policy, new: Policy) -> Iterator[TermDifference]:
    """The terms under which something is allowed; by action where a policy permits more than one."""
    several = len(old.permissions) > 1 or len(new.permissions) > 1
    had, has = _grouped(old.permissions, several), _grouped(new.permissions, several)
    for place in dict.fromkeys([*had, *has]):
        kind, action = place
        mine, theirs = had.get(place, []), has.get(place, [])
        if [_shown(term) for term in mine] == [_shown(term) for term in theirs]:
            continue
        change = _less_or_more(_follows(mine, theirs), _follows(theirs, mine))
        named = _Kind(kind.key, f"{kind.label} ({permitted_words(action)})") if action else kind
        yield _difference(named, _said(mine), _said(theirs), change)


def _grouped(permissions: Iterable[Rule], several: bool) -> dict[tuple[_Kind, str], list[Term]]:
    found: dict[tuple[_Kind, str], list[Term]] = {}
    for rule in permissions:
        for term in flat(stated(rule)):
            found.setdefault((_kind(term), rule.action if several else ""), []).append(term)
    return found


def _kind(term: Term) -> _Kind:
    if not isinstance(term, Constraint):
        return _OTHER
    if term.left == v.DATE_TIME:
        return {"lt": _UNTIL, "lteq": _UNTIL, "gt": _FROM, "gteq": _FROM}.get(term.operator, _MOMENT)
    return _KINDS.get(term.left, _OTHER)


def _follows(wide: Iterable[Term], narrow: list[Term]) -> bool:
    """Whether every term of `wide` is kept by one of `narrow`; an absent limit is the widest there is."""
    return all(any(implies(mine, term) for mine in narrow) for term in wide)


def _less_or_more(less: bool, more: bool) -> Change:
    if less == more:
        return Change.OTHER
    return Change.NARROWER if less else Change.WIDER


def _shown(term: Term) -> object:
    return (term_words(term), *(literal.text for literal in term.right)) if isinstance(term, Constraint) else term


def _said(terms: Iterable[Term]) -> str:
    return "; ".join(dict.fromkeys(term_words(term) for term in terms)) or NOTHING_SAID


def _prohibitions(policy: Policy) -> set[str]:
    return {forbidden_sentence(rule) for rule in policy.prohibitions}


def _duties(policy: Policy) -> set[str]:
    inside = [duty for rule in policy.permissions for duty in rule.duties]
    return {duty_sentence(duty) for duty in (*inside, *policy.obligations)}


def _stated(kind: _Kind, had: set[str], has: set[str]) -> Iterator[TermDifference]:
    """Rules that only ever take away: one more is less allowed, one less is more."""
    for gone in sorted(had - has):
        yield _difference(kind, gone, NOTHING_SAID, Change.WIDER)
    for come in sorted(has - had):
        yield _difference(kind, NOTHING_SAID, come, Change.NARROWER)


def _unread(old: Policy, new: Policy) -> Iterator[TermDifference]:
    had, has = ({place.partition(": ")[2] or place for place in one.unknown} for one in (old, new))
    if had != has:
        before, after = (NOT_UNDERSTOOD if places else NOTHING_SAID for places in (had, has))
        yield _difference(_UNREAD, before, after, Change.OTHER)


def _difference(kind: _Kind, before: str, after: str, change: Change) -> TermDifference:
    return TermDifference(kind.key, kind.label, before, after, change)
