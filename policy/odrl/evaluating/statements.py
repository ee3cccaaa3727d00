"""Requests and states of the world as plain statements, from RDF or from JSON, without any context but what is inside.

A context that is named by address is never fetched: the terms of requests and states are known here by their local
names, and prefixes are those bound in the document, the bundled ones and ``sotw``.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from policy.odrl.model import REFERENCE, XSD, Literal, PolicyError
from policy.odrl.vocabulary import expand, local

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
SOTW = "https://w3id.org/force/sotw#"
MAX_STATEMENTS = 50_000
MAX_DEPTH = 40
MAX_BYTES = 8_000_000


class Statements:
    """Statements by their subject, in the order in which they were made; predicates are IRIs or bare terms."""

    def __init__(self) -> None:
        self.by_subject: dict[str, list[tuple[str, Literal]]] = {}
        self.count = 0

    def add(self, subject: str, predicate: str, value: Literal) -> None:
        """Add one statement. Raises :class:`PolicyError` when there are too many."""
        self.count += 1
        if self.count > MAX_STATEMENTS:
            raise PolicyError(f"more than {MAX_STATEMENTS} statements")
        self.by_subject.setdefault(subject, []).append((predicate, value))

    def values(self, subject: str, *names: str) -> list[Literal]:
        """What is stated of a subject under any predicate with one of these local names."""
        return [value for predicate, value in self.by_subject.get(subject, ()) if local(predicate) in names]

    def first(self, subject: str, *names: str) -> Literal | None:
        """The first such value under the first of these names that has one."""
        return next((value for name in names for value in self.values(subject, name)), None)

    def kinds(self, subject: str) -> set[str]:
        """The local names of its types."""
        return {local(value.text) for predicate, value in self.by_subject.get(subject, ()) if predicate == TYPE}

    def of_kind(self, *names: str) -> list[str]:
        """Every subject of a type with one of these local names."""
        return [subject for subject in self.by_subject if not self.kinds(subject).isdisjoint(names)]


def parsed(source: object) -> object:
    """Return a text as what it holds: parsed JSON if it looks like that, else the graph of its Turtle.

    A graph or an object that is parsed already comes back as it is. Raises :class:`PolicyError` with the line where
    reading failed.
    """
    if not isinstance(source, str | bytes):
        return source
    if len(source) > MAX_BYTES:
        raise PolicyError(f"larger than {MAX_BYTES} bytes")
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    return _json(text) if text.lstrip()[:1] in {"{", "["} else _turtle(text)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        place = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise PolicyError("not JSON", place) from None
    except RecursionError:
        raise PolicyError("nested too deeply") from None


def _turtle(text: str) -> "Graph":
    from policy.odrl.documents.turtle_in import graph_of_turtle

    return graph_of_turtle(text)


def statements(source: object) -> Statements:
    """Return what a graph or a parsed JSON object states."""
    from rdflib import Graph  # here, since a process that only serves never reads RDF

    found = Statements()
    if isinstance(source, Graph):
        for subject, predicate, value in sorted(source):
            found.add(_name(subject), str(predicate), _value(value))
    elif isinstance(source, Mapping):
        _Flattening(found, _prefixes(source.get("@context"))).node(source, 0)
    else:
        raise PolicyError("a request or state is a JSON object or an RDF document")
    return found


def _name(node: "Node") -> str:
    from rdflib import BNode

    return f"_:{node}" if isinstance(node, BNode) else str(node)


def _value(node: "Node") -> Literal:
    from rdflib import Literal as RdfLiteral

    if isinstance(node, RdfLiteral):
        return Literal(str(node), str(node.datatype) if node.datatype else None, node.language)
    return Literal(_name(node), REFERENCE)


def _prefixes(context: object) -> dict[str, str]:
    """The prefixes a document binds itself; a context that it only names by address adds none."""
    found = {"sotw": SOTW}
    for one in context if isinstance(context, list) else [context]:
        if isinstance(one, Mapping):
            found |= {key: iri for key, iri in one.items() if isinstance(iri, str) and key[:1] != "@"}
    # The examples of the Formal Semantics bind odrl to the address of ODRL's context.
    return {key: iri for key, iri in found.items() if not iri.endswith(".jsonld")}


class _Flattening:
    """Takes nested JSON apart into statements; an object without id gets a name of its own."""

    def __init__(self, found: Statements, prefixes: Mapping[str, str]) -> None:
        self.found = found
        self.prefixes = prefixes
        self.unnamed = 0

    def term(self, text: str) -> str:
        prefix, colon, name = text.partition(":")
        return self.prefixes[prefix] + name if colon and prefix in self.prefixes else expand(text)

    def node(self, value: Mapping[str, Any], depth: int) -> str:
        if depth > MAX_DEPTH:
            raise PolicyError(f"more than {MAX_DEPTH} levels")
        name = value.get("@id", value.get("uid"))
        if not isinstance(name, str) or not name:
            self.unnamed += 1
            name = f"_:u{self.unnamed}"
        subject = self.term(name)
        for key, under in value.items():
            if key in {"@context", "@id", "uid"}:
                continue
            for one in self.each(under):
                self.statement(subject, key, one, depth)
        return subject

    def each(self, under: object) -> Iterator[object]:
        if isinstance(under, Mapping) and "@list" in under:
            under = under["@list"]
        yield from under if isinstance(under, list) else [under]

    def statement(self, subject: str, key: str, value: object, depth: int) -> None:
        if key == "@graph":
            if isinstance(value, Mapping):
                self.node(value, depth + 1)
            return
        if key == "@type":
            self.found.add(subject, TYPE, Literal(self.term(str(value)), REFERENCE))
            return
        found = self.literal(value)
        if found is None and isinstance(value, Mapping):
            found = Literal(self.node(value, depth + 1), REFERENCE)
        if found is not None:
            self.found.add(subject, self.term(key), found)

    def literal(self, value: object) -> Literal | None:
        if not isinstance(value, Mapping):
            return self.plain(value)
        kind = value.get("@type")
        datatype = self.term(kind) if isinstance(kind, str) else None
        if "@value" in value:
            read = self.plain(value["@value"], expanding=False)
            language = value.get("@language")
            stated = language if isinstance(language, str) else None
            return None if read is None else Literal(read.text, datatype or read.datatype, stated)
        # A value written as a node whose type is a datatype, as B1 of the Formal Semantics writes its resolution.
        if datatype is not None and datatype.startswith(XSD) and isinstance(value.get("@id"), str):
            return Literal(value["@id"], datatype)
        return None

    def plain(self, value: object, *, expanding: bool = True) -> Literal | None:
        if isinstance(value, str):
            return Literal(self.term(value) if expanding else value)
        if isinstance(value, bool):
            return Literal("true" if value else "false", f"{XSD}boolean")
        if isinstance(value, int):
            return Literal(str(value), f"{XSD}integer")
        return Literal(repr(value), f"{XSD}double") if isinstance(value, float) else None
