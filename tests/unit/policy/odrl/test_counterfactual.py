"""What would permit it, by example: the smallest change, in words that say what is and what would have to be."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from policy.decision import Outcome
from policy.odrl import vocabulary as v
from policy.odrl.counterfactual import Asked, counterfactual
from policy.odrl.evaluating import Request, State, compile_policy
from policy.odrl.model import Action, Constraint, Entity, Kind, Literal, Logical, Policy, Rule

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
READ, USE, SELL = (f"{v.ODRL}{name}" for name in ("read", "use", "sell"))
ACADEMIC, MARKETING, COMMERCIAL = (f"{v.DPV}{name}" for name in ("AcademicResearch", "Marketing", "CommercialResearch"))
FOR_RESEARCH = Constraint(v.PURPOSE, "isA", (Literal(ACADEMIC),))
UNTIL_2027 = Constraint(v.DATE_TIME, "lt", (Literal("2027-01-01T00:00:00Z"),))
COUNT = f"{v.ODRL}count"


def number(text):
    return Literal(text, "http://www.w3.org/2001/XMLSchema#integer")


def rule(kind=Kind.PERMISSION, action=USE, terms=(), **more):
    return Rule(kind=kind, actions=(Action(action),), targets=(Entity("urn:data"),), terms=terms, **more)


def forbids(*terms, action=USE):
    return rule(Kind.PROHIBITION, action, terms)


def policy(*terms, kind="Agreement", **more):
    return Policy(**{"uid": "urn:p", "kind": kind, "permissions": (rule(terms=terms),)} | more)


def asked(action=READ, party="urn:me", **features):
    named = {"purpose": v.PURPOSE, "count": COUNT}
    return Request(action, "urn:data", party, {named[key]: value for key, value in features.items()})


def found(stated, request, state=None):
    """The counterfactual, once it has been seen to permit."""
    state = state or State(now=NOW)
    answer = counterfactual(compile_policy(stated), request, state)
    after = Asked(stated, request, state)
    for one in answer.changes:
        after = one.apply(after)
    assert compile_policy(after.policy).verdict(after.request, after.state) is Outcome.PERMIT
    return answer


def test_a_time_that_nobody_stated_is_asked_for_and_not_made_up():
    answer = found(policy(UNTIL_2027), asked(), State())
    assert answer.words == "It would be permitted if the time were stated."


@pytest.mark.parametrize(
    ("stated", "request_", "words"),
    [
        (
            policy(FOR_RESEARCH),
            asked(purpose=(Literal(MARKETING),)),
            "It would be permitted if the purpose were academic research, not marketing.",
        ),
        (
            policy(FOR_RESEARCH),
            asked(),
            "It would be permitted if the purpose were known to be academic research.",
        ),
        (
            policy(Constraint(v.DATE_TIME, "gteq", (Literal("2027-01-01T00:00:00Z"),))),
            asked(),
            "It would be permitted if it were 1 January 2027 or later.",
        ),
        (
            policy(Constraint(COUNT, "lteq", (number("5"),))),
            asked(count=(number("7"),)),
            "It would be permitted if the count were 5, not 7.",
        ),
        (policy(), asked(SELL), "It would be permitted if the action were “use”, not “sell”."),
        (
            policy(permissions=(rule(assignees=(Entity("urn:you"),)),)),
            asked(),
            "It would be permitted if urn:you were asking, not urn:me.",
        ),
        (
            policy(permissions=(rule(assignees=(Entity("urn:team", True),)),)),
            asked(),
            "It would be permitted if urn:me were part of urn:team.",
        ),
        (
            policy(kind="Offer"),
            asked(),
            "Facts alone would not permit it. It would be permitted if the offer were agreed to; it is not a contract "
            "yet.",
        ),
        (
            policy(prohibitions=(forbids(),)),
            asked(),
            "Facts alone would not permit it. It would be permitted if the terms did not forbid this: must not be "
            "used if the dataset is urn:data.",
        ),
        (
            policy(permissions=()),
            asked(),
            "Facts alone would not permit it. It would be permitted if the terms permitted the action “read” with "
            "urn:data.",
        ),
    ],
)
def test_the_smallest_change_is_said_in_plain_words(stated, request_, words):
    answer = found(stated, request_)
    assert answer.words == words
    assert answer.complete


def test_what_is_permitted_needs_nothing():
    answer = counterfactual(compile_policy(policy()), asked(), State(now=NOW))
    assert (answer.changes, answer.words) == ((), "It is permitted.")


def test_one_purpose_that_meets_a_permission_and_escapes_a_prohibition_is_one_change():
    stated = policy(
        Constraint(COUNT, "gt", (number("2"),)), prohibitions=(forbids(Constraint(COUNT, "gteq", (number("4"),))),)
    )
    answer = found(stated, asked(count=(number("9"),)))
    assert [one.words for one in answer.changes] == ["the count were 3, not 9"]


def test_all_values_of_a_list_are_named_together():
    stated = policy(Constraint("urn:colour", "isAllOf", (Literal("red"), Literal("blue"))))
    answer = found(stated, asked())
    assert answer.words.endswith("were known to be red and blue.")


def test_exactly_one_of_two_may_hold():
    both = tuple(Constraint(f"urn:{name}", "eq", (Literal("yes"),)) for name in ("a", "b"))
    request = Request(READ, "urn:data", "urn:me", {f"urn:{name}": (Literal("yes"),) for name in ("a", "b")})
    assert len(found(policy(Logical("xone", both)), request).changes) == 1


def test_a_duty_is_done_first_or_somebody_is_found_to_do_it():
    duty = Rule(kind=Kind.DUTY, actions=(Action(f"{v.ODRL}compensate"),))
    stated = policy(permissions=(rule(duties=(duty,)),))
    answer = found(stated, asked())
    assert len(answer.changes) == 1
    assert "this duty" in answer.words


def test_facts_come_before_changes_of_the_policy_even_if_they_are_more():
    stated = policy(FOR_RESEARCH, UNTIL_2027)
    answer = found(stated, asked(purpose=(Literal(MARKETING),)), State(now=NOW.replace(year=2028)))
    assert [one.of_policy for one in answer.changes] == [False, False]


def test_a_term_nobody_understands_would_have_to_go():
    answer = found(policy(Constraint("urn:x", "urn:operator", (Literal("1"),))), asked())
    assert [one.of_policy for one in answer.changes] == [True]
    answer = found(replace(policy(), unknown=("/permission/0/constraint/0: urn:x",)), asked())
    assert "nobody here understands (/permission/0/constraint/0: urn:x)" in answer.words


def test_a_void_policy_says_why_it_is_void():
    compiled = compile_policy(policy(), void="two parents say different things")
    answer = counterfactual(compiled, asked(), State(now=NOW))
    assert "not void: two parents say different things" in answer.words
    changed = answer.changes[0].apply(Asked(policy(), asked(), State(now=NOW), "two parents say different things"))
    assert changed.void is None


def test_the_same_question_has_the_same_answer():
    stated = policy(FOR_RESEARCH, UNTIL_2027, prohibitions=(forbids(Constraint(COUNT, "gt", (number("3"),))),))
    request = asked(purpose=(Literal(COMMERCIAL),), count=(number("8"),))
    assert len({found(stated, request).words for _ in range(3)}) == 1
