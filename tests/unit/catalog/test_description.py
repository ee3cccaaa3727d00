"""A steward's description is accepted whole, or every wrong field is named with what would be accepted."""

from datetime import UTC, date, datetime

import pytest

from catalog.description import ACCEPTED, DatasetDescription, DescriptionError, Kind, read_description
from policy.categories import CATEGORIES


def test_a_complete_description_is_accepted(written):
    about = read_description(written)
    assert about.kind is Kind.RECORDS
    assert about.period_start == date(2010, 1, 1)
    assert about.modified == datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    assert about.modified.tzinfo is UTC
    assert about.access_rights == "non-public"


def test_a_description_survives_its_own_json(description):
    assert read_description(description.model_dump(mode="json")) == description


def test_every_field_says_what_it_accepts():
    assert set(ACCEPTED) == set(DatasetDescription.model_fields)
    assert all(key in ACCEPTED["categories"] for key in CATEGORIES)


WRONG = {
    "id": ["", "a\nb", 7, "x" * 2049],
    "title": ["", " padded ", "two\nlines", "x" * 201, None],
    "description": ["   ", "bell \a", "x" * 4001],
    "keywords": [[], ["a", "a"], "diabetes", [""]],
    "themes": [[], ["health"]],
    "categories": [[], ["blood"], ["en"], ["conditions", "conditions"]],
    "publisher_name": ["", 3],
    "contact": [None, {"name": "x"}, {"name": "x", "email": "nobody"}, {"name": "x", "email": "a@b.c", "phone": "1"}],
    "access_body": [{"email": "a@b.c"}],
    "spatial": [["Belgium"], ["be"]],
    "period_start": ["yesterday"],
    "period_end": ["2009-12-31"],
    "languages": [["English"], [], ["conditions"]],
    "licence": ["free"],
    "access_rights": ["public"],
    "legal_basis": [[], ["consent"]],
    "provenance": [""],
    "kind": ["file"],
    "source": [""],
    "issued": ["2026-01-05T09:00:00", "soon"],
    "modified": ["2026-01-05T08:59:59Z"],
    "version": [""],
    "health_category": ["EHR"],
    "number_of_people": [29, -1, "20", 20.0, 3],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_wrong_field_is_named_with_what_is_accepted(written, field, value):
    with pytest.raises(DescriptionError) as refusal:
        read_description(written | {field: value})
    assert {problem.field.split("/")[0] for problem in refusal.value.problems} == {field}
    assert all(problem.what and problem.accepted == ACCEPTED[field] for problem in refusal.value.problems)


@pytest.mark.parametrize(
    "field", sorted(name for name, f in DatasetDescription.model_fields.items() if f.is_required())
)
def test_a_missing_field_is_named(written, field):
    del written[field]
    with pytest.raises(DescriptionError) as refusal:
        read_description(written)
    assert [(p.field, p.what) for p in refusal.value.problems] == [(field, "it is missing")]


def test_an_unknown_field_is_refused(written):
    with pytest.raises(DescriptionError, match="colour: this field is not known"):
        read_description(written | {"colour": "blue"})


def test_all_problems_are_told_at_once(written):
    with pytest.raises(DescriptionError) as refusal:
        read_description(written | {"title": "", "kind": "file", "licence": "free"})
    assert {problem.field for problem in refusal.value.problems} == {"title", "kind", "licence"}


@pytest.mark.parametrize("body", [None, [], "text", 4])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(DescriptionError, match="this is not an object"):
        read_description(body)
