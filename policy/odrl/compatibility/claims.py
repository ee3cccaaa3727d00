"""What each side says, as claims that must all hold where the sides are to agree."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from policy.odrl import vocabulary as v
from policy.odrl.compatibility.formulas import Formula, joined, variables
from policy.odrl.compatibility.searching import Goal
from policy.odrl.compatibility.sets.vocabularies import Vocabulary
from policy.odrl.compatibility.sheets import Scoped, Sheet
from policy.odrl.model import REFERENCE, Constraint, Entity, Literal, Logical, Policy, Rule, Term
from policy.odrl.words import forbidden_sentence

ACTION, ASSET, PARTY = (f"{v.ODRL}{name}" for name in ("Action", "Asset", "Party"))


class Side(StrEnum):
    """Who says something."""

    OFFER = "offer"
    REQUEST = "request"
    CONSENT = "consent"
    FACTS = "facts"


class Silence(StrEnum):
    """What it means that one policy limits something of which the other says nothing."""

    EITHER = "either"
    """Nobody can tell, whichever of the two is silent."""
    REQUEST = "request"
    """Nobody can tell if it is the request; who offers and does not limit, permits without that limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What a comparison takes for granted.

    `known`: what is stated about names, in place of our own vocabularies. `anchors`: from when on something recurs, by
    the node of the constraint. `facts`: what is already so, by left operand.
    """

    silence: Silence = Silence.REQUEST
    known: Vocabulary | None = None
    anchors: Mapping[str, Literal] = field(default_factory=lambda: MappingProxyType({}))
    facts: Mapping[str, Literal] = field(default_factory=lambda: MappingProxyType({}))


DEFAULT = Assumptions()


@dataclass(frozen=True, slots=True)
class Claim:
    """Terms of one side that must all hold; if `denied` (a prohibition) they must not all hold.

    `counts`: whether the side speaks of the variables in it, so that it is not silent about them. `words` says it for
    people where the terms themselves do not; `pointer` is where it stands in its policy.
    """

    side: Side
    terms: tuple[Scoped, ...]
    denied: bool = False
    counts: bool = True
    words: str = ""
    pointer: str = ""

    def goal(self, sheet: Sheet) -> Goal:
        """Return the claim as what is to hold."""
        return Goal(self.formula(sheet), wanted=not self.denied)

    def formula(self, sheet: Sheet) -> Formula:
        """Return what the claim says, not yet whether it is to hold."""
        return joined("and", [sheet.formula(one, holds=not self.denied) for one in self.terms])

    def variables(self, sheet: Sheet) -> frozenset[str]:
        """Return every variable that the claim speaks of."""
        return frozenset().union(*(variables(sheet.formula(one, holds=not self.denied)) for one in self.terms))


def sheet_of(claims: Iterable[Claim], assumptions: Assumptions) -> Sheet:
    """Return the variables of some claims."""
    return Sheet((one for claim in claims for one in claim.terms), assumptions.known, assumptions.anchors)


def spoken(claims: Iterable[Claim], sheet: Sheet, side: Side) -> frozenset[str]:
    """Return the variables that a side speaks of."""
    return frozenset().union(*(one.variables(sheet) for one in claims if one.side is side and one.counts))


def of_rule(side: Side, rule: Rule) -> Iterator[Claim]:
    """Yield what a permission says, term by term: its conditions, refinements, asset and assignee."""
    for scoped in _said(rule):
        yield Claim(side, (scoped,), pointer=scoped.term.pointer or rule.pointer)


def of_prohibition(side: Side, rule: Rule) -> Claim:
    """Return what a prohibition says: not all of its conditions at once."""
    return Claim(
        side, tuple(_said(rule)), denied=True, counts=False, words=forbidden_sentence(rule), pointer=rule.pointer
    )


def of_prohibitions(side: Side, policy: Policy, action: str) -> Iterator[Claim]:
    """Yield what a policy forbids of an action."""
    # Where permissions win within a policy, its own prohibitions take nothing from what it permits.
    if policy.conflict != "perm":
        yield from (of_prohibition(side, rule) for rule in policy.prohibitions if v.includes(rule.action, action))


def of_facts(facts: Mapping[str, Literal]) -> Iterator[Claim]:
    """Yield what is already so."""
    for left, literal in facts.items():
        yield Claim(Side.FACTS, (Scoped(Constraint(left, "eq", (literal,))),))


def _said(rule: Rule) -> Iterator[Scoped]:
    yield from map(Scoped, opened(rule.terms))
    for action in rule.actions:
        yield from (Scoped(term, ACTION) for term in opened(action.refinements))
    for entities, left, scope in ((rule.targets, v.DATASET, ASSET), (rule.assignees, v.RECIPIENT, PARTY)):
        for entity in entities:
            if entity.iri:
                yield Scoped(_named(entity, left, rule.pointer))
            yield from (Scoped(term, scope) for term in opened(entity.refinements))


def _named(entity: Entity, left: str, pointer: str) -> Constraint:
    operator = "isPartOf" if entity.collection else "eq"
    return Constraint(left, operator, (Literal(entity.iri, REFERENCE),), pointer)


def opened(terms: Iterable[Term]) -> Iterator[Term]:
    """Yield the terms with every plain `and` opened; a sequence stays one, since its order counts."""
    for term in terms:
        if isinstance(term, Logical) and term.operator == "and":
            yield from opened(term.parts)
        else:
            yield term
