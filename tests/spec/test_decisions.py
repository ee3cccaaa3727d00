"""When is the answer yes, and what is said when it is no.

Every test starts from the same plain yes (tests/unit/policy/story.py): a research group asks for one person's data
under a contract for health research; the person is linked, agreed to everything, and their wallet was heard an hour
ago. Then one thing is different.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from policy.consent import ConsentRecord
from policy.decide import decide
from policy.decision import Action, ItemFacts, Outcome, Reason, Regime
from policy.facts import CareRelation, Facts, Permit, Question
from policy.odrl import compiled
from tests.unit.policy.story import (
    ACADEMIC,
    DATASET,
    GROUP,
    LINK,
    MARKETING,
    NOW,
    RESEARCH,
    story,
)

OTHER_GROUP = "urn:concord:other:99999999"


def codes(question: Question, facts: Facts) -> list[str]:
    """The causes of a no, narrowest first."""
    decision = decide(question, facts)
    assert not decision.permits
    assert not decision.residual.scopes
    assert decision.obligations == ()
    return [cause.code for cause in decision.because]


def test_when_the_person_the_contract_and_the_provider_agree_the_answer_is_yes():
    decision = decide(story.question(), story.facts())
    assert decision.outcome is Outcome.PERMIT
    assert [cause.code for cause in decision.because] == ["consent-given", "contract-permits"]
    assert decision.because[0].pointer == "urn:uuid:11111111-1111-4111-8111-111111111111#1"
    assert decision.unknown == ()


def test_a_yes_comes_with_its_duties():
    assert decide(story.question(), story.facts()).obligations == ("erase-on-withdrawal", "pseudonymise")


def test_a_yes_holds_until_the_first_thing_that_time_can_change():
    facts = story.facts()
    # The wallet was heard an hour ago and may be silent for a day, both ends included.
    assert decide(story.question(), facts).valid_until == NOW + timedelta(hours=23, microseconds=1)
    patient = replace(facts, freshness=timedelta(days=1000))
    assert decide(story.question(), patient).valid_until == datetime(2027, 10, 1, tzinfo=UTC)


# --- the person -------------------------------------------------------------------------------------------------------


def test_silence_is_no():
    assert codes(story.question(), story.facts(consents=())) == ["no-consent"]


def test_an_answer_to_another_study_is_silence_about_this_one():
    elsewhere = story.record(study="urn:uuid:another-study")
    assert codes(story.question(), story.facts(consents=(elsewhere,))) == ["no-consent"]


def test_a_record_without_a_link_is_nobodys():
    assert codes(story.question(), story.facts(link=None)) == ["not-linked"]


def test_no_is_no():
    assert codes(story.question(), story.facts(consents=(story.record(state="refused"),))) == ["refused"]


@pytest.mark.parametrize("state", ["withdrawn", "suspended"])
def test_a_withdrawn_or_paused_consent_is_no(state):
    given = story.record()
    stopped = story.next(given, state=state, decided_at="2026-11-01T00:00:00Z")
    assert codes(story.question(), story.facts(consents=(given, stopped))) == [state]
    assert codes(story.question(), story.facts(consents=(stopped,))) == [state]


def test_a_person_may_say_yes_again():
    given = story.record()
    stopped = story.next(given, state="withdrawn")
    again = story.next(stopped, state="given")
    assert decide(story.question(), story.facts(consents=(given, stopped, again))).permits


def test_a_consent_ends_by_itself():
    ended = story.record(valid_until="2026-11-22T09:30:00Z")
    assert codes(story.question(), story.facts(consents=(ended,))) == ["expired"]


def test_a_consent_dated_in_the_future_does_not_count_yet():
    future = story.record(decided_at="2026-11-22T09:30:01Z")
    facts = story.facts(consents=(future,))
    assert codes(story.question(), facts) == ["not-yet-decided"]
    assert decide(story.question(), facts).valid_until == datetime(2026, 11, 22, 9, 30, 1, tzinfo=UTC)


def test_a_consent_counts_for_the_study_as_it_was_described():
    assert codes(story.question(study_digest="6" * 64), story.facts())[0] == "study-changed"


def test_a_consent_counts_for_the_recipients_it_names():
    consent = story.record(recipients=[OTHER_GROUP])
    assert codes(story.question(), story.facts(consents=(consent,))) == ["recipient-not-agreed"]


def test_a_consent_counts_for_the_datasets_it_names():
    consent = story.record(data=[{"dataset": "urn:uuid:another", "categories": None}])
    assert codes(story.question(), story.facts(consents=(consent,))) == ["dataset-not-agreed"]


def test_a_consent_to_a_broader_purpose_covers_a_narrower_one():
    consent = story.record(purposes=["https://w3id.org/dpv#ResearchAndDevelopment"])
    assert decide(story.question(), story.facts(consents=(consent,))).permits


def test_a_consent_to_a_narrower_purpose_does_not_cover_a_broader_one():
    broad = "https://w3id.org/dpv#ScientificResearch"
    facts = story.facts(
        policy=story.agreement(permission=[{"action": "use"}]), executors=frozenset({"erase-on-withdrawal"})
    )
    assert codes(story.question(purposes=(broad,)), facts) == ["purpose-not-agreed"]


def test_every_purpose_asked_for_must_be_agreed_to():
    consent = story.record(purposes=[RESEARCH])
    found = codes(story.question(purposes=(RESEARCH, ACADEMIC)), story.facts(consents=(consent,)))
    assert found[0] == "purpose-not-agreed"


def test_a_no_in_any_consent_outweighs_a_yes_in_another():
    no = story.record(id="urn:uuid:22222222-2222-4222-8222-222222222222", state="refused")
    assert codes(story.question(), story.facts(consents=(story.record(), no))) == ["refused"]


def test_a_chain_whose_links_do_not_fit_is_not_believed():
    given = story.record()
    forged = story.next(given, previous="0" * 64)
    decision = decide(story.question(), story.facts(consents=(given, forged)))
    assert decision.outcome is Outcome.INDETERMINATE
    assert [cause.code for cause in decision.because] == ["consent-broken"]


def test_two_versions_with_the_same_number_are_not_believed():
    other = story.record(purposes=[RESEARCH, MARKETING])
    assert codes(story.question(), story.facts(consents=(story.record(), other))) == ["consent-broken"]


@pytest.mark.parametrize("field", ["link", "holder"])
def test_a_consent_of_somebody_else_stops_the_decision(field):
    stray = story.record(**{field: "urn:somebody-else"})
    assert codes(story.question(), story.facts(consents=(stray,))) == ["consent-broken"]


def test_a_consent_that_cannot_be_read_stops_the_decision():
    decision = decide(story.question(), story.facts(unreadable_consents=1))
    assert decision.outcome is Outcome.INDETERMINATE
    assert decision.because[0].code == "consent-unreadable"


def test_a_proxy_can_answer_for_a_person():
    proxy = story.record(signer={"kind": "proxy", "authority": "urn:uuid:guardianship"})
    assert decide(story.question(), story.facts(consents=(proxy,))).permits


@pytest.mark.parametrize("heard", [None, NOW - timedelta(hours=24, microseconds=1), NOW + timedelta(hours=1)])
def test_a_wallet_that_has_been_silent_for_too_long_stops_everything(heard):
    assert codes(story.question(), story.facts(heard_from_wallet_at=heard)) == ["wallet-silent"]


def test_a_wallet_heard_later_than_now_counts_once_the_clocks_agree():
    facts = story.facts(heard_from_wallet_at=NOW + timedelta(hours=1))
    assert decide(story.question(), facts).valid_until == NOW + timedelta(minutes=59)


def test_a_wallet_heard_just_within_its_term_is_relied_on():
    assert decide(story.question(), story.facts(heard_from_wallet_at=NOW - timedelta(hours=24))).permits


# --- part of the data -------------------------------------------------------------------------------------------------


def judged(consents: tuple[ConsentRecord, ...], item: ItemFacts) -> str:
    """What becomes of one item under these consents."""
    residual = decide(story.question(), story.facts(consents=consents)).residual
    return residual.reasons[residual.judge(item)].code


def laboratory(start: date | None, end: date | None, dataset: str = DATASET) -> ItemFacts:
    """A laboratory result of these days."""
    return ItemFacts("Observation", "laboratory", start, end, dataset)


A_DAY = date(2022, 6, 15)


@pytest.mark.parametrize(
    ("categories", "what"),
    [(None, "released"), (["laboratory"], "released"), (["conditions"], "category-not-agreed")],
)
def test_only_the_categories_agreed_to_leave(categories, what):
    consent = story.record(data=[{"dataset": DATASET, "categories": categories}])
    assert judged((consent,), laboratory(A_DAY, A_DAY)) == what


def test_only_the_dataset_asked_for_leaves():
    consent = story.record(data=[{"dataset": name, "categories": None} for name in (DATASET, "urn:uuid:another")])
    assert judged((consent,), laboratory(A_DAY, A_DAY, "urn:uuid:another")) == "dataset-not-covered"


@pytest.mark.parametrize(
    ("start", "end", "what"),
    [
        (date(2022, 1, 1), date(2022, 1, 1), "released"),
        (date(2022, 12, 31), date(2022, 12, 31), "released"),
        (date(2021, 12, 31), date(2021, 12, 31), "outside-window"),
        (date(2023, 1, 1), date(2023, 1, 1), "outside-window"),
        (date(2021, 12, 31), date(2022, 1, 1), "outside-window"),
        (date(2022, 6, 1), None, "outside-window"),
        (None, date(2022, 6, 1), "outside-window"),
        (date(2022, 6, 2), date(2022, 6, 1), "outside-window"),
        (None, None, "without-date"),
    ],
)
def test_only_what_lies_wholly_within_the_dates_agreed_to_leaves(start, end, what):
    consent = story.record(window={"start": "2022-01-01", "end": "2022-12-31"})
    assert judged((consent,), laboratory(start, end)) == what


def test_an_open_window_takes_what_is_still_going_on():
    consent = story.record(window={"start": "2022-01-01", "end": None})
    assert judged((consent,), laboratory(A_DAY, None)) == "released"
    assert judged((consent,), laboratory(None, A_DAY)) == "outside-window"


def test_the_patient_resource_has_no_date_and_needs_none():
    consent = story.record(window={"start": "2022-01-01", "end": None})
    assert judged((consent,), ItemFacts("Patient", "demographics", None, None, DATASET)) == "released"


def test_two_consents_of_one_person_add_up_but_do_not_mix():
    laboratory_in_2022 = story.record(
        data=[{"dataset": DATASET, "categories": ["laboratory"]}], window={"start": "2022-01-01", "end": "2022-12-31"}
    )
    conditions = story.record(
        id="urn:uuid:22222222-2222-4222-8222-222222222222", data=[{"dataset": DATASET, "categories": ["conditions"]}]
    )
    both = (laboratory_in_2022, conditions)
    assert judged(both, laboratory(A_DAY, A_DAY)) == "released"
    assert judged(both, ItemFacts("Condition", "conditions", None, None, DATASET)) == "released"
    assert judged(both, laboratory(None, None)) == "without-date"


def test_a_yes_for_another_dataset_adds_nothing_to_this_one():
    scopes = [{"dataset": DATASET, "categories": ["conditions"]}, {"dataset": "urn:uuid:another", "categories": None}]
    assert judged((story.record(data=scopes),), laboratory(A_DAY, A_DAY)) == "category-not-agreed"


@pytest.mark.parametrize("change", [{"valid_until": "2026-11-01T00:00:00Z"}, {"recipients": [OTHER_GROUP]}])
def test_a_consent_that_does_not_cover_the_question_adds_nothing_to_one_that_does(change):
    covering = story.record(data=[{"dataset": DATASET, "categories": ["conditions"]}])
    wider = story.record(id="urn:uuid:22222222-2222-4222-8222-222222222222", **change)
    assert judged((covering, wider), laboratory(A_DAY, A_DAY)) == "category-not-agreed"


# --- the law ----------------------------------------------------------------------------------------------------------


def test_an_opt_out_beats_every_permission():
    facts = story.facts(opted_out_at=NOW - timedelta(days=1))
    assert codes(story.question(), facts) == ["opted-out"]


def test_an_opt_out_to_come_limits_how_long_the_answer_holds():
    soon = NOW + timedelta(minutes=5)
    decision = decide(story.question(), story.facts(opted_out_at=soon))
    assert decision.permits
    assert decision.valid_until == soon


PERMIT = Permit(
    id="permit-1",
    approved_at=NOW - timedelta(days=10),
    valid_until=NOW + timedelta(days=10),
    recipients=(GROUP,),
    purposes=(RESEARCH,),
    datasets=(DATASET,),
)


def under_a_permit(**changes) -> tuple[Question, Facts]:
    """The same question on the ground of a data permit, under a contract that asks no person."""
    terms = [{"action": "use", "constraint": [{"leftOperand": "purpose", "operator": "isA", "rightOperand": RESEARCH}]}]
    facts = story.facts(policy=story.agreement(permission=terms), consents=(), permit=PERMIT)
    return story.question(regime=Regime.PERMIT), replace(facts, **changes)


def test_a_data_permit_allows_without_asking_each_person():
    decision = decide(*under_a_permit())
    assert decision.permits
    assert [cause.code for cause in decision.because] == ["permit-in-force", "contract-permits"]
    assert decision.valid_until == PERMIT.valid_until


def test_without_a_permit_there_is_no_permit():
    assert codes(*under_a_permit(permit=None)) == ["no-permit"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"valid_until": NOW}, "permit-not-in-force"),
        ({"approved_at": NOW + timedelta(seconds=1)}, "permit-not-in-force"),
        ({"recipients": (OTHER_GROUP,)}, "permit-recipient"),
        ({"datasets": ()}, "permit-dataset"),
        ({"purposes": (ACADEMIC,)}, "permit-purpose"),
    ],
)
def test_a_permit_allows_only_what_it_says(change, code):
    assert codes(*under_a_permit(permit=replace(PERMIT, **change))) == [code]


def test_a_permit_for_a_purpose_outside_the_law_is_void():
    question, facts = under_a_permit(permit=replace(PERMIT, purposes=(MARKETING,)))
    assert "purpose-not-lawful" in codes(replace(question, purposes=(MARKETING,)), facts)


@pytest.mark.parametrize(("public", "lawful"), [(True, True), (False, False)])
def test_statistics_are_for_public_bodies(public, lawful):
    purpose = "https://w3id.org/dpv/legal/eu/ehds#ProvideHealthcareOfficialStatistics"
    permit = replace(PERMIT, purposes=(purpose,), public_body=public)
    question, facts = under_a_permit(permit=permit, policy=compiled(story.agreement(permission=[{"action": "use"}])))
    assert decide(replace(question, purposes=(purpose,)), facts).permits is lawful


def test_an_opt_out_blocks_permits_approved_after_it_and_no_earlier_ones():
    before, after = PERMIT.approved_at - timedelta(days=1), PERMIT.approved_at + timedelta(days=1)
    assert codes(*under_a_permit(opted_out_at=before)) == ["opted-out"]
    assert codes(*under_a_permit(opted_out_at=PERMIT.approved_at)) == ["opted-out"]
    assert decide(*under_a_permit(opted_out_at=after)).permits


def test_a_contract_that_asks_each_person_cannot_be_used_under_a_permit():
    assert codes(story.question(regime=Regime.PERMIT), story.facts(permit=PERMIT)) == ["consent-not-checked"]


def on_ground(regime: Regime, **changes) -> tuple[Question, Facts]:
    """The same question on the ground of care or of one's own data."""
    facts = story.facts(policy=story.agreement(permission=[{"action": "use"}]), consents=())
    return story.question(regime=regime, action=Action.VIEW), replace(facts, **changes)


