"""A report as RDF, in the compliance report vocabulary (FORCE) that the Formal Semantics draft and SolidLab share.

The two use it differently. The draft's form: PolicyReport (created, policy, evaluationRequest, sotw, behaviour,
ruleReport), rule reports with constraintReport, conditionReport, actionReport, activationState and controlState or
deonticState. SolidLab's: policyRequest, ruleRequest and one premiseReport for each premise; of an atomic constraint
the operator and right operand are given where it is satisfied only. A report made by the behaviour `solidlab` is
written in SolidLab's form, every other in the draft's. Names of our own (an outcome, an unknown state) are concord:.
"""

from collections.abc import Iterable, Sequence

from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, XSD
from rdflib.term import Node

from policy.odrl.evaluating.behaviours import SOLIDLAB
from policy.odrl.evaluating.rdf_writer import REPORT, ReportWriter
from policy.odrl.evaluating.report import (
    Activation,
    Control,
    DutyReport,
    EntityReport,
    PolicyReport,
    RuleReport,
    TermReport,
)
from policy.odrl.evaluating.state import Deontic, Performance
from policy.odrl.evaluating.truth import Satisfaction
from policy.odrl.model import REFERENCE, Constraint, Kind, Logical, Rule
from policy.odrl.model import Literal as Value
from policy.odrl.vocabulary import CONCORD, ODRL, OPERATORS

_OURS = Namespace(CONCORD)

_SATISFACTION = {
    Satisfaction.SATISFIED: REPORT.Satisfied,
    Satisfaction.UNSATISFIED: REPORT.Unsatisfied,
    Satisfaction.UNKNOWN: _OURS.Unknown,
}
_ACTIVATION = {
    Activation.ACTIVE: REPORT.Active,
    Activation.INACTIVE: REPORT.Inactive,
    Activation.UNKNOWN: _OURS.Unknown,
}
_CONTROL = {Control.PERMIT: REPORT.Permit, Control.DENY: REPORT.Deny, Control.UNKNOWN: _OURS.Unknown}
_DEONTIC = {
    Deontic.NOT_SET: REPORT.NonSet,
    Deontic.FULFILLED: REPORT.Fulfilled,
    Deontic.VIOLATED: REPORT.Violated,
}
_PERFORMANCE = {
    Performance.PERFORMED: REPORT.Performed,
    Performance.UNPERFORMED: REPORT.Unperformed,
    Performance.UNKNOWN: REPORT.Unknown,
}
_RULES = {
    Kind.PERMISSION: REPORT.PermissionReport,
    Kind.PROHIBITION: REPORT.ProhibitionReport,
    Kind.DUTY: REPORT.ObligationReport,
}


def report_graph(report: PolicyReport) -> Graph:
    """Return the report as RDF; its own nodes are blank."""
    writer: _SolidLab | _Draft = _SolidLab() if report.behaviour == SOLIDLAB.name else _Draft()
    writer.policy(report)
    return writer.graph


class _Writer(ReportWriter):
    """What both forms share: the head of the report and of a rule's."""

    def opened(self, report: PolicyReport, request: URIRef) -> BNode:
        node = self.node(REPORT.PolicyReport)
        self.say(node, REPORT.policy, named(report.policy))
        self.say(node, request, named(report.request))
        if report.created is not None:
            self.say(node, DCTERMS.created, Literal(report.created.isoformat(), datatype=XSD.dateTime))
        return node

    def rule_node(self, one: RuleReport) -> BNode:
        node = self.node(_RULES[one.rule.kind])
        self.say(node, REPORT.attemptState, REPORT.Attempted)
        self.say(node, REPORT.rule, rule_name(one.rule))
        self.say(node, REPORT.activationState, _ACTIVATION[one.activation])
        return node


