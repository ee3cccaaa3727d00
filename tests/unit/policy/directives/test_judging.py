"""FHIR provision trees, judged: the reference S2 to S11, sentence by sentence."""

from datetime import UTC, date, datetime

import pytest

from policy.decision import Outcome
from policy.directives.model import Coding, DataReference, Effect
from policy.residual import NOT_PERMITTED, UNLABELLED, ItemFacts, Residual
from policy.rules import DataRule, RuleSet
from policy.rules_judging import Verdict, judge_rules
from tests.unit.policy.directives.consents import (
    CLERK,
    HOUSE,
    LOINC,
    MARKETING,
    NURSE,
    PAYMENT,
    RESEARCH,
    TREAT,
    TRIAL,
    actor,
    answer,
    asking,
    label,
    leaves,
    outcome,
    purpose,
    r4,
    r5,
    record,
)

PERMIT, DENY = {"type": "permit"}, {"type": "deny"}


# --- S2: the base decision --------------------------------------------------------------------------------------------


def ruled(code, **elements):
    """A consent with its base in R4's policy rule."""
    rule = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}]}
    return r4(elements.pop("provision", None), policyRule=rule)


@pytest.mark.parametrize(("code", "expected"), [("OPTIN", Outcome.PERMIT), ("OPTOUT", Outcome.DENY)])
def test_the_policy_rule_of_r4_is_a_base_decision(code, expected):
    assert outcome(ruled(code)) is expected


def test_base_decisions_that_disagree_are_not_judged():
    assert outcome(ruled("OPTIN", provision=DENY)) is Outcome.INDETERMINATE


def test_a_consent_without_a_base_decision_is_not_judged():
    assert outcome(r4(purpose("TREAT"))) is Outcome.INDETERMINATE


# --- S3, S4: conditions and the root ----------------------------------------------------------------------------------


def test_a_root_that_is_not_about_the_request_says_nothing():
    said = answer(r4(PERMIT | purpose("HRESCH")))
    assert said.outcome is Outcome.NOT_APPLICABLE
    assert said.because[0].code == "directive-silent"


def test_a_permit_with_a_label_means_nothing_but():
    consent = r4(PERMIT | purpose("TREAT") | label("N"))
    assert leaves(record("N"), consent)
    assert not leaves(record("R"), consent)
    assert not leaves(record(), consent)


def test_within_an_element_any_is_enough_across_elements_all_are_needed():
    code = {"code": [{"coding": [{"system": LOINC, "code": "1-1"}]}]}
    consent = r4(PERMIT | label("N", "R") | code)
    one = Coding(LOINC, "1-1")
    assert leaves(record("R", codes=frozenset({one})), consent)
    assert not leaves(record("V", codes=frozenset({one})), consent)
    assert not leaves(record("R", codes=frozenset({Coding(LOINC, "2-2")})), consent)


# --- S5, S6: nesting --------------------------------------------------------------------------------------------------


def test_a_nested_permit_widens_what_the_root_excludes():
    inner = PERMIT | label("R") | {"actor": [actor(NURSE)]}
    consent = r4(PERMIT | label("N") | {"provision": [inner]})
    assert leaves(record("R"), consent)
    assert not leaves(record("R"), consent, requester=frozenset({CLERK}))
    assert not leaves(record("V"), consent)


def test_a_nested_rule_counts_only_where_the_root_is_about_the_request():
    consent = r4(PERMIT | purpose("HRESCH") | {"provision": [PERMIT | purpose("TREAT")]})
    assert outcome(consent) is Outcome.NOT_APPLICABLE


def test_an_effect_that_is_not_written_is_the_opposite_of_the_parent():
    consent = r5("deny", [purpose("TREAT") | {"provision": [label("R")]}])
    assert leaves(record("N"), consent)
    assert not leaves(record("R"), consent)


def test_deeper_rules_beat_shallower_ones_and_need_what_their_parents_ask():
    inner = PERMIT | {"code": [{"coding": [{"system": LOINC, "code": "1-1"}]}]}
    consent = r4(PERMIT | {"provision": [DENY | label("R") | {"provision": [inner]}]})
    coded = frozenset({Coding(LOINC, "1-1")})
    assert leaves(record("R", codes=coded), consent)
    assert not leaves(record("R", codes=frozenset({Coding(LOINC, "2-2")})), consent)
    assert leaves(record("N", codes=frozenset({Coding(LOINC, "2-2")})), consent)


