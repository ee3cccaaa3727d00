"""A policy made narrower in one term, and what is refused because it would not be narrower."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import narrowing
from policy.narrowing import NotNarrowerError
from policy.odrl import compiled
from policy.odrl.comparison import excess
from tests.unit.policy.story import GROUP, story

END = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
WIDE = "dpv:ResearchAndDevelopment"
ACADEMIC = "https://w3id.org/dpv#AcademicResearch"


def wide() -> dict:
    offer = story.offer()
    offer["permission"][0]["constraint"][0]["rightOperand"] = WIDE
    return offer


def stays_within(standing: dict, made: dict) -> bool:
    return not excess(compiled(standing).policy, compiled(made).policy)


def test_a_narrower_purpose_takes_the_place_of_the_wider_one():
    made = narrowing.for_purposes(wide(), [ACADEMIC])
    assert made["permission"][0]["constraint"][0] == {
        "leftOperand": "purpose", "operator": "isA", "rightOperand": ACADEMIC,
    }  # fmt: skip
    assert len(made["permission"][0]["constraint"]) == len(wide()["permission"][0]["constraint"])
    assert stays_within(wide(), made)


def test_what_stands_is_not_changed_by_narrowing_it():
    standing = wide()
    narrowing.for_purposes(standing, [ACADEMIC])
    assert standing == wide()


@pytest.mark.parametrize(
    "purpose", ["https://w3id.org/dpv#Marketing", "dpv:Purpose", "Research", "https://nobody.example/#Why", ""]
)
def test_a_purpose_outside_what_stands_or_unknown_is_refused_by_name(purpose):
    with pytest.raises(NotNarrowerError) as refused:
        narrowing.for_purposes(wide(), [ACADEMIC, purpose])
    assert refused.value.where == "purposes"


def test_an_earlier_end_is_narrower_and_a_later_one_is_refused():
    made = narrowing.until(story.offer(), END)
    assert stays_within(story.offer(), made)
    with pytest.raises(NotNarrowerError) as refused:
        narrowing.until(made, datetime(2027, 7, 1, tzinfo=UTC))
    assert refused.value.where == "until"


def test_a_start_that_stands_is_kept_when_the_end_is_narrowed():
    started = story.offer()
    begin = {"leftOperand": "dateTime", "operator": "gteq", "rightOperand": "2026-01-01"}
    started["permission"][0]["constraint"].append(begin)
    assert begin in narrowing.until(started, END)["permission"][0]["constraint"]


def test_recipients_can_be_named_and_then_only_be_fewer():
    made = narrowing.for_recipients(story.offer(), [GROUP, "urn:concord:b"])
    assert stays_within(story.offer(), made)
    assert stays_within(made, narrowing.for_recipients(made, [GROUP]))
    with pytest.raises(NotNarrowerError):
        narrowing.for_recipients(made, [GROUP, "urn:concord:c"])


def test_a_limit_that_cannot_be_read_is_never_replaced():
    strange = story.offer()
    strange["permission"][0]["constraint"][0]["rightOperand"] = [{"@graph": []}]
    with pytest.raises(NotNarrowerError):
        narrowing.for_purposes(strange, [ACADEMIC])


def test_terms_that_permit_nothing_cannot_be_narrowed():
    with pytest.raises(NotNarrowerError):
        narrowing.until({"@id": "urn:a", "@type": "Offer", "prohibition": [{"action": "use"}]}, END)


def test_every_permission_is_narrowed():
    two = story.offer()
    two["permission"].append({"action": "odrl:display", "constraint": []})
    made = narrowing.until(two, END)
    assert all(
        any(
            one["leftOperand"] == "dateTime" and one["rightOperand"] == "2027-06-30T23:59:59Z"
            for one in rule["constraint"]
        )
        for rule in made["permission"]
    )


@given(
    st.lists(
        st.sampled_from([ACADEMIC, WIDE, "dpv:Purpose", "dpv:ScientificResearch", "dpv:Marketing"]),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 1500),
)
def test_whatever_is_made_stays_within_what_stood(purposes, days):
    standing = wide()
    try:
        made = narrowing.until(narrowing.for_purposes(standing, purposes), END + timedelta(days=days - 700))
    except NotNarrowerError:
        return
    assert stays_within(standing, made)
