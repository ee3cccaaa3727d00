"""A steward's pages about terms: who could get what today, what a recipient must do, and what is owed."""

from __future__ import annotations

import re

import pytest

from consent_ui.rendering import environment
from tests.unit.consent_ui.fakes.simulating import UNAPPROVED
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.staff import AGREEMENT
from tests.unit.consent_ui.fakes.visitor import Visitor

OUTLOOK = "/steward/datasets/outlook"
FILLED = {
    "title": "Heart", "description": "Adults.", "keywords": "heart", "source": "bundles", "kind": "records",
    "categories": ["laboratory"], "purposes": ["https://w3id.org/dpv#AcademicResearch"], "until-day": "31",
    "until-month": "12", "until-year": "2099", "profile": "research-standard",
}  # fmt: skip


@pytest.fixture
def steward():
    app = portal("hospital")
    return Visitor(app, "steward"), app.state.participant.services.steward


def cards(html: str) -> list[str]:
    return [re.sub(r"<[^>]+>|\s+", " ", one) for one in re.findall(r"<article.*?</article>", html, re.DOTALL)]


def titles(html: str) -> list[str]:
    return re.findall(r"<h2 id=\"case-.*?</h2>", html, re.DOTALL)


def test_what_waits_for_the_steward_comes_first_and_what_is_in_force_last(steward):
    found = cards(steward[0].open(OUTLOOK).html)
    assert len(found) == 4
    assert "Read and answer the study request" in found[0]
    assert ["Would be refused" in one for one in found] == [True, True, False, False]
    assert "A contract is in force" in found[-1]


def test_no_two_cards_have_the_same_title(steward):
    found = [re.sub(r'id="case-\d+"', "", one) for one in titles(steward[0].open(OUTLOOK).html)]
    assert len(set(found)) == len(found) == 4


def test_a_cause_stands_once_and_a_bar_of_one_piece_not_at_all(steward):
    page = steward[0].open(OUTLOOK)
    waiting = re.findall(r"<article.*?</article>", page.html, re.DOTALL)[0]
    assert waiting.count(UNAPPROVED) == 1
    assert '<svg class="bar"' not in waiting
    assert page.html.count('<svg class="bar"') == 2
    assert "What happened" not in page.text
    assert "Today's answer" in page.text


def test_the_answers_narrow_by_links(steward):
    visitor, _ = steward
    visitor.open(OUTLOOK)
    visitor.follow("Could be agreed (1)")
    assert len(cards(visitor.page.html)) == 1
    assert "Sleep Centre" in visitor.page.text
    assert len(cards(visitor.open(f"{OUTLOOK}?standing=anything").html)) == 4


def test_duties_are_chosen_checked_as_sentences_and_published(steward):
    visitor, service = steward
    visitor.open("/steward/datasets/new")
    visitor.send("Check this dataset", **FILLED, report="report:P1Y", delete="delete:P30D", inform="inform")
    assert "report to the data holder within 1 year" in visitor.page.text
    assert "deleted within 30 days after it arrived" in visitor.page.text
    visitor.send("Publish this dataset")
    actions = [one["action"].rsplit("/")[-1].rsplit("#")[-1] for one in service.published[0].duties]
    assert actions == ["report", "delete", "inform"]


def test_a_duty_that_was_not_offered_is_refused_on_its_field(steward):
    visitor, service = steward
    visitor.open("/steward/datasets/new")
    visitor.send("Check this dataset", **FILLED, report="anonymise")
    assert "Choose one of the answers in the list" in visitor.page.text
    assert service.published == []


def test_no_duty_is_asked_for_that_nobody_chose(steward):
    visitor, service = steward
    visitor.open("/steward/datasets/new")
    visitor.send("Check this dataset", **FILLED)
    visitor.send("Publish this dataset")
    assert service.published[0].duties == []


def test_a_day_that_the_duty_names_is_not_said_again():
    visitor = Visitor(portal("research"), "researcher")
    page = visitor.open(f"/research/contracts/{AGREEMENT}")
    sentence = "The recipient must report to the data holder by 1 November 2026."
    assert f"{sentence} Owed by you, the recipient." in page.text
    assert page.text.count("by 1 November 2026") == page.text.count(sentence)
    assert "Due by 1 March 2027." in page.text


@pytest.mark.parametrize(("parts", "bars"), [([("Sent", 0), ("No", 12)], 0), ([("Sent", 3), ("No", 12)], 1)])
def test_a_bar_is_drawn_only_where_it_compares_something(parts, bars):
    share = environment().get_template("parts/contract.html").module.share
    html = share("People", "People", parts)
    assert html.count('class="bar"') == bars
    assert html.count("<tr>") == 3
