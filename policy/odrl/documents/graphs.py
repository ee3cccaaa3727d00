"""Reading every policy of an RDF graph (ODRL Information Model 2.2 and Vocabulary, in their RDF encoding)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rdflib import RDF, BNode, Graph, URIRef
from rdflib import Literal as Text
from rdflib.namespace import RDFS

from policy.odrl.documents import names as n
from policy.odrl.documents.document import Document, Wording
from policy.odrl.documents.names import Node
from policy.odrl.documents.parts import Found, Parts, str_of, take_types
from policy.odrl.documents.placing import Placing
from policy.odrl.documents.statements import Draft, Statements, triples
from policy.odrl.model import Entity, Kind, Named, Policy, PolicyError, Rule
from policy.odrl.reading import STRATEGIES


def from_graph(graph: Graph, unread: Mapping[Node, Sequence[str]] = MappingProxyType({})) -> Document:
    """Return the policies of a graph and the rest of it.

    `unread` names, by node, what its text said and no statement came of (a key of JSON-LD that stands for no IRI).

    A policy is what is typed as one or states a permission, prohibition or obligation. What of it is not understood is
    named in its `unknown` and stays in the rest. Raises :class:`PolicyError` for a policy without an id, two of the
    same id, a node that contains itself, and for what is too deep or too large to judge.
    """
    reader = _Reader(Statements(graph, unread))
    drafts = [reader.statements.draft("policy", node, reader.policy) for node in reader.policies()]
    placing = Placing(reader.statements)
    found = [(draft.node, placing.policy(draft)) for draft in drafts]
    for uid, times in Counter(policy.uid for _, policy in found).items():
        if times > 1:
            raise PolicyError(f"two policies have the id {uid}")
    return Document(
        tuple(sorted((policy for _, policy in found), key=lambda policy: policy.uid)),
        frozenset(triple for triple in triples(graph) if triple not in placing.used),
        Wording(
            said=MappingProxyType(placing.wording()),
            lists=MappingProxyType(placing.lists),
            subjects=MappingProxyType({policy.uid: node for node, policy in found if str(node) != policy.uid}),
        ),
        tuple(placing.unread),
    )


class _Reader(Parts):
    """Reads policies and their rules."""

    def __init__(self, statements: Statements) -> None:
        super().__init__(statements)
        self.functions = n.FUNCTIONS | self._narrower(n.FUNCTION) - {n.ASSIGNER, n.ASSIGNEE}
        self.relations = n.RELATIONS | self._narrower(n.RELATION) - {n.TARGET}
        self.inverse: dict[Node, list[tuple[URIRef, Node, n.Triple]]] = {}
        for predicate, said in n.INVERSE.items():
            for node, policies in statements.subjects(predicate):
                for policy in policies if isinstance(node, URIRef) else ():
                    self.inverse.setdefault(policy, []).append((said, node, (node, predicate, policy)))

    def policies(self) -> Iterator[Node]:
        """The nodes that are policies."""
        leads = {predicate for predicate, _ in n.RULES.values()}
        for node, stated in self.statements.about.items():
            if leads & set(stated) or n.POLICY_TYPES.keys() & set(stated.get(RDF.type, [])):
                yield node

    def policy(self, draft: Draft) -> Policy:
        """Read one policy, as yet without pointers."""
        kind, uid = self._kind(draft), self._uid(draft)
        if not uid or not n.is_absolute(uid):
            raise PolicyError(f"a policy needs an absolute IRI as its id{f', not {uid}' if uid else ''}", "/uid")
        rules: dict[str, Any] = {name: self._rules(draft, *leads) for name, leads in n.RULES.items()}
        profiles, inherits = self.each(draft, n.PROFILE, _iri), self.each(draft, n.INHERITS, _iri)
        conflict = self.one(draft, n.CONFLICT, _strategy)
        shared = self._shared(draft)
        for side, predicate in (("targets", n.TARGET), ("assigners", n.ASSIGNER), ("assignees", n.ASSIGNEE)):
            shared[side] = self._with_inverse(draft, predicate, shared[side])
        self.leftover(draft, frozenset(n.POLICY_TYPES))
        names: dict[str, Any] = {"profiles": profiles, "inherits": inherits, "conflict": conflict}
        policy = Policy(uid=uid, kind=kind, **rules, **names, **shared)
        return self._kept(policy, draft, *rules.values(), *shared.values())

    def _kind(self, draft: Draft) -> str:
        stated = set(self.statements.about[draft.node].get(RDF.type, []))
        types = sorted(n.POLICY_TYPES.keys() & stated)
        kinds = sorted({n.POLICY_TYPES[one] for one in types if one != n.odrl("Policy")}, key=n.KINDS.index)
        if len(kinds) > 1:
            draft.note("@type", ", ".join(kinds))
        kind = kinds[0] if kinds else "Set"
        take_types(draft, (draft.node, RDF.type, n.odrl(kind)), types)
        return kind

    def _uid(self, draft: Draft) -> str | None:
        node, stated = draft.node, self.statements.about[draft.node].get(n.UID, [])
        draft.known.add(n.UID)
        if len(stated) > 1 or any(isinstance(one, BNode) for one in stated):
            draft.note("uid", "more than one value" if len(stated) > 1 else "a blank node")
            stated = []
        for one in stated:
            draft.take((node, n.UID, one), (node, n.UID, URIRef(one)))
            return str(one)
        return str(node) if isinstance(node, URIRef) else None

    def _shared(self, draft: Draft) -> dict[str, Any]:
        """What a policy and a rule may both state."""
        assets, parties = self.entity(n.ASSETS), self.entity(n.PARTIES)
        return {
            "actions": self.each(draft, n.ACTION, self.action),
            "targets": self.each(draft, n.TARGET, assets),
            "assigners": self.each(draft, n.ASSIGNER, parties),
            "assignees": self.each(draft, n.ASSIGNEE, parties),
            "functions": self._named(draft, self.functions, parties),
            "relations": self._named(draft, self.relations, assets),
            "terms": self.each(draft, n.CONSTRAINT, self.term),
        }

    def _named(
        self, draft: Draft, predicates: frozenset[URIRef], one: Callable[[Node, Draft], Found[Entity] | None]
    ) -> Named:
        stated = sorted(predicates & set(self.statements.about[draft.node]))
        found = ((str(predicate), self.each(draft, predicate, one)) for predicate in stated)
        return tuple((iri, entities) for iri, entities in found if entities)

    def _with_inverse(self, draft: Draft, predicate: URIRef, own: tuple[Entity, ...]) -> tuple[Entity, ...]:
        """Add the assets and parties that name this policy themselves (hasPolicy, assignerOf, assigneeOf)."""
        read = self.entity(n.ASSETS if predicate == n.TARGET else n.PARTIES)
        found = list(own)
        for said, node, triple in self.inverse.get(draft.node, []):
            one = read(node, draft) if said == predicate else None
            if one:
                draft.take(triple, (draft.node, predicate, one[1]))
                found += [one[0]] if one[0] not in own else []
        return tuple(sorted(found, key=self.order))

    def _rules(self, draft: Draft, predicate: URIRef, kind: Kind) -> tuple[Rule, ...]:
        def read(value: Node, _: Draft) -> Found[Rule] | None:
            if value not in self.statements.about:
                return None
            element = self.statements.draft(kind.value, value, lambda below: self._rule(below, kind)).element
            return (element, value) if isinstance(element, Rule) else None

        return self.each(draft, predicate, read)

    def _rule(self, draft: Draft, kind: Kind) -> Rule:
        below: dict[str, Any] = {name: self._rules(draft, predicate, Kind.DUTY) for name, predicate in n.BELOW.items()}
        for predicate in n.BELOW.values():
            if predicate != n.BELOW_OF[kind] and predicate in self.statements.about[draft.node]:
                draft.note(n.shown(predicate), f"not of a {kind}")
        shared = self._shared(draft)
        uid = self._uid(draft)
        self.leftover(draft, n.RULE_TYPES[kind])
        rule = Rule(kind=kind, **shared, **below, uid=uid, node=str_of(draft.node))
        return self._kept(rule, draft, *shared.values(), *below.values())

    def _narrower(self, predicate: URIRef) -> frozenset[URIRef]:
        stated = self.statements.subjects(RDFS.subPropertyOf)
        return frozenset(node for node, wider in stated if predicate in wider and isinstance(node, URIRef))


def _iri(value: Node, _: Draft) -> Found[str] | None:
    return None if isinstance(value, BNode) or not str(value) else (str(value), URIRef(value))


def _strategy(value: Node, _: Draft) -> Found[str] | None:
    name = n.shown(str(value)) if isinstance(value, Text | URIRef) else ""
    name = name.removeprefix("odrl:")
    return (name, n.odrl(name)) if name in STRATEGIES else None
