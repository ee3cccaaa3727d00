from __future__ import annotations

from datetime import date

import pytest

from consent_ui import choices
from policy.categories import CATEGORIES
from policy.purposes import DPV, EHDS, purpose

RESEARCH = f"{EHDS}HealthcareScientificResearch"


def offer(right: object, left: str = "purpose") -> dict[str, object]:
    return {"permission": [{"constraint": [{"leftOperand": left, "operator": "isA", "rightOperand": right}]}]}


def test_every_purpose_to_choose_is_one_the_policy_floor_knows():
    assert all(purpose(iri) is not None for iri, _ in choices.purposes())


def test_only_purposes_an_offer_covers_can_be_chosen():
    assert [iri for iri, _ in choices.purposes_within(offer(RESEARCH))] == [RESEARCH]
    several = [iri for iri, _ in choices.purposes_within(offer([RESEARCH, f"{DPV}AcademicResearch"]))]
    assert several == [RESEARCH, f"{DPV}AcademicResearch"]
    assert f"{DPV}CommercialResearch" not in several


def test_an_offer_whose_purpose_nobody_knows_leaves_nothing_to_choose():
    assert choices.purposes_within(offer("urn:unknown")) == []


def test_an_offer_without_a_purpose_leaves_all_to_choose():
    assert choices.purposes_within(offer("x", "dateTime")) == choices.purposes()
    assert choices.purposes_within({"permission": ["?"]}) == choices.purposes()


def test_kinds_of_data_are_those_of_the_policy_floor_without_the_rest():
    assert {key for key, _ in choices.categories()} == set(CATEGORIES) - {"other"}
    assert choices.category_keys(["Laboratory results", "Something else"]) == [("laboratory", "Laboratory results")]


def test_data_use_codes_read_as_what_they_grant_and_what_else_they_ask_for():
    grants, limits = choices.code_words(["GRU", "CC", "IRB"], date(2027, 12, 31))
    assert grants == ["general research use", "clinical care use"]
    assert limits == ["Ethics approval required (IRB)."]
    assert choices.code_words([], date(2027, 12, 31)) == ([], [])


@pytest.mark.parametrize("codes", [["XYZ"], ["DS"], ["GRU", "IRB:more"]])
def test_what_is_no_data_use_code_is_refused(codes):
    with pytest.raises(ValueError, match=r"known|value"):
        choices.code_words(codes, date(2027, 12, 31))