class _SolidLab(_Writer):
    def policy(self, report: PolicyReport) -> None:
        node = self.opened(report, REPORT.policyRequest)
        for one in report.rules:
            self.say(node, REPORT.ruleReport, self.rule(one, report.request_rule))

    def rule(self, one: RuleReport, request_rule: str) -> BNode:
        node = self.rule_node(one)
        self.say(node, REPORT.ruleRequest, named(request_rule))
        for kind, premise in ((REPORT.TargetReport, one.target), (REPORT.PartyReport, one.party)):
            self.premise(node, kind, premise.satisfaction if premise else None)
        self.premise(node, REPORT.ActionReport, one.action.satisfaction if one.action else None)
        for term in one.constraints:
            self.say(node, REPORT.premiseReport, self.term(term))
        self.say(node, REPORT.conditionReport, *[self.duty(duty) for duty in one.conditions])
        return node

    def premise(self, rule: Node, kind: Node, found: Satisfaction | None) -> None:
        if found is not None:
            node = self.node(kind)
            self.say(rule, REPORT.premiseReport, node)
            self.say(node, REPORT.satisfactionState, _SATISFACTION[found])

    def term(self, one: TermReport) -> BNode:
        node = self.node(REPORT.ConstraintReport)
        self.say(node, REPORT.constraint, named(one.term.node))
        self.say(node, REPORT.satisfactionState, _SATISFACTION[one.satisfaction])
        if isinstance(one.term, Logical):
            self.say(node, REPORT.constraintLogicalOperand, operator(one.term.operator))
            self.say(node, REPORT.premiseReport, *[self.term(part) for part in one.parts])
            return node
        self.say(node, REPORT.constraintLeftOperand, *(values(one.left) or [Literal("")]))
        if one.satisfaction is Satisfaction.SATISFIED:
            self.say(node, REPORT.constraintOperator, operator(one.term.operator))
            self.say(node, REPORT.constraintRightOperand, *values(one.right))
        return node

    def duty(self, one: DutyReport) -> Node:
        """The earlier report of a duty if there is one, as the suite points at it, else what is seen here."""
        if one.known is not None and one.known.report:
            return named(one.known.report) or BNode()
        node = self.node(REPORT.DutyReport)
        self.say(node, REPORT.rule, rule_name(one.rule))
        self.say(node, REPORT.attemptState, REPORT.Attempted)
        self.say(node, REPORT.performanceState, _PERFORMANCE[one.performance])
        self.say(node, REPORT.deonticState, _DEONTIC[one.deontic])
        return node


