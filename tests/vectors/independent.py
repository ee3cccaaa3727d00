"""What a file states, by :mod:`json` and rdflib alone: the graph to compare with, or the fault that it has."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import resources
from typing import Any, NamedTuple

from rdflib import RDF, BNode, Graph, Literal, URIRef
from rdflib.compare import graph_diff, isomorphic
from rdflib.plugins.parsers.jsonld import to_rdf
from rdflib.plugins.parsers.notation3 import BadSyntax

ODRL = "http://www.w3.org/ns/odrl/2/"
W3C = "http://www.w3.org/ns/odrl.jsonld"
KINDS = ("Policy", "Set", "Offer", "Agreement", "Request", "Assertion", "Privacy", "Ticket")
POLICIES = {f"{ODRL}{name}" for name in KINDS}
RULES = {URIRef(f"{ODRL}{name}") for name in ("permission", "prohibition", "obligation")}
BASE = "http://base.invalid/"
NO_IRI = set('<>" {}|\\^`\n\t\r')
LARGE = 1_000  # rdflib's comparison takes its time; above this many statements ours stands in for it


class Fault(NamedTuple):
    """Why a file is broken, and where if that can be said."""

    why: str
    place: str


def graph_of(text: str, suffix: str) -> Graph | Fault:
    """Return the graph a text states, or its fault. Relative IRIs stay relative."""
    with _quiet():
        return _turtle(text) if suffix in {".ttl", ".nt"} else _json_ld(text)


@contextmanager
def _quiet() -> Iterator[None]:
    # rdflib logs every value whose text its datatype does not allow, and such values are published.
    logger = logging.getLogger("rdflib.term")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _turtle(text: str) -> Graph | Fault:
    graph = Graph()
    try:
        graph.parse(data=text, format="turtle", publicID=BASE)
    except BadSyntax as error:
        line = text[: error._i].count("\n") + 1
        return Fault(str(error), f"line {line}, column {error._i - text.rfind(chr(10), 0, error._i)}")
    except Exception as error:  # whatever rdflib cannot read is broken
        return Fault(repr(error), "")
    return graph


def _json_ld(text: str) -> Graph | Fault:
    try:
        source = json.loads(text)
    except json.JSONDecodeError as error:
        return Fault(error.msg, f"line {error.lineno}, column {error.colno}")
    if bad := _bad_iri(source):
        return Fault(f"not an IRI: {bad}", "")
    graph = Graph()
    try:
        to_rdf(_with_context(source), graph, generalized_rdf=True)
    except LookupError as error:
        return Fault(f"no such context here: {error}", "")
    return graph


def w3c_context() -> dict[str, Any]:
    """The W3C context as it is published (our copy of it)."""
    text = resources.files("policy").joinpath("data/contexts/odrl.jsonld").read_text("utf-8")
    return json.loads(text)["@context"]


def _with_context(source: Any) -> Any:
    if isinstance(source, list):
        return [_with_context(one) for one in source]
    if not isinstance(source, dict):
        return source
    return {key: _resolved(one) if key == "@context" else _with_context(one) for key, one in source.items()}


def _resolved(context: Any) -> Any:
    if isinstance(context, list):
        return [_resolved(one) for one in context]
    if isinstance(context, str) and context != W3C:
        raise LookupError(context)
    return w3c_context() if context == W3C else context


def _bad_iri(source: Any) -> str | None:
    """A text with signs no IRI can have, where by the W3C context an IRI must stand."""
    iris = {"@id", "uid", "@type"}
    iris |= {name for name, term in w3c_context().items() if isinstance(term, dict) and term["@type"][0] == "@"}
    if isinstance(source, list):
        return next(filter(None, (_bad_iri(one) for one in source)), None)
    for key, value in source.items() if isinstance(source, dict) else ():
        for one in value if isinstance(value, list) else [value]:
            if key in iris and isinstance(one, str) and NO_IRI & set(one):
                return one
        if key != "@context" and (bad := _bad_iri(value)):
            return bad
    return None


def policy_nodes(graph: Graph) -> list[str]:
    """The policies of a graph: what is typed as one or has rules."""
    typed = {subject for subject, kind in graph.subject_objects(RDF.type) if str(kind) in POLICIES}
    return sorted(str(node) for node in typed | {subject for rule in RULES for subject in graph.subjects(rule)})


def difference(one: Graph, other: Graph) -> str:
    """What one graph says and the other does not, blank nodes and the writing of numbers and times apart; or empty."""
    with _quiet():
        first, second = _normal(one), _normal(other)
    if len(first) > LARGE:
        return "" if _fingerprint(first) == _fingerprint(second) else "the large graphs differ"
    if isomorphic(first, second):
        return ""
    _, left, right = graph_diff(first, second)
    return f"+{sorted(left)[:3]} -{sorted(right)[:3]}"


def _normal(graph: Graph) -> Graph:
    found = Graph()
    for triple in graph:
        found.add(tuple(map(_normal_term, triple)))
    return found


def _normal_term(term: Any) -> Any:
    if isinstance(term, Literal):
        return Literal(str(term), datatype=term.datatype, lang=term.language)
    return URIRef(term.removeprefix(BASE)) if isinstance(term, URIRef) else term


def _fingerprint(graph: Graph) -> Counter[tuple[str, str, str]]:
    """The triples, each blank node by what hangs on it: the same for isomorphic graphs of which these form trees."""
    known: dict[Any, str] = {}

    def name(node: Any) -> str:
        if not isinstance(node, BNode):
            return node.n3()
        if node not in known:
            known[node] = "?"
            said = sorted(f"{predicate} {name(value)}" for predicate, value in graph.predicate_objects(node))
            known[node] = sha256("\n".join(said).encode()).hexdigest()
        return known[node]

    return Counter((name(subject), str(predicate), name(value)) for subject, predicate, value in graph)
