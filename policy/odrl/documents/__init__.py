"""ODRL documents: any policy in Turtle, N-Triples, JSON-LD or plain JSON, read into values and written back."""

from policy.odrl.documents.document import Document
from policy.odrl.documents.emitting import to_graph
from policy.odrl.documents.graphs import from_graph
from policy.odrl.documents.ordering import ordered
from policy.odrl.documents.texts import read_document
from policy.odrl.documents.writing import write

__all__ = ["Document", "from_graph", "ordered", "read_document", "to_graph", "write"]
