"""Pages on which a record is connected, doubted and put right."""

from __future__ import annotations

import pytest

from consent_ui.shield import ORIGIN as ALLOWED
from tests.unit.consent_ui.fakes.people import HOSPITAL
from tests.unit.consent_ui.fakes.relating import DISPUTE, OLD_LINK, WALLET, WALLET_ORIGIN
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import Visitor


def services(visitor: Visitor):
    return visitor.client.app.state.participant.services


def test_the_record_page_says_when_no_record_is_tied_and_that_names_are_never_matched():
    page = Visitor(portal("hospital", empty=True), "patient").open("/record")
    assert "We never guess from your name" in page.text


def test_the_hand_over_page_lets_its_form_go_to_the_wallet_and_nowhere_else():
    visitor = Visitor(portal("hospital"), "patient")
    visitor.open("/record")
    visitor.send("Continue")
    assert visitor.status == 400
    page = visitor.send("Continue", wallet=WALLET)
    assert f"form-action 'self' {WALLET_ORIGIN};" in visitor.response.headers["content-security-policy"]
    assert visitor.response.headers["referrer-policy"] == "strict-origin"
    away = next(form for form in page.forms if form.action.startswith("https:"))
    assert (away.method, away.action) == ("post", f"{WALLET_ORIGIN}/hand-over")
    assert away.names == {"holder", "code"}
    assert "K7PQ" not in visitor.path
    visitor.open("/record")
    assert "form-action 'self';" in visitor.response.headers["content-security-policy"]


@pytest.mark.parametrize("origin", ["https://a.example; script-src *", "javascript:x", "https://a b", "", "*"])
def test_only_a_plain_origin_ever_stands_in_the_policy(origin):
    assert not ALLOWED.fullmatch(origin)


def test_a_code_is_taken_from_the_holders_own_page_only_and_asks_before_it_links():
    visitor = Visitor(portal("wallet"))
    fields = {"holder": HOSPITAL, "code": "K7PQ-3M9X-2TRE"}
    for origin in ("https://evil.example", "null", "http://testserver"):
        assert visitor.client.post("/hand-over", data=fields, headers={"Origin": origin}).status_code == 403
    brought = visitor.client.post("/hand-over", data=fields, headers={"Origin": "https://hospital.example"})
    assert brought.status_code == 200
    cookie = brought.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Nothing is connected yet" in brought.text
    visitor.open("/sign-in?as=patient")
    page = visitor.open("/hand-over")
    assert "This wallet belongs to Maria Jansen" in page.text
    visitor.send("Continue")
    assert visitor.status == 400
    visitor.send("Continue", together="yes")
    assert services(visitor).wallet.links.taken == [True]


def test_without_a_code_that_was_brought_there_is_nothing_to_confirm():
    visitor = Visitor(portal("wallet"), "patient")
    visitor.open("/hand-over")
    assert visitor.status == 404


def test_a_person_says_that_a_link_is_wrong_after_reading_what_happens():
    visitor = Visitor(portal("wallet"), "patient")
    visitor.open("/me/links")
    page = visitor.follow("This link is wrong")
    assert "Nothing of that record leaves" in page.text
    visitor.send("Say that it is wrong", reason="I was never there")
    assert services(visitor).wallet.links.doubted == [(OLD_LINK, "I was never there")]


def test_the_desk_ties_a_sign_in_and_stops_a_link_that_may_be_wrong():
    visitor = Visitor(portal("hospital"), "steward")
    visitor.open("/steward/people/p1")
    visitor.send("Tie this sign-in")
    assert visitor.status == 400
    assert "tied already" in visitor.send("Tie this sign-in", subject="taken").text
    visitor.send("Tie this sign-in", subject="maria")
    assert services(visitor).hand_over.tied == [("p1", "maria")]
    assert "No single patient has this number" in visitor.send(
        "Stop and have it settled", reason="Twins", other="E-0"
    ).text  # fmt: skip
    visitor.send("Stop and have it settled", reason="Twins", other="E-7")
    assert services(visitor).disputes.opened == [("p1", "Twins", "p-7")]


def test_the_officer_settles_a_disputed_link_and_names_the_right_person():
    visitor = Visitor(portal("hospital"), "dpo")
    page = visitor.open("/dpo/links")
    assert "Open: nothing is released" in page.text
    visitor.open(f"/dpo/links/{DISPUTE}")
    visitor.send("Settle it")
    assert visitor.status == 400
    assert "Write the number of the right patient" in visitor.send("Settle it", outcome="moved").text
    visitor.send("Settle it", outcome="moved", other="E-7")
    assert services(visitor).disputes.settled == [(DISPUTE, "moved", "p-7")]
