"""Changes in words: clauses to be read after "if", as "the purpose were academic research, not marketing"."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from policy.instants import wire
from policy.odrl import vocabulary as v
from policy.odrl.compatibility.wording import operand, value_words
from policy.odrl.counterfactual.changes import FRESH, LONG_AGO
from policy.odrl.model import REFERENCE, Constraint, Literal, Logical, Rule, Term
from policy.odrl.words import duty_sentence, forbidden_sentence, term_words
from policy.purposes import label, purpose

LONGEST = 300
_LISTED = 5
_KNOWN_LOGICAL = frozenset(v.LOGICAL)
_SAID = MappingProxyType(
    {
        (v.CONSENT, v.PER_PERSON): "each person were asked for their own consent",
        (v.STUDY_APPROVAL, v.APPROVED): "the data holder had approved the study",
    }
)


def value(left: str, new: Sequence[Literal], unit: str | None, old: Sequence[Literal], whose: str = "") -> str:
    """Say that a left operand had another value; `whose` names the asset or party it is about."""
    fixed = _SAID.get((left, new[0].text)) if len(new) == 1 and not whose else None
    if fixed:
        return fixed
    called = operand(left)
    subject = cut(f"{'' if called.startswith('the ') else 'the '}{called}{f' of {name(whose)}' if whose else ''}")
    measured = f" {name(unit)}" if unit else ""
    said = "something else" if _fresh(new) else f"{values(left, new)}{measured}"
    return f"{subject} were {said}, not {values(left, old)}" if old else f"{subject} were known to be {said}"


def values(left: str, literals: Sequence[Literal]) -> str:
    """Name values of a left operand."""
    shown = [cut(value_words(left, one).partition(": ")[2]) or "an empty text" for one in literals[:_LISTED]]
    more = f" and {len(literals) - _LISTED} more" if len(literals) > _LISTED else ""
    return " and ".join(shown) + more


def time(new: datetime, old: datetime | None) -> str:
    """Say that it were another time."""
    if old is None:
        return "the time were stated" + ("" if new.year == LONG_AGO.year else f", such as {moment(new)}")
    return f"it were {moment(new)} or later" if new > old else f"it had been asked on {moment(new)}"


def moment(at: datetime) -> str:
    """An instant in words."""
    if at.tzinfo is None:
        return at.isoformat(" ")
    said = term_words(Constraint(v.DATE_TIME, "eq", (Literal(wire(at)),)))
    return said.removeprefix("Only on ")


def asked_for(what: str, new: str, old: str | None) -> str:
    """Say that another action, target or party were named."""
    verb = {"action": "the action were {}", "target": "{} were asked for", "party": "{} were asking"}[what]
    said = verb.format({"action": "another one", "target": "something else", "party": "somebody else"}[what])
    if new != FRESH:
        said = verb.format(f"“{name(new)}”" if what == "action" else name(new))
    return f"{said}, not {f'“{name(old)}”' if what == 'action' else name(old)}" if old else said


def member(part: str, whole: str, holds: bool) -> str:
    """Say that something were part of something else, or known not to be."""
    return f"{name(part)} were {'part' if holds else 'known not to be part'} of {name(whole)}"


def relation(term: str, kind: str, holds: bool) -> str:
    """Say that somebody had stated a relation of two terms."""
    return f"it were stated that {name(term)} is {'' if holds else 'not '}a kind of {name(kind)}"


def source(reference: str, left: str, new: Sequence[Literal]) -> str:
    """Say that a reference stood for a value."""
    return f"what {name(reference)} stands for were {values(left, new)}"


def done(duty: Rule) -> str:
    """Say that a duty were fulfilled."""
    return f"this duty had been fulfilled before: {_duty(duty)}"


def carried_out(duty: Rule) -> str:
    """Say that somebody could carry a duty out."""
    return f"somebody here could carry out this duty: {_duty(duty)}"


def not_owed(duty: Rule) -> str:
    """Say that a duty were not owed."""
    return f"the terms did not ask for this duty: {_duty(duty)}"


def agreed(kind: str) -> str:
    """Say that an offer were agreed to."""
    return f"the {kind.lower()} were agreed to; it is not a contract yet"


def not_void(why: str) -> str:
    """Say that a policy were in force."""
    return f"the terms were not void: {cut(why)}"


def permissions_first() -> str:
    """Say that a conflict strategy were stated."""
    return "the terms said that permissions count where they forbid the same"


def not_asked(term: Term) -> str:
    """Say that a term were not there."""
    return f"the terms did not ask for this: {term_said(term)}"


def not_unknown(place: str) -> str:
    """Say that what is not understood were not there."""
    return f"the terms did not hold what nobody here understands ({cut(place)})"


def not_forbidden(rule: Rule) -> str:
    """Say that a prohibition were not there."""
    try:
        said = _lower(forbidden_sentence(rule))
    except (KeyError, ValueError):
        said = f"the action “{name(rule.action)}” is not allowed"
    return f"the terms did not forbid this: {cut(said).rstrip('.')}"


def further(action: str, target: str) -> str:
    """Say that a permission were added."""
    return f"the terms permitted the action “{name(action)}” with {name(target)}"


def term_said(term: Term) -> str:
    """A term without a full stop, also one that nobody understands."""
    if isinstance(term, Logical) and not _understood(term):
        return "a combined term"
    try:
        return cut(_lower(term_words(term)))
    except (KeyError, ValueError):
        return "a term that has no value"


def name(iri: str) -> str:
    """A name in words where there are any: a purpose's, an action's; else the name itself."""
    if iri == FRESH:
        return "something else"
    if purpose(iri) is not None:
        return label(iri)
    for start in (v.ODRL, v.CONCORD):
        if iri.startswith(start):
            return iri.removeprefix(start)
    return cut(iri)


def cut(text: str) -> str:
    """A text at a length that can be read."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _duty(duty: Rule) -> str:
    # The parties that it has from its rule are not part of what it asks for.
    return cut(_lower(duty_sentence(replace(duty, assigners=(), assignees=()))))


def _fresh(new: Sequence[Literal]) -> bool:
    return len(new) == 1 and new[0].text == FRESH and new[0].datatype in {None, REFERENCE}


def _understood(term: Logical) -> bool:
    waiting: list[Term] = [term]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Logical):
            if one.operator not in _KNOWN_LOGICAL:
                return False
            waiting.extend(one.parts)
    return True


def _lower(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")
