"""Writing a graph as JSON-LD in the terms of the W3C context for ODRL."""

import json
import re
from functools import cache
from typing import Any, NamedTuple

from rdflib import RDF, BNode, Graph, URIRef
from rdflib import Literal as Text

from policy.odrl.documents import names as n
from policy.odrl.documents.contexts import W3C, bundled
from policy.odrl.documents.layout import About, Block, Leaf, Listed, Piece, blocks
from policy.odrl.documents.limits import iri_of
from policy.odrl.documents.names import Node, is_absolute

_LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MANY = frozenset(
    [*(predicate for predicate, _ in n.RULES.values()), n.CONSTRAINT, n.REFINEMENT, n.DUTY, n.REMEDY, n.CONSEQUENCE]
)
"""Properties whose values stand in an array even if there is only one, as everybody writes them."""


class _Term(NamedTuple):
    name: str
    coercion: str | None


class _Terms(NamedTuple):
    by_iri: dict[str, _Term]
    prefixes: dict[str, str]

    def short(self, iri: str) -> str:
        """The IRI with one of the context's prefixes, or in full."""
        prefix = next((one for one, namespace in self.prefixes.items() if iri.startswith(namespace)), None)
        local = iri[len(self.prefixes[prefix]) :] if prefix else ""
        return f"{prefix}:{local}" if _LOCAL.fullmatch(local) else iri


def json_ld(graph: Graph) -> str:
    """Return a graph as JSON-LD text. Raises :class:`PolicyError` for an IRI that cannot be written."""
    found = blocks(graph)
    terms = _terms() if not _hidden_by_prefix(graph) else _Terms({}, {})
    writer = _Writer(terms)
    written = [writer.block(block) for block in found]
    body = written[0] if len(written) == 1 else {"@graph": written}
    context: Any = W3C if terms.by_iri else {}
    return json.dumps({"@context": context} | body, indent=2, ensure_ascii=False) + "\n"


def _hidden_by_prefix(graph: Graph) -> bool:
    # `cc:by` as an IRI of its own would be taken for the context's prefix: then no context is used at all.
    prefixes = _terms().prefixes
    iris = (term for triple in graph for term in triple if isinstance(term, URIRef))
    return any(iri.partition(":")[0] in prefixes and not iri.partition(":")[2].startswith("//") for iri in iris)


@cache
def _terms() -> _Terms:
    context = bundled(W3C)
    prefixes = {name: iri for name, iri in context.items() if isinstance(iri, str) and iri.startswith("http")}
    prefixes["industry"] = f"{prefixes['odrl']}industry:"  # ends in a colon, and so is a prefix too
    found: dict[str, _Term] = {}
    for name, stated in context.items():
        iri, coercion = (stated["@id"], stated["@type"]) if isinstance(stated, dict) else (stated, None)
        prefix, _, local = iri.partition(":")
        if prefix in prefixes and not local.startswith("//"):
            found[prefixes[prefix] + local] = _Term(name, coercion)
    return _Terms(found, prefixes)


class _Writer:
    def __init__(self, terms: _Terms) -> None:
        self._terms = terms

    def block(self, block: Block) -> dict[str, Any]:
        if block.subject is None:
            return self.about(block.about)
        name = f"_:{block.subject}" if isinstance(block.subject, BNode) else iri_of(block.subject)
        return {"@id": name} | self.about(block.about)

    def about(self, about: About) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for predicate, pieces in about:
            types = [one.term for one in pieces if isinstance(one, Leaf) and isinstance(one.term, URIRef | BNode)]
            if predicate == RDF.type and len(types) == len(pieces):
                found["@type"] = _single([self.type(one) for one in types])
            else:
                term = self._terms.by_iri.get(str(predicate), _Term(self._terms.short(iri_of(predicate)), None))
                values = [self.piece(one, term.coercion) for one in pieces]
                found[term.name] = values if predicate in _MANY else _single(values)
        return found

    def type(self, term: URIRef | BNode) -> str:
        if isinstance(term, BNode):
            return f"_:{term}"
        known = self._terms.by_iri.get(str(term))
        return known.name if known else self._terms.short(iri_of(term))

    def piece(self, piece: Piece, coercion: str | None) -> Any:
        if isinstance(piece, Listed):
            return {"@list": [self.piece(one, coercion) for one in piece.items]}
        if isinstance(piece, Leaf):
            return self.term(piece.term, coercion)
        return self.about(piece.about)

    def term(self, term: Node, coercion: str | None) -> Any:
        if isinstance(term, BNode):
            return {"@id": f"_:{term}"}
        if isinstance(term, URIRef):
            return self.iri(iri_of(term), coercion)
        return self.value(term, coercion)

    def iri(self, iri: str, coercion: str | None) -> Any:
        if coercion == "@vocab" and is_absolute(iri):
            known = self._terms.by_iri.get(iri)
            return known.name if known else self._terms.short(iri)
        return iri if coercion == "@id" and is_absolute(iri) else {"@id": iri}

    def value(self, value: Text, coercion: str | None) -> Any:
        if value.language:
            return {"@value": str(value), "@language": value.language}
        if value.datatype is None:
            return str(value) if coercion is None else {"@value": str(value)}
        datatype = self._terms.short(str(value.datatype))
        return str(value) if datatype == coercion else {"@value": str(value), "@type": datatype}


def _single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
