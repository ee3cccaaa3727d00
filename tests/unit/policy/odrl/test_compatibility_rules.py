"""Rules against rules: actions, assets, prohibitions, duties; what is not understood; and the bounds of the work."""

from __future__ import annotations

import random
from dataclasses import replace
from time import process_time

import pytest

from policy.odrl import vocabulary as v
from policy.odrl.compatibility import Assumptions, Silence, Verdict, compare, satisfiable
from policy.odrl.compatibility.searching import MAX_STEPS
from policy.odrl.model import XSD, Action, Constraint, Entity, Kind, Literal, Logical, Policy, Rule, Term
from tests.unit.policy.odrl.compatible_worlds import HEIGHT, WIDTH, joined, limit, use

EITHER = Assumptions(silence=Silence.EITHER)
USE, COUNT = f"{v.ODRL}use", f"{v.ODRL}count"


def policy(*rules: Rule, conflict: str | None = None) -> Policy:
    """A policy of these rules."""
    kinds = {kind: tuple(rule for rule in rules if rule.kind is kind) for kind in Kind}
    return Policy(
        uid="urn:p", kind="Set", permissions=kinds[Kind.PERMISSION], prohibitions=kinds[Kind.PROHIBITION],
        obligations=kinds[Kind.DUTY], conflict=conflict,
    )  # fmt: skip


def permit(action: str, *terms: Term, target: str = "", duties: tuple[Rule, ...] = ()) -> Rule:
    """A permission."""
    targets = (Entity(target),) if target else ()
    return Rule(kind=Kind.PERMISSION, actions=(Action(action),), terms=terms, targets=targets, duties=duties)


def forbid(action: str, *terms: Term, target: str = "") -> Rule:
    """A prohibition."""
    return replace(permit(action, *terms, target=target), kind=Kind.PROHIBITION)


def owe(action: str, *terms: Term) -> Rule:
    """A duty."""
    return replace(permit(action, *terms), kind=Kind.DUTY)


@pytest.mark.parametrize(
    ("offered", "asked", "expected"),
    [
        (v.USE, v.RELEASE, "compatible"),
        (v.RELEASE, v.USE, "compatible"),
        (v.RELEASE, v.ANALYSE, "conflict"),
        (v.USE, f"{v.ODRL}sell", "conflict"),
        (v.USE, "urn:unheard-of", "unknown"),
    ],
)
def test_permissions_meet_where_one_action_includes_the_other(offered: str, asked: str, expected: str) -> None:
    found = compare(policy(permit(offered)), policy(permit(asked)))
    assert found.verdict.value == expected
    wider = offered != asked and v.includes(asked, offered)
    assert bool(found.beyond) is wider


def test_everything_that_is_asked_for_must_be_on_offer_somewhere() -> None:
    offer = policy(permit(v.RELEASE, limit(WIDTH, "lteq", 2)), permit(v.ANALYSE))
    assert compare(offer, policy(permit(v.ANALYSE))).verdict is Verdict.COMPATIBLE
    both = policy(permit(v.ANALYSE), permit(v.RELEASE, limit(WIDTH, "gteq", 3)))
    found = compare(offer, both)
    assert found.verdict is Verdict.CONFLICT
    assert found.clashes[0].words == "The offer asks for width: at most 2; the request asks for width: at least 3"
    assert compare(policy(), both).clashes[0].words == "The offer allows nothing"
    assert compare(offer, policy()).verdict is Verdict.UNKNOWN


def test_a_prohibition_of_either_side_forbids_what_the_other_permits() -> None:
    plain, never = policy(permit(v.RELEASE)), policy(permit(v.USE), forbid(v.RELEASE))
    assert compare(never, plain).verdict is Verdict.CONFLICT
    assert compare(plain, policy(permit(v.RELEASE), forbid(v.USE))).verdict is Verdict.CONFLICT
    assert compare(never, policy(permit(v.ANALYSE))).verdict is Verdict.COMPATIBLE
    words = compare(never, plain).clashes[0].words
    assert words == "The offer: records must not be sent"