class _Draft(_Writer):
    def policy(self, report: PolicyReport) -> None:
        node = self.opened(report, REPORT.evaluationRequest)
        self.say(node, REPORT.sotw, named(report.state))
        self.say(node, REPORT.behaviour, Literal(report.behaviour))
        self.say(node, _OURS.outcome, Literal(report.outcome.value))
        self.say(node, REPORT.ruleReport, *[self.rule(one) for one in report.rules])
        self.say(node, REPORT.conditionReport, *[self.duty(duty) for duty in report.duties])
        self.say(node, _OURS.unknown, *[Literal(one) for one in report.unknown])
        self.say(node, _OURS.obligation, *[Literal(one) for one in report.obligations])
        for cause in report.because:
            told = self.node(_OURS.Reason)
            self.say(node, _OURS.because, told)
            self.say(told, _OURS.code, Literal(cause.code))
            self.say(told, DCTERMS.description, Literal(cause.text, lang="en"))
        if report.valid_until is not None:
            self.say(node, DCTERMS.valid, Literal(report.valid_until.isoformat(), datatype=XSD.dateTime))

    def rule(self, one: RuleReport) -> BNode:
        node = self.rule_node(one)
        self.say(node, REPORT.controlState, None if one.control is None else _CONTROL[one.control])
        self.say(node, REPORT.deonticState, None if one.deontic is None else _DEONTIC[one.deontic])
        self.say(node, REPORT.constraintReport, *[self.term(term, REPORT.ConstraintReport) for term in one.constraints])
        self.say(node, REPORT.conditionReport, *[self.duty(duty) for duty in one.conditions])
        self.say(node, REPORT.actionReport, self.action(one))
        return node

    def action(self, one: RuleReport) -> BNode:
        """The class of doings the rule is about: type, target, party and refinements, each by itself."""
        node = self.node(REPORT.ActionReport)
        if one.action is not None:
            self.say(node, REPORT.ruleAction, *[named(found.node) or named(found.iri) for found in one.action.actions])
            self.say(node, REPORT.evaluatedAction, named(one.action.asked))
            self.say(node, REPORT.typeReport, self.state(REPORT.TypeReport, one.action.satisfaction))
            self.refinements(node, one.action.refinements)
        for predicate, kind, entity in (
            (REPORT.targetReport, REPORT.TargetReport, one.target),
            (REPORT.partyReport, REPORT.PartyReport, one.party),
        ):
            if entity is not None:
                self.say(node, predicate, self.entity(kind, entity))
        return node

    def entity(self, kind: Node, one: EntityReport) -> BNode:
        node = self.state(kind, one.satisfaction)
        self.refinements(node, one.refinements)
        return node

    def refinements(self, node: Node, terms: Iterable[TermReport]) -> None:
        self.say(node, REPORT.refinementReport, *[self.term(term, REPORT.ConstraintReport) for term in terms])

    def state(self, kind: Node, found: Satisfaction) -> BNode:
        node = self.node(kind)
        self.say(node, REPORT.satisfactionState, _SATISFACTION[found])
        return node

    def term(self, one: TermReport, kind: Node) -> BNode:
        node = self.state(kind, one.satisfaction)
        self.say(node, REPORT.constraint, named(one.term.node))
        if isinstance(one.term, Constraint):
            self.say(node, REPORT.constraintLeftOperand, *values(one.left))
            self.say(node, REPORT.constraintOperator, operator(one.term.operator))
            self.say(node, REPORT.constraintRightOperand, *values(one.right))
        else:
            self.say(node, REPORT.constraintLogicalOperand, operator(one.term.operator))
            self.say(node, REPORT.constraintReport, *[self.term(part, kind) for part in one.parts])
        return node

    def duty(self, one: DutyReport) -> BNode:
        node = self.node(REPORT.ConditionReport)
        self.say(node, REPORT.condition, rule_name(one.rule))
        self.say(node, REPORT.activationState, _ACTIVATION[one.activation])
        self.say(node, REPORT.deonticState, _DEONTIC[one.deontic])
        self.say(node, REPORT.constraintReport, *[self.term(term, REPORT.ConstraintReport) for term in one.constraints])
        for action in one.rule.actions:
            done = self.node(REPORT.ActionReport)
            self.say(node, REPORT.actionReport, done)
            self.say(done, REPORT.action, named(action.node) or named(action.iri))
            self.say(done, REPORT.performanceState, _PERFORMANCE[one.performance])
        return node


def named(name: str | None) -> Node | None:
    """The node of a name: an IRI, a blank one (``_:label``), None for no name."""
    if not name:
        return None
    return BNode(f"p{name[2:]}") if name.startswith("_:") else URIRef(name)


def rule_name(rule: Rule) -> Node | None:
    """The node of a rule: its IRI if it has one."""
    return named(rule.uid or rule.node)


def operator(name: str) -> URIRef:
    """The IRI of an operator, which the model keeps bare where it is one of ODRL's own."""
    return URIRef(ODRL + name) if name in OPERATORS or ":" not in name else URIRef(name)


def values(literals: Sequence[Value]) -> list[Node]:
    """Values as RDF terms."""
    return [_term(one) for one in literals]


def _term(one: Value) -> Node:
    if one.datatype == REFERENCE:
        return named(one.text) or Literal("")
    if one.language:
        return Literal(one.text, lang=one.language)
    return Literal(one.text, datatype=URIRef(one.datatype) if one.datatype else None)
