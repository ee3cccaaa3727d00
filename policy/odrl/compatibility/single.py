"""One policy by itself, and one set of terms within another."""

from collections.abc import Iterable

from policy.odrl.atomic import atomic
from policy.odrl.compatibility.claims import (
    DEFAULT,
    Assumptions,
    Side,
    of_facts,
    of_prohibitions,
    of_rule,
    opened,
    sheet_of,
)
from policy.odrl.compatibility.formulas import joined
from policy.odrl.compatibility.searching import Goal, search
from policy.odrl.compatibility.sheets import Scoped, Sheet
from policy.odrl.evaluating.truth import Truth
from policy.odrl.model import Policy, Term


def satisfiable(policy: Policy, *, assumptions: Assumptions = DEFAULT) -> Truth:
    """Whether something meets one of the policy's permissions; None if nobody can tell or it permits nothing."""
    answers: list[Truth] = []
    for rule in atomic(policy).permissions:
        claims = [*of_rule(Side.OFFER, rule), *of_prohibitions(Side.OFFER, policy, rule.action)]
        claims += of_facts(assumptions.facts)
        sheet = sheet_of(claims, assumptions)
        answers.append(search(sheet, [one.goal(sheet) for one in claims]).holds)
    if policy.unknown or not answers:
        return None
    return True if True in answers else None if None in answers else False


def stays_within(narrow: Iterable[Term], wide: Iterable[Term], *, assumptions: Assumptions = DEFAULT) -> Truth:
    """Whether all that meets the first terms meets the second; None if nobody can tell."""
    inner, outer = ([Scoped(term) for term in opened(terms)] for terms in (narrow, wide))
    sheet = Sheet((*inner, *outer), assumptions.known, assumptions.anchors)
    mine = joined("and", [sheet.formula(one) for one in inner])
    theirs = joined("and", [sheet.formula(one, holds=False) for one in outer])
    found = search(sheet, [Goal(mine), Goal(theirs, wanted=False)])
    return None if found.holds is None else not found.holds
