"""A graph of reports being made: its nodes, and what is said of them (FORCE compliance report vocabulary)."""

from rdflib import RDF, BNode, Graph, Namespace, URIRef
from rdflib.term import Node

from policy.odrl.vocabulary import CONCORD, ODRL

REPORT = Namespace("https://w3id.org/force/compliance-report#")


class ReportWriter:
    """Makes blank nodes in order, so that the same report is always the same text."""

    def __init__(self) -> None:
        self.graph = Graph()
        for prefix, iri in (("report", REPORT), ("odrl", ODRL), ("concord", CONCORD)):
            self.graph.bind(prefix, iri)
        self.made = 0

    def node(self, kind: Node) -> BNode:
        """Return a new node of this kind."""
        self.made += 1
        node = BNode(f"r{self.made}")
        self.graph.add((node, RDF.type, kind))
        return node

    def say(self, subject: Node, predicate: URIRef, *values: Node | None) -> None:
        """State each value that there is."""
        for value in values:
            if value is not None:
                self.graph.add((subject, predicate, value))
