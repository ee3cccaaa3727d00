"""A person stops a study in two steps and watches it happen."""

from __future__ import annotations

import pytest

from tests.unit.consent_ui.fakes.people import SLEEP, SUGAR
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import Visitor

STOP = f"/me/studies/{SLEEP}/stop"


@pytest.fixture
def app():
    return portal("wallet")


@pytest.fixture
def person(app):
    return Visitor(app, "patient")


@pytest.fixture
def wallet(app):
    return app.state.participant.services.wallet


@pytest.mark.parametrize("kind", ["erase", "stop"])
def test_stopping_takes_two_steps_and_states_what_follows(person, wallet, kind):
    person.open("/me")
    person.follow("Stop sharing")
    assert person.path == STOP
    page = person.send("Continue", kind=kind)
    assert SLEEP not in wallet.stopped
    assert "This happens when you choose" in page.text
    assert ("sign that it is gone" in page.text) == (kind == "erase")
    assert ("They may keep" in page.text) == (kind == "stop")
    person.send("Stop sharing")
    assert wallet.stopped[SLEEP] == kind
    assert person.path == f"/me/studies/{SLEEP}/stopped"


def test_every_way_to_stop_and_thinking_about_it_are_offered_and_none_is_ticked(person):
    page = person.open(STOP)
    fields = [field for field in page.all("input") if field.get("name") == "kind"]
    assert [field["value"] for field in fields] == ["erase", "stop", "pause", "limit", "later"]
    assert not [field for field in fields if "checked" in field]


def test_thinking_about_it_changes_nothing(person, wallet):
    person.open(STOP)
    person.send("Continue", kind="later")
    assert person.path == "/me/permissions"
    assert SLEEP not in wallet.stopped


def test_a_page_of_progress_says_what_is_reached_what_waits_and_what_happens_if_nobody_answers(person):
    page = person.open(f"/me/studies/{SUGAR}/stopped")
    for words in ("Stopped here", "From this moment, nothing about you left St Elisabeth Hospital", "Told",
                  "Not yet stopped there", "They have until 21 December 2026", "Lumen Watches has not confirmed yet",
                  "Not yet reached", "We keep trying"):  # fmt: skip
        assert words in page.text


def test_the_page_never_says_finished_before_everyone_confirmed(person, wallet):
    page = person.open(f"/me/studies/{SUGAR}/stopped")
    assert "This page is your proof" not in page.text
    wallet.finished = True
    page = person.open(f"/me/studies/{SUGAR}/stopped")
    for words in ("It has stopped", "This page is your proof", "Deleted there", "1,318 lines in 2 files",
                  "Statement checked"):  # fmt: skip
        assert words in page.text


def test_the_page_looks_again_by_itself_only_when_asked_to_and_stops_when_done(person, wallet):
    path = f"/me/studies/{SUGAR}/stopped"
    person.open(path)
    assert "refresh" not in person.response.headers
    person.follow("let the page look again by itself")
    assert person.response.headers["refresh"] == "3"
    wallet.finished = True
    person.open(f"{path}?watch=1")
    assert "refresh" not in person.response.headers


def test_refused_attempts_stand_in_the_same_list_as_uses_with_their_reason(person):
    page = person.open("/me/uses")
    assert "Data about you was sent 3 times" in page.text
    assert "Two attempts were refused" in page.text
    assert "St Elisabeth Hospital sent Heart Rhythm Group, Ghent University 412 records about you" in page.text
    assert "Refused. St Elisabeth Hospital sent nothing about you to Heart Rhythm Group" in page.text
    assert "you had stopped sharing with this study" in page.text
    assert [words for words in page.text.split("2026") if "November" in words]


def test_the_list_says_which_places_report_and_which_do_not(person):
    page = person.open("/me/uses")
    assert "St Elisabeth Hospital, since 12 October 2026" in page.text
    assert "Other places do not report here" in page.text
