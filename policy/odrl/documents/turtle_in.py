"""Turtle and N-Triples text to a graph, every literal as it was written, every fault with its line and column."""

import re
from collections.abc import MutableSequence
from typing import Any

from rdflib import Graph, URIRef
from rdflib import Literal as Text
from rdflib.plugins.parsers.notation3 import BadSyntax, RDFSink, SinkParser
from rdflib.term import Node

from policy.odrl.documents.limits import MAX_NESTING, MAX_STATEMENTS, barred, iri_of, refused
from policy.odrl.documents.values import typed
from policy.odrl.model import XSD, PolicyError

BASE = "relative://-/"
"""Stands for the base that a text does not state: what is resolved against it stays relative."""

# Strings, IRIs and comments are stepped over whole; a string that never ends is stepped over to the end.
_TOKENS = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\\?\Z)'
    r"|'''(?:[^'\\]|\\.|'(?!''))*+(?:'''|\\?\Z)"
    r'|"(?:[^"\\\n]|\\.)*+(?:"|\\?\Z|(?=\n))'
    r"|'(?:[^'\\\n]|\\.)*+(?:'|\\?\Z|(?=\n))"
    r"|<[^<>\s]*+>|\#[^\n]*+|\\.|(?P<bracket>[\[\](){}])",
    re.DOTALL,
)


_NUMBER = re.compile(
    r"(?P<double>[+-]?(?:\d+\.\d*|\.?\d+)[eE][+-]?\d+)|(?P<decimal>[+-]?\d*\.\d+)|(?P<integer>[+-]?\d+)", re.ASCII
)


class _Sink(RDFSink):
    """Keeps the text of every literal as written, and stops at an IRI that is none and at the limit."""

    def newSymbol(self, *args: str) -> URIRef:  # noqa: N802
        return URIRef(iri_of(args[0]))

    def newLiteral(self, s: str, dt: URIRef | None, lang: str | None) -> Text:  # noqa: N802
        if barred(s):
            raise PolicyError("a null or half a surrogate pair is no text")
        return typed(s, dt) if dt else Text(s, lang=lang)

    def makeStatement(self, quadruple, why=None) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        if len(self.graph) >= MAX_STATEMENTS:
            raise PolicyError(f"larger than {MAX_STATEMENTS} statements")
        super().makeStatement(quadruple, why)


class _Parser(SinkParser):
    """Keeps the text of a bare number too: rdflib would make a number of it and write that."""

    def nodeOrLiteral(self, argstr: str, i: int, res: MutableSequence[Any]) -> int:  # noqa: N802
        begin = self.skipSpace(argstr, i)
        found = _NUMBER.match(argstr, begin) if begin >= 0 else None
        if found is None:
            return super().nodeOrLiteral(argstr, i, res)
        res.append(typed(found[0], XSD + str(found.lastgroup)))
        return found.end()


def graph_of_turtle(text: str, hint: str = "") -> Graph:
    """Return the graph that a Turtle text states.

    Raises :class:`PolicyError` with line, column and cause, and `hint` at its end if it is no Turtle at all.
    """
    _nesting(text)
    graph = Graph()
    parser = _Parser(_Sink(graph), baseURI=BASE, turtle=True)
    try:
        parser.loadBuf(text)
    except BadSyntax as error:
        refused(text, error._i, f"not Turtle: {error._why}{hint}")
    except PolicyError as error:
        refused(text, parser.startOfLine, str(error).removeprefix("/: "))
    except RecursionError:
        refused(text, parser.startOfLine, "nested too deeply")
    except Exception as error:  # the parser meets hostile text with whatever exception comes first
        refused(text, parser.startOfLine, f"not Turtle: {_cause(error)}{hint}")
    return _relative(graph)


def _cause(error: Exception) -> str:
    told = str(error).splitlines() if isinstance(error, ValueError | AssertionError) else []
    return told[0][:200] if told else "it breaks off here"


def _nesting(text: str) -> None:
    depth = 0
    for found in _TOKENS.finditer(text):
        bracket = found["bracket"]
        if bracket is None:
            continue
        if bracket in "{}":
            refused(text, found.start(), "named graphs and formulae (TriG, N3) are not accepted; Turtle is")
        depth += 1 if bracket in "[(" else -1
        if depth > MAX_NESTING:
            refused(text, found.start(), f"deeper than {MAX_NESTING} brackets")


def _relative(graph: Graph) -> Graph:
    if not any(BASE in str(term) for triple in graph for term in triple if isinstance(term, URIRef)):
        return graph
    found = Graph()
    for subject, predicate, value in graph:
        found.add((_stripped(subject), _stripped(predicate), _stripped(value)))
    return found


def _stripped(term: Node) -> Node:
    return URIRef(term.removeprefix(BASE)) if isinstance(term, URIRef) else term