def test_among_equally_deep_rules_a_denial_wins():
    consent = r4(DENY | {"provision": [PERMIT | label("N"), DENY | label("R")]})
    assert leaves(record("N"), consent)
    assert not leaves(record("N", "R"), consent)


@pytest.mark.parametrize("turned", [False, True])
def test_the_deepest_rule_decides_whichever_branch_it_is_in(turned):
    inner = PERMIT | {"code": [{"coding": [{"system": LOINC, "code": "1-1"}]}]}
    branches = [DENY | label("R"), DENY | label("V") | {"provision": [inner]}]
    consent = r4(PERMIT | {"provision": branches[::-1] if turned else branches})
    assert leaves(record("R", "V", codes=frozenset({Coding(LOINC, "1-1")})), consent)
    assert not leaves(record("R", "V", codes=frozenset({Coding(LOINC, "2-2")})), consent)


def nested(depth):
    """A chain of permits so many levels below the root."""
    tree = dict(PERMIT)
    for _ in range(depth):
        tree = PERMIT | {"provision": [tree]}
    return tree


@pytest.mark.parametrize(("most", "expected"), [(5, Outcome.PERMIT), (4, Outcome.INDETERMINATE)])
def test_a_tree_deeper_than_the_cap_is_not_judged(most, expected):
    assert outcome(r4(nested(5)), max_depth=most) is expected


# --- S8, S9: labels and dates -----------------------------------------------------------------------------------------


def test_an_unlabelled_record_is_withheld_where_labels_matter():
    for consent in (r4(PERMIT | label("N")), r4(PERMIT | {"provision": [DENY | label("R")]})):
        said = answer(consent)
        residual = Residual.of((), said.rules)
        assert residual.judge(record(labelled=False)) == UNLABELLED
    assert leaves(record(labelled=False), r4(PERMIT))


def test_a_permit_for_normal_does_not_cover_what_is_less_confidential():
    assert not leaves(record("L"), r4(PERMIT | label("N")))


@pytest.mark.parametrize(
    ("first", "last", "permitted", "denied"),
    [
        (date(2022, 1, 1), date(2022, 12, 31), True, True),
        (date(2021, 12, 31), date(2022, 1, 1), False, True),
        (date(2023, 1, 1), date(2023, 1, 1), False, False),
        (date(2022, 5, 1), None, False, True),
        (None, None, False, True),
        (date(2022, 5, 2), date(2022, 5, 1), False, True),
    ],
)
def test_a_window_permits_what_lies_in_it_and_forbids_what_touches_it(first, last, permitted, denied):
    item = ItemFacts("Observation", "", first, last, "urn:d", record().detail)
    window = {"dataPeriod": {"start": "2022", "end": "2022-12"}}
    assert leaves(item, r4(PERMIT | window)) is permitted
    assert leaves(item, r4(PERMIT | {"provision": [DENY | window]})) is not denied


def test_a_patient_has_no_date_and_a_window_does_not_ask():
    patient = ItemFacts("Patient", "", None, None, "urn:d", record().detail)
    window = {"dataPeriod": {"start": "2022"}}
    assert leaves(patient, r4(PERMIT | window))
    assert leaves(patient, r4(PERMIT | {"provision": [DENY | window]}))


def test_an_encounter_without_a_date_is_not_forbidden_by_a_window_only_if_it_tells_of_nothing():
    hollow = ItemFacts("Encounter", "", None, None, "urn:d", record(hollow=True).detail)
    telling = ItemFacts("Encounter", "", None, None, "urn:d", record().detail)
    window = {"dataPeriod": {"start": "2022"}}
    forbidden = r4(PERMIT | {"provision": [DENY | window]})
    assert not leaves(hollow, r4(PERMIT | window))
    assert leaves(hollow, forbidden)
    assert not leaves(telling, forbidden)
    coded = r4(PERMIT | {"provision": [DENY | {"code": [{"coding": [{"system": LOINC, "code": "1-1"}]}]}]})
    assert not leaves(hollow, coded)


