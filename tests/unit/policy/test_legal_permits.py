"""Data permits, opt-outs and prohibited uses of the EHDS, article by article; a further no never loosens an answer."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decide import decide
from policy.decision import Action, Regime
from policy.facts import CareRelation, OptOut, Permit
from policy.law import statute
from policy.law.permits import runs_too_long
from policy.odrl import compiled
from policy.purposes import EHDS, covers, packaged, purpose
from tests.unit.policy.story import ACADEMIC, DATASET, GROUP, MARKETING, NOW, RESEARCH, story

DAY = timedelta(days=1)
STATISTICS = f"{EHDS}ProvideHealthcareOfficialStatistics"
ANY_USE = compiled(story.agreement(permission=[{"action": "use"}]))
PERMIT = Permit(
    id="permit-1",
    approved_at=NOW - 10 * DAY,
    valid_until=NOW + 10 * DAY,
    recipients=(GROUP,),
    purposes=(RESEARCH,),
    datasets=(DATASET,),
)
PUBLIC = replace(PERMIT, purposes=(STATISTICS,), public_body=True)


def asked(permit=PERMIT, purposes=(RESEARCH,), regime=Regime.PERMIT, now=NOW, **facts):
    """The decision under a permit, with a contract that allows any use and asks no person."""
    question = story.question(regime=regime, purposes=tuple(purposes), now=now)
    return decide(question, story.facts(**{"policy": ANY_USE, "consents": (), "permit": permit} | facts))


def codes(decision):
    """Why not, by code; nothing where the answer is yes."""
    return [] if decision.permits else [cause.code for cause in decision.because]


# --- art. 53: what a permit may be for --------------------------------------------------------------------------------


def test_every_purpose_of_article_53_is_known_under_its_letter():
    by_letter = {letter: statute.permitted_purposes(letter) for letter in "abcdef"}
    assert all(by_letter.values())
    assert f"{EHDS}HealthcareScientificResearch" in by_letter["e"]
    assert STATISTICS in by_letter["c"]
    assert sum(map(len, by_letter.values())) == len(statute.permitted_purposes()) == 17


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("iri", statute.permitted_purposes())
def test_a_to_c_are_for_public_bodies_and_the_rest_for_all(iri, public):
    letter = packaged("purposes.json")[iri]["article53"]
    decision = asked(replace(PERMIT, purposes=(iri,), public_body=public), [iri])
    assert codes(decision) == ([] if public or letter in "def" else ["purpose-not-lawful"])


def test_a_purpose_nobody_has_placed_is_denied_and_the_missing_statement_named():
    decision = asked(purposes=[ACADEMIC])
    assert codes(decision) == ["permit-purpose", "purpose-not-lawful"]
    assert decision.unknown == (
        "Nobody has stated whether academic research is a kind of healthcare scientific research.",
        "Nobody has stated that academic research is a purpose of art. 53(1) (d), (e), (f).",
    )


def test_a_broader_permit_covers_a_narrower_request_and_never_the_reverse():
    algorithms, systems = f"{EHDS}TrainTestAndEvaluateHealthAlgorithms", f"{EHDS}HealthcareScientificResearch"
    wide = replace(PERMIT, purposes=("dpv:ScientificResearch",))
    assert asked(wide, [RESEARCH]).permits
    assert "permit-purpose" in codes(asked(replace(PERMIT, purposes=(systems,)), ["dpv:ScientificResearch"]))
    assert "permit-purpose" in codes(asked(replace(PERMIT, purposes=(algorithms,)), [RESEARCH]))


known = st.sampled_from(sorted({one.iri for one in map(purpose, packaged("purposes.json")) if one}))


@settings(max_examples=100)
@given(known, known, st.booleans())
def test_a_permit_lets_nothing_through_that_its_purposes_do_not_cover(granted, wanted, public):
    decision = asked(replace(PERMIT, purposes=(granted,), public_body=public), [wanted])
    if decision.permits:
        assert covers(granted, wanted) is True
        assert any(covers(lawful, wanted) for lawful in statute.permitted_purposes())


# --- art. 54: what nothing allows -------------------------------------------------------------------------------------

FORBIDDEN = [
    ("concord:DetrimentalDecision", "a"),
    ("concord:InsuranceTerms", "b"),
    ("sector-health:InsuranceManagement", "b"),
    ("sector-health:HealthInsuranceManagement", "b"),
    ("sector-health:LifeInsuranceManagement", "b"),
    ("concord:CreditTerms", "b"),
    ("dpv:RecruitmentApplicantSelection", "b"),
    ("dpv:TargetedAdvertising", "c"),
    ("v3-ActReason:HMARKT", "c"),
    ("concord:TobaccoAndNicotineProducts", "d"),
    ("concord:AlcoholicBeverages", "d"),
    ("concord:Weapons", "d"),
    ("concord:AgainstNationalEthics", "e"),
]


@pytest.mark.parametrize(("use", "letter"), FORBIDDEN)
def test_a_prohibited_use_beats_every_ground(use, letter):
    care = CareRelation(provider=GROUP, since=NOW - DAY, until=NOW + DAY)
    wide = replace(PERMIT, purposes=("dpv:Purpose",), public_body=True)
    consent = story.record(purposes=["dpv:Purpose", RESEARCH])
    for regime in (Regime.CONSENT, Regime.PERMIT, Regime.CARE):
        decision = asked(wide, [RESEARCH, use], regime, consents=(consent,), care=care)
        assert "prohibited-use" in codes(decision)
        assert any(f"art. 54({letter})" in cause.text for cause in decision.because)


@pytest.mark.parametrize("regime", [Regime.CONSENT, Regime.PERMIT, Regime.CARE])
@pytest.mark.parametrize("use", ["dpv:SellDataToThirdParties", "dpv:SellProducts"])
def test_nobody_sells_the_data_to_third_parties(use, regime):
    care = CareRelation(provider=GROUP, since=NOW - DAY, until=NOW + DAY)
    decision = asked(replace(PERMIT, purposes=("dpv:Purpose",)), [use], regime, care=care)
    assert "prohibited-use" in codes(decision)
    assert any("third parties: art. 61" in cause.text for cause in decision.because)


def test_a_purpose_that_takes_in_a_prohibited_use_is_prohibited_too():
    consent = story.record(purposes=["dpv:Purpose"])
    decision = asked(None, ["dpv:Purpose"], Regime.CONSENT, consents=(consent,))
    assert codes(decision)[0] == "prohibited-use"


UNPLACED = [
    "dpv:marketing",
    "dpv:MARKETING",
    "https://w3id.org/dpv#Marketing ",
    "https://w3id.org/dpv/#Marketing",
    "https://w3id.org/dpv/dpv-owl#Marketing",
    "http://www.w3.org/ns/dpv#Marketing",
    "dpv:InsuranceManagement",
    "foo",
    "",
]


@pytest.mark.parametrize("regime", [Regime.CONSENT, Regime.PERMIT, Regime.CARE])
@pytest.mark.parametrize("use", UNPLACED)
def test_a_purpose_that_nobody_has_placed_is_no_under_every_ground_and_the_missing_statement_is_named(use, regime):
    care = CareRelation(provider=GROUP, since=NOW - DAY, until=NOW + DAY)
    consent = story.record(purposes=["dpv:Purpose", RESEARCH])
    permit = replace(PERMIT, purposes=(RESEARCH, use))
    decision = asked(permit, [RESEARCH, use], regime, consents=(consent,), care=care)
    assert "purpose-not-known" in codes(decision)
    assert f"Nobody has stated what kind of purpose {use} is." in decision.unknown
    assert asked(permit, [RESEARCH], regime, consents=(consent,), care=care).permits


def test_a_contract_for_a_purpose_that_nobody_has_placed_is_not_agreed_to():
    request = story.agreement()
    request["permission"][0]["constraint"][0] = {"leftOperand": "purpose", "operator": "isA", "rightOperand": "foo"}
    for regime in (Regime.CONSENT, Regime.CARE):
        question = story.question(action=Action.NEGOTIATE, purposes=(), regime=regime)
        decision = decide(question, story.facts(policy=request, offer=compiled(request)))
        assert "purpose-not-known" in codes(decision)
        assert "Nobody has stated what kind of purpose foo is." in decision.unknown


@pytest.mark.parametrize("iri", statute.permitted_purposes())
def test_no_purpose_of_article_53_touches_a_prohibited_use(iri):
    assert not statute.prohibited((iri,))


def test_a_contract_for_a_prohibited_use_is_not_agreed_to():
    request = story.agreement()
    request["permission"][0]["constraint"][0] = {"leftOperand": "purpose", "operator": "isA", "rightOperand": MARKETING}
    question = story.question(action=Action.NEGOTIATE, purposes=())
    decision = decide(question, story.facts(policy=request, offer=compiled(request)))
    assert codes(decision) == ["prohibited-use"]


@settings(max_examples=60)
@given(st.lists(known, max_size=3), st.sampled_from(FORBIDDEN), st.sampled_from([Regime.CONSENT, Regime.PERMIT]))
def test_naming_a_prohibited_use_never_helps(purposes, use, regime):
    assert not asked(replace(PERMIT, purposes=("dpv:Purpose",)), [*purposes, use[0]], regime).permits


# --- art. 68: for how long --------------------------------------------------------------------------------------------

LONG_AGO = NOW.replace(year=2018)


@pytest.mark.parametrize(
    ("change", "too_long"),
    [
        ({"valid_until": LONG_AGO.replace(year=2028)}, False),
        ({"valid_until": LONG_AGO.replace(year=2028) + timedelta(microseconds=1)}, True),
        (
            {"extended_from": NOW.replace(month=1), "valid_until": NOW.replace(year=2036, month=1)},
            False,
        ),
        ({"extended_from": NOW.replace(month=1), "valid_until": NOW.replace(year=2037)}, True),
        ({"extended_from": LONG_AGO.replace(year=2029), "valid_until": NOW.replace(year=2030)}, True),
        ({"extended_from": LONG_AGO - DAY, "valid_until": NOW + DAY}, True),
        ({"extended_from": NOW + 2 * DAY, "valid_until": NOW + DAY}, True),
    ],
)
def test_a_permit_runs_for_ten_years_and_can_be_extended_once_for_ten(change, too_long):
    decision = asked(replace(PERMIT, approved_at=LONG_AGO, **change))
    assert codes(decision) == (["permit-term"] if too_long else [])


def test_ten_years_from_a_leap_day_end_on_the_28th():
    leap = NOW.replace(year=2024, month=2, day=29)
    end = leap.replace(year=2034, day=28)
    assert not runs_too_long(replace(PERMIT, approved_at=leap, valid_until=end))
    assert runs_too_long(replace(PERMIT, approved_at=leap, valid_until=end + timedelta(microseconds=1)))


def test_a_permit_given_at_the_end_of_time_is_judged_all_the_same():
    assert not runs_too_long(replace(PERMIT, approved_at=NOW.replace(year=9999), valid_until=NOW.replace(year=9999)))


def test_the_answer_ends_with_the_term():
    extended = replace(PERMIT, extended_from=NOW + DAY)
    assert asked(extended).valid_until == NOW + DAY
    assert asked(extended, now=NOW + DAY).valid_until == PERMIT.valid_until


# --- art. 71: the opt-out ---------------------------------------------------------------------------------------------


def test_an_opt_out_blocks_every_permit_approved_after_it_and_no_earlier_one():
    assert codes(asked(opted_out_at=PERMIT.approved_at - DAY)) == ["opted-out"]
    assert codes(asked(opted_out_at=PERMIT.approved_at)) == ["opted-out"]
    assert asked(opted_out_at=PERMIT.approved_at + DAY).permits


def test_a_reversal_has_effect_from_its_own_instant():
    start = PERMIT.approved_at
    assert codes(asked(past_opt_outs=(OptOut(at=start - DAY, reversed_at=start + DAY),))) == ["opted-out"]
    assert asked(past_opt_outs=(OptOut(at=start - 2 * DAY, reversed_at=start),)).permits
    assert asked(past_opt_outs=(OptOut(at=start + DAY, reversed_at=start + 2 * DAY),)).permits


def test_an_extension_counts_as_approved_when_it_begins():
    extended = replace(PERMIT, extended_from=NOW)
    opted_out = {"opted_out_at": NOW - DAY}
    assert asked(extended, now=NOW - timedelta(hours=1), **opted_out).permits
    assert codes(asked(extended, **opted_out)) == ["opted-out"]


def test_a_consent_counts_again_once_the_opt_out_is_reversed():
    period = OptOut(at=NOW - 2 * DAY, reversed_at=NOW)
    question, facts = story.question(), story.facts(past_opt_outs=(period,))
    assert decide(question, facts).permits
    earlier = decide(replace(question, now=NOW - timedelta(minutes=1)), facts)
    assert codes(earlier)[0] == "opted-out"
    assert earlier.valid_until == NOW


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"override_law": None}, "opted-out"),
        ({"override_law": "  "}, "opted-out"),
        ({"public_body": False}, "opted-out"),
        ({"purposes": (f"{EHDS}ImproveHealthcareEducation",)}, "opted-out"),
    ],
)
def test_only_a_named_law_sets_an_opt_out_aside_for_a_public_task(change, code):
    permit = replace(PUBLIC, **{"override_law": "Health Statistics Act, section 4"} | change)
    decision = asked(permit, permit.purposes, opted_out_at=NOW - 20 * DAY)
    assert code in [None, *codes(decision)]
    assert decision.permits is (code is None)
    if code is None:
        assert decision.because[0].code == "opt-out-set-aside"
        assert "Health Statistics Act, section 4" in decision.because[0].text


def test_a_law_that_sets_opt_outs_aside_is_not_spoken_of_where_there_is_none():
    decision = asked(replace(PUBLIC, override_law="An Act"), [STATISTICS])
    assert [cause.code for cause in decision.because] == ["permit-in-force", "contract-permits"]


moments = st.integers(-20, 20).map(lambda days: NOW + days * DAY)
periods = st.tuples(moments, moments).map(sorted).map(lambda pair: OptOut(at=pair[0], reversed_at=pair[1]))
permits = st.builds(
    replace,
    st.just(PUBLIC),
    approved_at=moments,
    valid_until=moments,
    extended_from=st.none() | moments,
    override_law=st.sampled_from([None, "An Act"]),
    public_body=st.booleans(),
)


@settings(max_examples=200)
@given(permits, st.none() | moments, st.lists(periods, max_size=2).map(tuple), periods | moments)
def test_a_further_opt_out_never_turns_a_no_into_a_yes(permit, out, past, further):
    before = asked(permit, [STATISTICS], opted_out_at=out, past_opt_outs=past)
    if isinstance(further, OptOut):
        after = asked(permit, [STATISTICS], opted_out_at=out, past_opt_outs=(*past, further))
    else:
        after = asked(permit, [STATISTICS], opted_out_at=min(further, out or further), past_opt_outs=past)
    assert before.permits or not after.permits
    if after.permits and not permit.override_law:
        stood = [one for one in past if one.at <= permit.approved_at < one.reversed_at]
        assert not stood


def test_a_consent_that_nobody_has_related_to_the_request_says_which_statement_is_missing():
    contract = story.with_term("dateTime", "lt", "2028-01-01")
    contract["permission"][0]["constraint"][0]["rightOperand"] = "dpv:ResearchAndDevelopment"
    decision = decide(story.question(purposes=(ACADEMIC,)), story.facts(policy=contract))
    assert codes(decision) == ["purpose-not-agreed"]
    assert decision.unknown == (
        "Nobody has stated whether academic research is a kind of healthcare scientific research.",
    )