def test_a_prohibition_under_conditions_leaves_the_rest() -> None:
    offer = policy(permit(v.USE), forbid(v.USE, limit(WIDTH, "gteq", 10)))
    low, high = (policy(permit(v.USE, limit(WIDTH, operator, 10))) for operator in ("lt", "gteq"))
    assert compare(offer, low).verdict is Verdict.COMPATIBLE
    assert compare(offer, high).verdict is Verdict.CONFLICT
    assert float(compare(offer, policy(permit(v.USE, limit(WIDTH, "gteq", 5)))).witness[0].value.text) < 10


def test_where_permissions_win_a_policys_own_prohibition_takes_nothing_from_them() -> None:
    offer = policy(permit(v.USE), forbid(v.USE), conflict="perm")
    assert compare(offer, policy(permit(v.USE))).verdict is Verdict.COMPATIBLE
    assert satisfiable(offer) is True
    assert satisfiable(replace(offer, conflict="prohibit")) is False


def test_another_asset_or_assignee_is_no_match_and_a_collection_may_be() -> None:
    mine, other = policy(permit(v.USE, target="urn:a")), policy(permit(v.USE, target="urn:b"))
    assert compare(mine, mine).verdict is Verdict.COMPATIBLE
    assert compare(mine, other).verdict is Verdict.CONFLICT
    assert "dataset" in compare(mine, other).clashes[0].words
    collection = Rule(kind=Kind.PERMISSION, actions=(Action(v.USE),), targets=(Entity("urn:all", collection=True),))
    assert compare(policy(collection), mine).verdict is Verdict.UNKNOWN
    assert compare(policy(collection), policy(collection)).verdict is Verdict.COMPATIBLE
    assert compare(policy(permit(v.USE), forbid(v.USE, target="urn:b")), mine).verdict is Verdict.COMPATIBLE


def test_refinements_limit_too_and_are_not_the_rules_own_conditions() -> None:
    fine = Rule(kind=Kind.PERMISSION, actions=(Action(v.USE, (limit(WIDTH, "lteq", 2),)),))
    coarse = Rule(kind=Kind.PERMISSION, actions=(Action(v.USE, (limit(WIDTH, "gteq", 3),)),))
    assert compare(policy(fine), policy(coarse)).verdict is Verdict.CONFLICT
    assert compare(policy(fine), policy(permit(v.USE, limit(WIDTH, "gteq", 3)))).verdict is Verdict.UNKNOWN
    assert compare(policy(fine), policy(fine)).witness[0].scope == f"{v.ODRL}Action"


def test_what_one_side_obliges_to_the_other_must_not_forbid() -> None:
    inform = f"{v.ODRL}inform"
    offer = policy(permit(v.USE, duties=(owe(inform),)))
    found = compare(offer, policy(permit(v.USE), forbid(inform)))
    assert found.verdict is Verdict.CONFLICT
    assert found.clashes[0].words == "The offer asks for the duty “inform”; the request forbids it"
    some = forbid(inform, limit(WIDTH, "gteq", 10))
    assert compare(policy(permit(v.USE), owe(inform, limit(WIDTH, "gteq", 11))), policy(permit(v.USE), some)).clashes
    assert compare(policy(permit(v.USE), owe(inform, limit(WIDTH, "lt", 10))), policy(permit(v.USE), some)).verdict is (
        Verdict.COMPATIBLE
    )


def test_a_policy_that_is_not_wholly_understood_is_never_compatible_nor_in_conflict() -> None:
    unread = use(limit(WIDTH, "lteq", 2), unknown=("/permission/0/constraint/1: urn:odd",))
    for other in (use(limit(WIDTH, "lteq", 2)), use(limit(WIDTH, "gt", 2))):
        found = compare(unread, other)
        assert found.verdict is Verdict.UNKNOWN
        assert found.unknowns[0] == "The offer holds a term that we do not understand"
    reference = Constraint(WIDTH, "lteq", (Literal("urn:elsewhere"),), by_reference=True)
    assert compare(use(reference), use(limit(WIDTH, "lteq", 2))).verdict is Verdict.UNKNOWN
    assert compare(use(limit(WIDTH, "urn:odd", 2)), use(limit(WIDTH, "lteq", 2))).verdict is Verdict.UNKNOWN


