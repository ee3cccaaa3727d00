"""What is owed now under a policy: each duty's standing by its time and by what is evidenced of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.odrl.model import Literal, Rule
from policy.odrl.monitoring import Fulfilment, Owed, Role, Standing, monitor, owed
from tests.unit.policy.odrl.monitoring_story import agreement, at, did, duty, moment, odrl, permission, term, until

POINTER = "/obligation/0"


def inform(*terms: object, **rest: object) -> Rule:
    return duty("inform", terms=terms, pointer=POINTER, **rest)


def done(day: int, name: str = POINTER) -> Fulfilment:
    return Fulfilment(name, at(day), reference=f"urn:proof-{day}")


def one(rule: Rule, day: int, *evidence: Fulfilment, since: int | None = None) -> Owed:
    found = owed(agreement(obligations=(rule,)), evidence, at(day), since=None if since is None else at(since))
    return found[0]


def test_a_duty_without_a_time_is_due_until_it_is_done() -> None:
    assert one(inform(), 3).standing is Standing.DUE
    found = one(inform(), 3, done(2))
    assert (found.standing, found.since, found.evidence) == (Standing.FULFILLED, at(2), done(2))


def test_a_duty_with_a_time_is_pending_until_its_deadline_and_overdue_from_then_on() -> None:
    assert [one(inform(until(5)), day).standing for day in (4, 5, 6)] == [
        Standing.PENDING,
        Standing.OVERDUE,
        Standing.OVERDUE,
    ]
    assert one(inform(until(5)), 9).since == at(5)
    assert one(inform(until(5)), 4).due == at(5)


def test_a_duty_is_fulfilled_only_in_time() -> None:
    assert one(inform(until(5)), 9, done(4)).standing is Standing.FULFILLED
    assert one(inform(until(5)), 9, done(5)).standing is Standing.VIOLATED
    assert one(inform(until(5)), 9, done(4), done(8)).evidence == done(4)


def test_a_duty_whose_time_has_not_begun_is_inactive() -> None:
    later = inform(term("dateTime", "gteq", moment(5)))
    assert [one(later, day).standing for day in (4, 5)] == [Standing.INACTIVE, Standing.DUE]


def test_a_period_runs_from_the_beginning_of_the_policy_and_without_one_the_duty_is_due_now() -> None:
    within = inform(term("elapsedTime", "lteq", Literal("P10D")))
    assert one(within, 19, since=10).standing is Standing.PENDING
    assert one(within, 21, since=10).standing is Standing.OVERDUE
    assert one(within, 21, done(20), since=10).standing is Standing.FULFILLED
    assert one(within, 21).standing is Standing.DUE


@pytest.mark.parametrize("name", [POINTER, "urn:duty", odrl("inform")])
def test_evidence_names_a_duty_by_its_uid_its_place_or_its_action(name: str) -> None:
    assert one(inform(uid="urn:duty"), 3, done(2, name)).standing is Standing.FULFILLED
    assert one(inform(uid="urn:duty"), 3, done(2, "urn:other")).standing is Standing.DUE


def test_evidence_of_a_later_day_does_not_count_yet() -> None:
    assert one(inform(until(9)), 3, done(4)).standing is Standing.PENDING


MENDED = inform(until(5), consequences=(duty("delete", pointer="/obligation/0/consequence/0"),))
CONSEQUENCE = "/obligation/0/consequence/0"


def test_a_consequence_is_owed_once_its_duty_is_violated_and_both_mend_it() -> None:
    def standings(day: int, *evidence: Fulfilment) -> list[Standing]:
        return [found.standing for found in owed(agreement(obligations=(MENDED,)), evidence, at(day))]

    assert standings(4) == [Standing.PENDING, Standing.INACTIVE]
    assert standings(6) == [Standing.CONSEQUENCE_DUE, Standing.DUE]
    assert standings(6, done(4)) == [Standing.FULFILLED, Standing.INACTIVE]
    assert standings(8, done(7)) == [Standing.CONSEQUENCE_DUE, Standing.DUE]
    assert standings(8, done(7, CONSEQUENCE)) == [Standing.CONSEQUENCE_DUE, Standing.FULFILLED]
    assert standings(8, done(4, CONSEQUENCE), done(7)) == [Standing.CONSEQUENCE_DUE, Standing.DUE]
    assert standings(8, done(6), done(7, CONSEQUENCE)) == [Standing.COMPENSATED, Standing.FULFILLED]


def test_the_duties_of_permissions_are_owed_as_well() -> None:
    policy = agreement(permission("print", duties=(duty("compensate", pointer="/permission/0/duty/0"),)))
    (found,) = owed(policy, (), at(1))
    assert (found.role, found.standing, found.pointer) == (Role.DUTY, Standing.DUE, "/permission/0/duty/0")


DAYS = st.lists(st.integers(0, 12), max_size=4)
SETTLED = {Standing.FULFILLED: True, Standing.COMPENSATED: True, Standing.OVERDUE: False, Standing.VIOLATED: False}


@given(DAYS, DAYS, st.integers(0, 12))
def test_what_is_owed_agrees_with_monitoring_the_same_deeds(informs: list[int], deletes: list[int], today: int) -> None:
    evidence = [*map(done, informs), *(done(day, CONSEQUENCE) for day in deletes)]
    policy = agreement(permission("inform"), permission("delete"), obligations=(MENDED,))
    found = owed(policy, evidence, at(today))[0].standing
    deeds = sorted(
        [("inform", day) for day in informs] + [("delete", day) for day in deletes], key=lambda deed: deed[1]
    )
    report = monitor(policy, [did(name, day) for name, day in deeds if day <= today], until=at(today))
    assert report.valid is SETTLED.get(found, False)


@given(DAYS, st.integers(0, 12), st.integers(0, 12))
def test_a_duty_that_was_fulfilled_in_time_stays_fulfilled(days: list[int], today: int, more: int) -> None:
    if one(inform(until(5)), today, *map(done, days)).standing is Standing.FULFILLED:
        assert one(inform(until(5)), today + more, *map(done, days), done(today + more)).standing is Standing.FULFILLED
