"""The form for narrower terms: what it reads, what it refuses and where, and how it says what would change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from connector.problems import Problem
from connector.services.contracting import NarrowingDraft, Standing
from consent_ui.forms import Form, filled
from consent_ui.pages.contracting import narrowing
from consent_ui.pages.contracting.course import steps
from consent_ui.pages.contracting.transfers import possible
from tests.unit.consent_ui.fakes import staff
from tests.unit.consent_ui.fakes import views as v
from tests.unit.consent_ui.fakes.people import NOW

RESEARCH = "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"
TRAINING = "https://w3id.org/dpv/legal/eu/ehds#TrainTestAndEvaluateHealthAlgorithms"
STANDING = Standing(
    purposes=[(RESEARCH, "scientific research"), (TRAINING, "training")], until=NOW.date() + timedelta(days=500),
    recipients=[("urn:a", "Group A"), ("urn:b", "Group B")],
    categories=[("conditions", "Illnesses"), ("laboratory", "Laboratory results")],
    records_from=date(2016, 1, 1), records_until=date(2027, 12, 31),
)  # fmt: skip
SHEET = narrowing.Sheet("Offer", "", "/x", "/", "Back", "Send this offer", STANDING, "Group A", reason=True)


def visit(form: Form) -> SimpleNamespace:
    return SimpleNamespace(form=form, now=NOW)


def dated(name: str, day: date) -> dict[str, str]:
    return {f"{name}-day": str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


def read(values: dict[str, str | list[str]], sheet: narrowing.Sheet = SHEET) -> tuple[NarrowingDraft | None, Form]:
    form = filled(values)
    return narrowing.read(visit(form), sheet), form


def test_only_what_is_narrower_than_the_terms_that_stand_is_in_the_draft():
    sooner = NOW.date() + timedelta(days=100)
    draft, form = read(
        {"purposes": [RESEARCH], "categories": ["laboratory"], "recipients": ["urn:a"]}
        | dated("until", sooner) | dated("records_from", date(2020, 1, 1)) | dated("records_until", date(2027, 12, 31))
    )  # fmt: skip
    assert form.errors == {}
    assert draft == NarrowingDraft([RESEARCH], sooner, ["laboratory"], ["urn:a"], date(2020, 1, 1), None)


def test_ticking_everything_that_stands_changes_nothing_and_is_said_so():
    draft, form = read({"purposes": [TRAINING, RESEARCH], "categories": ["laboratory", "conditions"]})
    assert draft is None
    assert form.errors == {"until": narrowing.NOTHING_NARROWER}


def test_an_offer_that_may_stay_as_it_is_may_be_left_empty():
    assert read({}, replace(SHEET, empty_is_fine=True)) == (NarrowingDraft(), Form())


def test_what_was_never_offered_cannot_be_ticked():
    draft, form = read({"categories": ["laboratory", "genomes"], "recipients": ["urn:evil"], "purposes": ["urn:any"]})
    assert form.errors == {}
    assert draft == NarrowingDraft(categories=["laboratory"])


@pytest.mark.parametrize(
    ("name", "day", "words"),
    [
        ("until", STANDING.until + timedelta(days=1), "an earlier day: the contract may not run longer"),
        ("until", NOW.date(), "Choose a day in the future"),
        ("records_from", date(2015, 12, 31), "Choose 1 January 2016 or a later day"),
        ("records_until", date(2028, 1, 1), "Choose 31 December 2027 or an earlier day"),
    ],
)
def test_a_day_beyond_the_terms_is_refused_on_its_field_with_what_would_be_right(name: str, day: date, words: str):
    draft, form = read(dated(name, day))
    assert draft is None
    assert words in form.errors[name]


def test_records_cannot_end_before_they_begin_and_a_reason_has_its_length():
    _, form = read(
        dated("records_from", date(2020, 5, 1)) | dated("records_until", date(2020, 4, 1)) | {"reason": "x" * 2001}
    )
    assert set(form.errors) == {"records_until", "reason"}


def test_changes_are_told_term_by_term_before_and_after():
    draft = NarrowingDraft([RESEARCH], None, ["laboratory"], [], date(2020, 1, 1), None)
    assert [tuple(one) for one in narrowing.changes(draft, STANDING)] == [
        ("Purpose", "Scientific research in health and care; Training and testing computer models for health",
         "Scientific research in health and care"),
        ("Kinds of data", "Illnesses; Laboratory results", "Laboratory results"),
        ("Dates of the records", "From 1 January 2016 to 31 December 2027", "From 1 January 2020 to 31 December 2027"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ("data", "categories"),
        ("terms", "until"),
        ("purpose", "purposes"),
        ("recipients", "recipients"),
        ("", "until"),
    ],
)
def test_a_refusal_of_the_service_stands_on_a_field_of_the_form(where: str, field: str):
    seen = SimpleNamespace(form=Form(), now=NOW, page=lambda template, status, **values: status)
    problem = Problem(400, "not-narrower", "No", "This is not within the terms until 2027-12-31.", where, "vital signs")
    assert narrowing.refused(seen, SHEET, problem) == 400
    assert seen.form.errors == {
        field: "This is not within the terms until 31 December 2027. What would be right: vital signs"
    }


def test_what_would_be_right_is_not_told_in_identifiers():
    seen = SimpleNamespace(form=Form(), now=NOW, page=lambda template, status, **values: status)
    narrowing.refused(seen, SHEET, Problem(400, "not-narrower", "No", "Not this purpose.", "purposes", RESEARCH))
    assert seen.form.errors == {"purposes": "Not this purpose"}


def test_a_refusal_that_no_change_of_the_form_mends_is_a_page_of_its_own():
    with pytest.raises(Problem):
        narrowing.refused(visit(Form()), SHEET, Problem(409, "not-asked", "No", "It does not wait any more."))


@pytest.mark.parametrize("code", ["policy-refuses", "not-permitted"])
def test_terms_that_policy_refuses_can_be_changed_on_the_form(code: str):
    seen = SimpleNamespace(form=Form(), now=NOW, page=lambda template, status, **values: status)
    problem = Problem(409, code, "Our own policy refuses these terms", "The purpose is not on offer.")
    assert narrowing.refused(seen, SHEET, problem) == 400
    assert seen.form.errors == {"until": "Your own rules do not allow these terms: The purpose is not on offer"}


def test_an_offer_waits_for_the_consumer_to_accept_it():
    done, agreed = v.Step("offered", NOW, "Hospital", False), v.Step("agreed", None, "Hospital", True)
    told = steps([done, agreed], "offered", "Group")
    assert [(one.state, one.by, one.waiting) for one in told] == [
        ("offered", "Hospital", False), ("accepted", "Group", True), ("agreed", "Hospital", False)
    ]  # fmt: skip
    assert steps([done, agreed], "requested", "Group") == [done, agreed]
    assert steps(told, "offered", "Group") == told


@pytest.mark.parametrize(
    ("changed", "acts"),
    [
        ({"state": "requested"}, ["end"]),
        ({"state": "started"}, ["pause", "end"]),
        ({"state": "started", "deciding": "pausing"}, ["end"]),
        ({"state": "started", "deciding": "ending"}, []),
        ({"state": "suspended", "suspended_by": "consumer"}, ["resume", "end"]),
        ({"state": "suspended", "suspended_by": "provider"}, ["end"]),
        ({"state": "completed"}, []),
        ({"state": "terminated"}, []),
    ],
)
def test_only_who_paused_a_transfer_can_let_it_go_on(changed: dict[str, str], acts: list[str]):
    assert possible(replace(staff.transfers()[0], role="consumer", **changed)) == acts
