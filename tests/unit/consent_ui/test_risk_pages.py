"""The pages on which staff read how easily somebody could be singled out, and measure it before they agree."""

from __future__ import annotations

import pytest

from consent_ui.risks import RISKS, risk_words
from tests.unit.consent_ui.fakes.staff import AGREEMENT, DATASET
from tests.unit.consent_ui.test_desk_and_choices import visiting

SIDES = pytest.mark.parametrize("role", ["steward", "dpo"])


@SIDES
def test_a_report_says_in_plain_words_what_was_found_and_what_would_help(role):
    visitor, _ = visiting("hospital", role)
    html = visitor.open(f"/{role}/risk/urn:uuid:risk-1").html
    for words in (
        "Below what the contract asks: nothing leaves", "3 of 26 people are the only one with their combination",
        "At least 5 people must share each combination of features; found: 1.", "found: it cannot be said",
        "Without date or year of birth at least 4 people would share each combination.", "Looked for, and not in it",
    ):  # fmt: skip
        assert words in html, words
    html = visitor.open(f"/{role}/risk/urn:uuid:risk-2").html
    assert "At least 7 people share each combination of features" in html
    assert "with a chance of at most 1 in 7" in html


@SIDES
def test_a_trial_is_made_from_a_dataset_or_a_contract_and_then_shown(role):
    visitor, services = visiting("hospital", role)
    visitor.open(f"/{role}/risk?dataset={DATASET}")
    visitor.send("Measure now")
    assert "The contract's limits are kept" in visitor.page.html.replace("&#39;", "'")
    visitor.open(f"/{role}/risk?agreement={AGREEMENT}")
    visitor.send("Measure now")
    assert services.risk.done == [("dataset", DATASET), ("agreement", AGREEMENT)]


def test_what_cannot_be_measured_says_why_where_it_was_asked():
    visitor, services = visiting("hospital", "steward")
    visitor.open("/steward/risk?dataset=urn:concord:dataset:live")
    visitor.send("Measure now")
    assert visitor.status == 400
    assert "A stream says nothing about a person" in visitor.page.html
    assert services.risk.done == []


@pytest.mark.parametrize("role", ["researcher", "patient"])
def test_nobody_else_has_these_pages(role):
    place = "research" if role == "researcher" else "wallet"
    visitor, _ = visiting(place, role)
    for path in ("/steward/risk", "/dpo/risk/urn:uuid:risk-1", "/research/risk", "/me/risk"):
        visitor.open(path)
        assert visitor.status in (403, 404), path


def test_every_answer_a_form_offers_can_be_said_in_words():
    for name, offered in RISKS.items():
        for value, _ in offered:
            [sentence] = risk_words({name: value})
            assert sentence.endswith("Otherwise nothing leaves.")
    assert risk_words({}) == []