def test_care_needs_a_stated_relation_that_holds_now():
    relation = CareRelation(provider=GROUP, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1))
    assert decide(*on_ground(Regime.CARE, care=relation)).permits
    assert codes(*on_ground(Regime.CARE)) == ["no-care-relation"]
    assert codes(*on_ground(Regime.CARE, care=replace(relation, until=NOW))) == ["no-care-relation"]
    assert codes(*on_ground(Regime.CARE, care=replace(relation, provider=OTHER_GROUP))) == ["no-care-relation"]


def test_ones_own_data_needs_a_proven_identity():
    assert decide(*on_ground(Regime.SELF, own_data=True)).permits
    assert codes(*on_ground(Regime.SELF)) == ["not-the-person"]
    assert codes(*on_ground(Regime.SELF, own_data=True, link=None)) == ["not-linked"]


# --- the contract -----------------------------------------------------------------------------------------------------


def test_a_consent_without_a_contract_is_no():
    assert codes(story.question(), story.facts(policy=None)) == ["no-contract"]


def test_an_offer_is_not_a_contract():
    assert codes(story.question(), story.facts(policy=story.offer())) == ["not-a-contract"]


@pytest.mark.parametrize(("key", "code"), [("target", "other-dataset"), ("assignee", "other-recipient")])
def test_a_contract_about_something_else_does_not_apply(key, code):
    agreement = story.agreement(**{key: "urn:uuid:something-else"})
    decision = decide(story.question(), story.facts(policy=agreement))
    assert decision.outcome is Outcome.NOT_APPLICABLE
    assert [cause.code for cause in decision.because] == [code]


