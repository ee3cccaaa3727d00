"""What a page says fits how the person stands: who said yes shares, who opted out does not, a lifted pause is over."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import date

import pytest

from connector.cli import assisting
from connector.services.wallet.cards import shared_words
from consent_ui.pages import dpo
from contracts.study import RequestedData, StudyRequest
from contracts.study import Window as StudyWindow
from policy.categories import CATEGORIES, words
from policy.consent import ConsentRecord, DataScope, Window
from tests.unit.consent_ui.fakes.people import HEART, HOSPITAL, SLEEP, SUGAR
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import Visitor
from tests.unit.consent_ui.fakes.withdrawing import row

FEWER = ["laboratory", "vital-signs"]


@pytest.fixture
def person():
    app = portal("wallet")
    return Visitor(app, "patient"), app.state.participant.services


@pytest.fixture
def officer():
    app = portal("hospital")
    return Visitor(app, "dpo"), app.state.participant.services


def offered(page) -> list[str]:
    return [field["value"] for field in page.all("input") if field.get("name") == "answer"]


def test_who_said_yes_is_offered_a_pause_and_not_to_think_as_if_nothing_was_shared(person):
    visitor, services = person
    page = visitor.open(f"/me/studies/{SLEEP}")
    assert offered(page) == ["yes", "no", "pause"]
    assert "Nothing is shared" not in page.text
    page = visitor.send("Continue", answer="pause")
    assert "They keep what they have, and do not use it" in page.text
    visitor.send("Pause")
    assert services.pauses.done == [("pause", SLEEP)]


@pytest.mark.parametrize("step", ["which-data", "no"])
def test_no_question_tells_who_said_yes_to_think_about_it(person, step):
    visitor, _ = person
    links = visitor.open(f"/me/studies/{SLEEP}/{step}").links
    assert "I want to think about it" not in links
    assert links["Leave it as it is"] == "/me/permissions"


def test_taking_time_says_that_a_yes_goes_on_and_how_to_pause_it(person):
    visitor, _ = person
    page = visitor.open(f"/me/studies/{SLEEP}/later")
    assert "data about you is still shared" in page.text
    assert page.links["Pause or stop it"] == f"/me/studies/{SLEEP}/stop"
    for untrue in ("Nothing is shared", "nothing was stored", "it counts as no"):
        assert untrue not in page.text


def test_taking_time_after_stopping_leaves_the_stop_as_it_is(person):
    visitor, _ = person
    text = visitor.open(f"/me/studies/{SUGAR}/later").text
    assert "Your last answer stays as it is: you stopped it" in text
    assert "it counts as no" not in text


def test_where_a_general_permission_may_count_nobody_reads_that_nothing_is_shared(person, monkeypatch):
    visitor, services = person
    before = services.wallet._study
    monkeypatch.setattr(
        services.wallet, "_study", lambda study: replace(before(study), broad_consent=["St Elisabeth Hospital"])
    )
    for path in (f"/me/studies/{HEART}", f"/me/studies/{HEART}/later"):
        text = visitor.open(path).text
        assert "St Elisabeth Hospital may use" in text
        assert "Nothing is shared until" not in text
        assert "it counts as no" not in text


def test_a_no_says_that_it_can_be_changed_until_the_day_the_letter_names(person):
    visitor, _ = person
    page = visitor.open(f"/me/studies/{HEART}")
    until = "You can change your answer until 31 March 2027"
    assert until in page.text
    assert "I can change my answer until 31 March 2027" in visitor.send("Continue", answer="no").text


@pytest.mark.parametrize("path", ["/me", "/me/permissions"])
def test_who_opted_out_reads_it_where_they_read_what_studies_may_use(person, path):
    visitor, services = person
    assert "You stopped all research use" not in visitor.open(path).text
    services.wallet.opt_outs.out = True
    page = visitor.open(path)
    assert "You stopped all research use on 21 November 2026. No study gets new data about you" in page.text
    assert "Lumen Watches has not confirmed it yet" in page.text
    assert "may use data about you" not in page.text
    assert "It rests: all research use is stopped" in page.text
    assert page.links["See who knows, or take it back"] == "/me/opt-out"


def test_what_is_shared_now_is_ticked_in_the_form_that_shares_less(person):
    visitor, services = person
    page = visitor.open(f"/me/studies/{SLEEP}/limit")
    boxes = [field for field in page.all("input") if field.get("name") == "data-1"]
    assert len(boxes) == 2
    assert all("checked" in box for box in boxes)
    page = visitor.send("Share only this", **{"data-1": []})
    assert not [field for field in page.all("input") if "checked" in field]
    assert services.pauses.done == []


def study(categories, start=None) -> StudyRequest:
    asked = RequestedData(holder=HOSPITAL, dataset="d1", title="Hospital records", categories=categories)
    window = StudyWindow(start=start, end=None) if start else None
    return StudyRequest.model_construct(data=(asked,), window=window)


def consent(categories, start=None, end=None) -> ConsentRecord:
    scope = DataScope(dataset="d1", categories=categories)
    window = Window(start=start, end=end) if start or end else None
    return ConsentRecord.model_construct(data=(scope,), window=window)


def test_a_card_names_only_the_kinds_and_days_that_are_shared():
    kinds = "; ".join(words(key) for key in CATEGORIES if key in FEWER)
    shown = shared_words(study(None), [consent(tuple(FEWER), date(2020, 1, 1))])
    assert shown == [f"Hospital records: {kinds}, only from 2020-01-01"]


def test_a_card_of_all_that_was_asked_for_names_the_data_alone():
    first = date(2015, 1, 1)
    assert shared_words(study(None), [consent(None)]) == ["Hospital records"]
    assert shared_words(study(tuple(FEWER), first), [consent(tuple(FEWER), first)]) == ["Hospital records"]
    assert shared_words(study(None), []) == []


@pytest.mark.parametrize(("standing", "words"), [("lifted", "Goes on again"), ("overtaken", "Part of a later one")])
def test_what_is_over_is_not_open_on_the_officers_page(officer, standing, words):
    visitor, services = officer
    late, slow = "urn:uuid:90abcdef-1111", "urn:uuid:5d0c1a2b-1111"
    services.withdrawals.rows = [row(late, standing=standing), row(slow)]
    text = visitor.open("/dpo/withdrawals").text
    assert text.count(words) == 1
    assert "Not yet" not in text
    assert "25 December 2026" not in text.split(words)[0].rsplit("Pharma Insight", 1)[-1]
    assert {"lifted", "overtaken"} == set(dpo.OVER)


def test_a_receipt_is_offered_in_every_form_that_the_documentation_names(person):
    visitor, _ = person
    links = visitor.open("/me/receipts/urn:uuid:c-2").links.values()
    for form in ("html", "pdf", "json", "jws"):
        assert f"/me/receipts/urn:uuid:c-2.{form}" in links


@pytest.mark.parametrize(("standing", "there"), [("wallet", True), ("desk", False), ("none", False)])
def test_the_desk_does_not_read_no_answer_where_the_wallet_has_it(standing, there, monkeypatch, capsys):
    class Reached:
        def get(self, path):
            return STUDIES if path.endswith("/studies") else {"standing": standing}

    monkeypatch.setattr(assisting, "desk", lambda _directory: nullcontext(Reached()))
    monkeypatch.setattr(assisting, "_id", lambda _reached, _patient: "p1")
    assert assisting.studies("Moe, Ada") == 0
    assert ("answers in their wallet" in capsys.readouterr().out) is there


STUDIES = [{"title": "Sleep", "organisation_name": "Ghent", "state": "", "id": "urn:uuid:1"}]
