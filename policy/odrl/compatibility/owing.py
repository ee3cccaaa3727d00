"""Duties against prohibitions: what one side obliges to, the other must not forbid."""

from collections.abc import Iterator
from dataclasses import replace

from policy.odrl import vocabulary as v
from policy.odrl.compatibility import wording
from policy.odrl.compatibility.claims import Assumptions, Side, of_prohibition, of_rule, sheet_of
from policy.odrl.compatibility.results import Clash, Comparison, Verdict
from policy.odrl.compatibility.searching import Budget, search
from policy.odrl.model import Policy, Rule


def with_duties(
    found: Comparison, offer: Policy, request: Policy, assumptions: Assumptions, whole: Budget
) -> Comparison:
    """Add what one side obliges to and the other forbids; that nobody can tell where the budget does not suffice."""
    for side, owing, forbidding in ((Side.OFFER, offer, request), (Side.REQUEST, request, offer)):
        for duty in _owed(owing):
            for rule in forbidding.prohibitions:
                if not whole.spend():
                    return _open(found, wording.too_involved())
                if v.includes(rule.action, duty.action):
                    found = _owed_and_forbidden(found, side, duty, rule, assumptions, whole)
    return found


def _owed(policy: Policy) -> Iterator[Rule]:
    yield from policy.obligations
    for rule in policy.permissions:
        yield from rule.duties


def _owed_and_forbidden(
    found: Comparison, side: Side, duty: Rule, rule: Rule, assumptions: Assumptions, whole: Budget
) -> Comparison:
    other = Side.REQUEST if side is Side.OFFER else Side.OFFER
    claims = [*of_rule(side, duty), of_prohibition(other, rule)]
    sheet = sheet_of(claims, assumptions)
    # What has been found so far is copied with each finding.
    whole.spend(sheet.size + len(found.unknowns) + len(found.clashes))
    answer = search(sheet, [one.goal(sheet) for one in claims], Budget(whole=whole)).holds
    if answer is True:
        return found
    words = wording.owed_and_forbidden(side, duty)
    if answer is False:
        clash = Clash((of_prohibition(other, rule),), words)
        return replace(found, verdict=Verdict.CONFLICT, witness=(), clashes=(clash, *found.clashes))
    return _open(found, words)


def _open(found: Comparison, words: str) -> Comparison:
    verdict = found.verdict if found.verdict is Verdict.CONFLICT else Verdict.UNKNOWN
    return replace(found, verdict=verdict, witness=(), unknowns=tuple(dict.fromkeys((words, *found.unknowns))))
