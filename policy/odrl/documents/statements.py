"""A graph by subject and property, with its lists, and the drafts that are read from it.

A draft remembers which triples its element came from and, where RDF lets the same be written in more than one way,
how it was. Only the drafts that end up in a policy count: what belongs to any other is left where it was.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rdflib import RDF, BNode, Graph, URIRef
from rdflib import Literal as Text

from policy.odrl.documents.names import Node, Triple
from policy.odrl.model import PolicyError
from policy.odrl.reading import MAX_DEPTH, MAX_VALUES

Listed = tuple[tuple[Node, Node], ...]
"""The items of a list in their order: what the model says of each, and what was written."""


_CALLED = {"term": "constraint", "AssetCollection": "target", "PartyCollection": "party"}


@dataclass(slots=True)
class Draft:
    """What was found out about one node in one role; `element` is None if it could not be understood."""

    node: Node
    element: object = None
    taken: list[Triple] = field(default_factory=list)
    said: dict[Triple, list[Triple]] = field(default_factory=dict)
    lists: dict[tuple[Node, URIRef], Listed] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    known: set[URIRef] = field(default_factory=set)

    def take(self, triple: Triple, instead_of: Triple | None = None) -> None:
        """Count a triple as read; `instead_of` is how the model would say it, if not like this."""
        self.taken.append(triple)
        if instead_of:
            self.said.setdefault(instead_of, []).append(triple)

    def unsaid(self, triple: Triple) -> None:
        """Remember that a triple by which the model would say something was left out."""
        self.said.setdefault(triple, [])

    def note(self, place: str, term: object = "") -> None:
        """Name a place below the node that was not understood, and the term if there is one."""
        self.notes.append(f"/{place}: {term}" if str(term) else f"/{place}")


class Statements:
    """The graph, indexed once, and the drafts by role and node."""

    def __init__(self, graph: Graph, unread: Mapping[Node, Sequence[str]]) -> None:
        self.unread = unread
        if len(graph) > MAX_VALUES:
            raise PolicyError(f"larger than {MAX_VALUES} statements")
        self.about: dict[Node, dict[URIRef, list[Node]]] = {}
        self.mentions: Counter[Node] = Counter()
        for subject, predicate, value in triples(graph):
            self.about.setdefault(subject, {}).setdefault(predicate, []).append(value)
            self.mentions[value] += 1
        self._refuse_loops()
        self.drafts: dict[tuple[str, Node], Draft] = {}
        self._open: list[tuple[str, Node]] = []

    def draft(self, role: str, node: Node, build: Callable[[Draft], object]) -> Draft:
        """Return the draft of a node in a role, built once; a node that contains itself is a :class:`PolicyError`."""
        key = (role, node)
        if key in self._open:
            raise PolicyError("contains itself", self._path())
        if key not in self.drafts:
            if len(self._open) >= MAX_DEPTH:
                raise PolicyError(f"deeper than {MAX_DEPTH} levels", self._path())
            self._open.append(key)
            draft = Draft(node)
            draft.element = build(draft)
            self._open.pop()
            self.drafts[key] = draft
        return self.drafts[key]

    def values(self, node: Node, predicate: URIRef) -> tuple[list[Node], list[Triple] | None]:
        """Return what is stated under a property; if that is one RDF list, its items and the triples it is made of."""
        stated = self.about.get(node, {}).get(predicate, [])
        if len(stated) == 1 and (found := self.items(stated[0])) is not None:
            items, cells = found
            return items, [(node, predicate, stated[0]), *cells]
        return stated, None

    def items(self, head: Node) -> tuple[list[Node], list[Triple]] | None:
        """Return the items and triples of a well-formed list of blank nodes that nothing else mentions, else None."""
        if head != RDF.nil and not (isinstance(head, BNode) and RDF.rest in self.about.get(head, {})):
            return None
        items: list[Node] = []
        cells: list[Triple] = []
        while head != RDF.nil:
            stated = self.about.get(head, {})
            first, rest = stated.get(RDF.first, []), stated.get(RDF.rest, [])
            if (len(first), len(rest), len(stated), self.mentions[head]) != (1, 1, 2, 1) or not isinstance(head, BNode):
                return None
            items.append(first[0])
            cells += [(head, RDF.first, first[0]), (head, RDF.rest, rest[0])]
            head = rest[0]
        return items, cells

    def subjects(self, predicate: URIRef) -> Iterator[tuple[Node, list[Node]]]:
        """Every subject that states a property, with its values."""
        return ((node, stated[predicate]) for node, stated in self.about.items() if predicate in stated)

    def _refuse_loops(self) -> None:
        straight: set[Node] = {RDF.nil}
        for start in self.about:
            path: dict[Node, None] = {}
            node: Node | None = start
            while node is not None and node not in straight:
                if node in path:
                    raise PolicyError("a list that runs into itself")
                path[node] = None
                node = next(iter(self.about.get(node, {}).get(RDF.rest, [])), None)
            straight.update(path)

    def _path(self) -> str:
        names = [_CALLED.get(role, role) for role, _ in self._open[1:]]
        return "/" + "/".join(names[:6]) + ("/..." if len(names) > 6 else "")


def triples(graph: Graph) -> Iterator[Triple]:
    """Return the triples of a graph. Raises :class:`PolicyError` for what is no RDF (formulae, variables)."""
    for subject, predicate, value in graph:
        if not (
            isinstance(subject, URIRef | BNode)
            and isinstance(predicate, URIRef)
            and isinstance(value, URIRef | BNode | Text)
        ):
            raise PolicyError("a statement about something other than a node, or under something other than an IRI")
        yield subject, predicate, value
