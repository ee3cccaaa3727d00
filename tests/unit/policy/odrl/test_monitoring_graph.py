"""A monitoring report as RDF: the shared report vocabulary for rules, our own for events, steps and violations."""

from __future__ import annotations

from rdflib import RDF, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS

from policy.odrl.evaluating.rdf_writer import REPORT
from policy.odrl.monitoring import monitor
from policy.odrl.monitoring.graph import monitoring_graph
from policy.odrl.vocabulary import CONCORD
from tests.unit.policy.odrl.monitoring_story import agreement, at, did, duty, permission, prohibition

POLICY = agreement(
    permission("print", uid="urn:may", duties=(duty("watermark", uid="urn:first"),)),
    permission("compensate", uid="urn:pay"),
    prohibition("print", uid="urn:not", remedies=(duty("compensate", uid="urn:remedy"),)),
    obligations=(duty("inform", uid="urn:owed"),),
)
LOG = [did("watermark", 0), did("print", 1), did("compensate", 2)]


def written() -> Graph:
    return monitoring_graph(monitor(POLICY, LOG))


def of(graph: Graph, rule: str) -> tuple[URIRef, set[str]]:
    node = graph.value(predicate=REPORT.rule, object=URIRef(rule))
    states = (REPORT.deonticState, REPORT.activationState, REPORT.performanceState)
    return graph.value(node, RDF.type), {str(graph.value(node, state)).rpartition("#")[2] for state in states}  # type: ignore[return-value]


def test_each_rule_has_its_report_with_its_states() -> None:
    graph = written()
    assert of(graph, "urn:may") == (REPORT.PermissionReport, {"NonSet", "Active", "Performed"})
    assert of(graph, "urn:first") == (REPORT.ConditionReport, {"Fulfilled", "Inactive", "Performed"})
    assert of(graph, "urn:not") == (REPORT.ProhibitionReport, {"Compensated", "Active", "Performed"})
    assert of(graph, "urn:remedy") == (REPORT.DutyReport, {"Fulfilled", "Inactive", "Performed"})
    assert of(graph, "urn:owed") == (REPORT.ObligationReport, {"Violated", "Active", "Unperformed"})


def test_duties_and_remedies_are_conditions_of_the_rule_above_them() -> None:
    graph = written()
    above = graph.value(
        predicate=REPORT.conditionReport, object=graph.value(predicate=REPORT.rule, object=URIRef("urn:first"))
    )
    assert graph.value(above, REPORT.rule) == URIRef("urn:may")


def test_the_verdict_and_every_violation_with_its_event_and_rule_are_written() -> None:
    graph = written()
    top = graph.value(predicate=RDF.type, object=REPORT.PolicyReport)
    ours = {
        name: URIRef(CONCORD + name)
        for name in ("verdict", "violation", "event", "rule", "mendedBy", "number", "cause")
    }
    assert graph.value(top, ours["verdict"]) == Literal("invalid")
    found = set()
    for node in graph.objects(top, ours["violation"]):
        event, mended = graph.value(node, ours["event"]), graph.value(node, ours["mendedBy"])
        rule = graph.value(graph.value(node, ours["rule"]), REPORT.rule)
        numbers = [int(str(graph.value(one, ours["number"]))) if one else None for one in (event, mended)]
        found.add((str(graph.value(node, ours["cause"])), str(rule), *numbers))
    assert found == {
        ("not-permitted", "None", 1, None),
        ("prohibited", "urn:not", 2, 3),
        ("end-of-log", "urn:owed", None, None),
    }


def test_the_graph_reads_back_from_turtle() -> None:
    graph = written()
    again = Graph().parse(data=graph.serialize(format="turtle"), format="turtle")
    assert len(again) == len(graph)
    dates = {one.toPython() for one in again.objects(None, DCTERMS.date) if isinstance(one, Literal)}
    assert dates == {at(day) for day in range(3)}