def test_a_window_that_begins_at_noon_permits_from_the_next_day_and_forbids_from_that_day():
    window = {"dataPeriod": {"start": "2022-03-01T12:00:00Z"}}
    assert not leaves(record(day=date(2022, 3, 1)), r4(PERMIT | window))
    assert leaves(record(day=date(2022, 3, 2)), r4(PERMIT | window))
    assert not leaves(record(day=date(2022, 3, 1)), r4(PERMIT | {"provision": [DENY | window]}))


def test_a_period_ends_with_the_last_instant_of_its_day_in_the_zone_of_the_consent():
    consent = r4(PERMIT | {"period": {"end": "2022-12-31"}})
    late = datetime(2022, 12, 31, 23, 30, tzinfo=UTC)
    assert outcome(consent, now=late) is Outcome.PERMIT
    assert outcome(consent, now=late, zone="Europe/Berlin") is Outcome.NOT_APPLICABLE
    assert answer(consent, zone="Europe/Berlin").changes == (datetime(2022, 12, 31, 23, tzinfo=UTC),)


def test_a_period_that_nobody_can_read_permits_nothing():
    assert outcome(r4(PERMIT | {"period": {"end": "soon"}})) is Outcome.INDETERMINATE
    inverted = {"period": {"start": "2023", "end": "2021"}}
    assert outcome(r4(PERMIT | inverted)) is Outcome.INDETERMINATE
    assert outcome(r4(PERMIT | {"provision": [DENY | inverted]})) is Outcome.DENY


# --- S10: purposes ----------------------------------------------------------------------------------------------------


def test_a_permit_needs_every_purpose_and_a_denial_any():
    permit = r4(PERMIT | purpose("TREAT", "HRESCH"))
    assert outcome(permit, purposes=(TREAT, TRIAL)) is Outcome.PERMIT
    assert outcome(permit, purposes=(TREAT, MARKETING)) is Outcome.NOT_APPLICABLE
    denial = r4(PERMIT | {"provision": [DENY | purpose("HMARKT")]})
    assert outcome(denial, purposes=(TREAT, PAYMENT)) is Outcome.PERMIT
    assert outcome(denial, purposes=(TREAT, MARKETING)) is Outcome.DENY


def test_a_denial_of_a_narrower_purpose_stops_a_request_that_takes_it_in():
    consent = r4(PERMIT | {"provision": [DENY | purpose("CLINTRCH")]})
    assert outcome(consent, purposes=(RESEARCH,)) is Outcome.DENY
    assert outcome(consent, purposes=(TREAT,)) is Outcome.PERMIT


def test_a_code_of_a_foreign_system_covers_itself_only():
    foreign = {"purpose": [{"system": "http://example.org/purposes", "code": "Audit"}]}
    assert outcome(r4(PERMIT | foreign), purposes=("http://example.org/purposes#Audit",)) is Outcome.PERMIT
    assert outcome(r4(PERMIT | foreign), purposes=("http://example.org/purposes#Other",)) is Outcome.NOT_APPLICABLE
    assert outcome(r4(PERMIT | {"provision": [DENY | foreign]})) is Outcome.DENY  # nobody knows what it takes in


def test_a_code_that_its_own_system_does_not_know_permits_nothing_and_may_forbid():
    assert outcome(r4(PERMIT | purpose("INVENTED"))) is Outcome.INDETERMINATE
    assert outcome(r4(PERMIT | {"provision": [DENY | purpose("INVENTED")]})) is Outcome.DENY


def test_a_request_without_a_purpose_meets_no_rule_about_purposes():
    assert outcome(r4(PERMIT | purpose("TREAT")), purposes=()) is Outcome.INDETERMINATE


# --- S11: actors and actions ------------------------------------------------------------------------------------------


def test_a_recipient_is_whoever_asks_by_any_of_their_names():
    consent = r4(PERMIT | {"actor": [actor(HOUSE)]})
    assert outcome(consent, requester=frozenset({NURSE, HOUSE})) is Outcome.PERMIT
    assert outcome(consent) is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("role", ["AUT", "CST", "GUARD", "DPOWATT"])
