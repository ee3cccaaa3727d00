"""Is an offer compatible with a request (and with a consent)? Yes with a witness, no with what clashes, or unknown.

Compatible: there is something that both sides, taken as they are written, allow. That a request stays *within* an offer
is more, and asked by itself (`beyond`, `stays_within`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from policy.odrl import vocabulary as v
from policy.odrl.atomic import atomic
from policy.odrl.compatibility import wording
from policy.odrl.compatibility.claims import (
    DEFAULT,
    Assumptions,
    Claim,
    Side,
    Silence,
    of_facts,
    of_prohibitions,
    of_rule,
    sheet_of,
    spoken,
)
from policy.odrl.compatibility.clashing import clashes
from policy.odrl.compatibility.formulas import joined
from policy.odrl.compatibility.owing import with_duties
from policy.odrl.compatibility.results import Clash, Comparison, Verdict, Witness
from policy.odrl.compatibility.searching import Budget, Found, Goal, search
from policy.odrl.compatibility.sets.axes import literal
from policy.odrl.compatibility.sheets import Sheet
from policy.odrl.evaluating.truth import Truth
from policy.odrl.model import XSD, Literal, Policy, Rule

MAX_TOGETHER = 100_000
"""How many steps a comparison may take, over all pairs of permissions; each value that is compared is one."""


def compare(
    offer: Policy, request: Policy, *, claims: Iterable[Claim] = (), assumptions: Assumptions = DEFAULT
) -> Comparison:
    """Compare two policies; `claims` are those of further sides (`consents.claims`).

    Raises :class:`PolicyError` if a policy is too large to be brought into its atomic form. What takes longer than
    :data:`MAX_TOGETHER` steps is unknown.
    """
    further = (*claims, *of_facts(assumptions.facts))
    mine, theirs, whole = atomic(offer), atomic(request), Budget(MAX_TOGETHER)
    asked = [_best(mine, theirs, rule, further, assumptions, whole) for rule in theirs.permissions]
    if not asked:
        return Comparison(Verdict.UNKNOWN, unknowns=("The request asks for nothing",))
    found = _together(asked)
    found = with_duties(found, mine, theirs, assumptions, whole)
    unread = [wording.not_understood(side, one) for side, one in ((Side.OFFER, offer), (Side.REQUEST, request))]
    gaps = tuple(one for one in unread if one)
    return replace(found, verdict=Verdict.UNKNOWN, unknowns=(*gaps, *found.unknowns)) if gaps else found


def _best(
    offer: Policy, request: Policy, asked: Rule, further: tuple[Claim, ...], assumptions: Assumptions, whole: Budget
) -> Comparison:
    """What the offer's permissions make of one that is asked for: the kindest answer, and of noes the nearest."""
    found: list[Comparison] = []
    for rule in offer.permissions:
        if not whole.spend():
            found.append(Comparison(Verdict.UNKNOWN, unknowns=(wording.too_involved(),)))
            break
        found.append(_pair(offer, request, (rule, asked), further, assumptions, whole))
        if found[-1].verdict is Verdict.COMPATIBLE and not found[-1].beyond:
            return found[-1]
    if not found:
        return Comparison(Verdict.CONFLICT, clashes=(Clash((), wording.nothing_offered()),))
    return min(found, key=lambda one: (_KINDNESS.index(one.verdict), len(one.clashes), len(one.beyond)))


_KINDNESS = (Verdict.COMPATIBLE, Verdict.UNKNOWN, Verdict.CONFLICT)


def _together(asked: Sequence[Comparison]) -> Comparison:
    """All that is asked for must be possible."""
    return Comparison(
        max((one.verdict for one in asked), key=_KINDNESS.index),
        tuple(dict.fromkeys(value for one in asked for value in one.witness)),
        tuple(dict.fromkeys(clash for one in asked for clash in one.clashes)),
        tuple(dict.fromkeys(words for one in asked for words in one.unknowns)),
        tuple(dict.fromkeys(words for one in asked for words in one.beyond)),
    )


# --- one permission against one ---------------------------------------------------------------------------------------


def _pair(
    offer: Policy,
    request: Policy,
    rules: tuple[Rule, Rule],
    further: tuple[Claim, ...],
    assumptions: Assumptions,
    whole: Budget,
) -> Comparison:
    offered, asked = rules
    action = _action(offered.action, asked.action)
    if action is False:
        return Comparison(Verdict.CONFLICT, clashes=(Clash((), wording.other_action(offered.action, asked.action)),))
    claims = [*of_rule(Side.OFFER, offered), *of_rule(Side.REQUEST, asked), *further]
    joint = asked.action if action and v.includes(offered.action, asked.action) else offered.action
    claims += [*of_prohibitions(Side.OFFER, offer, joint), *of_prohibitions(Side.REQUEST, request, joint)]
    whole.spend(len(offer.prohibitions) + len(request.prohibitions))
    found = _weighed(claims, assumptions, whole)
    if action is None and found.verdict is not Verdict.CONFLICT:
        gap = wording.unrelated_actions(offered.action, asked.action)
        return replace(found, verdict=Verdict.UNKNOWN, witness=(), unknowns=(gap, *found.unknowns))
    wide = v.includes(asked.action, offered.action) and offered.action != asked.action
    return replace(found, beyond=(wording.wider_action(offered.action), *found.beyond)) if wide else found


