"""A graph as blocks to write down: each subject once, blank nodes inside what mentions them, lists as lists.

Everything comes in an order that depends on what is said alone, so that equal graphs are written alike.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from rdflib import RDF, BNode, Graph, URIRef
from rdflib import Literal as Text

from policy.odrl.documents import names as n
from policy.odrl.documents.names import Node
from policy.odrl.documents.statements import triples

_INSIDE = 12  # deeper nodes get a label: a text must not grow with the square of its depth
_FIRST = [
    *(RDF.type, n.UID, n.PROFILE, n.INHERITS, n.CONFLICT, n.TARGET, n.ASSIGNER, n.ASSIGNEE, RDF.value, n.ACTION),
    *(n.LEFT, n.OPERATOR, n.RIGHT, n.REFERENCED, n.DATATYPE, n.UNIT, n.STATUS, n.SOURCE, n.REFINEMENT, n.CONSTRAINT),
    *(predicate for predicate, _ in n.RULES.values()),
    *(n.DUTY, n.REMEDY, n.CONSEQUENCE),
]
_RANK = {predicate: f"{rank:03}" for rank, predicate in enumerate(_FIRST)}


@dataclass(frozen=True, slots=True)
class Leaf:
    """An IRI, a value, or a blank node that is known by a label."""

    term: Node
    key: str


@dataclass(frozen=True, slots=True)
class Nested:
    """A blank node that nothing else mentions, with what is said about it."""

    about: "About"
    key: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An RDF list."""

    items: "tuple[Piece, ...]"
    key: str


Piece: TypeAlias = Leaf | Nested | Listed
About: TypeAlias = tuple[tuple[URIRef, tuple[Piece, ...]], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A subject and what is said about it; a blank one has a label only if something mentions it."""

    subject: URIRef | BNode | None
    about: About


def blocks(graph: Graph) -> tuple[Block, ...]:
    """Return the blocks of a graph, policies first. Blank nodes that need a label have one of b1, b2, ..."""
    return _Layout(graph).blocks()


class _Layout:
    def __init__(self, graph: Graph) -> None:
        self._about: dict[Node, dict[URIRef, list[Node]]] = {}
        self._mentions: Counter[Node] = Counter()
        for subject, predicate, value in triples(graph):
            self._about.setdefault(subject, {}).setdefault(predicate, []).append(value)
            self._mentions[value] += 1
        self._labels: dict[Node, str] = {}
        self._labelled = self._to_label()

    def blocks(self) -> tuple[Block, ...]:
        subjects = [node for node in self._about if self._is_root(node)]
        bare = sorted((self._first(node), self._key(self._said(node)), str(node)) for node in subjects)
        by_name = {str(node): node for node in subjects}
        # Labels follow the order of what is said; only nodes that say the very same are told apart by their old names.
        in_order = [by_name[name] for _, _, name in bare]
        blank = [node for node in in_order if node in self._labelled]
        blank += sorted(node for node in self._labelled if node not in self._about)
        self._labels = {node: f"b{number}" for number, node in enumerate(blank, start=1)}
        return tuple(self._block(node) for node in in_order)

    def _is_root(self, node: Node) -> bool:
        return isinstance(node, URIRef) or node in self._labelled or not self._mentions[node]

    def _block(self, node: Node) -> Block:
        if isinstance(node, URIRef):
            return Block(node, self._said(node))
        return Block(BNode(self._labels[node]) if node in self._labelled else None, self._said(node))

    def _first(self, node: Node) -> tuple[int, str]:
        types = self._about[node].get(RDF.type, [])
        rank = 0 if n.POLICY_TYPES.keys() & set(types) else 1 if isinstance(node, URIRef) else 2
        return rank, str(node) if isinstance(node, URIRef) else ""

    def _to_label(self) -> set[Node]:
        """Blank nodes that are mentioned more than once, that only a circle of them mentions, or that lie too deep."""
        blank = [node for node in self._mentions if isinstance(node, BNode)]
        found: set[Node] = {node for node in blank if self._mentions[node] > 1}
        reached: set[Node] = set()
        starts = [node for node in self._about if isinstance(node, URIRef) or node in found or not self._mentions[node]]
        self._reach(starts, found, reached)
        for node in self._about:  # what is left hangs together in circles
            if node not in reached:
                found.add(node)
                self._reach([node], found, reached)
        return found

    def _reach(self, starts: Iterable[Node], found: set[Node], reached: set[Node]) -> None:
        open_ends = [(node, 0) for node in starts]
        while open_ends:
            node, depth = open_ends.pop()
            if node in reached:
                continue
            reached.add(node)
            for predicate, values in self._about.get(node, {}).items():
                for value in values:
                    inside = self._inside(value, predicate, found, reached) if isinstance(value, BNode) else ()
                    if depth >= _INSIDE:
                        found.update(inside)
                    open_ends += [(one, 0 if one in found else depth + 1) for one in inside]

    def _inside(self, value: BNode, predicate: URIRef, found: set[Node], reached: set[Node]) -> Iterable[Node]:
        """The blank nodes that are written inside their mention here: the value, or the items of the list it is."""
        if value in found:
            return ()
        listed = self._cells(value, found) if predicate != RDF.rest else None
        if listed is None:
            return (value,)
        reached.update(listed)
        items = (self._about[cell][RDF.first][0] for cell in listed)
        return [item for item in items if isinstance(item, BNode) and item not in found]

    def _said(self, node: Node) -> About:
        said = self._about.get(node, {})
        ordered = sorted(said, key=lambda predicate: (_RANK.get(predicate, "999"), predicate))
        return tuple((predicate, self._pieces(predicate, said[predicate])) for predicate in ordered)

    def _pieces(self, predicate: URIRef, values: list[Node]) -> tuple[Piece, ...]:
        found = (self._piece(value, within_list=predicate == RDF.rest) for value in values)
        return tuple(sorted(found, key=lambda piece: piece.key))

    def _piece(self, node: Node, *, within_list: bool = False) -> Piece:
        if not isinstance(node, BNode):
            return Listed((), "()") if node == RDF.nil else Leaf(node, _short(repr((str(node), *_marks(node)))))
        if node in self._labelled:
            label = self._labels.get(node, "")
            return Leaf(BNode(label), f"_:{label}")
        cells = None if within_list else self._cells(node, self._labelled)
        if cells is not None:
            pieces = tuple(self._piece(self._about[cell][RDF.first][0]) for cell in cells)
            return Listed(pieces, _short("(" + " ".join(piece.key for piece in pieces)))
        about = self._said(node)
        return Nested(about, self._key(about))

    def _cells(self, head: Node, labelled: set[Node]) -> list[Node] | None:
        """The cells of a well-formed list that nothing else mentions, else None."""
        found: list[Node] = []
        while head != RDF.nil:
            said = self._about.get(head, {})
            first, rest = said.get(RDF.first, []), said.get(RDF.rest, [])
            if head in labelled or not isinstance(head, BNode) or (len(said), len(first), len(rest)) != (2, 1, 1):
                return None
            if len(found) > len(self._about):
                return None
            found.append(head)
            head = rest[0]
        return found

    @staticmethod
    def _key(about: About) -> str:
        return _short("[" + ";".join(f"{predicate} {','.join(one.key for one in ones)}" for predicate, ones in about))


def _marks(node: Node) -> tuple[str, str, str]:
    if isinstance(node, Text):
        return "text", str(node.datatype or ""), node.language or ""
    return "iri", "", ""


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:160] + sha256(text.encode()).hexdigest()
