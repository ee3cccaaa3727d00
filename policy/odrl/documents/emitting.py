"""A document as an RDF graph: every policy said anew from its model, then the rest.

A node keeps the name it was read with. Where two elements that differ would share a node (a rule that was split, a
constraint changed in one place), the second gets a node of its own; one that is known by its IRI cannot, and is an
error.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import count

from rdflib import RDF, BNode, Graph, URIRef

from policy.odrl.documents import names as n
from policy.odrl.documents.document import Document
from policy.odrl.documents.names import Node
from policy.odrl.documents.ordering import key
from policy.odrl.documents.values import operator_iri, text_of
from policy.odrl.model import Action, Constraint, Entity, Logical, Named, Policy, PolicyError, Rule, Term


def to_graph(document: Document) -> Graph:
    """Return the graph of a document.

    Raises :class:`PolicyError` if two things that differ have the same IRI, or if a name could not be an IRI.
    """
    return _Emitter(document).graph()


class _Emitter:
    """Says policies in triples."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._wording = document.wording
        self._graph = Graph()
        self._contents: dict[tuple[str, Node], str] = {}
        self._labels = {str(term) for triple in document.rest for term in triple if isinstance(term, BNode)}
        self._labels |= {str(node) for node in document.nodes() if isinstance(node, BNode)}
        self._fresh = (label for label in (f"w{number}" for number in count(1)) if label not in self._labels)

    def graph(self) -> Graph:
        for triple in self._document.rest:
            self._graph.add(triple)
        for policy in self._document.policies:
            self.policy(policy)
        return self._graph

    # --- saying a triple ----------------------------------------------------------------------------------------------

    def say(self, subject: Node, predicate: URIRef, value: Node) -> None:
        said = (subject, predicate, value)
        for triple in self._wording.said.get(said, (said,)):
            self._graph.add(triple)

    def say_all(self, subject: Node, predicate: URIRef, values: Iterable[Node], *, in_order: bool = False) -> None:
        """Say each value, or all in one list where they stood in one or where their order counts."""
        values = list(values)
        written = self._wording.lists.get((subject, predicate))
        if written is None and not (in_order and len(values) > 1):
            for value in values:
                self.say(subject, predicate, value)
        elif values:
            self._graph.add((subject, predicate, self._list(_as_written(values, written or (), in_order=in_order))))

    def _list(self, items: list[Node]) -> Node:
        head: Node = RDF.nil
        for item in reversed(items):
            cell = BNode(next(self._fresh))
            self._graph.add((cell, RDF.first, item))
            self._graph.add((cell, RDF.rest, head))
            head = cell
        return head

    def _node(self, role: str, node: str, content: str) -> tuple[Node, bool]:
        """The node for an element, and whether it is yet to be described."""
        if not node:
            return BNode(next(self._fresh)), True
        found = BNode(node[2:]) if node.startswith("_:") else URIRef(node)
        known = self._contents.get((role, found))
        self._contents.setdefault((role, found), content)
        if known in {None, content}:
            return found, known is None
        if isinstance(found, URIRef):
            raise PolicyError(f"two that differ have the id {node}")
        return BNode(next(self._fresh)), True

    # --- policies and rules -------------------------------------------------------------------------------------------

    def policy(self, policy: Policy) -> None:
        node = self._wording.subjects.get(policy.uid) or URIRef(policy.uid)
        self.say(node, RDF.type, n.odrl(policy.kind))
        self._uid(node, policy.uid)
        for name, (predicate, _) in n.RULES.items():
            self.say_all(node, predicate, [self.rule(rule) for rule in getattr(policy, name)])
        self.say_all(node, n.PROFILE, map(URIRef, policy.profiles))
        self.say_all(node, n.INHERITS, map(URIRef, policy.inherits))
        if policy.conflict:
            self.say(node, n.CONFLICT, n.odrl(policy.conflict))
        self._shared(node, policy)

    def _uid(self, node: Node, uid: str) -> None:
        said = (node, n.UID, URIRef(uid))
        if str(node) != uid or isinstance(node, BNode) or said in self._wording.said:
            self.say(*said)

    def rule(self, rule: Rule) -> Node:
        node, new = self._node(rule.kind.value, rule.node or rule.uid or "", key(rule))
        if not new:
            return node
        if rule.uid:
            self._uid(node, rule.uid)
        self._shared(node, rule)
        for name, predicate in n.BELOW.items():
            self.say_all(node, predicate, [self.rule(one) for one in getattr(rule, name)])
        return node

    def _shared(self, node: Node, side: Policy | Rule) -> None:
        self.say_all(node, n.ACTION, [self.action(one) for one in side.actions])
        self.say_all(node, n.TARGET, [self.entity(one, n.ASSETS) for one in side.targets])
        self.say_all(node, n.ASSIGNER, [self.entity(one, n.PARTIES) for one in side.assigners])
        self.say_all(node, n.ASSIGNEE, [self.entity(one, n.PARTIES) for one in side.assignees])
        for named, collection in ((side.functions, n.PARTIES), (side.relations, n.ASSETS)):
            self._named(node, named, collection)
        self.say_all(node, n.CONSTRAINT, [self.term(one) for one in side.terms])

    def _named(self, node: Node, named: Named, collection: URIRef) -> None:
        for iri, entities in named:
            self.say_all(node, URIRef(iri), [self.entity(one, collection) for one in entities])

    # --- parts --------------------------------------------------------------------------------------------------------

    def action(self, action: Action) -> Node:
        if not action.node and not action.refinements:
            return URIRef(action.iri)
        node, new = self._node("action", action.node, key(action))
        if not new:
            return node
        if action.iri and (isinstance(node, BNode) or str(node) != action.iri):
            self.say(node, RDF.value, URIRef(action.iri))
        self.say_all(node, n.REFINEMENT, [self.term(one) for one in action.refinements])
        return node

    def entity(self, entity: Entity, collection: URIRef) -> Node:
        if not entity.node and not entity.collection and not entity.refinements:
            return URIRef(entity.iri)
        named = entity.node or ("" if entity.collection else entity.iri)
        node, new = self._node(n.shown(collection), named, key(entity))
        if not new:
            return node
        if entity.collection:
            self.say(node, RDF.type, collection)
        if entity.iri and (isinstance(node, BNode) or str(node) != entity.iri):
            self.say(node, n.SOURCE, URIRef(entity.iri))
        self.say_all(node, n.REFINEMENT, [self.term(one) for one in entity.refinements])
        return node

    def term(self, term: Term) -> Node:
        node, new = self._node("term", term.node, key(term))
        if new and isinstance(term, Constraint):
            self._constraint(node, term)
        elif new and isinstance(term, Logical):
            self._logical(node, term)
        return node

    def _logical(self, node: Node, term: Logical) -> None:
        parts = [self.term(part) for part in term.parts]
        self.say_all(node, n.odrl(term.operator), parts, in_order=term.operator == "andSequence")

    def _constraint(self, node: Node, term: Constraint) -> None:
        self.say(node, n.LEFT, text_of(term.given) if term.given else URIRef(term.left))
        if term.operator:
            self.say(node, n.OPERATOR, operator_iri(term.operator))
        self.say_all(node, n.REFERENCED if term.by_reference else n.RIGHT, map(text_of, term.right))
        if term.datatype:
            self.say(node, n.DATATYPE, URIRef(term.datatype))
        for predicate, value in ((n.UNIT, term.unit), (n.STATUS, term.status)):
            if value:
                self.say(node, predicate, text_of(value))


def _as_written(values: list[Node], written: Iterable[tuple[Node, Node]], *, in_order: bool) -> list[Node]:
    """The values as they were written and, unless their order counts, in the order in which they were."""
    written = tuple(written)
    if in_order:
        place = dict(written)
        return [place.get(value, value) for value in values]
    left = Counter(values)
    found: list[Node] = []
    for said, item in written:
        if left[said]:
            left[said] -= 1
            found.append(item)
    return found + list(left.elements())
