"""Reading what stands inside a rule: actions, assets and parties, constraints and their values.

Whatever cannot be understood is noted in the draft it stands in, and its statements stay untouched.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

from rdflib import RDF, BNode, URIRef
from rdflib import Literal as Text

from policy.odrl.documents import names as n
from policy.odrl.documents.names import Node
from policy.odrl.documents.ordering import Element, key
from policy.odrl.documents.statements import Draft, Statements
from policy.odrl.documents.values import literal, operator_iri, text_of
from policy.odrl.model import Action, Constraint, Entity, Literal, Logical, PolicyError, Rule, Term
from policy.odrl.reading import MAX_VALUES
from policy.odrl.vocabulary import DUTIES, ODRL, OPERATORS, action, expand, expand_odrl

K = TypeVar("K")
E = TypeVar("E", bound=Element)
Found = tuple[E, Node]
"""An element, and the node by which the model would name it where it was read."""


class Parts:
    """Reads the parts of rules out of statements."""

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        # By the identity of elements, all of which their drafts keep alive.
        self._weights: dict[int, int] = {}
        self._keys: dict[int, str] = {}
        self._noted: dict[int, str] = {}

    # --- properties ---------------------------------------------------------------------------------------------------

    def each(self, draft: Draft, predicate: URIRef, one: Callable[[Node, Draft], Found[E] | None]) -> tuple[E, ...]:
        """Return what stands under a property, in canonical order; what cannot be read is noted.

        A list with one item that cannot be read is left as a whole: without that item it would be another list.
        """
        draft.known.add(predicate)
        values, cells = self.statements.values(draft.node, predicate)
        found = [(value, one(value, draft)) for value in values]
        lost = [value for value, read in found if read is None]
        if lost or (cells is not None and not found):
            draft.note(n.shown(predicate), _shown_all(lost))
        if cells is None:
            for value, read in found:
                if read:
                    said = (draft.node, predicate, read[1])
                    draft.take((draft.node, predicate, value), None if read[1] == value else said)
        elif lost or not found:
            return ()
        else:
            draft.lists[draft.node, predicate] = tuple((read[1], value) for value, read in found if read)
            for cell in cells:
                draft.take(cell)
        elements = [read[0] for _, read in found if read]
        return tuple(elements) if predicate == n.odrl("andSequence") else tuple(sorted(elements, key=self.order))

    def one(self, draft: Draft, predicate: URIRef, read: Callable[[Node, Draft], Found[E] | None]) -> E | None:
        """Return what stands under a property that may have one value; several are noted and none is taken."""
        if len(self.statements.about.get(draft.node, {}).get(predicate, [])) > 1:
            draft.known.add(predicate)
            draft.note(n.shown(predicate), "more than one value")
            return None
        found = self.each(draft, predicate, read)
        return found[0] if len(found) == 1 else None

    def leftover(self, draft: Draft, types: Collection[Node], *, facts: bool = False) -> None:
        """Note every property nobody asked for that could say something; with `facts` only those of ODRL."""
        for name in self.statements.unread.get(draft.node, []):
            draft.note(name)
            draft.unread.append(f"/{name}")
        for predicate, values in sorted(self.statements.about.get(draft.node, {}).items()):
            if predicate in draft.known or predicate in n.DESCRIBING or predicate == n.UID:
                continue
            if predicate == RDF.type:
                for value in sorted(values):
                    if value not in types and (str(value).startswith(ODRL) or not n.is_absolute(str(value))):
                        draft.note("@type", _shown_all([value]))
            elif predicate not in n.INVERSE and (not facts or predicate.startswith(ODRL)):
                draft.note(n.shown(predicate))

    def weight(self, element: object) -> int:
        """How many elements hang on this one, itself included."""
        return self._weights.get(id(element), 1)

    def order(self, element: Element) -> tuple[str, str]:
        """What elements side by side are sorted by: what they say, then what of them was not understood."""
        return key(element, self._keys), self._noted.get(id(element), "")

    def _kept(self, element: K, draft: Draft, *below: Iterable[object]) -> K:
        inside = [one for side in below for one in _flat(side)]
        self._weights[id(element)] = weight = 1 + sum(map(self.weight, inside))
        if weight > MAX_VALUES:
            # Nodes that are shared make a tree that may be endlessly larger than its text.
            raise PolicyError(f"larger than {MAX_VALUES} values")
        notes = [*draft.notes, *(self._noted.get(id(one), "") for one in inside)]
        self._noted[id(element)] = key("|".join(filter(None, notes)))
        if isinstance(element, Action | Constraint | Entity | Logical | Rule):
            self._keys[id(element)] = key(element, self._keys)
        return element

    # --- actions, assets, parties -------------------------------------------------------------------------------------

    def action(self, value: Node, parent: Draft) -> Found[Action] | None:
        """An action by its IRI, or a node with `rdf:value` and refinements."""
        stated = self.statements.about.get(value, {})
        if not isinstance(value, BNode) and not ({RDF.value, n.REFINEMENT} & set(stated) and isinstance(value, URIRef)):
            name = str(value)
            return (Action(self._action_iri(name, parent, n.ACTION)), URIRef(_action(name))) if name else None
        element = self.statements.draft("action", value, self._described_action).element
        return (element, value) if isinstance(element, Action) else None

    def _described_action(self, draft: Draft) -> Action:
        def value(node: Node, within: Draft) -> Found[str] | None:
            if isinstance(node, BNode) or not str(node):
                return None
            return self._action_iri(str(node), within, RDF.value), URIRef(_action(str(node)))

        named = self.one(draft, RDF.value, value)
        if named is None and isinstance(draft.node, URIRef):
            named = self._action_iri(str(draft.node), draft, RDF.value)
            draft.unsaid((draft.node, RDF.value, URIRef(named)))
        elif named is None and not draft.notes:
            draft.note("value")
        refinements = self.each(draft, n.REFINEMENT, self.term)
        self.leftover(draft, n.ACTION_TYPES, facts=isinstance(draft.node, URIRef))
        return self._kept(Action(named or "", refinements, str_of(draft.node)), draft, refinements)

    @staticmethod
    def _action_iri(name: str, within: Draft, predicate: URIRef) -> str:
        if action(name) is None and expand_odrl(name) not in DUTIES:
            within.note(n.shown(predicate) if predicate != RDF.value else "value", name)
        return _action(name)

    def entity(self, collection: URIRef) -> Callable[[Node, Draft], Found[Entity] | None]:
        """Return the reader of assets or of parties; `collection` is the class of a collection of them."""

        def read(value: Node, _: Draft) -> Found[Entity] | None:
            if not isinstance(value, BNode):
                return self._named_entity(value, collection) if str(value) else None
            role = n.shown(collection)
            element = self.statements.draft(role, value, lambda draft: self._described(draft, collection)).element
            return (element, value) if isinstance(element, Entity) else None

        return read

    def _named_entity(self, value: Node, collection: URIRef) -> Found[Entity] | None:
        stated = self.statements.about.get(value, {})
        of = {n.SOURCE, n.REFINEMENT, n.PART_OF} & set(stated) or n.COLLECTIONS & set(stated.get(RDF.type, []))
        if not of or not isinstance(value, URIRef):
            return Entity(str(value)), URIRef(value)
        role = n.shown(collection)
        element = self.statements.draft(role, value, lambda draft: self._described(draft, collection)).element
        return (element, value) if isinstance(element, Entity) else None

    def _described(self, draft: Draft, collection: URIRef) -> Entity:
        node, stated = draft.node, self.statements.about.get(draft.node, {})
        iri = self.one(draft, n.SOURCE, _name)
        if iri is None or iri == str(node):
            iri = str(node) if isinstance(node, URIRef) else self._uid_as_source(draft)
        types = sorted(n.COLLECTIONS & set(stated.get(RDF.type, [])))
        is_collection = bool(types) or n.SOURCE in stated
        if is_collection:
            take_types(draft, (node, RDF.type, collection), types)
        refinements = self.each(draft, n.REFINEMENT, self.term)
        if not iri:
            draft.note("uid")
        self.leftover(draft, n.ENTITY_TYPES, facts=isinstance(node, URIRef))
        return self._kept(Entity(iri or "", is_collection, refinements, str_of(node)), draft, refinements)

    def _uid_as_source(self, draft: Draft) -> str | None:
        stated = self.statements.about.get(draft.node, {}).get(n.UID, [])
        if n.SOURCE in draft.known and n.SOURCE in self.statements.about.get(draft.node, {}):
            return None
        if len(stated) != 1 or isinstance(stated[0], BNode) or not str(stated[0]):
            return None
        draft.take((draft.node, n.UID, stated[0]), (draft.node, n.SOURCE, URIRef(stated[0])))
        return str(stated[0])

    # --- constraints --------------------------------------------------------------------------------------------------

    def term(self, value: Node, _: Draft) -> Found[Term] | None:
        """A constraint or a logical constraint; None if the graph does not say enough of it."""
        if value not in self.statements.about:
            return None
        draft = self.statements.draft("term", value, self._term)
        return (draft.element, value) if isinstance(draft.element, Constraint | Logical) else None

    def _term(self, draft: Draft) -> Term | None:
        stated = self.statements.about[draft.node]
        joined = [predicate for predicate in n.LOGICAL_IRIS if predicate in stated]
        if not joined:
            return self._constraint(draft)
        if len(joined) > 1 or n.LEFT in stated or n.RIGHT in stated:
            return None
        operator = n.LOGICAL_IRIS[joined[0]]
        in_order = self.statements.values(draft.node, joined[0])[1] is not None
        if operator == "andSequence" and not in_order and len(stated[joined[0]]) > 1:
            draft.note(operator, "an order is stated by a list")
        parts = self.each(draft, joined[0], self.term)
        self.leftover(draft, n.TERM_TYPES)
        return self._kept(Logical(operator, parts, "", str_of(draft.node)), draft, parts) if parts else None

    def _constraint(self, draft: Draft) -> Constraint | None:
        stated = self.statements.about[draft.node]
        left = self.one(draft, n.LEFT, _left)
        operator = self.one(draft, n.OPERATOR, self._operator)
        datatype = self._datatype(draft, stated)
        by_reference = n.REFERENCED in stated
        right = self.each(draft, n.REFERENCED if by_reference else n.RIGHT, _typed(datatype))
        unit, status = self.one(draft, n.UNIT, _value), self.one(draft, n.STATUS, _value)
        if n.OPERATOR not in stated:
            draft.note("operator")
        self.leftover(draft, n.TERM_TYPES)
        if left is None or not right:
            return None
        given = left if isinstance(left, Literal) else None
        text = left.text if isinstance(left, Literal) else left
        node = str_of(draft.node)
        found = Constraint(text, operator or "", right, "", unit, datatype, status, by_reference, given, node)
        return self._kept(found, draft, right)

    @staticmethod
    def _operator(value: Node, draft: Draft) -> Found[str] | None:
        if isinstance(value, BNode):
            return None
        iri = expand_odrl(str(value))
        name = n.shown(n.SLIPS.get(iri, iri))
        if name not in OPERATORS:
            draft.note("operator", name)
        return name, operator_iri(name)

    def _datatype(self, draft: Draft, stated: dict[URIRef, list[Node]]) -> str | None:
        predicate = n.DATATYPE if n.DATATYPE in stated else n.CONTEXT_DATATYPE
        found = self.one(draft, predicate, _expanded)
        if found and predicate == n.CONTEXT_DATATYPE:
            # The W3C context writes odrl:datatype where the ontology has odrl:dataType.
            (written,) = stated[predicate]
            draft.said.pop((draft.node, predicate, URIRef(found)), None)
            draft.said[draft.node, n.DATATYPE, URIRef(found)] = [(draft.node, predicate, written)]
        return found


def str_of(node: Node) -> str:
    """Return the way the model names a node: a blank one with its sign."""
    return f"_:{node}" if isinstance(node, BNode) else str(node)


def take_types(draft: Draft, said: n.Triple, types: Iterable[URIRef]) -> None:
    """Count type statements as read; where the model would say another one, or none was stated, say so."""
    found = [(said[0], RDF.type, one) for one in types]
    for triple in found:
        draft.take(triple, said if found != [said] else None)
    if not found:
        draft.unsaid(said)


def _action(name: str) -> str:
    return action(name) or expand_odrl(name)


def _left(value: Node, _: Draft) -> Found[str | Literal] | None:
    if isinstance(value, Text):
        found = literal(value)
        return (found, text_of(found)) if found.text else None
    iri = expand_odrl(str(value)) if not isinstance(value, BNode) else ""
    iri = n.SLIPS.get(iri, iri)
    return (iri, URIRef(iri)) if iri else None


def _name(value: Node, _: Draft) -> Found[str] | None:
    return None if isinstance(value, BNode) or not str(value) else (str(value), URIRef(value))


def _expanded(value: Node, _: Draft) -> Found[str] | None:
    iri = expand(str(value))
    return None if isinstance(value, BNode) or not iri else (iri, URIRef(iri))


def _value(value: Node, _: Draft) -> Found[Literal] | None:
    return None if isinstance(value, BNode) or not str(value) else (literal(value), value)


def _typed(datatype: str | None) -> Callable[[Node, Draft], Found[Literal] | None]:
    def read(value: Node, _: Draft) -> Found[Literal] | None:
        if isinstance(value, BNode):
            return None
        found = literal(value)
        if datatype and found.datatype is None and found.language is None:
            found = Literal(found.text, datatype)
        return found, text_of(found)

    return read


def _flat(side: Iterable[object]) -> Iterator[object]:
    for one in side:
        if isinstance(one, tuple):  # a property and the entities it names
            yield from one[1]
        else:
            yield one


def _shown_all(lost: list[Node]) -> str:
    return ", ".join(sorted("a blank node" if isinstance(one, BNode) else n.shown(one) for one in lost))[:100]
