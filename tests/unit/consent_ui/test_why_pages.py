"""The pages that say why something failed or waits."""

from __future__ import annotations

import pytest

from connector.services.why import views
from connector.services.why.causes import causes
from consent_ui.pages.why import STANDINGS, WHO, marked
from tests.unit.consent_ui.test_desk_and_choices import visiting

AREAS = [("hospital", "steward", "steward"), ("hospital", "dpo", "dpo"), ("research", "researcher", "research")]


@pytest.mark.parametrize(("place", "role", "side"), AREAS)
def test_each_staff_role_finds_what_went_wrong_from_its_first_page_and_reads_what_to_do(place, role, side):
    visitor, _ = visiting(place, role)
    assert f'href="/{side}/why"' in visitor.open(f"/{side}").html
    assert "A standing rule refuses." in visitor.open(f"/{side}/why").html
    page = visitor.open(f"/{side}/why/urn:uuid:w1").html
    assert "<code>concord rules list</code>" in page
    assert "Not this year." in page
    assert "The other side" in page


def test_a_message_is_shown_with_its_errors_the_answer_and_the_next_try():
    visitor, _ = visiting("research", "researcher")
    page = visitor.open("/research/why/urn:uuid:w2").html
    for words in ("cannot-connect", "Status 503", "disk-full", "The message is sent again.", "12 people"):
        assert words in page


def test_a_number_nobody_knows_leads_back_to_the_question_with_a_word_about_it():
    visitor, _ = visiting("hospital", "steward")
    page = visitor.open("/steward/why/urn:uuid:none").html
    assert visitor.status == 404
    assert "Compare it once more" in page


def test_every_standing_and_everybody_who_may_have_to_act_has_words():
    assert set(STANDINGS) == set(views.STANDINGS)
    assert {one.who for one in causes().values()} <= set(WHO)


def test_commands_in_a_remedy_are_set_apart():
    assert marked("Run `concord why ID` now.") == [("Run ", False), ("concord why ID", True), (" now.", False)]
