from __future__ import annotations

import re
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from connector.deidentify.profile import packaged_profiles
from connector.services.duties.executors import ALL
from consent_ui import choices
from consent_ui.pages.steward import profile_choices
from consent_ui.use_codes import chosen_codes, use_codes
from policy.categories import CATEGORIES
from policy.odrl import compiled
from policy.odrl.duties import rule
from policy.offers import research_offer
from policy.purposes import DPV, EHDS, purpose
from tests.unit.consent_ui.fakes.space import participant

RESEARCH = f"{EHDS}HealthcareScientificResearch"
END = date(2027, 12, 31)


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
    grants, limits = chosen_codes(["GRU", "CC", "IRB", "GS:EU"], END)
    assert grants == ["general research use", "clinical care use"]
    assert limits == ["Ethics approval required (IRB).", "Geographical restriction (GS:EU)."]
    assert chosen_codes([], END) == ([], [])


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        (["XYZ"], "XYZ is none of the codes in the list"),
        (["gru"], "gru is none of the codes in the list. Do you mean GRU?"),
        (["GS"], "GS needs a value, for example GS:EU"),
        (["GRU", "IRB:more"], "IRB:more cannot be read: IRB takes no value"),
        (["COL"], "COL cannot be kept here yet. Leave this code out"),
        (["IRB"] * 21, "Write at most 20 codes"),
    ],
)
def test_a_code_that_cannot_stand_in_an_offer_is_refused_in_one_sentence(codes, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        chosen_codes(codes, END)


def test_every_code_in_the_list_can_be_written_as_it_stands_there():
    listed = use_codes()
    assert {"GRU", "HMB", "IRB", "NPOA"} <= {one.written for one in listed}
    assert [one.grants for one in listed] == sorted((one.grants for one in listed), reverse=True)
    for one in listed:
        grants, limits = chosen_codes([one.written], END)
        assert (grants == [one.means]) is one.grants
        assert bool(limits) is not one.grants


def test_every_duty_to_choose_has_somebody_who_carries_it_out_and_words():
    offer = research_offer("urn:o", [RESEARCH], datetime(2027, 12, 31, tzinfo=UTC))
    for stated in (one for answers in choices.DUTIES.values() for one, _ in answers):
        policy = compiled(dict(offer) | {"obligation": [rule(stated)]})
        assert (policy.unknown, ALL.undone(policy.policy, "urn:concord:provider")) == ((), ())
        assert choices.duty_words(stated).endswith(".")


def test_every_profile_to_choose_is_one_that_comes_with_us():
    assert sorted(key for key, _ in choices.PROFILES) == packaged_profiles()


async def test_an_own_profile_can_be_chosen_in_its_newest_version_only():
    visit = SimpleNamespace(services=participant("hospital").services, actor=None)
    own = [choice for choice in await profile_choices(visit) if choice not in choices.PROFILES]
    assert own == [("ward-3", "Ward 3 (our own, version 2)")]
