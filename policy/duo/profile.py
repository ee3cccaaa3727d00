"""DUODRL, the published rendering of DUO in ODRL, made plain: its private words said in ODRL's own, its blanks filled.

======================================  ===============================================================================
as published                            as it is understood here
======================================  ===============================================================================
``:isNotA`` X                           not ``isA`` X: true, false or unknown exactly where that is false, true, unknown
``spatial lteq`` / ``gt`` a place       lies within it (``isPartOf``) / does not
``:Project``, ``:Age``, ``:Gender isA`` ``eq``: these name one thing, not a kind of things
a party restricted to (DUO_0000010)     a term on who asks: the user, the institution, whether it works for profit
``:TemplateTimeLimit``                  the last instant of use, whatever operand it is compared with
``event lt policyUsage`` of a duty      left out: what a permission owes is owed before it is used
``:TemplateDataset`` and the like       the value of that placeholder
======================================  ===============================================================================

Only documents that are read as DUODRL are read so; in any other policy these words stay unknown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from rdflib import URIRef

from policy.duo import terms as t
from policy.duo.placeholders import Placeholders
from policy.instants import wire
from policy.odrl.documents import Document
from policy.odrl.model import REFERENCE, XSD, Action, Constraint, Entity, Literal, Logical, Policy, Rule, Term
from policy.odrl.vocabulary import DATE_TIME, ODRL, RECIPIENT
from policy.purposes import DUODRL

_ONE_THING = frozenset({t.PROJECT, t.AGE, t.GENDER})
_WITHIN = MappingProxyType({"lteq": True, "lt": True, "gt": False, "gteq": False})
_BEFORE_USE = (f"{ODRL}event", "lt", f"{ODRL}policyUsage")
_TIME_LIMIT = f"{DUODRL}TemplateTimeLimit"

_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        f"{DUODRL}Template{name}": placeholder
        for name, placeholder in (
            *(("Dataset", "dataset"), ("Disease", "disease"), ("Research", "research"), ("User", "user")),
            *(("Institution", "institution"), ("Project", "project"), ("Location", "region"), ("AgeCategory", "age")),
            *(("Gender", "gender"), ("PopulationGroup", "population")),
        )
    }
)
_INSTANTS = MappingProxyType({f"{DUODRL}TemplateStudyResultsPublicationDate": "publish_from", _TIME_LIMIT: "until"})

TRUE = Constraint("1", "eq", (Literal("1"),), given=Literal("1"))
"""What is always so: with it, `xone` says "not"."""


def negation(term: Term) -> Term:
    """Return the term that is true, false or unknown where the given one is false, true or unknown."""
    return Logical("xone", (term, TRUE), term.pointer)


def published(document: Document, uid: str, places: Placeholders) -> Policy | None:
    """Return a policy of a DUODRL document with its blanks filled and its private words said in ODRL's own.

    None if the document holds no such policy: two codes only group others and have none. Raises
    :class:`~policy.duo.placeholders.MissingPlaceholderError` for a blank without a value.
    """
    found = document.policy(uid)
    if found is None:
        return None
    reader = _Reader(_restrictions(document), places, uid.rpartition("#")[2])
    plain = replace(
        found,
        permissions=tuple(reader.rule(rule) for rule in found.permissions),
        prohibitions=tuple(reader.rule(rule) for rule in found.prohibitions),
        targets=tuple(reader.entity(one) for one in found.targets),
        terms=tuple(reader.term(term) for term in found.terms),
    )
    return t.read_as_duo(replace(plain, unknown=tuple(one for one in found.unknown if not reader.explains(one))))


def _restrictions(document: Document) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for subject, predicate, value in document.rest:
        if predicate == URIRef(t.RESTRICTED_TO):
            found.setdefault(subject.n3(), []).append(str(value))
    return {node: tuple(sorted(values)) for node, values in found.items()}


class _Reader:
    """Rewrites the rules of one policy, and remembers where a party was understood."""

    def __init__(self, restricted: Mapping[str, tuple[str, ...]], places: Placeholders, code: str) -> None:
        self.restricted = restricted
        self.places = places
        self.code = code
        self.parties: set[str] = set()

    def rule(self, rule: Rule) -> Rule:
        described = [one for one in rule.assignees if one.node in self.restricted]
        self.parties |= {f"{rule.pointer}/assignee/{index}" for index, _ in enumerate(described)}
        who = [term for one in described for term in self.who(one)]
        return replace(
            rule,
            actions=tuple(self.action(one) for one in rule.actions),
            targets=tuple(self.entity(one) for one in rule.targets),
            assignees=tuple(one for one in rule.assignees if one not in described),
            terms=(*(self.term(one) for one in rule.terms), *who),
            duties=tuple(self.duty(one) for one in rule.duties),
        )

    def duty(self, rule: Rule) -> Rule:
        kept = [term for term in rule.terms if not _says_before_use(term)]
        return self.rule(replace(rule, terms=tuple(kept)))

    def action(self, action: Action) -> Action:
        return replace(action, refinements=tuple(self.term(term) for term in action.refinements))

    def entity(self, entity: Entity) -> Entity:
        name = _TEXTS.get(entity.iri)
        return entity if name is None else replace(entity, iri=self.places.text(self.code, name))

    def who(self, party: Entity) -> Iterator[Term]:
        for value in self.restricted[party.node]:
            left, text = self.described(value)
            yield Constraint(left, "eq", (Literal(text),), party.node)

    def described(self, value: str) -> tuple[str, str]:
        kinds = {f"{DUODRL}NonProfitOrganisation": t.NON_PROFIT, f"{DUODRL}ForProfitOrganisation": t.FOR_PROFIT}
        if value in kinds:
            return t.RECIPIENT_KIND, kinds[value]
        name = _TEXTS.get(value)
        left = {"user": t.USER, "institution": RECIPIENT}.get(name or "", RECIPIENT)
        return left, value if name is None else self.places.text(self.code, name)

    def term(self, term: Term) -> Term:
        if isinstance(term, Logical):
            return replace(term, parts=tuple(self.term(part) for part in term.parts))
        if any(literal.text == _TIME_LIMIT for literal in term.right):
            return self.limit(term)
        stated = replace(term, right=tuple(self.value(literal) for literal in term.right))
        if stated.operator == t.NOT_A:
            return negation(self.comparison(replace(stated, operator="isA")))
        return self.comparison(stated)

    def comparison(self, term: Constraint) -> Term:
        if term.left == t.SPATIAL and term.operator in _WITHIN:
            inside = replace(term, operator="isPartOf")
            return inside if _WITHIN[term.operator] else negation(inside)
        return replace(term, operator="eq") if term.left in _ONE_THING and term.operator == "isA" else term

    def limit(self, term: Constraint) -> Term:
        last = Literal(wire(self.places.instant(self.code, "until")), f"{XSD}dateTime")
        within = Constraint(DATE_TIME, "lteq", (last,), term.pointer)
        return negation(within) if term.operator in {"gt", "gteq"} else within

    def value(self, literal: Literal) -> Literal:
        if literal.text in _INSTANTS:
            return Literal(wire(self.places.instant(self.code, _INSTANTS[literal.text])), f"{XSD}dateTime")
        name = _TEXTS.get(literal.text)
        return literal if name is None else Literal(self.places.text(self.code, name), REFERENCE)

    def explains(self, note: str) -> bool:
        """Whether what a reader without the profile could not understand is a party described as DUODRL does."""
        return any(note.startswith(f"{party}/") for party in self.parties)


def _says_before_use(term: Term) -> bool:
    if isinstance(term, Logical) or len(term.right) != 1:
        return False
    return (term.left, term.operator, term.right[0].text) == _BEFORE_USE
