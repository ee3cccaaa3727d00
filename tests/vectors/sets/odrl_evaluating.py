"""ODRL evaluation: the SolidLab test suite and the worked cases of the W3C Formal Semantics draft.

Both are compared with the RDF report that we make. Where a file contradicts itself the comparison says how it is read:

- SolidLab: some expected reports point at premises that the file does not describe (and describe others that nothing
  points at). So the descriptions are compared as a whole, and pointers are followed where they lead somewhere. A
  condition report is a report of the state of the world; where that is about a duty of another policy (cases around
  policy cc4995de), only that there is one is compared.
- W3C: reports name some constraints and conditions and leave others unnamed: an unnamed one must be among ours. A
  condition whose activation is called Satisfied is active. Of two files of one state the first that can be read counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from rdflib import RDF, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from policy.odrl.documents import from_graph, read_document
from policy.odrl.evaluating import SOLIDLAB, W3C, PolicyReport, State, compile_policy
from policy.odrl.evaluating.asking import read_request
from policy.odrl.evaluating.rdf_report import report_graph
from policy.odrl.evaluating.statements import local
from policy.odrl.evaluating.world import read_state
from policy.odrl.model import PolicyError
from tests.vectors.scoring import Case

REPORT = Namespace("https://w3id.org/force/compliance-report#")
EX = Namespace("http://example.org/")

# --- SolidLab ---------------------------------------------------------------------------------------------------------


def solidlab(root: Path) -> Iterator[Case]:
    """Each test case file of the suite."""
    folder = root / "odrl" / "solidlab-test-suite"
    for file in sorted((folder / "test_cases").glob("*.ttl")):
        yield Case(file.stem, lambda file=file: _solidlab(folder, file))


def _solidlab(folder: Path, file: Path) -> None:
    case = _graph(file)
    test = case.value(None, RDF.type, EX.TestCase)
    policy, request, sotw = (
        _graph(_where(folder / place, str(case.value(test, EX[name]))))
        for place, name in (("policies", "policy"), ("requests", "request"), ("sotw", "sotw"))
    )
    read = from_graph(policy).policy(str(case.value(test, EX.policy)))
    report = compile_policy(read, SOLIDLAB).report(read_request(request), read_state(sotw))
    ours = report_graph(report)
    expected = case.value(test, EX.expectedReport)
    _same("rule reports", _rules(case, expected), _rules(ours, ours.value(None, RDF.type, REPORT.PolicyReport)))
    _same("premises", _premises(case), _premises(ours))
    _same("nesting", _nesting(case), {key: under for key, under in _nesting(ours).items() if key in _nesting(case)})
    _conditions(case, sotw, report)


def _where(folder: Path, iri: str) -> Path:
    return _index(folder)[iri]


@cache
def _index(folder: Path) -> dict[str, Path]:
    """Which file describes what, by its subjects."""
    return {str(one): file for file in sorted(folder.glob("*.ttl")) for one in set(_graph(file).subjects())}


@cache
def _graph(file: Path) -> Graph:
    return Graph().parse(file, format="turtle")


def _rules(graph: Graph, report: Node | None) -> list[tuple[object, ...]]:
    """Of each rule report: what it is about, its states, and how many premises and conditions it points at."""
    found = [str(graph.value(report, REPORT.policy)), str(graph.value(report, REPORT.policyRequest))]
    rules = [
        (
            *(str(graph.value(rule, one)) for one in (RDF.type, REPORT.rule, REPORT.ruleRequest)),
            *(str(graph.value(rule, one)) for one in (REPORT.attemptState, REPORT.activationState)),
            len(set(graph.objects(rule, REPORT.premiseReport))),
            len(set(graph.objects(rule, REPORT.conditionReport))),
        )
        for rule in graph.objects(report, REPORT.ruleReport)
    ]
    return [*found, *sorted(rules, key=str)]


_KINDS = (REPORT.TargetReport, REPORT.PartyReport, REPORT.ActionReport, REPORT.ConstraintReport)


def _premises(graph: Graph) -> Counter[tuple[object, ...]]:
    return Counter(
        (
            local(str(kind)),
            str(graph.value(one, REPORT.constraint)),
            str(graph.value(one, REPORT.satisfactionState)),
            _values(graph, one, REPORT.constraintLeftOperand),
            _values(graph, one, REPORT.constraintOperator),
            _values(graph, one, REPORT.constraintRightOperand),
            _values(graph, one, REPORT.constraintLogicalOperand),
            len(set(graph.objects(one, REPORT.premiseReport))),
        )
        for kind in _KINDS
        for one in graph.subjects(RDF.type, kind)
    )


def _values(graph: Graph, one: Node, predicate: URIRef) -> frozenset[object]:
    return frozenset(
        value.value if isinstance(value, Literal) and value.value is not None else str(value)
        for value in graph.objects(one, predicate)
    )


def _nesting(graph: Graph) -> dict[str, set[str]]:
    """The constraints under each logical one, where all of the premises it points at are described."""
    found: dict[str, set[str]] = {}
    for one in graph.subjects(RDF.type, REPORT.ConstraintReport):
        under = [graph.value(part, REPORT.constraint) for part in graph.objects(one, REPORT.premiseReport)]
        if under and None not in under:
            found[str(graph.value(one, REPORT.constraint))] = {str(part) for part in under}
    return found


def _conditions(case: Graph, sotw: Graph, report: PolicyReport) -> None:
    ours = {duty.rule.uid: duty for rule in report.rules for duty in rule.conditions}
    for known in case.objects(None, REPORT.conditionReport):
        duty = ours.get(str(sotw.value(known, REPORT.rule)))
        if duty is not None:
            expected = [_state(sotw.value(known, one)) for one in (REPORT.performanceState, REPORT.deonticState)]
            _same("condition", expected, [_state(duty.performance.value), _state(duty.deontic.value)])
            _same("condition report", str(known), duty.known.report if duty.known else "")


# --- W3C --------------------------------------------------------------------------------------------------------------


def w3c(root: Path) -> Iterator[Case]:
    """Each folder with a compliance report; its policy may lie further up."""
    base = root / "odrl" / "w3c-formal-semantics"
    for file in sorted(base.rglob("compliancereport*.json")):
        yield Case(str(file.parent.relative_to(base)), lambda file=file: _w3c(base, file))


def _w3c(base: Path, file: Path) -> None:
    expected = json.loads(file.read_text("utf-8"))
    (policy,) = read_document(_near(base, file.parent, "policy*").read_bytes()).policies
    request = read_request(_near(base, file.parent, "evaluationrequest*").read_bytes())
    report = compile_policy(policy, W3C).report(request, _w3c_state(file.parent))
    ours = _ours(report_graph(report))
    _same("policy", str(_named(expected, "policy")), report.policy)
    for one in _reports(expected):
        kind = local(one["@type"]).lower()
        wanted = {key: _wanted(key, value) for key, value in _short(one).items() if key in _STATES}
        subject = _named(one, "rule", "constraint", "condition", "action")
        found = [states for found_kind, about, states in ours if found_kind == kind and subject in {about, None}]
        assert any(wanted.items() <= states.items() for states in found), (
            f"{kind} {subject}: expected {wanted}, came {found}"
        )


_STATES = {"activationState", "controlState", "deonticState", "satisfactionState", "performanceState"}


def _near(base: Path, folder: Path, pattern: str) -> Path:
    while True:
        found = sorted(folder.glob(f"{pattern}.json")) + sorted(folder.glob(f"{pattern}.ttl"))
        if found:
            return found[0]
        assert folder != base, f"no {pattern}"
        folder = folder.parent


def _w3c_state(folder: Path) -> State:
    files = sorted(folder.glob("state*.json")) + sorted(folder.glob("state*.ttl"))
    for file in files:
        try:
            return read_state(file.read_bytes())
        except PolicyError:
            continue
    assert not files, "no state can be read"
    return State()


def _reports(expected: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every typed report under the compliance report."""
    for value in expected.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and str(one.get("@type")).lower().endswith("report"):
                yield one
                yield from _reports(one)


