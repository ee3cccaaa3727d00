"""A monitoring report as RDF, in the compliance report vocabulary (FORCE) of `policy.odrl.evaluating.rdf_report`.

A PolicyReport has a rule report for each rule, with its deonticState, its activationState (a duty that is owed is
active) and whether it was performed; duties, remedies and consequences are the conditionReport of the rule above them.
Verdict, events, steps and violations are concord:, since the Formal Semantics draft names none of them.
"""

from rdflib import Graph, Literal, Namespace
from rdflib.namespace import DCTERMS, XSD
from rdflib.term import Node

from policy.odrl.evaluating.rdf_report import named
from policy.odrl.evaluating.rdf_writer import REPORT, ReportWriter
from policy.odrl.monitoring.lives import Life, Role, Step
from policy.odrl.monitoring.report import Doubt, Judged, MonitoringReport, RuleLife, Violation, shown
from policy.odrl.vocabulary import CONCORD

_OURS = Namespace(CONCORD)
_KINDS = {
    Role.PERMISSION: REPORT.PermissionReport,
    Role.PROHIBITION: REPORT.ProhibitionReport,
    Role.OBLIGATION: REPORT.ObligationReport,
    Role.DUTY: REPORT.ConditionReport,
    Role.REMEDY: REPORT.DutyReport,
    Role.CONSEQUENCE: REPORT.DutyReport,
}
_DEONTIC = {
    Life.FULFILLED: REPORT.Fulfilled,
    Life.VIOLATED: REPORT.Violated,
    Life.COMPENSATED: _OURS.Compensated,
}
_DUTIES = frozenset({Role.OBLIGATION, Role.DUTY, Role.REMEDY, Role.CONSEQUENCE})


def monitoring_graph(report: MonitoringReport) -> Graph:
    """Return the report as RDF; its own nodes are blank."""
    return _Writer(report).graph


class _Writer(ReportWriter):
    def __init__(self, report: MonitoringReport) -> None:
        super().__init__()
        self.top = self.node(REPORT.PolicyReport)
        self.rules = [self.node(_KINDS[one.role]) for one in report.rules]
        self.events = [self.node(_OURS.Event) for _ in report.events]
        self.head(report)
        for rule in report.rules:
            self.rule(rule)
        for event in report.events:
            self.event(event)
        for violation in report.violations:
            self.violation(violation)
        for doubt in report.doubts:
            self.doubt(doubt)

    def event_node(self, number: int | None) -> Node | None:
        return None if number is None else self.events[number - 1]

    def rule_node(self, number: int | None) -> Node | None:
        return None if number is None else self.rules[number]

    def head(self, report: MonitoringReport) -> None:
        self.say(self.top, REPORT.policy, named(report.policy))
        self.say(self.top, REPORT.behaviour, Literal(report.behaviour))
        self.say(self.top, _OURS.verdict, Literal(report.verdict.value))
        self.say(self.top, _OURS.until, _time(shown(report.until)))

    def rule(self, one: RuleLife) -> None:
        node = self.rules[one.number]
        above = self.rule_node(one.above)
        self.say(above or self.top, REPORT.conditionReport if above else REPORT.ruleReport, node)
        self.say(node, REPORT.rule, named(one.uid or one.node))
        self.say(node, _OURS.role, Literal(one.role.value))
        self.say(node, REPORT.deonticState, _DEONTIC.get(one.life, REPORT.NonSet))
        self.say(node, REPORT.activationState, _active(one))
        self.say(node, REPORT.performanceState, _performed(one))
        self.say(node, _OURS.matched, Literal(one.matched))
        self.say(node, _OURS.due, _time(shown(one.due)))
        for number, step in enumerate(one.steps):
            self.step(node, number, step)

    def step(self, rule: Node, number: int, one: Step) -> None:
        node = self.node(_OURS.Step)
        self.say(rule, _OURS.step, node)
        self.say(node, _OURS.number, Literal(number))
        self.say(node, _OURS.state, Literal(one.life.value))
        self.say(node, _OURS.cause, Literal(one.cause.value))
        self.say(node, DCTERMS.date, _time(shown(one.at)))
        self.say(node, _OURS.event, self.event_node(one.event))

    def event(self, one: Judged) -> None:
        node = self.events[one.number - 1]
        self.say(self.top, _OURS.event, node)
        self.say(node, _OURS.number, Literal(one.number))
        self.say(node, DCTERMS.identifier, Literal(one.uid) if one.uid else None)
        self.say(node, DCTERMS.date, _time(shown(one.at)))
        self.say(node, _OURS.answer, Literal(one.answer.value))
        self.say(node, _OURS.permittedBy, *map(self.rule_node, one.permitted_by))
        self.say(node, _OURS.prohibitedBy, *map(self.rule_node, one.prohibited_by))

    def violation(self, one: Violation) -> None:
        node = self.node(_OURS.Violation)
        self.say(self.top, _OURS.violation, node)
        self.say(node, _OURS.cause, Literal(one.cause.value))
        self.say(node, DCTERMS.date, _time(shown(one.at)))
        self.say(node, _OURS.event, self.event_node(one.event))
        self.say(node, _OURS.rule, self.rule_node(one.rule))
        self.say(node, _OURS.mendedBy, self.event_node(one.mended))

    def doubt(self, one: Doubt) -> None:
        node = self.node(_OURS.Doubt)
        self.say(self.top, _OURS.doubt, node)
        self.say(node, _OURS.cause, Literal(one.cause.value))
        self.say(node, _OURS.event, self.event_node(one.event))
        self.say(node, _OURS.rule, self.rule_node(one.rule))
        self.say(node, _OURS.place, Literal(one.place) if one.place else None)


def _time(text: str | None) -> Node | None:
    return None if text is None else Literal(text, datatype=XSD.dateTime)


def _active(one: RuleLife) -> Node:
    """A permission or prohibition that an event was of was active; a duty is while it is owed."""
    if one.role in _DUTIES:
        return REPORT.Active if one.life in {Life.ACTIVE, Life.VIOLATED} else REPORT.Inactive
    return REPORT.Active if one.matched else REPORT.Inactive


def _performed(one: RuleLife) -> Node:
    if one.matched:
        return REPORT.Performed
    return REPORT.Unknown if one.doubted else REPORT.Unperformed
