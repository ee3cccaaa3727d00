"""Writing a document in one of three forms."""

from typing import Literal as Choice

from policy.odrl.documents.document import Document
from policy.odrl.documents.emitting import to_graph
from policy.odrl.documents.jsonld_out import json_ld
from policy.odrl.documents.turtle_out import turtle
from policy.odrl.documents.wire_out import wire
from policy.odrl.model import PolicyError


def write(document: Document, form: Choice["turtle", "json-ld", "wire"]) -> str:
    """Return a document as text that :func:`read_document` reads as the same document.

    In the wire form that is the one policy alone, without labels and notes. Raises :class:`PolicyError` naming what
    the form cannot carry, and for a document with keys that stood for nothing: without them it would say more.
    """
    if document.unread:
        raise PolicyError("stands for nothing and cannot be written", document.unread[0])
    if form == "wire":
        return wire(document)
    graph = to_graph(document)
    return turtle(graph) if form == "turtle" else json_ld(graph)