def _wanted(key: str, value: object) -> str:
    name = _state(value)
    return _ACTIVE.get(name, name) if key == "activationState" else name


def _short(one: dict[str, Any]) -> dict[str, Any]:
    return {local(key): value for key, value in one.items()}


def _named(one: dict[str, Any], *keys: str) -> str | None:
    given = _short(one)
    value = next((given[key] for key in keys if key in given), None)
    return value["@id"] if isinstance(value, dict) else value


_KIND_NAMES = {
    "PermissionReport": "rulereport",
    "ProhibitionReport": "rulereport",
    "ObligationReport": "rulereport",
}


def _ours(graph: Graph) -> list[tuple[str, str, dict[str, str]]]:
    """Every report of ours: its kind, what it is about, and its states."""
    found = []
    for one, kind in graph.subject_objects(RDF.type):
        about = next((graph.value(one, REPORT[key]) for key in _ABOUT if graph.value(one, REPORT[key])), None)
        states = {key: _state(graph.value(one, REPORT[key])) for key in _STATES if graph.value(one, REPORT[key])}
        name = local(str(kind))
        found.append((_KIND_NAMES.get(name, name.lower()), str(about), states))
    return found


_ABOUT = ("rule", "constraint", "condition", "action")
# An activation that is called by the satisfaction of the constraints it follows from.
_ACTIVE = {"satisfied": "active", "unsatisfied": "inactive"}
# One state under several names.
_SAME = {"notset": "nonset", "notsatisfied": "unsatisfied", "notperformed": "unperformed"}


def _state(value: object) -> str:
    name = local(str(value)).lower().replace("-", "")
    return _SAME.get(name, name)


def _same(what: str, expected: object, came: object) -> None:
    assert expected == came, f"{what}: expected {expected}, came {came}"


SETS = {"odrl/solidlab": solidlab, "odrl/w3c": w3c}