def _action(offered: str, asked: str) -> Truth:
    """Whether something is both of one action and of the other, None if one of them has no place we know."""
    if v.includes(offered, asked) or v.includes(asked, offered):
        return True if offered else None
    return False if v.action(offered) and v.action(asked) else None


def _weighed(claims: list[Claim], assumptions: Assumptions, whole: Budget) -> Comparison:
    sheet = sheet_of(claims, assumptions)
    whole.spend(sheet.size)
    goals = [joined_goal(sheet, claims), *(one.goal(sheet) for one in claims if one.denied)]
    found = search(sheet, goals, Budget(whole=whole))
    if found.holds is False:
        return Comparison(Verdict.CONFLICT, clashes=_worded(clashes(sheet, claims, whole)))
    gaps = _silent(sheet, claims, assumptions)
    beyond = _beyond(sheet, claims, whole)
    if found.holds is None:
        return Comparison(Verdict.UNKNOWN, unknowns=(*gaps, *_open(sheet, claims, found, whole)), beyond=beyond)
    if gaps:
        return Comparison(Verdict.UNKNOWN, unknowns=gaps, beyond=beyond)
    return Comparison(Verdict.COMPATIBLE, witness=_witness(sheet, found), beyond=beyond)


def joined_goal(sheet: Sheet, claims: Iterable[Claim]) -> Goal:
    """All claims but the prohibitions as one goal, so that sets on one axis are joined before anything is tried."""
    return Goal(joined("and", [one.formula(sheet) for one in claims if not one.denied]))


def _worded(found: Iterable[tuple[Claim, ...]]) -> tuple[Clash, ...]:
    return tuple(Clash(some, wording.clash(some)) for some in found)


# --- what is not said, and what nobody can tell -----------------------------------------------------------------------


def _silent(sheet: Sheet, claims: list[Claim], assumptions: Assumptions) -> tuple[str, ...]:
    """What one of the two policies limits and the other leaves open."""
    said = {side: spoken(claims, sheet, side) for side in Side}
    only_offer = said[Side.OFFER] - said[Side.REQUEST] - said[Side.FACTS]
    only_request = said[Side.REQUEST] - said[Side.OFFER] - said[Side.FACTS]
    open_ones = _unexcused(sheet, only_offer, only_request)
    if assumptions.silence is Silence.REQUEST:
        open_ones &= only_offer
    elif not said[Side.OFFER] and not said[Side.REQUEST]:
        return (wording.nothing_stated(),)
    return tuple(
        wording.silent(Side.REQUEST if name in only_offer else Side.OFFER, sheet.variables[name].left)
        for name in sorted(open_ones)
        if name in sheet.variables
    )


def _unexcused(sheet: Sheet, offered: frozenset[str], asked: frozenset[str]) -> frozenset[str]:
    """Those of which no chain says how they stand to one that only the other side speaks of."""
    excused: set[str] = set()
    for chain in sheet.chains:
        parts, total = set(chain.parts), chain.total
        if (parts <= offered and total in asked) or (parts <= asked and total in offered):
            excused |= {*parts, total}
    return (offered | asked) - excused


def _open(sheet: Sheet, claims: list[Claim], found: Found, whole: Budget) -> tuple[str, ...]:
    """Why nobody can tell: each variable of which it is not known whether the claims about it can hold together."""
    if found.spent:
        return (wording.too_involved(),)
    words, budget = [], Budget(whole=whole)
    for name, variable in sheet.variables.items():
        if not budget.spend(1 + len(claims) // 10):
            break
        about = [one for one in claims if name in one.variables(sheet)]
        if budget.left > 0 and search(sheet, (one.goal(sheet) for one in about), budget).holds is None:
            words.append(wording.open_relation(variable.left, [one for one in about if one.side is not Side.FACTS]))
    return tuple(dict.fromkeys(words)) or (wording.undecided(),)


def _beyond(sheet: Sheet, claims: list[Claim], whole: Budget) -> tuple[str, ...]:
    """The offer's limits that do not follow from what the request says."""
    asked = [one for one in claims if one.side is Side.REQUEST]
    stated, all_asked, budget = {one.terms for one in asked}, joined_goal(sheet, asked), Budget(whole=whole)
    return tuple(
        wording.not_kept(one, [other for other in asked if other.variables(sheet) & one.variables(sheet)])
        for one in claims
        if one.side is Side.OFFER and one.counts and one.terms not in stated
        and not _follows(sheet, all_asked, one, budget)
    )  # fmt: skip


def _follows(sheet: Sheet, asked: Goal, limit: Claim, budget: Budget) -> bool:
    return search(sheet, [asked, limit.goal(sheet)._replace(wanted=False)], budget).holds is False


def _witness(sheet: Sheet, found: Found) -> tuple[Witness, ...]:
    values = [(name, literal(at, axis)) for name, at in found.places.items() if (axis := sheet.variables[name].axis)]
    values += [(name, sheet.variables[name].literals.get(text) or Literal(text)) for name, text in found.named.items()]
    values += [(name, Literal(f"PT{one.period}S", f"{XSD}duration")) for name, one in found.recurrences.items()]
    return tuple(_one(sheet, name, value) for name, value in sorted(values, key=lambda pair: pair[0]))


def _one(sheet: Sheet, name: str, value: Literal) -> Witness:
    left = sheet.variables[name].left
    scope = name.partition(" ")[0] if name.endswith(f" {left}") else ""
    return Witness(left, value, wording.value_words(left, value), scope)
