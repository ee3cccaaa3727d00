"""Pages about people who act for others: it is always visible, and every act of theirs stands on the person's page."""

from __future__ import annotations

from tests.unit.consent_ui.fakes.people import HEART, SLEEP
from tests.unit.consent_ui.fakes.relating import MINE
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import Visitor


def patient(place: str = "wallet", empty: bool = False) -> Visitor:
    return Visitor(portal(place, empty), "patient")


def services(visitor: Visitor):
    return visitor.client.app.state.participant.services


def test_the_page_says_who_may_decide_on_what_ground_and_what_they_did():
    page = patient().open("/me/people")
    for words in (
        "Jonas Jansen may decide for you", "Holder of a power of attorney", "Power of attorney of 3 May 2026",
        "Jonas Jansen (holder of a power of attorney) said yes for Sleep and high blood pressure",
        "Mia Jansen", "2 April 2034, then it ends by itself",
    ):  # fmt: skip
        assert words in page.text


def test_whoever_acts_for_another_sees_that_on_every_page_and_goes_back_in_one_step():
    visitor = patient()
    visitor.open("/me/people")
    visitor.send("Act for Mia Jansen")
    for path in ("/me", "/me/permissions", "/me/links", "/me/uses", "/me/people", f"/me/studies/{HEART}"):
        assert "You act for Mia Jansen." in visitor.open(path).text, path
    visitor.send("Act for myself again")
    assert "You act for" not in visitor.open("/me").text


def test_the_letter_is_signed_with_both_names():
    visitor = patient()
    visitor.open("/me/people")
    visitor.send("Act for Mia Jansen")
    visitor.open(f"/me/studies/{HEART}/which-data")
    visitor.send("Continue", data__1="all", data__2="none")
    page = visitor.send("Continue", dates="all")
    assert "Maria Jansen, for Mia Jansen" in page.text


def test_nobody_acts_by_an_authority_that_is_not_theirs():
    visitor = patient()
    visitor.open("/me/people")
    token = dict(visitor.page.forms[0].fields)["csrf"]
    answer = visitor.client.post(
        "/me/people/act", data={"csrf": token, "authority": MINE}, headers={"Origin": "http://testserver"}
    )
    assert answer.status_code == 403


def test_ending_it_takes_two_steps_and_says_what_stays():
    visitor = patient()
    visitor.open("/me/people")
    page = visitor.follow("Jonas Jansen may not act for me any more")
    assert "Answers that were given stay as they are" in page.text
    visitor.send("End it now")
    assert services(visitor).wallet.authorities.ended == [MINE]


def test_staff_record_an_authority_with_what_they_saw():
    visitor = Visitor(portal("wallet"), "dpo")
    visitor.open("/dpo/authorities")
    filled = {"account": "patient", "proxy": "nobody", "kind": "guardian", "evidence": "Order 12", "jurisdiction": "BE"}
    page = visitor.send("Record this authority", **filled)
    assert (visitor.status, "Nobody signs in here under this name" in page.text) == (400, True)
    page = visitor.send("Record this authority", **(filled | {"proxy": "son", "jurisdiction": "B"}))
    assert "Say whose law this rests on" in page.text
    visitor.send("Record this authority", **(filled | {"proxy": "son"}))
    [draft] = services(visitor).wallet.authorities.opened
    assert (draft.account, draft.proxy, draft.kind) == ("account-patient", "account-son", "guardian")


def test_a_yes_is_made_longer_on_one_page_or_left_to_end():
    visitor = patient()
    visitor.open("/me/permissions")
    visitor.follow("Make it longer")
    assert visitor.send("Continue").forms
    assert visitor.status == 400
    page = visitor.send("Continue", longer="day")
    assert "Fill in the last day" in page.text
    visitor.send("Continue", longer="day", last__day="31", last__month="12", last__year="2027")
    visitor.open(f"/me/studies/{SLEEP}/renew")
    visitor.send("Continue", longer="no")
    [(study, until)] = services(visitor).wallet.renewals.asked
    assert (study, until.isoformat()) == (SLEEP, "2027-12-31")


def test_a_question_is_put_off_for_a_time_the_person_chooses():
    visitor = patient()
    page = visitor.open(f"/me/studies/{HEART}/later")
    assert "In a month" in page.text
    visitor.send("Ask me then", again="30")
    [answer] = services(visitor).wallet.asked
    assert answer.decision == "later"
    assert answer.again is not None


def test_a_yes_may_end_before_the_study_does():
    visitor = patient()
    visitor.open(f"/me/studies/{HEART}/which-data")
    visitor.send("Continue", data__1="all", data__2="none")
    last = {"last__day": "1", "last__month": "2", "last__year": "2028"}
    page = visitor.send("Continue", dates="all", **last)
    assert "My yes ends after 1 February 2028" in page.text
    visitor.send("Send my yes")
    assert services(visitor).wallet.asked[0].until.isoformat() == "2028-02-01"


def test_a_last_day_that_is_over_or_after_the_study_is_refused_on_its_field():
    visitor = patient()
    visitor.open(f"/me/studies/{HEART}/which-data")
    visitor.send("Continue", data__1="all", data__2="none")
    for year, words in (("2020", "This day is over"), ("2090", "The study ends on")):
        page = visitor.send("Continue", dates="all", last__day="1", last__month="2", last__year=year)
        assert words in page.text
