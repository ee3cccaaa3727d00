"""The life of permissions, prohibitions, duties, remedies, consequences and obligations over a log of events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policy.canonical import canonical
from policy.odrl.evaluating.behaviours import BEHAVIOURS, CONCORD, OVAL, W3C
from policy.odrl.evaluating.request import Performed
from policy.odrl.evaluating.state import State
from policy.odrl.model import Action, Entity, Kind, Literal, Logical, Policy, PolicyError, Rule
from policy.odrl.monitoring import Answer, Cause, Life, MonitoringReport, Role, Verdict, monitor
from tests.unit.policy.odrl.monitoring_story import (
    BETH,
    BOOK,
    DOCUMENT,
    JOHN,
    agreement,
    at,
    did,
    duty,
    moment,
    number,
    odrl,
    permission,
    prohibition,
    term,
    until,
)

ALL = tuple(BEHAVIOURS.values())
PAY = duty("compensate", pointer="/pay")
MARK = duty("watermark", pointer="/mark")


def life(report: MonitoringReport, role: Role) -> list[str]:
    (rule,) = [one for one in report.rules if one.role is role]
    return [f"{step.life} {step.at:%d} {step.cause} {step.event}" for step in rule.steps if step.at]


def standing(report: MonitoringReport) -> list[tuple[Cause, int | None, int | None]]:
    return [(one.cause, one.event, one.rule) for one in report.violations if one.mended is None]


# --- permissions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ALL)
def test_an_event_is_permitted_by_the_permission_that_it_exercises(behaviour: object) -> None:
    report = monitor(agreement(permission("read"), permission("print")), [did("print", 1)], behaviour)  # type: ignore[arg-type]
    assert report.valid
    assert report.events[0].answer is Answer.PERMITTED
    assert report.events[0].permitted_by == (1,)
    assert [one.life for one in report.rules] == [Life.NOT_SET, Life.ACTIVE]


@pytest.mark.parametrize("behaviour", ALL)
@pytest.mark.parametrize(
    "event",
    [
        did("read", 1),
        did("print", 1, target=BOOK),
        did("print", 1, party=BETH),
        did("print", 1, Action__resolution=1201),
        did("print", 5, Action__resolution=1),
    ],
)
def test_what_no_permission_permits_breaks_the_policy_for_good(behaviour: object, event: Performed) -> None:
    fine = Action(odrl("print"), (term("resolution", "lteq", number(1200)),))
    rule = Rule(
        kind=Kind.PERMISSION,
        actions=(fine,),
        targets=(Entity(DOCUMENT),),
        assignees=(Entity(JOHN),),
        terms=(until(5),),
    )
    report = monitor(agreement(rule), [did("print", 0, Action__resolution=1200), event], behaviour)  # type: ignore[arg-type]
    assert report.verdict is Verdict.INVALID
    assert standing(report) == [(Cause.NOT_PERMITTED, 2, None)]
    assert [one.answer for one in report.events] == [Answer.PERMITTED, Answer.NOT_PERMITTED]


def test_an_action_included_in_the_permitted_one_is_permitted_and_a_deprecated_name_is_its_successor() -> None:
    policy = agreement(permission("use"), permission("compensate"))
    assert monitor(policy, [did("print", 1), did("odrl:pay", 2)]).valid


def test_a_fact_that_the_log_does_not_state_leaves_the_log_undecided_and_is_named() -> None:
    rule = permission("print", terms=(term("purpose", "eq", Literal("urn:x")),), pointer="/permission/0")
    report = monitor(agreement(rule), [did("print", 1)])
    assert (report.valid, report.verdict) == (False, Verdict.UNDECIDED)
    assert report.unknown == ("/permission/0: cannot-tell",)
    assert report.events[0].answer is Answer.UNKNOWN
    assert monitor(agreement(rule), [did("print", 1)], OVAL).verdict is Verdict.INVALID


def test_an_unknown_party_leaves_the_log_undecided() -> None:
    rule = permission("print", assignees=(Entity(JOHN),))
    assert monitor(agreement(rule), [did("print", 1, party=None)]).verdict is Verdict.UNDECIDED
    assert monitor(agreement(rule), [did("print", 1, party=None)], OVAL).verdict is Verdict.INVALID


def test_the_members_of_a_collection_are_those_the_state_of_the_world_names() -> None:
    policy = agreement(permission("print", assignees=(Entity("urn:staff", collection=True),)))
    state = State(part_of={JOHN: frozenset({"urn:staff"})})
    assert monitor(policy, [did("print", 1)], state=state).valid
    assert monitor(policy, [did("print", 1, party=BETH)], state=state).verdict is Verdict.INVALID
    assert monitor(policy, [did("print", 1)]).verdict is Verdict.UNDECIDED


def test_a_refinement_is_read_from_the_column_of_its_subject_and_only_without_one_from_the_plain_column() -> None:
    party = Entity(JOHN, refinements=(term("payAmount", "gt", number(10)),))
    policy = agreement(permission("print", assignees=(party,)))
    for behaviour in (CONCORD, OVAL):
        assert monitor(policy, [did("print", 1, Party__payAmount=11)], behaviour).valid
        assert monitor(policy, [did("print", 1, payAmount=11)], behaviour).valid
        assert not monitor(policy, [did("print", 1, payAmount=11, Party__payAmount=9)], behaviour).valid
        assert not monitor(policy, [did("print", 1, Action__payAmount=11)], behaviour).valid
        empty = did("print", 1, payAmount=11)._replace(
            features={odrl("payAmount"): (number(11),), f"{odrl('Party')} {odrl('payAmount')}": ()}
        )
        assert not monitor(policy, [empty], behaviour).valid


def test_a_unit_must_be_that_of_the_value_except_for_oval_whose_logs_state_none() -> None:
    fine = replace(term("resolution", "lteq", number(5)), unit=Literal("urn:dpi"))
    policy = agreement(
        Rule(kind=Kind.PERMISSION, actions=(Action(odrl("print"), (fine,)),), targets=(Entity(DOCUMENT),))
    )
    stated = did("print", 1, resolution=5)
    assert monitor(policy, [stated], OVAL).valid
    assert monitor(policy, [stated]).verdict is Verdict.UNDECIDED
    assert monitor(policy, [stated._replace(units={odrl("resolution"): "urn:dpi"})]).valid


def test_what_the_state_knows_of_a_party_meets_its_refinements() -> None:
    party = Entity(JOHN, refinements=(term("payAmount", "gt", number(10)),))
    state = State(about={JOHN: {odrl("payAmount"): (number(11),)}})
    assert monitor(agreement(permission("print", assignees=(party,))), [did("print", 1)], state=state).valid
    own = did("print", 1, Party__payAmount=9)
    assert not monitor(agreement(permission("print", assignees=(party,))), [own], state=state).valid


# --- how often and since when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ALL)
@pytest.mark.parametrize(("operator", "limit", "allowed"), [("lt", 3, 2), ("lteq", 3, 3), ("eq", 1, 1)])
def test_a_count_allows_so_many_exercises_and_no_further_one(
    behaviour: object, operator: str, limit: int, allowed: int
) -> None:
    policy = agreement(permission("print", terms=(term("count", operator, number(limit)),)), permission("read"))
    events = [event for day in range(allowed) for event in (did("print", day), did("read", day))]
    assert monitor(policy, events, behaviour).valid  # type: ignore[arg-type]
    report = monitor(policy, [*events, did("print", 9)], behaviour)  # type: ignore[arg-type]
    assert standing(report) == [(Cause.NOT_PERMITTED, len(events) + 1, None)]


def test_each_rule_counts_only_the_events_that_are_its_own() -> None:
    once = term("count", "lteq", number(1))
    policy = agreement(
        permission("print", assignees=(Entity(JOHN),), terms=(once,)),
        permission("print", assignees=(Entity(BETH),), terms=(once,)),
    )
    assert monitor(policy, [did("print", 1), did("print", 2, party=BETH)]).valid
    assert not monitor(policy, [did("print", 1), did("print", 2)]).valid


def test_only_exercises_within_the_refinements_are_counted() -> None:
    fine = Action(odrl("print"), (term("resolution", "lteq", number(5)),))
    once = Rule(
        kind=Kind.PERMISSION,
        actions=(fine,),
        targets=(Entity(DOCUMENT),),
        terms=(term("count", "lteq", number(1)),),
    )
    coarse = Action(odrl("print"), (term("resolution", "gt", number(5)),))
    policy = agreement(once, Rule(kind=Kind.PERMISSION, actions=(coarse,), targets=(Entity(DOCUMENT),)))
    assert monitor(policy, [did("print", 1, resolution=9), did("print", 2, resolution=3)]).valid
    assert not monitor(policy, [did("print", 1, resolution=3), did("print", 2, resolution=3)]).valid


def test_a_count_may_stand_as_a_refinement_of_the_action() -> None:
    twice = Action(odrl("print"), (term("count", "lteq", number(2)),))
    policy = agreement(Rule(kind=Kind.PERMISSION, actions=(twice,), targets=(Entity(DOCUMENT),)))
    assert monitor(policy, [did("print", 1), did("print", 2)]).valid
    assert not monitor(policy, [did("print", 1), did("print", 2), did("print", 3)]).valid
    assert not monitor(policy, [did("print", 1, Action__count=3)]).valid


def test_a_prohibition_from_a_number_of_times_on_begins_there() -> None:
    policy = agreement(permission("print"), prohibition("print", terms=(term("count", "gt", number(2)),)))
    report = monitor(policy, [did("print", day) for day in range(4)])
    assert [one.answer for one in report.events] == [
        Answer.PERMITTED,
        Answer.PERMITTED,
        Answer.PROHIBITED,
        Answer.PROHIBITED,
    ]


def test_an_exercise_of_which_nobody_can_tell_leaves_the_count_unknown() -> None:
    often = (term("count", "lt", number(9)), term("purpose", "eq", Literal("urn:x")))
    policy = agreement(permission("print", terms=often))
    sure, unsure = did("print", 1, purpose=Literal("urn:x")), did("print", 2)
    assert monitor(policy, [sure, sure]).valid
    assert monitor(policy, [unsure, sure]).events[1].answer is Answer.UNKNOWN


def test_the_time_for_exercising_runs_from_the_first_exercise() -> None:
    policy = agreement(permission("print", terms=(term("elapsedTime", "lteq", Literal("P10D")),)))
    assert monitor(policy, [did("print", 50), did("print", 60)]).valid
    assert standing(monitor(policy, [did("print", 50), did("print", 61)])) == [(Cause.NOT_PERMITTED, 2, None)]


# --- prohibitions and remedies ----------------------------------------------------------------------------------------

REMEDIED = agreement(permission("print"), permission("compensate"), prohibition("print", remedies=(PAY,)))


@pytest.mark.parametrize("behaviour", ALL)
def test_a_prohibited_event_breaks_the_policy_for_good_without_a_remedy(behaviour: object) -> None:
    policy = agreement(permission("print"), permission("compensate"), prohibition("print"))
    report = monitor(policy, [did("print", 1), did("compensate", 2)], behaviour)  # type: ignore[arg-type]
    assert report.verdict is Verdict.INVALID
    assert report.events[0].prohibited_by == (2,)
    assert life(report, Role.PROHIBITION)[0].startswith("violated 02")


@pytest.mark.parametrize("behaviour", [CONCORD, OVAL])
def test_a_remedy_after_the_violation_mends_it(behaviour: object) -> None:
    report = monitor(REMEDIED, [did("print", 1), did("print", 2), did("compensate", 3)], behaviour)  # type: ignore[arg-type]
    assert report.valid
    assert [(one.event, one.mended) for one in report.violations] == [(1, 3), (2, 3)]
    assert life(report, Role.PROHIBITION) == ["violated 02 prohibited 1", "compensated 04 remedied 3"]
    assert life(report, Role.REMEDY) == ["active 02 due 1", "fulfilled 04 performed 3"]


@pytest.mark.parametrize("behaviour", [CONCORD, OVAL])
def test_a_remedy_before_the_violation_mends_nothing(behaviour: object) -> None:
    events = [did("print", 1), did("compensate", 2), did("print", 3)]
    report = monitor(REMEDIED, events, behaviour)  # type: ignore[arg-type]
    assert standing(report) == [(Cause.PROHIBITED, 3, 2)]
    assert not monitor(REMEDIED, [events[1], events[2]], behaviour).valid  # type: ignore[arg-type]


def test_every_remedy_must_be_done() -> None:
    policy = agreement(
        permission("print"),
        permission("compensate"),
        permission("watermark"),
        prohibition("print", remedies=(PAY, MARK)),
    )
    assert not monitor(policy, [did("print", 1), did("compensate", 2)]).valid
    assert monitor(policy, [did("print", 1), did("watermark", 2), did("compensate", 3)]).valid


def test_a_permission_wins_where_the_policy_says_so_and_the_behaviour_lets_it() -> None:
    policy = agreement(permission("print"), prohibition("print"), conflict="perm")
    assert monitor(policy, [did("print", 1)], W3C).events[0].answer is Answer.OVERRIDDEN
    assert monitor(policy, [did("print", 1)], W3C).valid
    assert not monitor(policy, [did("print", 1)], CONCORD).valid
    assert not monitor(policy, [did("print", 1)], OVAL).valid


def test_a_conflict_that_voids_the_policy_is_not_mended() -> None:
    policy = Policy(
        **{**{f: getattr(REMEDIED, f) for f in ("uid", "kind", "permissions", "prohibitions")}, "conflict": "invalid"}
    )
    report = monitor(policy, [did("print", 1), did("compensate", 2)])
    assert standing(report) == [(Cause.POLICY_VOID, 1, 2)]


# --- duties before use ------------------------------------------------------------------------------------------------

PAID = agreement(permission("print", duties=(PAY,)), permission("compensate"))
LATE = agreement(
    permission("print", duties=(duty("compensate", consequences=(MARK,)),)),
    permission("compensate"),
    permission("watermark"),
)


@pytest.mark.parametrize("behaviour", ALL)
def test_a_duty_done_before_lets_its_permission_be_exercised_ever_after(behaviour: object) -> None:
    report = monitor(PAID, [did("compensate", 1, party=BETH), did("print", 2), did("print", 3)], behaviour)  # type: ignore[arg-type]
    assert report.valid
    assert life(report, Role.DUTY) == ["fulfilled 02 performed 1"]


@pytest.mark.parametrize("behaviour", ALL)
def test_a_duty_that_was_not_done_before_bars_its_permission_and_doing_it_later_does_not_help(
    behaviour: object,
) -> None:
    report = monitor(PAID, [did("print", 2), did("compensate", 3), did("print", 4)], behaviour)  # type: ignore[arg-type]
    assert standing(report) == [(Cause.DUTY_NOT_DONE, 1, 1)]
    assert [one.answer for one in report.events] == [Answer.NOT_PERMITTED, Answer.PERMITTED, Answer.PERMITTED]
    assert report.events[0].owes == (1,)
    assert report.rules[0].steps[0].event == 3
    assert life(report, Role.DUTY) == ["violated 03 exercised 1"]


def test_the_doing_must_meet_the_refinements_of_the_duty() -> None:
    fifty = Rule(kind=Kind.DUTY, actions=(Action(odrl("compensate"), (term("payAmount", "eq", number(50)),)),))
    policy = agreement(permission("print", duties=(fifty,)), permission("compensate"))
    assert monitor(policy, [did("compensate", 1, Action__payAmount=50), did("print", 2)]).valid
    assert not monitor(policy, [did("compensate", 1, Action__payAmount=49), did("print", 2)]).valid
    assert monitor(policy, [did("compensate", 1), did("print", 2)]).verdict is Verdict.UNDECIDED


def test_the_event_that_needs_a_duty_does_not_do_it_before_itself() -> None:
    policy = agreement(permission("print", duties=(duty("print"),)))
    assert standing(monitor(policy, [did("print", 1), did("print", 2)])) == [(Cause.DUTY_NOT_DONE, 1, 1)]
    assert monitor(policy, [did("print", 1)], OVAL).valid


def test_a_duty_takes_neither_the_party_nor_the_asset_that_the_policy_names_for_its_rules() -> None:
    policy = agreement(
        permission("print", targets=(), duties=(PAY,)),
        permission("compensate", assignees=(Entity(BETH),), targets=(Entity(BOOK),)),
        targets=(Entity(DOCUMENT),),
        assignees=(Entity(JOHN),),
    )
    assert monitor(policy, [did("compensate", 1, BETH, BOOK), did("print", 2)]).valid


def test_the_w3c_draft_asks_for_the_doing_of_a_duty_whatever_its_constraints_say_of_that_time() -> None:
    from_then = term("dateTime", "gteq", moment(5))
    policy = agreement(permission("print", duties=(duty("compensate", terms=(from_then,)),)), permission("compensate"))
    assert monitor(policy, [did("compensate", 1), did("print", 9)], W3C).valid
    assert not monitor(policy, [did("compensate", 1), did("print", 9)]).valid


def test_a_duty_whose_constraints_do_not_hold_is_not_owed() -> None:
    weekend = term("event", "eq", Literal("urn:sale"))
    policy = agreement(permission("print", duties=(duty("compensate", terms=(weekend,)),)), permission("compensate"))
    assert monitor(policy, [did("print", 1, event=Literal("urn:other"))]).valid
    assert not monitor(policy, [did("print", 1, event=Literal("urn:sale"))]).valid
    assert monitor(policy, [did("print", 1)]).verdict is Verdict.UNDECIDED
    assert not monitor(policy, [did("print", 1, event=Literal("urn:other"))], OVAL).valid


def test_a_duty_whose_time_is_over_bars_the_permission_here_and_has_lapsed_for_the_w3c_draft() -> None:
    policy = agreement(permission("print", duties=(duty("compensate", terms=(until(5),)),)), permission("compensate"))
    assert monitor(policy, [did("compensate", 4), did("print", 9)]).valid
    assert not monitor(policy, [did("compensate", 5), did("print", 9)]).valid
    assert monitor(policy, [did("print", 9)], W3C).valid


def test_another_permission_without_the_duty_is_enough_except_for_oval() -> None:
    policy = agreement(permission("use"), permission("print", duties=(PAY,)))
    assert monitor(policy, [did("print", 1)]).valid
    assert not monitor(policy, [did("print", 1)], OVAL).valid


def test_oval_lets_a_duty_be_done_late_once_its_consequence_is_done_as_well() -> None:
    used = did("print", 1)
    for late in (["watermark", "compensate"], ["compensate", "watermark"]):
        events = [used, *(did(action, day) for day, action in enumerate(late, 2))]
        report = monitor(LATE, events, OVAL)
        assert report.valid
        assert life(report, Role.DUTY) == ["violated 02 exercised 1", "compensated 04 remedied 3"]
        assert not monitor(LATE, events).valid
    again = [used, did("watermark", 2), did("print", 3), did("compensate", 4)]
    assert [one.mended for one in monitor(LATE, again, OVAL).violations] == [4, 4]
    assert not monitor(LATE, [used, did("watermark", 2)], OVAL).valid
    assert not monitor(LATE, [used, did("compensate", 2)], OVAL).valid
    assert not monitor(LATE, [did("watermark", 0), used, did("compensate", 2)], OVAL).valid
    assert monitor(LATE, [did("compensate", 0), used], OVAL).valid


# --- obligations ------------------------------------------------------------------------------------------------------

OBLIGED = agreement(permission("inform"), permission("read"), obligations=(duty("inform", pointer="/obligation/0"),))
DATED = agreement(
    permission("inform"), permission("read"), permission("delete"),
    obligations=(duty("inform", terms=(until(5),), consequences=(duty("delete"),), pointer="/obligation/0"),),
)  # fmt: skip


@pytest.mark.parametrize("behaviour", ALL)
def test_an_obligation_is_fulfilled_by_one_event_and_violated_by_a_log_that_ends_without(behaviour: object) -> None:
    report = monitor(OBLIGED, [did("read", 1), did("inform", 2), did("inform", 3)], behaviour)  # type: ignore[arg-type]
    assert report.valid
    assert life(report, Role.OBLIGATION) == ["fulfilled 03 performed 2"]
    report = monitor(OBLIGED, [did("read", 1)], behaviour)  # type: ignore[arg-type]
    assert standing(report) == [(Cause.END_OF_LOG, None, 2)]
    assert not monitor(OBLIGED, [], behaviour).valid  # type: ignore[arg-type]


def test_an_obligation_is_open_until_its_deadline_and_violated_from_then_on() -> None:
    early = monitor(DATED, [did("read", 1)])
    assert early.verdict is Verdict.UNDECIDED
    assert early.unknown == ("/obligation/0: still-owed",)
    assert monitor(DATED, [did("read", 1)], OVAL).verdict is Verdict.INVALID
    late = monitor(DATED, [did("read", 1)], until=at(5))
    assert standing(late) == [(Cause.DEADLINE_PASSED, None, 3)]
    assert life(late, Role.OBLIGATION) == ["violated 06 deadline-passed None"]
    assert life(late, Role.CONSEQUENCE) == ["active 06 due None"]


def test_an_obligation_done_too_late_is_mended_only_with_its_consequence() -> None:
    late, consequence = did("inform", 6), did("delete", 7)
    assert not monitor(DATED, [late]).valid
    assert not monitor(DATED, [consequence]).valid
    report = monitor(DATED, [late, consequence])
    assert report.valid
    assert life(report, Role.OBLIGATION) == ["violated 06 deadline-passed None", "compensated 08 remedied 2"]
    assert not monitor(DATED, [did("delete", 4), late]).valid
    assert not monitor(DATED, [late, consequence], OVAL).valid
    assert monitor(DATED, [did("inform", 4), did("read", 9)], OVAL).valid


def test_an_obligation_within_a_period_is_owed_from_the_day_the_policy_began_to_bind() -> None:
    within = duty("inform", terms=(term("elapsedTime", "lteq", Literal("P10D")),), pointer="/obligation/0")
    policy = agreement(permission("inform"), permission("read"), obligations=(within,))
    assert monitor(policy, [did("inform", 30)], since=at(20)).valid
    assert not monitor(policy, [did("inform", 31)], since=at(20)).valid
    assert monitor(policy, [did("read", 21)], since=at(20)).unknown == ("/obligation/0: still-owed",)
    assert monitor(policy, [did("inform", 30)]).unknown == ("/obligation/0: cannot-tell",)


def test_a_remedy_within_a_period_is_owed_from_the_violation() -> None:
    soon = duty("compensate", terms=(term("elapsedTime", "lteq", Literal("P10D")),))
    policy = agreement(permission("print"), permission("compensate"), prohibition("print", remedies=(soon,)))
    assert monitor(policy, [did("compensate", 1), did("print", 20), did("compensate", 30)]).valid
    assert not monitor(policy, [did("compensate", 1), did("print", 20), did("compensate", 31)]).valid
    assert monitor(policy, [did("print", 1), did("compensate", 2), did("print", 20), did("compensate", 30)]).valid


def test_an_obligation_that_has_not_begun_is_not_owed() -> None:
    later = agreement(permission("read"), obligations=(duty("inform", terms=(term("dateTime", "gteq", moment(5)),)),))
    report = monitor(later, [did("read", 1)])
    assert report.valid
    assert life(report, Role.OBLIGATION) == ["inactive 02 not-begun None"]
    assert not monitor(later, [did("read", 6)]).valid


def test_whoever_an_obligation_names_to_be_informed_must_be_named_by_the_event() -> None:
    informed = odrl("informedParty")
    policy = agreement(permission("inform"), obligations=(duty("inform", functions=((informed, (Entity(BETH),)),)),))
    assert monitor(policy, [did("inform", 1)._replace(parties={informed: BETH})]).valid
    assert not monitor(policy, [did("inform", 1)._replace(parties={informed: JOHN})]).valid
    assert monitor(policy, [did("inform", 1)]).verdict is Verdict.UNDECIDED
    one_after_the_other = [
        did("inform", day)._replace(parties={informed: party}) for day, party in ((1, JOHN), (2, BETH))
    ]
    assert monitor(policy, one_after_the_other).valid


def test_an_asset_of_another_relation_must_be_named_by_the_event() -> None:
    output = odrl("output")
    policy = agreement(permission("print", relations=((output, (Entity(BOOK),)),)))
    book, other = (did("print", 1, output=Literal(name)) for name in (BOOK, "urn:other"))
    assert monitor(policy, [book]).valid
    assert [one.answer for one in monitor(policy, [other, book, did("print", 2)]).events] == [
        Answer.NOT_PERMITTED,
        Answer.PERMITTED,
        Answer.UNKNOWN,
    ]


def test_an_obligation_of_one_day_is_met_on_that_day_alone() -> None:
    policy = agreement(permission("inform"), obligations=(duty("inform", terms=(term("dateTime", "eq", moment(5)),)),))
    assert monitor(policy, [did("inform", 5)]).valid
    assert not monitor(policy, [did("inform", 4), did("inform", 6)]).valid


def test_an_obligation_of_which_nobody_can_tell_whether_it_was_met_in_time_is_named_once() -> None:
    fine = Rule(
        kind=Kind.DUTY, actions=(Action(odrl("inform"), (term("media", "eq", Literal("paper")),)),), terms=(until(5),)
    )
    report = monitor(agreement(permission("inform"), obligations=(fine,)), [did("inform", 1)], until=at(9))
    assert (report.verdict, [one.cause for one in report.doubts]) == (Verdict.UNDECIDED, [Cause.CANNOT_TELL])


# --- what is not monitored at all -------------------------------------------------------------------------------------


def test_an_offer_binds_nobody_except_where_the_behaviour_evaluates_offers() -> None:
    offer = agreement(permission("print"), kind="Offer")
    report = monitor(offer, [did("print", 1)])
    assert (report.verdict, report.unknown) == (Verdict.UNDECIDED, ("/@type: not-a-contract",))
    assert monitor(offer, [did("print", 1)], OVAL).valid


def test_a_policy_that_is_not_wholly_understood_leaves_every_log_undecided_and_says_where() -> None:
    strange = agreement(permission("print"), unknown=("/permission/0/x",))
    assert monitor(strange, [did("print", 1)]).unknown == ("/permission/0/x: not-understood",)
    odd = permission("print", terms=(term("dateTime", "lt", Literal("soon"), pointer="/c"),))
    assert monitor(agreement(odd), [did("print", 1)]).unknown == ("/c/rightOperand: not-understood",)
    assert not monitor(agreement(odd), [did("print", 1)], OVAL).valid
    parent = agreement(permission("print"), inherits=("urn:parent",))
    assert not monitor(parent, [did("print", 1)]).valid


def test_a_prohibition_that_names_no_asset_spares_none_and_a_permission_without_one_permits_nothing() -> None:
    assert not monitor(agreement(permission("print"), prohibition("print", targets=())), [did("print", 1)]).valid
    assert not monitor(agreement(permission("print", targets=())), [did("print", 1)]).valid
    assert monitor(agreement(permission("print", targets=())), [did("print", 1)], OVAL).valid


def test_a_policy_of_too_many_rules_is_refused() -> None:
    assets = tuple(Entity(f"urn:{index}") for index in range(200))
    actions = tuple(Action(f"urn:do-{index}") for index in range(200))
    wide = Rule(kind=Kind.PERMISSION, actions=actions, targets=assets)
    with pytest.raises(PolicyError, match="10000"):
        monitor(agreement(wide), [])


def test_more_work_than_anyone_should_ask_for_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy.odrl.monitoring.monitoring.MAX_WORK", 3)
    policy = agreement(permission("print"), permission("read"))
    assert monitor(policy, [did("print", 1)]).valid
    with pytest.raises(PolicyError, match="2 events against 2 rules"):
        monitor(policy, [did("print", 1), did("print", 2)])


def test_remembering_which_rules_an_event_is_of_has_an_end_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = agreement(permission("print"), prohibition("read"))
    log = [did(name, day) for day, name in enumerate(["print", "read", "print", "read"])]
    expected = monitor(policy, log)
    monkeypatch.setattr("policy.odrl.monitoring.run.REMEMBERED", 1)
    assert monitor(policy, log) == expected


def test_a_choice_of_which_one_part_is_not_known_is_not_known() -> None:
    choice = Logical("xone", (term("media", "eq", Literal("paper")), term("industry", "eq", Literal("urn:x"))))
    policy = agreement(permission("print", terms=(choice,)))
    assert monitor(policy, [did("print", 1, media=Literal("paper"))]).verdict is Verdict.UNDECIDED
    assert monitor(policy, [did("print", 1, media=Literal("paper"))], OVAL).valid


def test_the_report_has_a_canonical_form_and_names_events_by_their_lines() -> None:
    report = monitor(REMEDIED, [did("print", 1)._replace(uid="line 7"), did("compensate", 3)])
    assert canonical(report.to_json())
    assert report.events[0].to_json()["uid"] == "line 7"
    assert report.to_json()["verdict"] == "valid"
