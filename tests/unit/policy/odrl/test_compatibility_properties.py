"""Compatibility against brute force: what the algebra says holds in every world there is to tell apart."""

from __future__ import annotations

from hypothesis import assume, given, settings

from policy.odrl.compatibility import Assumptions, Comparison, Silence, Verdict, compare, satisfiable, stays_within
from policy.odrl.model import Term
from tests.unit.policy.odrl.compatible_worlds import grid, limit, meets, nested, terms, use

EITHER = Assumptions(silence=Silence.EITHER)


def compared(mine: list[Term], theirs: list[Term]) -> Comparison:
    """Two policies of one permission each, with every operand of one side named at the other too."""
    return compare(use(*mine), use(*theirs))


def possible(*found: Term) -> bool:
    """Whether a world meets all of them."""
    return any(meets(found, world) for world in grid(found))


@settings(deadline=None)
@given(terms, terms)
def test_conflict_exactly_where_no_world_meets_both(mine: list[Term], theirs: list[Term]) -> None:
    verdict = compared(mine, theirs).verdict
    assert (verdict is Verdict.CONFLICT) is not possible(*mine, *theirs)


@settings(deadline=None)
@given(terms, terms)
def test_a_witness_meets_every_term_of_both_sides(mine: list[Term], theirs: list[Term]) -> None:
    found = compared(mine, theirs)
    assume(found.verdict is Verdict.COMPATIBLE)
    world = {one.left: one.value for one in found.witness}
    assert meets([*mine, *theirs], world) is True or _undecided_elsewhere([*mine, *theirs], world)


def _undecided_elsewhere(found: list[Term], world: dict) -> bool:
    """A branch not taken may speak of an operand the witness need not name: then any value of it will do."""
    full = [one | world for one in grid(found)]
    return all(meets(found, one) is True for one in full)


@settings(deadline=None)
@given(terms, terms)
def test_the_verdict_is_the_same_from_both_sides(mine: list[Term], theirs: list[Term]) -> None:
    there = compare(use(*mine), use(*theirs), assumptions=EITHER)
    back = compare(use(*theirs), use(*mine), assumptions=EITHER)
    assert there.verdict is back.verdict
    assert sorted(len(one.claims) for one in there.clashes) == sorted(len(one.claims) for one in back.clashes)


@settings(deadline=None)
@given(terms, terms, nested)
def test_a_further_limit_never_turns_conflict_into_anything_else(
    mine: list[Term], theirs: list[Term], more: Term
) -> None:
    assume(compared(mine, theirs).verdict is Verdict.CONFLICT)
    assert compared([*mine, more], theirs).verdict is Verdict.CONFLICT
    assert compared(mine, [*theirs, more]).verdict is Verdict.CONFLICT


@settings(deadline=None)
@given(terms)
def test_a_policy_is_compatible_with_itself_exactly_if_something_meets_it(mine: list[Term]) -> None:
    assert satisfiable(use(*mine)) is possible(*mine)
    assert (compared(mine, mine).verdict is Verdict.COMPATIBLE) is possible(*mine)
    assert compared(mine, mine).beyond == ()


@settings(deadline=None)
@given(terms, terms)
def test_one_lies_within_another_exactly_if_every_world_that_meets_it_meets_the_other(
    narrow: list[Term], wide: list[Term]
) -> None:
    worlds = list(grid([*narrow, *wide]))
    within = all(meets(wide, one) is True for one in worlds if meets(narrow, one) is True)
    assert stays_within(narrow, wide) is within


@settings(deadline=None)
@given(terms, terms)
def test_each_clash_cannot_hold_and_needs_every_one_of_its_claims(mine: list[Term], theirs: list[Term]) -> None:
    found = compared(mine, theirs)
    assume(found.verdict is Verdict.CONFLICT)
    assert found.clashes
    for clash in found.clashes:
        listed = [scoped.term for claim in clash.claims for scoped in claim.terms]
        assert not possible(*listed)
        for left_out in range(len(listed)):
            rest = listed[:left_out] + listed[left_out + 1 :]
            assert not rest or possible(*rest)


@settings(deadline=None)
@given(terms, terms)
def test_what_one_side_leaves_open_is_never_called_compatible_where_silence_counts(
    mine: list[Term], theirs: list[Term]
) -> None:
    found = compare(use(*mine), use(*theirs, limit("urn:test:depth", "lteq", 3)), assumptions=EITHER)
    assert found.verdict is not Verdict.COMPATIBLE
