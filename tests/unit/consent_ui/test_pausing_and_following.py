"""Pausing, limiting and following withdrawals up: said plainly, in few steps, with errors beside the question."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.services.wallet import views as v
from tests.unit.consent_ui.fakes.people import NOW, SLEEP, SUGAR
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.staff import AGREEMENT
from tests.unit.consent_ui.fakes.visitor import Visitor
from tests.unit.consent_ui.fakes.withdrawing import BY_HAND, CONSENT, LATE


@pytest.fixture
def person():
    app = portal("wallet")
    return Visitor(app, "patient"), app.state.participant.services


@pytest.fixture
def officer():
    app = portal("hospital")
    return Visitor(app, "dpo"), app.state.participant.services


def test_a_pause_of_everything_takes_two_steps_from_the_first_page(person):
    visitor, services = person
    assert 'href="/me/pause"' in visitor.open("/me").html
    page = visitor.open("/me/pause")
    assert "Nothing is deleted" in page.text
    visitor.send("Pause everything")
    assert services.pauses.done == [("pause-everything",)]


def test_one_study_is_paused_in_the_steps_of_stopping(person):
    visitor, services = person
    visitor.open(f"/me/studies/{SLEEP}/stop")
    page = visitor.send("Continue", kind="pause")
    assert "They keep what they have, and do not use it" in page.text
    page = visitor.send("Pause")
    assert services.pauses.done == [("pause", SLEEP)]
    assert "Go on sharing" in page.text


def test_a_limit_says_first_that_nothing_received_is_deleted(person):
    visitor, services = person
    page = visitor.open(f"/me/studies/{SLEEP}/limit")
    assert "Nothing that was received is deleted" in page.text
    page = visitor.send("Share only this", **{"data-1": "vital-signs"})
    assert services.pauses.done == [("limit", SLEEP, {"d1": ["vital-signs"]})]
    assert "What the study received already is not deleted" in page.text


def test_a_limit_with_nothing_ticked_or_dates_that_leave_nothing_is_asked_again(person):
    visitor, services = person
    visitor.open(f"/me/studies/{SLEEP}/limit")
    assert "To share nothing, stop instead" in visitor.send("Share only this", **{"data-1": []}).text
    dates = {"until-day": "1", "until-month": "1", "until-year": "2001"}
    page = visitor.send("Share only this", **{"data-1": "vital-signs"}, **dates)
    assert "The dates leave nothing to share" in page.text
    assert services.pauses.done == []


def late(**changes) -> v.Progress:
    facts = {
        "kind": "erase", "due": NOW - timedelta(days=2), "overdue": True, "reminded_at": NOW - timedelta(days=2),
        "escalated_at": NOW - timedelta(days=1), "suspended_at": NOW,
    } | changes  # fmt: skip
    told = NOW - timedelta(days=40)
    recipient = v.RecipientProgress(
        "Ghent University", told, told, None, None, None, 0, 0, False, NOW - timedelta(days=2), told, **facts
    )
    return v.Progress(
        SUGAR, "Sugar", "erase", told, False, [v.HolderProgress("Hospital", "reached", told, told, [recipient])]
    )


def test_what_is_overdue_is_said_in_words_with_every_step_that_followed(person):
    visitor, services = person

    async def progress(actor, study):
        return late()

    services.wallet.progress = progress
    text = visitor.open(f"/me/studies/{SUGAR}/stopped").text
    for words in ("Overdue: not stopped in time", "Reminded", "The data protection officer was called in",
                  "Every contract with them rests"):  # fmt: skip
        assert words in text


@pytest.mark.parametrize("check", ["here", "unknown", "unreachable"])
def test_what_is_not_proven_to_be_gone_is_never_shown_as_checked(person, check):
    visitor, services = person

    async def progress(actor, study):
        found = late(check=check, overdue=False, due=None, suspended_at=None)
        holder = found.holders[0]
        gone = [v.RecipientProgress(**{name: getattr(one, name) for name in one.__slots__} | {"erased_at": NOW,
                "stopped_at": NOW}) for one in holder.recipients]  # fmt: skip
        return v.Progress(
            SUGAR, "Sugar", "erase", NOW, False, [v.HolderProgress("Hospital", "reached", NOW, NOW, gone)]
        )

    services.wallet.progress = progress
    text = visitor.open(f"/me/studies/{SUGAR}/stopped").text
    assert "Not proven to be gone" in text
    assert "we checked it" not in text.lower()
    assert "looked: it is gone" not in text


def test_an_end_by_the_holder_is_shown_with_its_reason(person):
    visitor, services = person

    async def progress(actor, study):
        ended = [v.EndedByHolder("Hospital", "terminated", "The study was given up", NOW)]
        return v.Progress(SUGAR, "Sugar", "erase", NOW, True, [], ended)

    services.wallet.progress = progress
    text = visitor.open(f"/me/studies/{SUGAR}/stopped").text
    assert "Hospital ended this permission" in text
    assert "The study was given up" in text


def test_the_officer_sees_what_needs_them_first(officer):
    visitor, _ = officer
    text = visitor.open("/dpo/overdue").text
    assert text.index("Two withdrawals need you") < text.index("Still waiting") < text.index("Contracts that rest")
    assert (
        "Still there" in visitor.open(f"/dpo/overdue/{LATE}").text
        or "still there" in visitor.open(f"/dpo/overdue/{LATE}").text
    )


def test_what_was_answered_by_hand_is_noted_with_its_evidence(officer):
    visitor, services = officer
    page = visitor.open(f"/dpo/overdue/{BY_HAND}")
    assert "p-9c41d7e2a05b" in page.text
    assert "how you know" in visitor.send("Note it", answer="erased").text
    assert "legal ground" in visitor.send("Note it", answer="exception", evidence="A letter").text
    assert "A rumour is no evidence" in visitor.send("Note it", answer="erased", evidence="A rumour").text
    page = visitor.send("Note it", answer="erased", evidence="A letter of 3 May")
    assert services.withdrawals.said == [(BY_HAND, "erased", "A letter of 3 May", "")]
    assert "Noted." in page.text


def test_contracts_go_on_with_a_reason_only(officer):
    visitor, services = officer
    visitor.open(f"/dpo/overdue/contracts/{AGREEMENT}")
    assert "Write why the contracts may go on" in visitor.send("Let every contract with them go on").text
    assert "still not answered" in visitor.send("Let every contract with them go on", reason="They answer soon").text
    page = visitor.send("Let every contract with them go on", reason="They erased it")
    assert services.suspending.lifted == [(AGREEMENT, "They erased it")]
    assert "The contracts go on" in page.text


def test_a_consent_is_ended_by_number_with_a_reason_for_the_person(officer):
    visitor, services = officer
    visitor.open(f"/dpo/consents/{CONSENT}/end")
    assert "Choose how it ends" in visitor.send("End this consent", reason="Given up").text
    visitor.send("End this consent", state="terminated", reason="The study was given up")
    assert services.standings.ended == [(CONSENT, "terminated", "The study was given up")]
