"""The exported description conforms to DCAT-AP 3.0.1 and to HealthDCAT-AP Release 8, non-public."""

import socket
from functools import cache
from pathlib import Path

import pyshacl
import pytest
from rdflib import RDF, SH, Graph, Namespace, URIRef
from rdflib.compare import isomorphic

from catalog.dcat import dataset_graph, export

VECTORS = Path(__file__).parents[2] / "vectors" / "dcat"
DCAT = Namespace("http://www.w3.org/ns/dcat#")
HEALTH = Namespace("http://healthdataportal.eu/ns/health#")
ASK = "https://hospital.example/data/ask"
SETS = {
    "DCAT-AP": ("dcat-ap-3.0.1/shapes.ttl", "dcat-ap-3.0.1/range.ttl"),
    "HealthDCAT-AP": ("healthdcat-ap-r8/non-public-shapes.ttl",),
}


@cache
def shapes(name: str) -> Graph:
    graph = Graph()
    for file in SETS[name]:
        graph.parse(VECTORS / file)
    # The hasStructuredData rule stands in a property shape without a path, which pySHACL refuses: lift it.
    for owner, prop in list(graph.subject_objects(SH.property)):
        rule = graph.value(prop, SH["or"])
        if rule is not None and graph.value(prop, SH.path) is None:
            graph.remove((owner, SH.property, prop))
            graph.add((owner, SH["or"], rule))
    return graph


def violations(data: Graph, name: str) -> list[str]:
    conforms, report, _ = pyshacl.validate(data, shacl_graph=shapes(name), inference="none", do_owl_imports=False)
    found = [
        str(report.value(r, SH.resultPath) or report.value(r, SH.sourceShape))
        for r in report.subjects(RDF.type, SH.ValidationResult)
    ]
    assert conforms == (not found)
    return found


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError("the export must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", SETS)
def test_an_export_conforms(description, name):
    assert violations(dataset_graph(description, ASK), name) == []


@pytest.mark.parametrize("name", SETS)
def test_a_sparse_stream_conforms_too(written, name):
    from catalog.description import read_description

    for optional in ("spatial", "period_start", "period_end", "number_of_people"):
        del written[optional]
    written |= {
        "kind": "stream",
        "categories": ["heart-rate"],
        "health_category": "WELA",
        "contact": {"name": "x", "email": "a@b.example"},
    }
    assert violations(dataset_graph(read_description(written), ASK), name) == []


def test_the_official_example_conforms_to_the_shapes_as_loaded():
    example = Graph().parse(VECTORS / "healthdcat-ap-r8" / "example-healthdcat-dataset.ttl")
    assert violations(example, "HealthDCAT-AP") == []


def test_the_shapes_do_find_what_is_missing(description):
    graph = dataset_graph(description, ASK)
    dataset = URIRef(description.id)
    graph.remove((dataset, DCAT.keyword, None))
    graph.remove((dataset, HEALTH.hasVariables, None))
    assert len(violations(graph, "HealthDCAT-AP")) == 2


def test_without_an_access_body_only_that_is_missing_for_health_dcat(description):
    graph = dataset_graph(description.model_copy(update={"access_body": None}), ASK)
    assert violations(graph, "DCAT-AP") == []
    assert violations(graph, "HealthDCAT-AP") == [str(HEALTH.hdab)]


def test_turtle_and_json_ld_are_the_same_graph(description):
    turtle = Graph().parse(data=export(description, ASK), format="turtle")
    json_ld = Graph().parse(data=export(description, ASK, "json-ld"), format="json-ld")
    assert isomorphic(turtle, json_ld)
    assert isomorphic(turtle, dataset_graph(description, ASK))


def test_the_number_of_people_is_the_band_and_left_out_below_ten(description):
    assert [int(n) for n in dataset_graph(description, ASK).objects(None, HEALTH.numberOfUniqueIndividuals)] == [20]
    few = description.model_copy(update={"number_of_people": 0})
    assert list(dataset_graph(few, ASK).objects(None, HEALTH.numberOfUniqueIndividuals)) == []


def test_the_connectors_own_source_id_is_not_exported(description):
    assert '"ehr"' not in export(description, ASK)
