"""A policy as plain sentences, for the people who are asked and for those who must keep to it: nothing stays silent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from policy.odrl import vocabulary as v
from policy.odrl.duties import read_duty, words
from policy.odrl.model import Action, Constraint, Entity, Named, Policy, Rule, Term
from policy.odrl.operands import NotUnderstoodError
from policy.odrl.term_words import behind, condition, either, lower, spaced, term_words, upper
from policy.odrl.terms import flat, stated
from policy.purposes import label

__all__ = ["duty_sentence", "explained", "forbidden_sentence", "permitted_words", "sentence", "term_words"]


def sentence(policy: Policy) -> list[str]:
    """Return what a policy says as sentences, one term each, without repeats; a term not understood is said to be so.

    Who it is between and what it is about is left to whoever shows it, unless a single rule says so.
    """
    found = [*_permissions(policy), *_prohibitions(policy), *_duties(policy), *_whole(policy)]
    if policy.unknown:
        found.append("It holds a term that we do not understand. Nothing can be shared under it.")
    return list(dict.fromkeys(found))


def explained(policy: Policy) -> list[str]:
    """Return a policy as sentences, with who it is between, what it is about and what was not understood in it."""
    places = (f"Not understood: {place}." for place in policy.unknown)
    return [*_head(policy), *sentence(policy), *places]


def permitted_words(action: str) -> str:
    """Return what an action (an IRI) permits, without its purpose and without a full stop."""
    return _PERMITTED.get(action, f"The action “{v.short(action)}” is allowed").rstrip(",")


def forbidden_sentence(rule: Rule) -> str:
    """Return one prohibition as a sentence, with what is owed if it is broken."""
    terms = tuple(flat(stated(rule)))
    said = [_forbidden(action, (*flat(action.refinements), *terms)) for action in rule.actions or (Action(""),)]
    broken = [f"If that is done all the same: {lower(duty_sentence(one))}" for one in rule.remedies]
    return " ".join((*said, *_named(rule), *broken))


def duty_sentence(duty: Rule) -> str:
    """Return one duty as a sentence, with what is owed if it is not done; one we do not know is named by its action."""
    try:
        said = words(read_duty(replace(duty, consequences=())))
    except NotUnderstoodError:
        said = _unknown_duty(duty)
    undone = [f"If that is not done: {lower(duty_sentence(one))}" for one in (*duty.consequences, *duty.remedies)]
    return " ".join((said, *undone))


# --- permissions ------------------------------------------------------------------------------------------------------


def _permissions(policy: Policy) -> Iterator[str]:
    rules = [_with_actions(rule, policy) for rule in policy.permissions]
    if not rules:
        yield "It allows nothing."
    said = [_limits(rule) for rule in rules]
    shared = [one for one in (said[0] if said else ()) if all(one in others for others in said)]
    # A limit of one permission among several stands with it, so that it is not read as one of another.
    for rule, limits in zip(rules, said, strict=True):
        own = [lower(one).rstrip(".") for one in limits if one not in shared]
        yield _allowed(rule) + (f" There: {'; '.join(own)}." if own else "")
    yield from shared


def _with_actions(rule: Rule, policy: Policy) -> Rule:
    return rule if rule.actions or not policy.actions else replace(rule, actions=policy.actions)


def _purposes(rule: Rule) -> list[Constraint]:
    return [term for term in flat(stated(rule)) if isinstance(term, Constraint) and _within_purposes(term)]


def _within_purposes(term: Constraint) -> bool:
    return term.left == v.PURPOSE and term.operator in {"isA", "isAnyOf", "eq"}


def _allowed(rule: Rule) -> str:
    aims = " and at the same time ".join(either(label(one.text) for one in term.right) for term in _purposes(rule))
    first, *others = [_PERMITTED.get(one.iri, permitted_words(one.iri)) for one in rule.actions or (Action(""),)]
    done = " and ".join((first, *map(lower, others)))
    return f"{done} for {aims}." if aims else f"{done.rstrip(',')}."


def _limits(rule: Rule) -> list[str]:
    """Everything else that a permission asks for, each as a sentence."""
    purposes = _purposes(rule)
    found = [f"{term_words(term)}." for term in flat(stated(rule)) if term not in purposes]
    for action in rule.actions:
        said = [term_words(term) for term in flat(action.refinements)]
        whose = "" if len(rule.actions) == 1 else f"For “{v.short(action.iri)}”: "
        found += [f"{whose}{lower(one) if whose else one}." for one in said]
    return [*found, *_named(rule)]


# --- prohibitions and duties ------------------------------------------------------------------------------------------


def _prohibitions(policy: Policy) -> Iterator[str]:
    for rule in policy.prohibitions:
        yield forbidden_sentence(_with_actions(rule, policy))


def _forbidden(action: Action, terms: Iterable[Term]) -> str:
    said = _FORBIDDEN.get(action.iri, f"The action “{v.short(action.iri)}” is not allowed")
    return f"{said}{behind(terms)}."


def _duties(policy: Policy) -> Iterator[str]:
    inside = [duty for rule in policy.permissions for duty in rule.duties]
    for duty in (*inside, *policy.obligations):
        yield duty_sentence(_with_actions(duty, policy))


def _unknown_duty(duty: Rule) -> str:
    named = " and ".join(f"“{v.short(one.iri)}”" for one in duty.actions) or "“”"
    terms = (*(term for one in duty.actions for term in flat(one.refinements)), *flat(duty.terms))
    by = f" by {_entities(duty.assignees)}" if duty.assignees else ""
    said = f"The {'duty' if len(duty.actions) < 2 else 'duties'} {named} {'is' if len(duty.actions) < 2 else 'are'}"
    about = [f"It is about {_entities(duty.targets)}."] if duty.targets else []
    limits = f", with this: {'; '.join(map(condition, terms))}" if terms else ""
    return " ".join((f"{said} owed{by}{limits}.", *about, *_named(duty)))


# --- parties, assets and the policy as a whole ------------------------------------------------------------------------


def _named(rule: Rule) -> Iterator[str]:
    """Parties and assets that only this rule names and no term stands for, and which of a collection's members."""
    if rule.assigners:
        yield f"This is said by {_entities(rule.assigners)}."
    yield from _others(rule.functions)
    yield from _others(rule.relations)
    yield from _members((*rule.targets, *rule.assignees))


