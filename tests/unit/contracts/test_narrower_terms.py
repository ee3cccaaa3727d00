"""Counter-offers: terms and selection made narrower, within the study, and told in words."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.narrowing import (
    EVERYTHING,
    Narrowing,
    agreed_selection,
    narrowed,
    selection_differences,
    selection_of,
    selection_sentences,
    within,
)
from contracts.study import StudyRequest
from contracts.terms import Selection, bound_terms
from policy.categories import CATEGORIES
from policy.narrowing import NotNarrowerError
from policy.odrl import vocabulary as v
from policy.odrl.differences import Change
from tests.two_party.story import study_claims
from tests.unit.policy.story import story

HOLDER, GROUP, DATASET = "urn:concord:hospital:1", "urn:concord:group:2", "urn:concord:dataset:records"
END = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
ACADEMIC = "https://w3id.org/dpv#AcademicResearch"


def study(categories=("conditions", "laboratory"), window=None) -> StudyRequest:
    asked = {"holder": HOLDER, "dataset": DATASET, "title": "Records", "categories": categories}
    return StudyRequest.read(study_claims(GROUP, (HOLDER, DATASET), data=[asked], window=window))


def selection(*kinds: str, start: str | None = None, end: str | None = None) -> Selection:
    period = {"start": start, "end": end} if start or end else None
    return Selection.read({"cohort": None, "variables": kinds or None, "period": period})


def refused(standing: Selection | None = None, given_study: StudyRequest | None = None, **wanted) -> str:
    with pytest.raises(NotNarrowerError) as no:
        narrowed(story.offer(), Narrowing(**wanted), standing, given_study)
    return no.value.where


def test_fewer_kinds_of_data_become_a_selection_whose_digest_the_terms_name():
    made = narrowed(story.offer(), Narrowing(categories=("laboratory",)), selection("conditions", "laboratory"))
    assert made.selection == selection("laboratory")
    assert bound_terms(made.policy).selection == made.selection.digest


def test_the_digest_of_the_selection_that_stood_is_replaced_in_its_place():
    first = narrowed(story.offer(), Narrowing(categories=("conditions", "laboratory")))
    second = narrowed(first.policy, Narrowing(categories=("laboratory",)), first.selection)
    named = [one for one in second.policy["permission"][0]["constraint"] if one["leftOperand"] == v.SELECTION]
    assert [one["rightOperand"] for one in named] == [second.selection.digest]


def test_several_terms_are_narrowed_at_once():
    wide = story.offer()
    wide["permission"][0]["constraint"][0]["rightOperand"] = "dpv:ResearchAndDevelopment"
    made = narrowed(
        wide, Narrowing(purposes=(ACADEMIC,), until=END, recipients=(GROUP,), records_from=date(2020, 1, 1))
    )
    assert made.selection.period.start == date(2020, 1, 1)
    lefts = [one["leftOperand"] for one in made.policy["permission"][0]["constraint"]]
    assert {"purpose", "dateTime", "recipient", v.SELECTION} <= set(lefts)


def test_nothing_narrowed_is_refused():
    assert refused() == "terms"
    assert refused(selection("laboratory"), categories=("laboratory",)) == "terms"


def test_data_beyond_what_stands_is_refused():
    assert refused(selection("laboratory"), categories=("laboratory", "conditions")) == "data"
    assert refused(selection(start="2020-01-01"), records_from=date(2019, 12, 31)) == "data"
    assert refused(selection(end="2020-12-31"), records_until=date(2021, 1, 1)) == "data"


@pytest.mark.parametrize(
    "wanted",
    [
        {"categories": ("no-such-kind",)},
        {"categories": ("conditions", "Conditions")},
        {"records_from": date(2021, 1, 1), "records_until": date(2020, 1, 1)},
    ],
)
def test_what_is_no_selection_is_refused_as_data(wanted):
    assert refused(**wanted) == "data"


def test_a_purpose_or_a_recipient_outside_the_study_is_refused():
    assert refused(given_study=study(), recipients=("urn:concord:somebody:9",)) == "recipients"
    academic_only = study().model_copy(update={"purposes": (ACADEMIC,)})
    assert refused(given_study=academic_only, purposes=(story_purpose(),)) == "purposes"


def story_purpose() -> str:
    return str(story.offer()["permission"][0]["constraint"][0]["rightOperand"])


# --- which selection a contract pins ---------------------------------------------------------------------------------


def pinned(chosen: Selection) -> dict:
    offer = story.offer()
    term = {"leftOperand": v.SELECTION, "operator": "eq", "rightOperand": chosen.digest}
    offer["permission"][0]["constraint"].append(term)
    return offer


def test_without_a_narrowed_selection_the_studys_own_counts():
    asked = study()
    assert agreed_selection(asked, DATASET, story.offer(), None) == selection_of(asked, DATASET)
    assert agreed_selection(asked, DATASET, pinned(selection_of(asked, DATASET)), None) == selection_of(asked, DATASET)


def test_a_narrowed_selection_counts_only_if_the_terms_name_it_and_the_study_covers_it():
    less, more = selection("laboratory"), selection("laboratory", "medications")
    assert agreed_selection(study(), DATASET, pinned(less), less.wire()) == less
    assert agreed_selection(study(), DATASET, story.offer(), less.wire()) is None
    assert agreed_selection(study(), DATASET, pinned(selection("conditions")), less.wire()) is None
    assert agreed_selection(study(), DATASET, pinned(more), more.wire()) is None
    assert agreed_selection(study(), DATASET, pinned(EVERYTHING), EVERYTHING.wire()) is None


def test_a_digest_nobody_can_explain_selects_nothing():
    assert agreed_selection(study(), DATASET, pinned(selection("laboratory")), None) is None
    assert agreed_selection(study(), DATASET, pinned(selection("laboratory")), {"cohort": 1}) is None
    assert agreed_selection(None, DATASET, pinned(selection("laboratory")), selection("laboratory").wire()) is None


def test_a_cohort_by_name_is_never_within_everything():
    named = Selection.read({"cohort": "diabetics", "variables": None, "period": None})
    assert not within(named, EVERYTHING)
    assert not within(EVERYTHING, named)


kinds = st.one_of(st.none(), st.lists(st.sampled_from(sorted(CATEGORIES)), min_size=1, unique=True))
days = st.one_of(st.none(), st.integers(0, 4).map(lambda number: date(2020, 1, 1) + timedelta(days=number)))


@st.composite
def selections(draw):
    start, end = draw(days), draw(days)
    if start and end and end < start:
        start, end = end, start
    period = {"start": start, "end": end} if start or end else None
    return Selection.read({"cohort": None, "variables": draw(kinds), "period": period})


def selects(chosen: Selection, kind: str, day: date) -> bool:
    period = chosen.period
    return (chosen.variables is None or kind in chosen.variables) and (
        period is None or ((period.start is None or period.start <= day) and (period.end is None or day <= period.end))
    )


@given(selections(), selections(), st.sampled_from(sorted(CATEGORIES)), days.filter(bool))
def test_what_lies_within_selects_nothing_the_wider_one_does_not(narrow, wide, kind, day):
    if within(narrow, wide) and selects(narrow, kind, day):
        assert selects(wide, kind, day)


# --- in words ---------------------------------------------------------------------------------------------------------


def test_selections_differ_in_words_people_read():
    before, after = selection("conditions", "laboratory"), selection("laboratory", start="2020-01-01")
    data, records = selection_differences(before, after)
    assert (data.term, data.after, data.change) == ("data", "Laboratory results", Change.NARROWER)
    assert (records.term, records.after) == ("records", "from 2020-01-01")
    assert selection_differences(before, before) == []
    assert selection_sentences(after) == ["Only Laboratory results.", "Only records from 2020-01-01."]
    assert selection_sentences(None) == []
