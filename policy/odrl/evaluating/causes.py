"""Why an outcome is what it is, as reasons of the house: the nearest rule that could have permitted, and its misses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from policy.decision import Outcome
from policy.odrl import vocabulary as v
from policy.odrl.evaluating.compiling import Compiled
from policy.odrl.evaluating.report import DutyReport, RuleReport, TermReport
from policy.odrl.evaluating.request import Request
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.truth import Satisfaction
from policy.odrl.model import Constraint
from policy.purposes import unstated
from policy.reasons import POLICY, Reason, reason

SATISFIED, UNSATISFIED, UNKNOWN = Satisfaction.SATISFIED, Satisfaction.UNSATISFIED, Satisfaction.UNKNOWN


class Told(NamedTuple):
    """The causes of an outcome, what was not known or not understood, and the duties that go with a permit."""

    because: tuple[Reason, ...]
    unknown: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()


def told(
    compiled: Compiled,
    outcome: Outcome,
    prohibitions: Sequence[RuleReport],
    permissions: Sequence[RuleReport],
    request: Request,
    state: State,
) -> Told:
    """Return the causes of an outcome, as far as the reports of the rules show them."""
    if compiled.fixed is not None:
        return _unheard(compiled)
    if outcome is Outcome.PERMIT:
        return _permitted(compiled, permissions, request, state)
    firing = [one for one in prohibitions if one.satisfaction is SATISFIED]
    unsure = [one for one in prohibitions if one.satisfaction is UNKNOWN]
    if firing or unsure:
        named = firing or unsure
        because = tuple(reason("prohibited", one.rule.pointer) for one in named)
        return Told(because, tuple(name for one in unsure for name in _unknowns(one)) if not firing else ())
    if any(one.satisfaction is SATISFIED for one in permissions):
        return Told(tuple(_undone(compiled, request, state)))
    return _missed(outcome, permissions)


def _unheard(compiled: Compiled) -> Told:
    if compiled.policy.kind == "Offer" and not compiled.behaviour.offers:
        return Told((reason("not-a-contract"),))
    if compiled.void is not None:
        return Told((Reason("policy-void", f"The contract is void: {compiled.void}.", POLICY),))
    place = compiled.unknown[0].partition(": ")[0]
    return Told((reason("policy-not-understood", place),), compiled.unknown)


def _permitted(compiled: Compiled, permissions: Sequence[RuleReport], request: Request, state: State) -> Told:
    met = [one for one in permissions if one.satisfaction is SATISFIED]
    because = tuple([reason("contract-permits", one.rule.pointer) for one in met])
    owed = [duty for rule in compiled.matching(request.action).permissions for duty in rule.duties]
    if not owed and not compiled.duties:
        return Told(because)
    owed = [duty for duty in owed if any(report.rule is duty.rule for one in met for report in one.conditions)]
    keys = {
        duty.key
        for duty in (*owed, *compiled.duties)
        if duty.active(request, state) is not False and duty.performed(request, state) is not True
    }
    return Told(because, (), tuple(sorted(keys)))


def _undone(compiled: Compiled, request: Request, state: State) -> Iterator[Reason]:
    for duty in compiled.duties:
        if duty.allows(request, state) is not True:
            yield reason("duty-without-executor", duty.rule.pointer, f"({duty.key})")


def _missed(outcome: Outcome, permissions: Sequence[RuleReport]) -> Told:
    """The misses of the nearest permission of the action, else of the nearest at all, else that there is none."""
    about = [one for one in permissions if one.action is None or one.action.satisfaction is SATISFIED]
    if not about or (outcome is Outcome.NOT_APPLICABLE and not permissions):
        return Told((reason("action-not-permitted"),))
    # One that fails for want of knowledge alone is nearer than one that certainly fails.
    wanted = UNKNOWN if outcome is Outcome.INDETERMINATE else UNSATISFIED
    candidates = [one for one in about if one.satisfaction is wanted] or about
    nearest = min(candidates, key=_distance)
    return Told(tuple(misses(nearest)), tuple(dict.fromkeys(_unknowns(nearest))))


def _distance(one: RuleReport) -> tuple[int, list[tuple[str, str]], list[str]]:
    """How far a rule is from applying; of two as far by what they miss and do not know, since rules have no order."""
    found = list(misses(one))
    unknown = sorted(name.partition(": ")[2] for name in _unknowns(one))
    return len(found), sorted((miss.code, miss.text) for miss in found), unknown


def misses(one: RuleReport) -> Iterator[Reason]:
    """A reason for each premise of a rule that is not satisfied."""
    if not one.whole:
        yield Reason("rule-incomplete", "A rule does not say of what action and asset it is.", POLICY, one.rule.pointer)
    if one.action is not None:
        if one.action.satisfaction is not SATISFIED:
            yield reason("action-not-permitted", one.rule.pointer)
        yield from (term_cause(term) for term in one.action.refinements if term.satisfaction is not SATISFIED)
    if one.target is not None and one.target.satisfaction is not SATISFIED:
        yield reason("other-dataset", f"{one.rule.pointer}/target")
    if one.party is not None and one.party.satisfaction is not SATISFIED:
        yield reason("other-recipient", f"{one.rule.pointer}/assignee")
    yield from (term_cause(term) for term in one.constraints if term.satisfaction is not SATISFIED)
    for duty in one.conditions:
        if not _settled(duty):
            yield Reason("duty-open", f"A duty is to be done first ({_named(duty)}).", POLICY, duty.rule.pointer)


def _settled(duty: DutyReport) -> bool:
    return duty.deontic.value == "fulfilled" or duty.activation.value == "inactive"


def _named(duty: DutyReport) -> str:
    return v.DUTIES.get(duty.rule.action, duty.rule.action)


def _unknowns(one: RuleReport) -> Iterator[str]:
    terms = list(one.constraints)
    terms += one.action.refinements if one.action is not None else ()
    for key, report in (("target", one.target), ("assignee", one.party)):
        if report is not None:
            terms += report.refinements
            if report.satisfaction is UNKNOWN and not report.refinements:
                names = " or ".join(sorted(entity.iri for entity in report.entities))
                yield f"{one.rule.pointer}/{key}: {report.asked or 'what is asked for'}, of {names}"
    for term in terms:
        if term.satisfaction is UNKNOWN:
            yield from _unknown_values(term)


def _unknown_values(term: TermReport) -> Iterator[str]:
    """The left operands without a value, and the terms that have one and still cannot be decided."""
    if term.parts:
        for part in term.parts:
            if part.satisfaction is UNKNOWN:
                yield from _unknown_values(part)
    elif isinstance(term.term, Constraint):
        missing = _unstated(term) if term.term.left == v.PURPOSE and term.left else ()
        named = missing or (term.term.left if not term.left else term_cause(term).text,)
        yield from (f"{term.term.pointer}: {one}" for one in named)


def _unstated(term: TermReport) -> tuple[str, ...]:
    """The statements about purposes that nobody has made, as sentences."""
    return unstated([one.text for one in term.right], [one.text for one in term.left])


# --- what a term that is not met is called ----------------------------------------------------------------------------

_CODES = {
    f"{v.CONCORD}jurisdiction": "recipient-not-allowed",
    f"{v.CONCORD}hosting": "recipient-not-allowed",
    f"{v.CONCORD}transferGround": "recipient-not-allowed",
    f"{v.ODRL}spatial": "recipient-not-allowed",
    v.RECIPIENT: "recipient-not-allowed",
    v.DATASET: "other-dataset",
    v.CONSENT: "consent-not-checked",
    v.STUDY: "other-study",
    v.STUDY_DIGEST: "other-study",
    v.STUDY_APPROVAL: "study-not-approved",
    v.PROFILE: "profile-not-agreed",
    v.SELECTION: "selection-not-agreed",
}
_TIMES = {
    "lt": "contract-ended",
    "lteq": "contract-ended",
    "gt": "contract-not-started",
    "gteq": "contract-not-started",
}


# What is not known where a left operand has no value, to be read after "It is not known".
_MISSING = {
    v.DATE_TIME: "what time it is",
    v.RECIPIENT: "who the recipient is",
    v.DATASET: "which dataset is asked for",
    v.CONSENT: "whether each person is asked for their consent",
    v.STUDY: "which study this is for",
    v.STUDY_DIGEST: "which version of the study this is for",
    v.STUDY_APPROVAL: "whether the study is approved",
    v.PROFILE: "how identities would be removed",
    v.SELECTION: "which selection of data is asked for",
}


def term_cause(term: TermReport) -> Reason:
    """The reason for one term that is not satisfied."""
    stated = term.term
    if not isinstance(stated, Constraint):
        return reason("terms-not-met", stated.pointer)
    if stated.left == v.PURPOSE:
        return reason(_purpose_code(term), stated.pointer)
    if term.satisfaction is UNKNOWN and not term.left:
        missing = _MISSING.get(stated.left, f"what {v.local(stated.left)} is")
        return Reason("fact-missing", f"It is not known {missing}.", POLICY, stated.pointer)
    if term.satisfaction is UNKNOWN:
        text = f"What is known of {v.local(stated.left)} does not compare with what the terms say."
        return Reason("not-comparable", text, POLICY, stated.pointer)
    found = code(stated)
    return _said(stated) if found == "terms-not-met" else reason(found, stated.pointer)


def _said(stated: Constraint) -> Reason:
    """The reason that says what a term asks for; its values in one order, however they were written."""
    from policy.odrl.term_words import term_words  # here, since words stand on the evaluator

    values = tuple(sorted(stated.right, key=lambda one: (one.text, one.datatype or "", one.language or "")))
    words = term_words(replace(stated, right=values))
    return Reason("terms-not-met", f"This is not so: {words[:1].lower()}{words[1:]}.", POLICY, stated.pointer)


def code(stated: Constraint) -> str:
    """The code of the reason for a constraint that is certainly not met; not that of a purpose."""
    if stated.left == v.DATE_TIME:
        return _TIMES.get(stated.operator, "outside-contract-time")
    return _CODES.get(stated.left, "terms-not-met")


def _purpose_code(term: TermReport) -> str:
    if not term.left:
        return "purpose-missing"
    return "purpose-not-offered" if term.satisfaction is UNSATISFIED else "purpose-unknown-relation"