@pytest.mark.parametrize("key", ["target", "assignee"])
def test_an_agreement_that_names_nobody_is_with_nobody(key):
    agreement = story.agreement()
    del agreement[key]
    assert not decide(story.question(), story.facts(policy=agreement)).permits


def test_a_contract_ends():
    late = datetime(2027, 12, 31, 23, 59, 59, 1, tzinfo=UTC)
    consent = story.record(valid_until="2030-01-01T00:00:00Z")
    facts = story.facts(consents=(consent,), heard_from_wallet_at=late)
    assert codes(story.question(now=late), facts) == ["contract-ended"]
    assert decide(story.question(now=late - timedelta(microseconds=1)), facts).permits


def test_a_contract_may_begin_later():
    agreement = story.with_term("dateTime", "gteq", "2026-12-01T00:00:00Z")
    decision = decide(story.question(), story.facts(policy=agreement, freshness=timedelta(days=99)))
    assert [cause.code for cause in decision.because] == ["contract-not-started"]
    assert decision.valid_until == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "right", "code"),
    [
        ("recipient", OTHER_GROUP, "recipient-not-allowed"),
        ("concord:study", "urn:uuid:another-study", "other-study"),
        ("concord:studyDigest", "7" * 64, "other-study"),
        ("concord:profile", "another-profile", "profile-not-agreed"),
        ("concord:selection", "8" * 64, "selection-not-agreed"),
    ],
)
def test_a_contract_binds_recipient_study_profile_and_selection(left, right, code):
    question = story.question(profile="research", selection="9" * 64)
    assert codes(question, story.facts(policy=story.with_term(left, "eq", right))) == [code]


