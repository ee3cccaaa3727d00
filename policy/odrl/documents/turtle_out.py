"""Writing a graph as Turtle: every value as it is, no blank node named that needs no name."""

import re

from rdflib import RDF, BNode, Graph, URIRef

from policy.odrl.documents.layout import About, Block, Leaf, Listed, Piece, blocks
from policy.odrl.documents.limits import iri_of
from policy.odrl.documents.names import Node
from policy.odrl.vocabulary import PREFIXES

_PREFIXES = {
    **PREFIXES,
    "rdf": str(RDF),
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "foaf": "http://xmlns.com/foaf/0.1/",
}
_SPLIT = re.compile(r"(.*[/#])([A-Za-z_][A-Za-z0-9_-]*)")
_BY_NAMESPACE = {namespace: prefix for prefix, namespace in _PREFIXES.items()}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TO_ESCAPE = re.compile(r'[\\"\x00-\x1f\x7f]')


def turtle(graph: Graph) -> str:
    """Return a graph as Turtle text. Raises :class:`PolicyError` for an IRI that cannot be written."""
    writer = _Writer()
    written = "\n".join(writer.block(block) for block in blocks(graph))
    prefixes = "".join(f"@prefix {name}: <{_PREFIXES[name]}> .\n" for name in sorted(writer.used))
    return f"{prefixes}\n{written}" if prefixes and written else prefixes + written


class _Writer:
    def __init__(self) -> None:
        self.used: set[str] = set()

    def block(self, block: Block) -> str:
        if block.subject is None:
            return f"[] {self.about(block.about, 1)} .\n"
        return f"{self.term(block.subject)} {self.about(block.about, 1)} .\n"

    def about(self, about: About, depth: int) -> str:
        indent = "    " * depth
        return f" ;\n{indent}".join(
            f"{self.predicate(predicate)} {', '.join(self.piece(one, depth) for one in pieces)}"
            for predicate, pieces in about
        )

    def predicate(self, predicate: URIRef) -> str:
        return "a" if predicate == RDF.type else self.term(predicate)

    def piece(self, piece: Piece, depth: int) -> str:
        if isinstance(piece, Leaf):
            return self.term(piece.term)
        if isinstance(piece, Listed):
            return f"({' '.join(self.piece(one, depth) for one in piece.items)})"
        indent = "    " * (depth + 1)
        return f"[\n{indent}{self.about(piece.about, depth + 1)}\n{'    ' * depth}]" if piece.about else "[]"

    def term(self, term: Node) -> str:
        if isinstance(term, BNode):
            return f"_:{term}"
        if isinstance(term, URIRef):
            return self.iri(str(term))
        quoted = f'"{_TO_ESCAPE.sub(_escape, str(term))}"'
        if term.language:
            return f"{quoted}@{term.language}"
        return f"{quoted}^^{self.iri(str(term.datatype))}" if term.datatype else quoted

    def iri(self, iri: str) -> str:
        split = _SPLIT.fullmatch(iri)
        prefix = _BY_NAMESPACE.get(split[1]) if split else None
        if split is None or prefix is None:
            return f"<{iri_of(iri)}>"
        self.used.add(prefix)
        return f"{prefix}:{split[2]}"


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04X}"