def test_silence_leaves_open_what_the_offer_limits_and_by_choice_what_the_request_does() -> None:
    limited, free = use(limit(WIDTH, "lteq", 2)), use()
    found = compare(limited, free)
    assert found.verdict is Verdict.UNKNOWN
    assert found.unknowns == ("The offer limits width; the request says nothing about it",)
    assert compare(free, limited).verdict is Verdict.COMPATIBLE
    assert compare(free, limited, assumptions=EITHER).verdict is Verdict.UNKNOWN
    assert compare(free, free, assumptions=EITHER).unknowns == ("Neither side limits anything",)
    # A conflict elsewhere is one all the same.
    assert compare(use(limit(WIDTH, "lteq", 2), limit(HEIGHT, "lteq", 1)), use(limit(WIDTH, "gt", 2))).verdict is (
        Verdict.CONFLICT
    )


def test_what_a_request_asks_beyond_the_offer_is_said_though_both_can_be_kept() -> None:
    def until(day: str) -> Policy:
        return use(limit(v.DATE_TIME, "lteq", Literal(day, f"{XSD}date")))

    found = compare(until("2027-12-31"), until("2028-03-01"))
    assert found.verdict is Verdict.COMPATIBLE
    assert found.beyond == ("The offer ends 31 December 2027; the request runs until 1 March 2028",)
    assert compare(until("2028-03-01"), until("2027-12-31")).beyond == ()


def test_what_is_already_so_limits_both() -> None:
    facts = Assumptions(facts={WIDTH: Literal("9", f"{XSD}decimal")})
    found = compare(use(limit(WIDTH, "lteq", 10)), use(limit(WIDTH, "lteq", 8)), assumptions=facts)
    assert found.verdict is Verdict.CONFLICT
    assert (
        found.clashes[0].words == "The request asks for width: at most 8; what is already so asks for width: exactly 9"
    )


def test_a_side_that_contradicts_itself_is_named_alone() -> None:
    found = compare(use(limit(WIDTH, "lt", 1), limit(WIDTH, "gt", 2)), use(limit(WIDTH, "eq", 5)))
    assert [len(one.claims) for one in found.clashes] == [2]
    assert found.clashes[0].words.startswith("The offer contradicts itself: ")


def test_a_clash_of_three_is_found_where_no_two_clash() -> None:
    either = joined("or", limit(WIDTH, "lt", 1), limit(HEIGHT, "lt", 1))
    found = compare(use(either), use(limit(WIDTH, "gteq", 1), limit(HEIGHT, "gteq", 1), limit("urn:z", "eq", 0)))
    assert found.verdict is Verdict.CONFLICT
    assert [len(one.claims) for one in found.clashes] == [3]


# --- bounded work -----------------------------------------------------------------------------------------------------


def _told(mine: Policy, theirs: Policy) -> Verdict:
    return compare(mine, theirs, assumptions=EITHER).verdict


def test_a_choice_of_thousands_on_one_operand_is_one_set() -> None:
    days = [limit(WIDTH, "eq", number) for number in range(3_000)]
    assert _told(use(joined("or", *days)), use(limit(WIDTH, "eq", 2_999))) is Verdict.COMPATIBLE
    assert _told(use(joined("or", *days)), use(limit(WIDTH, "eq", 3_000))) is Verdict.CONFLICT
    assert _told(use(joined("xone", *days, *days)), use(limit(WIDTH, "eq", 7))) is Verdict.CONFLICT
    names = [limit(v.RECIPIENT, "eq", Literal(f"urn:{number}")) for number in range(3_000)]
    assert _told(use(joined("or", *names)), use(limit(v.RECIPIENT, "eq", Literal("urn:7")))) is Verdict.COMPATIBLE


