"""What one policy says otherwise than another, as terms in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.odrl import PolicyError, compiled, read, sentence, terms
from policy.odrl.differences import NOTHING_SAID, Change, differences
from tests.unit.policy.story import DATASET, GROUP, HOLDER, STUDY, story

STUDY_TERM = "https://w3id.org/concord/ns#study"


def constraints(policy: dict) -> list[dict]:
    return policy["permission"][0]["constraint"]


def changed(change) -> dict:
    policy = story.offer()
    change(policy)
    return policy


def naming(study: str) -> dict:
    return {"leftOperand": STUDY_TERM, "operator": "eq", "rightOperand": study}


def only(before: dict, after: dict):
    [found] = differences(before, after)
    return found


def test_a_policy_does_not_differ_from_itself_nor_from_the_request_that_repeats_it():
    repeated = story.offer() | {"@id": "urn:uuid:other", "target": DATASET, "assigner": HOLDER, "assignee": GROUP}
    assert differences(story.offer(), story.offer()) == differences(story.offer(), repeated) == []


def test_a_wider_purpose_made_a_narrower_one_is_said_in_words():
    wide = changed(lambda one: constraints(one)[0].update(rightOperand="dpv:ResearchAndDevelopment"))
    found = only(wide, story.offer())
    assert (found.term, found.label, found.change) == ("purpose", "Purpose", Change.NARROWER)
    assert "research and development" in found.before
    assert "scientific research" in found.after
    assert only(story.offer(), wide).change is Change.WIDER


def test_an_unrelated_purpose_is_neither_narrower_nor_wider():
    other = changed(lambda one: constraints(one)[0].update(rightOperand="https://w3id.org/dpv#Marketing"))
    assert only(story.offer(), other).change is Change.OTHER


@pytest.mark.parametrize(("end", "change"), [("2027-06-30", Change.NARROWER), ("2099-12-31", Change.WIDER)])
def test_an_end_moved_is_told_as_the_day(end, change):
    moved = changed(lambda one: constraints(one)[1].update(rightOperand=end))
    found = only(story.offer(), moved)
    assert (found.term, found.change) == ("until", change)
    assert found.after.startswith("Until ")
    assert end[:4] in found.after


def test_a_term_that_was_added_narrows_and_one_that_was_left_out_widens():
    bound = changed(lambda one: constraints(one).append(naming(STUDY)))
    added, gone = only(story.offer(), bound), only(bound, story.offer())
    assert (added.term, added.before, added.change) == ("study", NOTHING_SAID, Change.NARROWER)
    assert (gone.term, gone.after, gone.change) == ("study", NOTHING_SAID, Change.WIDER)


def test_a_prohibition_left_out_and_a_duty_left_out_widen():
    loose = changed(lambda one: (one["prohibition"].pop(), one.pop("obligation")))
    assert [(one.term, one.change) for one in differences(story.offer(), loose)] == [
        ("prohibition", Change.WIDER), ("duty", Change.WIDER),
    ]  # fmt: skip
    assert {one.change for one in differences(loose, story.offer())} == {Change.NARROWER}


def test_two_studies_with_the_same_words_still_differ():
    one, other = story.offer(), story.offer()
    constraints(one).append(naming(STUDY))
    constraints(other).append(naming("urn:uuid:another"))
    assert only(one, other).change is Change.OTHER


def test_a_term_nobody_understands_is_said_to_be_so():
    strange = changed(
        lambda one: constraints(one).append({"leftOperand": "Membership", "operator": "magic", "rightOperand": "x"})
    )
    assert "not-understood" in [one.term for one in differences(story.offer(), strange)]


def test_another_action_is_a_difference_of_use():
    sold = changed(lambda one: one["permission"][0].update(action="odrl:display"))
    found = only(story.offer(), sold)
    assert (found.term, found.before, found.after, found.change) == (
        "use", "May be used", "May be looked at", Change.NARROWER,
    )  # fmt: skip


def test_what_is_no_policy_at_all_is_refused():
    with pytest.raises(PolicyError):
        differences(story.offer(), {"@type": "Offer"})


@given(
    st.sampled_from(["2020-01-01", "2027-06-30", "2100-01-01"]),
    st.sampled_from(["2020-01-01", "2027-06-30", "2100-01-01"]),
)
def test_the_direction_turns_round_with_the_order(one, other):
    first, second = (changed(lambda it, end=end: constraints(it)[1].update(rightOperand=end)) for end in (one, other))
    there, back = differences(first, second), differences(second, first)
    mirror = {Change.NARROWER: Change.WIDER, Change.WIDER: Change.NARROWER, Change.OTHER: Change.OTHER}
    assert [mirror[found.change] for found in there] == [found.change for found in back]


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "-0001-01-01T00:00:00Z",
        "24:00",
        "1",
    ],
)
@pytest.mark.parametrize("operator", ["lt", "lteq", "gt", "gteq", "eq", "neq", "isAnyOf"])
def test_a_time_that_cannot_be_read_is_not_understood_and_breaks_nothing_that_reads_the_terms(moment, operator):
    term = {"leftOperand": "dateTime", "operator": operator, "rightOperand": moment}
    odd = changed(lambda one: constraints(one).append(term))
    assert compiled(odd).unknown
    assert "cannot be read" in " ".join(sentence(read(odd)))
    assert any("cannot be read" in one.after for one in differences(story.offer(), odd))
    assert any("cannot be read" in one.before for one in differences(odd, story.offer()))
    assert terms(read(odd)).until == terms(read(story.offer())).until
