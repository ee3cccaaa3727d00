"""The terms a contract itself states: what to ask the gates when the contract is the question."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from policy.odrl import vocabulary as v
from policy.odrl.model import Constraint, Entity, Literal, Logical, Policy, Rule, Term
from policy.odrl.operands import bounds
from policy.purposes import purpose


@dataclass(frozen=True, slots=True)
class Terms:
    """What the permissions of a policy state: purposes (IRIs), study, profile, selection, and the last instant.

    `until` is the first instant that is no longer allowed, None without a limit; `per_person` says whether each
    person's own consent is asked for. Two permissions that state different studies state none.
    """

    purposes: tuple[str, ...]
    study: str | None
    study_digest: str | None
    profile: str | None
    selection: str | None
    until: datetime | None
    per_person: bool


def terms(policy: Policy) -> Terms:
    """Return what the policy's permissions state plainly; what stands inside an `or` or `xone` is left out."""
    plain = [term for rule in policy.permissions for term in flat(stated(rule)) if isinstance(term, Constraint)]
    return Terms(
        purposes=tuple(sorted({iri for term in plain for iri in _purposes(term)})),
        study=_single(plain, v.STUDY),
        study_digest=_single(plain, v.STUDY_DIGEST),
        profile=_single(plain, v.PROFILE),
        selection=_single(plain, v.SELECTION),
        until=min((end for term in plain for end in _ends(term)), default=None),
        per_person=any(term.left == v.CONSENT for term in plain),
    )


def stated(rule: Rule) -> tuple[Term, ...]:
    """Return every condition of a rule as a term: its own, and that it is for its target and for its assignees."""
    return (*rule.terms, *_for(v.DATASET, rule.targets, rule), *_for(v.RECIPIENT, rule.assignees, rule))


def _for(left: str, entities: tuple[Entity, ...], rule: Rule) -> Iterator[Constraint]:
    if entities:
        key, operator = ("target" if left == v.DATASET else "assignee"), ("eq" if len(entities) == 1 else "isAnyOf")
        yield Constraint(left, operator, tuple(Literal(one.iri) for one in entities), f"{rule.pointer}/{key}")


def flat(found: Iterable[Term]) -> Iterator[Term]:
    """Yield the terms with every plain `and` opened, since a list of terms means the same."""
    for term in found:
        if isinstance(term, Logical) and term.operator in {"and", "andSequence"}:
            yield from flat(term.parts)
        else:
            yield term


def _purposes(term: Constraint) -> Iterator[str]:
    if term.left == v.PURPOSE and term.operator in {"eq", "isA", "isAnyOf", "isAllOf"}:
        for literal in term.right:
            found = purpose(literal.text)
            yield found.iri if found else literal.text


def _single(plain: list[Constraint], left: str) -> str | None:
    values = {literal.text for term in plain if term.left == left and term.operator == "eq" for literal in term.right}
    return values.pop() if len(values) == 1 else None


def _ends(term: Constraint) -> Iterator[datetime]:
    if term.left == v.DATE_TIME and term.operator in {"lt", "lteq", "eq"}:
        for end in map(_end, term.right):
            if end is not None:
                yield end[0] if term.operator == "lt" else end[1]


def _end(literal: Literal) -> tuple[datetime, datetime] | None:
    try:
        return bounds(literal)
    except (ValueError, OverflowError):
        return None