def test_a_term_about_a_fact_that_is_not_known_is_not_met():
    facts = story.facts(policy=story.with_term("concord:profile", "eq", "research"))
    assert codes(story.question(), facts) == ["profile-not-agreed"]
    assert decide(story.question(profile="research"), facts).permits


def test_a_purpose_outside_the_contract_is_no():
    broad = "https://w3id.org/dpv#ScientificResearch"
    consent = story.record(purposes=[broad])
    assert codes(story.question(purposes=(broad,)), story.facts(consents=(consent,))) == ["purpose-not-offered"]


def test_a_purpose_whose_relation_nobody_stated_is_no_and_says_so():
    consent = story.record(purposes=[ACADEMIC])
    decision = decide(story.question(purposes=(ACADEMIC,)), story.facts(consents=(consent,)))
    assert decision.outcome is Outcome.INDETERMINATE
    assert [cause.code for cause in decision.because] == ["purpose-unknown-relation"]
    assert decision.unknown


def test_a_question_without_a_purpose_is_no():
    assert codes(story.question(purposes=()), story.facts()) == ["purpose-missing", "purpose-missing"]


def test_a_question_without_a_study_is_no():
    assert codes(story.question(study=None), story.facts())[0] == "study-not-named"


def test_a_prohibition_wins_over_a_permission():
    agreement = story.agreement(prohibition=[{"action": "odrl:reproduce"}])
    assert codes(story.question(), story.facts(policy=agreement)) == ["prohibited"]


