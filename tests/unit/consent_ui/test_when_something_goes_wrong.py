from __future__ import annotations

import logging

import pytest

from connector.problems import Problem
from tests.unit.consent_ui.fakes.people import HEART
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import ORIGIN, Visitor


@pytest.fixture
def app():
    return portal("wallet")


def raising(error: Exception):
    async def fail(*_: object) -> None:
        raise error

    return fail


def test_an_unknown_address_says_what_is_safe_and_what_to_do(app):
    page = Visitor(app, "patient").open("/me/nothing")
    assert "We cannot find this page" in page.text
    assert "What is safe" in page.text
    assert "What to do" in page.text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "We cannot find this page"), (403, "not for your account"), (409, "Something changed meanwhile"),
        (429, "Please wait a moment"), (503, "not available right now"), (418, "could not be read"),
    ],
)  # fmt: skip
def test_a_refusal_of_a_service_is_a_page(app, status, words):
    app.state.participant.services.wallet.home = raising(Problem(status, "x", "Refused", "Because of that."))
    visitor = Visitor(app, "patient")
    page = visitor.open("/me")
    assert visitor.status == status
    assert words in page.text
    assert ("Because of that." in page.text) == (status < 500)


def test_a_failure_shows_a_reference_and_no_trace_and_logs_no_words(app, caplog):
    app.state.participant.services.wallet.home = raising(ValueError("Maria Jansen, born 9 March 1954"))
    visitor = Visitor(app, "patient")
    with caplog.at_level(logging.ERROR):
        page = visitor.open("/me")
    assert visitor.status == 500
    assert "It is not your fault" in page.text
    assert "Traceback" not in page.html
    assert "Maria" not in page.html
    reference = caplog.records[-1].args[0]
    assert reference in page.text
    assert "Maria" not in caplog.text
    assert visitor.response.headers["cache-control"] == "no-store"


def test_while_the_connector_starts_pages_say_so(app):
    del app.state.participant
    visitor = Visitor(app)
    page = visitor.open("/")
    assert visitor.status == 503
    assert "not available right now" in page.text


def test_a_form_larger_than_we_accept_is_refused_before_it_is_read(app):
    visitor = Visitor(app, "patient")
    answer = visitor.client.post("/me/links", content=b"a=" + b"x" * 70_000, headers={
        "Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
    assert answer.status_code == 413
    assert "too much text" in answer.text


def test_a_file_is_not_a_form(app):
    visitor = Visitor(app, "patient")
    answer = visitor.client.post("/me/links", files={"f": b"x"}, headers={"Origin": ORIGIN})
    assert answer.status_code == 415


def test_what_was_filled_in_survives_being_signed_out(app):
    visitor = Visitor(app, "patient")
    visitor.open("/me/links")
    visitor.client.cookies.clear()
    page = visitor.send("Link this place", holder="urn:x", code="K7PQ")
    assert visitor.status == 401
    assert "Nothing was sent yet" in page.text
    assert ("code", "K7PQ") in page.forms[0].fields

    other_tab = visitor.client.get("/sign-in?as=patient")
    assert other_tab.status_code == 200
    page = visitor.send("Go on with what I filled in")
    assert visitor.status == 409
    assert ("code", "K7PQ") in page.forms[0].fields
    visitor.send("Go on with what I filled in")
    assert "Choose the place" in visitor.page.text


def test_a_wrong_value_in_an_address_is_a_page_too():
    visitor = Visitor(portal("hospital"), "dpo")
    for path in ("/dpo/log?after=x", "/dpo/log/x", "/dpo/log?after=-5"):
        visitor.open(path)
        assert visitor.status == 400, path
        assert "could not be read" in visitor.page.text


def test_a_method_that_does_not_exist_is_a_page(app):
    visitor = Visitor(app, "patient")
    answer = visitor.client.request("DELETE", "/me")
    assert answer.status_code == 405


def test_a_study_that_is_not_for_the_person_is_not_found(app):
    visitor = Visitor(app, "patient")
    visitor.open(f"/me/studies/{HEART[:-1]}9")
    assert visitor.status == 404
