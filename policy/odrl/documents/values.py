"""Values of the model and literals of a graph, each as the other, with the text as it was written."""

from rdflib import Literal as Text
from rdflib import URIRef

from policy.odrl.documents.names import Node
from policy.odrl.model import REFERENCE, Literal
from policy.odrl.vocabulary import ODRL, OPERATORS


def typed(text: str, datatype: str) -> Text:
    """Return a literal with a datatype without having its text converted.

    rdflib would turn the text into a Python value: it rewrites what it can read (``2027-01-01T00:00:00Z``), logs what
    it cannot, and parses markup and endless digits that a stranger sent.
    """
    found = Text(text)
    found._datatype = URIRef(datatype)
    found._value = None
    return found


def literal(value: Node) -> Literal:
    """Return a node of a graph as a value of the model."""
    if not isinstance(value, Text):
        return Literal(str(value), REFERENCE)
    return Literal(str(value), str(value.datatype) if value.datatype else None, value.language)


def text_of(value: Literal) -> Node:
    """Return a value of the model as a node of a graph."""
    if value.datatype == REFERENCE:
        return URIRef(value.text)
    return typed(value.text, value.datatype) if value.datatype else Text(value.text, lang=value.language)


def operator_iri(name: str) -> URIRef:
    """Return the IRI of an operator as the model names it."""
    return URIRef(ODRL + name) if name in OPERATORS or ":" not in name else URIRef(name)