def test_a_prohibition_that_may_apply_is_taken_to_apply():
    maybe = {"leftOperand": "purpose", "operator": "isA", "rightOperand": MARKETING}
    agreement = story.agreement(prohibition=[{"action": "use", "constraint": [maybe]}])
    decision = decide(story.question(), story.facts(policy=agreement))
    assert decision.outcome is Outcome.INDETERMINATE
    assert [cause.code for cause in decision.because] == ["prohibited"]


def test_a_prohibition_that_certainly_does_not_apply_is_passed_over():
    other = {"leftOperand": "recipient", "operator": "eq", "rightOperand": OTHER_GROUP}
    agreement = story.agreement(prohibition=[{"action": "use", "constraint": [other]}])
    assert decide(story.question(), story.facts(policy=agreement)).permits


def test_a_contract_can_let_answers_leave_and_keep_the_records():
    agreement = story.agreement()
    agreement["permission"][0]["action"] = "concord:analyse"
    facts = story.facts(policy=agreement)
    assert decide(story.question(action=Action.ANALYSE), facts).permits
    for action in (Action.RELEASE, Action.STREAM, Action.VIEW):
        assert codes(story.question(action=action), facts) == ["action-not-permitted"]


def test_a_duty_that_nobody_can_carry_out_is_no():
    assert codes(story.question(), story.facts(executors=frozenset({"erase-on-withdrawal"}))) == [
        "duty-without-executor"
    ]


