"""A person answers a study: one question per page, nothing pre-ticked, and nothing sent before they say so."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.consent_ui.fakes.people import HEART, LUMEN, SLEEP
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import Visitor

HOSPITAL_DATA, WATCH_DATA = "urn:concord:dataset:heart", "urn:concord:dataset:rate"
STUDY = f"/me/studies/{HEART}"


@pytest.fixture
def app():
    return portal("wallet")


@pytest.fixture
def person(app):
    return Visitor(app, "patient")


@pytest.fixture
def wallet(app):
    return app.state.participant.services.wallet


def test_the_home_page_says_what_waits_and_what_can_be_stopped(person):
    page = person.open("/me")
    assert "One study may use data about you. You can stop it today. One question waits for you." in page.text


def test_before_answering_the_person_reads_who_asks_what_for_which_data_and_until_when(person):
    page = person.open(STUDY)
    for words in ("Heart Rhythm Group, Ghent University", "Checked by St Elisabeth Hospital", "Scientific research",
                  "Records on heart", "name removed and a code put in its place (pseudonymised)", "Risks", "Money",
                  "If you say no", "Your care stays the same"):  # fmt: skip
        assert words in page.text


def test_yes_no_and_thinking_about_it_stand_side_by_side(person):
    page = person.open(STUDY)
    values = [field["value"] for field in page.all("input") if field.get("name") == "answer"]
    assert values == ["yes", "no", "later"]


def test_continuing_without_an_answer_says_so_and_sends_nothing(person, wallet):
    person.open(STUDY)
    page = person.send("Continue")
    assert person.status == 400
    assert "One thing needs your attention" in page.text
    assert page.links["Choose one of the answers"] == "#answer"
    assert wallet.asked == []


def test_a_full_yes_shares_all_that_was_asked_for(person, wallet):
    person.open(STUDY)
    person.send("Continue", answer="yes")
    assert person.path == f"{STUDY}/which-data"
    person.send("Continue", data__1="all", data__2="all")
    person.send("Continue", dates="all")
    assert "Yes, you may use data about me" in person.page.text
    assert wallet.asked == []
    person.send("Send my yes")
    answer = wallet.asked[-1]
    assert (answer.decision, answer.datasets) == ("yes", {HOSPITAL_DATA: None, WATCH_DATA: None})
    assert (answer.window_start, answer.window_end) == (date(2016, 1, 1), date(2027, 12, 31))
    assert "You said yes" in person.page.text
    assert "Receipt number" in person.page.text


def test_a_narrower_yes_shares_only_the_kinds_and_dates_chosen(person, wallet):
    person.open(f"{STUDY}/which-data")
    person.send("Continue", **{"data-1": "some", "data-1-kind": ["laboratory", "vital-signs"], "data-2": "none"})
    person.send("Continue", **{"dates": "some", "from-day": "1", "from-month": "2", "from-year": "2020"})
    letter = person.page.text
    assert "only laboratory results and measurements such as blood pressure" in letter
    assert "You may use nothing from Lumen Watches" in letter
    assert "Only data from 1 February 2020 to 31 December 2027." in letter
    person.send("Send my yes")
    assert wallet.asked[-1].datasets == {HOSPITAL_DATA: ["laboratory", "vital-signs"]}
    assert wallet.asked[-1].window_start == date(2020, 2, 1)


def test_dates_never_reach_beyond_what_the_study_asks_for(person, wallet):
    person.open(f"{STUDY}/which-data")
    person.send("Continue", data__1="all", data__2="none")
    person.send("Continue", **{"dates": "some", "from-day": "1", "from-month": "1", "from-year": "1990"})
    person.send("Send my yes")
    assert wallet.asked[-1].window_start == date(2016, 1, 1)


def test_from_the_letter_each_part_can_be_changed_and_keeps_the_rest(person, wallet):
    person.open(f"{STUDY}/which-data")
    person.send("Continue", data__1="all", data__2="all")
    person.send("Continue", dates="all")
    page = person.send("Change which data")
    ticked = {(field["name"], field["value"]) for field in page.all("input") if "checked" in field}
    assert ticked == {("data-1", "all"), ("data-2", "all")}
    person.send("Continue", data__2="none")
    page = person.page
    assert {field["value"] for field in page.all("input") if "checked" in field} == {"all"}
    person.send("Continue")
    person.send("Send my yes")
    assert wallet.asked[-1].datasets == {HOSPITAL_DATA: None}


@pytest.mark.parametrize(
    ("filled", "sentence"),
    [
        ({}, "Choose what St Elisabeth Hospital may share"),
        ({"data-1": "some", "data-2": "none"}, "Tick at least one kind of data from St Elisabeth Hospital"),
        ({"data-1": "none", "data-2": "none"}, "You chose to share nothing"),
        ({"data-1": "all"}, "Choose what Lumen Watches may share"),
    ],
)
def test_an_unfinished_choice_of_data_is_asked_again_with_what_was_chosen(person, wallet, filled, sentence):
    person.open(f"{STUDY}/which-data")
    page = person.send("Continue", **filled)
    assert person.status == 400
    assert sentence in page.text
    kept = {(field["name"], field["value"]) for field in page.all("input") if "checked" in field}
    assert kept == set(filled.items())


@pytest.mark.parametrize(
    ("filled", "sentence"),
    [
        ({}, "Choose from which time data may be used"),
        ({"dates": "some"}, "Fill in at least one of the two dates"),
        ({"dates": "some", "from-day": "31", "from-month": "2", "from-year": "2020"}, "Write a real date"),
        ({"dates": "some", "from-day": "1", "from-month": "1", "from-year": "2021", "until-day": "1",
          "until-month": "1", "until-year": "2020"}, "The last day is before the first day"),
        ({"dates": "some", "until-day": "1", "until-month": "1", "until-year": "2001"}, "Choose days in that time"),
    ],
)  # fmt: skip
def test_unfinished_dates_are_asked_again(person, wallet, filled, sentence):
    person.open(f"{STUDY}/which-data")
    person.send("Continue", data__1="all", data__2="all")
    page = person.send("Continue", **filled)
    assert person.status == 400
    assert sentence in page.text
    assert wallet.asked == []


def test_a_no_is_checked_once_and_sent(person, wallet):
    person.open(STUDY)
    person.send("Continue", answer="no")
    assert "No, you may not use data about me" in person.page.text
    assert wallet.asked == []
    person.send("Send my no")
    assert wallet.asked[-1].decision == "no"
    assert "You said no" in person.page.text


def test_yes_and_no_have_the_same_button_on_the_letter(person):
    person.open(f"{STUDY}/which-data")
    person.send("Continue", data__1="all", data__2="all")
    page = person.send("Continue", dates="all")
    buttons = [tag for tag, attributes in page.tags if (attributes.get("class") or "") == "button"]
    assert sorted(buttons) == ["a", "button"]


def test_thinking_about_it_stores_nothing_and_can_be_done_from_every_question(person, wallet):
    for path in (f"{STUDY}/which-data", f"{STUDY}/no"):
        assert "I want to think about it" in person.open(path).links
    person.open(STUDY)
    page = person.send("Continue", answer="later")
    assert "Nothing is shared and nothing was stored" in page.text
    assert wallet.asked == []


def test_an_answer_to_words_that_changed_meanwhile_is_not_sent(person, wallet, monkeypatch):
    person.open(f"{STUDY}/which-data")
    person.send("Continue", data__1="all", data__2="all")
    person.send("Continue", dates="all")
    original = wallet._study

    def changed(study):
        from dataclasses import replace

        return replace(original(study), digest="another")

    monkeypatch.setattr(wallet, "_study", changed)
    page = person.send("Send my yes")
    assert person.status == 409
    assert "The study changed its words" in page.text
    assert wallet.asked == []


def test_a_place_that_is_not_linked_cannot_be_chosen_and_is_never_shared(app, person, wallet):
    del wallet.places[LUMEN]
    page = person.open(f"{STUDY}/which-data")
    assert "You have not linked this place, so it shares nothing" in page.text
    person.send("Continue", data__1="all")
    person.send("Continue", dates="all")
    person.send("Send my yes")
    assert wallet.asked[-1].datasets == {HOSPITAL_DATA: None}


def test_without_any_linked_place_the_person_is_told_what_to_do_first(wallet, person):
    wallet.places.clear()
    page = person.open(STUDY)
    assert "To say yes, first link a place" in page.text
    assert "yes" not in [field.get("value") for field in page.all("input")]
    person.open(f"{STUDY}/which-data")
    assert person.path == STUDY


def test_a_dataset_added_to_the_form_by_hand_is_not_shared(person, wallet):
    person.open(f"{STUDY}/which-data")
    form = next(form for form in person.page.forms if "data-1" in form.names)
    form.names |= {"data-3", "data-1-kind"}
    person.send("Continue", **{"data-1": "some", "data-1-kind": ["laboratory", "claims"], "data-2": "none",
                               "data-3": "all"})  # fmt: skip
    person.send("Continue", dates="all")
    person.send("Send my yes")
    assert wallet.asked[-1].datasets == {HOSPITAL_DATA: ["laboratory"]}


def test_answering_no_to_a_study_one_said_yes_to_leads_to_stopping_it(person):
    person.open(f"/me/studies/{SLEEP}")
    person.send("Continue", answer="no")
    assert person.path == f"/me/studies/{SLEEP}/stop"


def test_a_receipt_can_be_taken_away_as_a_file(person):
    person.open("/me/receipts/urn:uuid:c-2")
    for form in ("json", "jws", "html", "pdf"):
        answer = person.client.get(f"/me/receipts/urn:uuid:c-2.{form}")
        assert answer.content.count(b".") == 2
        assert answer.headers["content-disposition"] == f'attachment; filename="receipt-1-2.{form}"'
    assert person.client.get("/me/receipts/urn:uuid:c-2.docx").status_code == 400


def test_linking_needs_the_code_and_keeps_what_was_typed(person, wallet):
    person.open("/me/links")
    page = person.send("Link this place", holder="urn:concord:citylab:9e9e9e9e", code="wrong")
    assert person.status == 400
    assert page.links["This code does not fit, or it was used already. Ask the place for a new one"] == "#code"
    assert ("code", "wrong") in next(form for form in page.forms if "code" in form.names).fields
    page = person.send("Link this place", code="k7pq-3m9x")
    assert "City Laboratory is linked" in page.text


def test_one_code_for_all_places_is_asked_for_only_by_a_study_that_wants_it_and_nothing_is_ticked(person, wallet):
    person.open(f"{STUDY}/which-data")
    assert "one code for you" not in person.send("Continue", data__1="all", data__2="all").text
    wallet.linking.add(HEART)
    person.open(f"{STUDY}/which-data")
    page = person.send("Continue", data__1="all", data__2="all")
    assert "May the places with your data use one code for you?" in page.text
    person.send("Continue", dates="all")
    assert person.status == 400
    assert "Choose whether the places may use one code for you" in person.page.text


@pytest.mark.parametrize(("said", "linkage", "words"), [("yes", True, "may use the same code for me"),
                                                        ("no", False, "a code of its own for me")])  # fmt: skip
def test_a_yes_to_the_study_stands_with_and_without_one_code(person, wallet, said, linkage, words):
    wallet.linking.add(HEART)
    person.open(f"{STUDY}/which-data")
    person.send("Continue", data__1="all", data__2="all")
    person.send("Continue", dates="all", linking=said)
    assert words in person.page.text
    person.send("Send my yes")
    assert (wallet.asked[-1].decision, wallet.asked[-1].linkage) == ("yes", linkage)