def test_authors_custodians_and_authorities_are_never_whoever_asks(role):
    consent = r4(PERMIT | {"actor": [actor(NURSE, role)]})
    assert not leaves(record(authors=frozenset({CLERK})), consent)


def test_an_author_is_asked_of_each_record():
    consent = r4(PERMIT | {"provision": [DENY | {"actor": [actor(CLERK, "AUT")]}]})
    assert leaves(record(authors=frozenset({NURSE})), consent)
    assert not leaves(record(authors=frozenset({CLERK})), consent)
    assert not leaves(record(authors=frozenset()), consent)


def test_a_custodian_is_the_holder():
    consent = r4(PERMIT | {"actor": [actor(HOUSE, "CST")]})
    assert outcome(consent) is Outcome.INDETERMINATE
    assert outcome(consent, custodians=frozenset({HOUSE})) is Outcome.PERMIT
    assert outcome(consent, custodians=frozenset({CLERK})) is Outcome.NOT_APPLICABLE


def test_a_recipient_nobody_knows_stops_the_judging():
    stranger = {"actor": [actor("Practitioner/stranger")]}
    for tree in (PERMIT | stranger, PERMIT | {"provision": [DENY | stranger]}):
        said = answer(r4(tree))
        assert said.outcome is Outcome.INDETERMINATE
        assert said.unknown[0].endswith("nobody can tell who that is")
    elsewhere = PERMIT | {"provision": [DENY | stranger | purpose("HMARKT")]}
    assert outcome(r4(elsewhere)) is Outcome.PERMIT


def test_an_action_that_is_not_told_meets_no_permit_and_may_meet_a_denial():
    access = {"action": [{"coding": [{"system": asking().action.system, "code": "access"}]}]}
    assert outcome(r4(PERMIT | access)) is Outcome.PERMIT
    assert outcome(r4(PERMIT | access), action=None) is Outcome.INDETERMINATE
    assert outcome(r4(PERMIT | {"provision": [DENY | access]}), action=None) is Outcome.DENY
    use = Coding(asking().action.system, "use")
    assert outcome(r4(PERMIT | access), action=use) is Outcome.NOT_APPLICABLE


# --- S7: what a record is and belongs to ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meaning", "reference", "expected"),
    [
        ("instance", "Observation/1", Verdict.PERMITTED),
        ("instance", "Encounter/1", Verdict.SILENT),
        ("related", "Encounter/1", Verdict.PERMITTED),
        ("related", "Observation/1", Verdict.PERMITTED),
        ("authoredby", NURSE, Verdict.PERMITTED),
        ("authoredby", CLERK, Verdict.SILENT),
        ("something", "Observation/1", Verdict.SILENT),
    ],
)
def test_data_is_named_by_reference_and_meaning(meaning, reference, expected):
    item = record(
        references=frozenset({"Observation/1"}), related=frozenset({"Encounter/1"}), authors=frozenset({NURSE})
    )
    rule = DataRule(effect=Effect.PERMIT, pointer="", data=(DataReference(meaning, reference),))
    assert judge_rules([RuleSet(rule, True)], item) is expected


def test_a_reference_on_another_server_may_be_the_same_so_a_denial_holds_and_a_permit_does_not():
    item = record(references=frozenset({"Observation/1"}))
    for effect, expected in ((Effect.PERMIT, Verdict.SILENT), (Effect.DENY, Verdict.DENIED)):
        data = (DataReference("instance", "https://elsewhere.example/fhir/Observation/1"),)
        rule = DataRule(effect=effect, pointer="", data=data)
        assert judge_rules([RuleSet(rule, True)], item) is expected


def test_a_record_of_which_nothing_is_known_is_permitted_by_no_condition():
    bare = ItemFacts("Observation", "", None, None, "urn:d")
    assert not leaves(bare, r4(PERMIT | label("N")))
    assert not leaves(bare, r4(PERMIT | {"provision": [DENY | label("R")]}))
    assert leaves(bare, r4(PERMIT))


def test_rules_whose_yes_does_not_count_only_forbid():
    permit = RuleSet(DataRule(effect=Effect.PERMIT, pointer=""), False)
    assert Residual.of((), [permit]).judge(record()) == NOT_PERMITTED