UNKNOWN_TERMS = [
    {"leftOperand": "Membership", "operator": "eq", "rightOperand": "active"},
    {"leftOperand": "https://w3id.org/edc/v0.0.1/ns/region", "operator": "eq", "rightOperand": "eu"},
    {"leftOperand": "spatial", "operator": "eq", "rightOperand": "_:EU"},
    {"leftOperand": "dateTime", "operator": "term-lteq", "rightOperand": "2099-01-01T00:00:00Z"},
    {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": "next year"},
    {"leftOperand": "purpose", "operator": "isA", "rightOperand": "Research"},
    {"or": [{"leftOperand": "recipient", "operator": "eq", "rightOperand": GROUP}, {"leftOperand": "x:y"}]},
]


@pytest.mark.parametrize("term", UNKNOWN_TERMS)
def test_a_term_that_is_not_understood_is_named_and_means_no(term):
    decision = decide(story.question(), story.facts(policy=story.with_constraint(term)))
    assert decision.outcome is Outcome.INDETERMINATE
    assert [cause.code for cause in decision.because] == ["policy-not-understood"]
    assert decision.because[0].pointer.startswith("/permission/0/constraint/4")
    assert decision.unknown


# --- the provider -----------------------------------------------------------------------------------------------------


def test_a_study_the_steward_has_not_approved_is_no():
    found = codes(story.question(), story.facts(study_approved=False))
    assert set(found) == {"study-not-approved"}


def test_the_providers_own_stop_is_no():
    stop = Reason("contract-suspended", "The data protection officer suspended this contract.", "rule")
    assert codes(story.question(), story.facts(stops=(stop,))) == ["contract-suspended"]


def test_the_causes_are_listed_narrowest_first():
    facts = story.facts(consents=(), opted_out_at=NOW, policy=None, study_approved=False)
    assert codes(story.question(), facts) == ["no-consent", "opted-out", "no-contract", "study-not-approved"]


def test_a_certain_no_is_called_no_even_if_something_else_is_not_understood():
    agreement = story.with_constraint(UNKNOWN_TERMS[0])
    facts = story.facts(policy=agreement, consents=(story.record(state="refused"),))
    decision = decide(story.question(), facts)
    assert decision.outcome is Outcome.DENY
    assert decision.unknown


def test_an_error_inside_is_a_no_that_tells_nothing():
    broken = replace(story.facts(), consents=("Erika Mustermann",))
    decision = decide(story.question(), broken)
    assert decision.outcome is Outcome.INDETERMINATE
    assert [cause.code for cause in decision.because] == ["decision-failed"]
    assert "Erika" not in str(decision)


def test_the_link_of_the_person_is_never_part_of_an_answer():
    for facts in (story.facts(), story.facts(consents=())):
        assert LINK not in str(decide(story.question(), facts).to_json())