def test_terms_made_to_be_hard_end_in_unknown_within_bounds() -> None:
    chance = random.Random(7)
    names = [f"urn:{number}" for number in range(60)]

    def clause() -> Logical:
        three = chance.sample(names, 3)
        return joined("or", *(limit(one, chance.choice(["lt", "gteq"]), 1) for one in three))

    hard = [clause() for _ in range(258)]
    assert _told(use(*hard[:129]), use(*hard[129:])) in set(Verdict)
    wide = [joined("xone", *(limit(one, "lt", 1) for one in chance.sample(names, 30))) for _ in range(40)]
    assert _told(use(*wide[:20]), use(*wide[20:])) in set(Verdict)
    assert MAX_STEPS <= 50_000


def test_deep_nesting_and_very_many_terms_end_within_bounds() -> None:
    deep: Term = limit(WIDTH, "lt", 1)
    for level in range(300):
        deep = Logical("or" if level % 2 else "xone", (deep, limit(HEIGHT, "lt", level)))
    assert _told(use(deep), use(limit(WIDTH, "gteq", 1))) in set(Verdict)
    many = [limit(f"urn:{number}", "lteq", 1) for number in range(4_000)]
    assert _told(use(*many), use(*many)) is Verdict.COMPATIBLE
    against = [limit(f"urn:{number}", "gt", 1) for number in range(4_000)]
    assert _told(use(*many), use(*against)) is Verdict.CONFLICT
    kinds = [limit(v.PURPOSE, "isA", Literal(f"urn:{number}")) for number in range(2_000)]
    assert _told(use(*kinds), use(*kinds)) in set(Verdict)


def many(count: int, operator: str, *, forbidden: str) -> Policy:
    """A policy of as many permissions and prohibitions, each about something else."""
    return policy(
        *(permit(USE, limit(COUNT, operator, one), target=f"urn:t{one}") for one in range(count)),
        *(forbid(forbidden, limit(f"urn:left{one}", "eq", Literal("a"))) for one in range(count)),
    )


@pytest.mark.parametrize("forbidden", [f"{v.ODRL}print", USE])
def test_very_many_rules_are_too_involved_and_say_so_soon(forbidden: str) -> None:
    started = process_time()
    found = compare(many(300, "gt", forbidden=forbidden), many(300, "lt", forbidden=forbidden))
    assert process_time() - started < 10
    assert found.verdict is not Verdict.COMPATIBLE
    assert "The terms are too involved to be compared" in found.unknowns


def test_very_many_duties_and_prohibitions_are_too_involved_and_say_so_soon() -> None:
    duty = Rule(kind=Kind.DUTY, actions=(Action(f"{v.ODRL}inform"),))
    both = policy(
        *(permit(USE, target="urn:t", duties=(duty,)) for _ in range(1_000)),
        *(forbid(f"{v.ODRL}inform", target=f"urn:s{one}") for one in range(1_000)),
    )
    started = process_time()
    found = compare(both, both)
    assert process_time() - started < 10
    assert found.verdict is Verdict.UNKNOWN
    assert found.unknowns.count("The terms are too involved to be compared") == 1


def test_a_comparison_of_many_rules_that_is_within_the_bound_is_made() -> None:
    both = policy(*(permit(USE, limit(COUNT, "lt", one + 1), target=f"urn:t{one}") for one in range(30)))
    assert compare(both, both).verdict is Verdict.COMPATIBLE


def test_a_purpose_that_takes_in_a_forbidden_one_is_no_witness():
    forbidden = forbid(USE, Constraint(v.PURPOSE, "isA", (Literal("https://w3id.org/dpv#CommercialResearch"),)))
    found = compare(policy(permit(USE)), policy(permit(USE), forbidden))
    assert (found.verdict, found.witness) == (Verdict.UNKNOWN, ())