def _others(named: Named) -> Iterator[str]:
    for iri, entities in named:
        yield f"{upper(spaced(iri))}: {_entities(entities)}."


def _members(entities: Iterable[Entity]) -> Iterator[str]:
    for one in entities:
        if one.refinements:
            said = "; ".join(map(condition, one.refinements))
            yield f"Of {_entities([one])} only what meets this: {said}."


def _entities(entities: Iterable[Entity]) -> str:
    return " and ".join(
        f"{'members of ' if one.collection else ''}{one.iri[:300] or 'somebody or something without a name'}"
        for one in entities
    )


def _whole(policy: Policy) -> Iterator[str]:
    """What holds for every rule: terms of the policy itself, what it inherits, and how it settles a conflict."""
    for term in flat(policy.terms):
        yield f"For all of this: {lower(term_words(term))}."
    for action in policy.actions:
        for term in flat(action.refinements):
            yield f"For “{v.short(action.iri)}”: {lower(term_words(term))}."
    for parent in policy.inherits:
        yield f"It takes over every rule of {parent[:300]}."
    if policy.conflict is not None:
        yield _CONFLICTS.get(policy.conflict, f"For a conflict of its rules it says “{policy.conflict[:300]}”.")


def _head(policy: Policy) -> Iterator[str]:
    for said, entities in (
        ("It is about", policy.targets), ("It is said by", policy.assigners), ("It is for", policy.assignees)
    ):  # fmt: skip
        if entities:
            yield f"{said} {_entities(entities)}."
        yield from _members(entities)
    yield from _others(policy.functions)
    yield from _others(policy.relations)
    for profile in policy.profiles:
        yield f"Its words are those of the profile {profile[:300]}."


_CONFLICTS: Mapping[str, str] = MappingProxyType(
    {
        "perm": "Where it allows and forbids the same, it says that it is allowed.",
        "prohibit": "Where it allows and forbids the same, it says that it is forbidden.",
        "invalid": "Where it allows and forbids the same, it says that all of it is void.",
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
