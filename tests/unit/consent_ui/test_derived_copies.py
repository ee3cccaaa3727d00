"""What researchers made of received data: what is to do is said first, and the form says what would be right."""

from __future__ import annotations

import pytest

from tests.unit.consent_ui.fakes.copies import MODEL, RESULT
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import Visitor

PLACE = "/research/withdrawals/copies"


@pytest.fixture
def somebody():
    app = portal("research")
    return Visitor(app, "researcher"), app.state.participant.services.derivations


def test_what_is_to_do_stands_first_with_its_day(somebody):
    page = somebody[0].open("/research/withdrawals")
    assert page.text.index("Rebuild or erase the model risk-net-7") < page.text.index("Who stopped")
    assert "Overdue" in page.text


def test_what_was_erased_can_be_said(somebody):
    visitor, derived = somebody
    visitor.open(f"{PLACE}/{MODEL}")
    page = visitor.send("State it", act="erased")
    assert derived.said == [(MODEL, "erased")]
    assert "Noted." in page.text


def test_a_refusal_stands_beside_the_question(somebody):
    visitor, _ = somebody
    visitor.open(f"{PLACE}/{MODEL}")
    page = visitor.send("State it", act="rebuilt")
    assert "Somebody who stopped is still in the file" in page.text
    page = visitor.send("State it", act="")
    assert "Choose what you did" in page.text


def test_only_a_result_can_be_said_to_stay(somebody):
    visitor, derived = somebody
    assert "It stays" not in visitor.open(f"{PLACE}/{MODEL}").text
    visitor.open(f"{PLACE}/{RESULT}")
    visitor.send("State it", act="published", ground="In print since May.")
    assert derived.said == [(RESULT, "published", "In print since May.")]


def test_the_officer_states_a_ground():
    app = portal("research")
    visitor = Visitor(app, "dpo")
    visitor.open(f"/dpo/copies/{MODEL}")
    page = visitor.send("State the ground", ground="A court asked for it.")
    assert app.state.participant.services.derivations.said == [(MODEL, "exception", "A court asked for it.")]
    assert "Noted." in page.text


def test_without_anything_registered_the_page_says_how():
    page = Visitor(portal("research", empty=True), "researcher").open("/research/withdrawals")
    assert "concord received derive" in page.text
