"""Every published policy, whatever set it is of: read, and written back as the same graph and the same model."""

import logging
from pathlib import Path

import pytest
from rdflib import BNode, Graph

from policy.odrl.documents import from_graph, read_document, to_graph, write
from tests.vectors.independent import Fault, difference, graph_of, policy_nodes

VECTORS = Path(__file__).parents[3] / "vectors" / "odrl"
FOLDERS = (
    *("conflict-benchmark/AxisDecomposition/Policies", "conflict-benchmark/TemporalDecomposition/Policies"),
    *("conflict-benchmark/KGConstraints/Policies", "oval/evaluation/valid", "oval/evaluation/invalid"),
    *("oval/validation/valid_ODRL", "oval/validation/valid_compact_ODRL", "oval/validation/invalid_ODRL"),
    *("solidlab-test-suite/policies", "solidlab-test-suite/requests", "w3c-formal-semantics", "duo-odrl"),
)
SUFFIXES = {".ttl", ".jsonld", ".json"}


def files(folder):
    """The policies of a folder, with the graph that each states by rdflib alone."""
    for path in sorted((VECTORS / folder).rglob("*")):
        if path.suffix in SUFFIXES:
            text = path.read_text("utf-8")
            stated = graph_of(text, path.suffix)
            if not isinstance(stated, Fault):
                yield path, text, stated


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_published_policy_is_written_back_the_same(folder):
    found = 0
    for path, text, stated in files(folder):
        document = read_document(text)
        found += len(document.policies)
        assert [policy.uid for policy in document.policies] == policy_nodes(stated), path.name
        assert not difference(to_graph(document), stated), path.name
        for form, suffix in (("turtle", ".ttl"), ("json-ld", ".jsonld")):
            written = write(document, form)
            assert not difference(graph_of(written, suffix), stated), (path.name, form)
            assert read_document(written).policies == document.policies, (path.name, form)
    assert found


@pytest.mark.parametrize("folder", ["duo-odrl", "oval/evaluation/valid", "conflict-benchmark/KGConstraints/Policies"])
def test_neither_the_order_of_statements_nor_the_names_of_blank_nodes_count(folder):
    for path, text, _ in files(folder):
        document = read_document(text)
        turned = from_graph(renamed(to_graph(document)))
        assert turned.policies == document.policies, path.name
        assert list(pointers(turned)) == list(pointers(document)), path.name
        assert write(turned, "turtle") == write(document, "turtle"), path.name


def renamed(graph):
    """The same graph with its statements the other way round and other names for its blank nodes."""
    names = {}
    found = Graph()
    for triple in sorted(graph, reverse=True):
        found.add(tuple(names.setdefault(t, BNode()) if isinstance(t, BNode) else t for t in triple))
    return found


def pointers(document):
    """Where everything of the policies stands, and what."""
    for policy in document.policies:
        for rule in (*policy.permissions, *policy.prohibitions, *policy.obligations):
            yield rule.pointer, rule
            yield from ((term.pointer, term) for term in rule.terms)


def test_values_come_as_they_are_written_and_nothing_is_logged(caplog):
    with caplog.at_level(logging.DEBUG):
        for path, text, _ in files("odre-basic"):
            assert read_document(text).policies, path.name
    assert not caplog.records
