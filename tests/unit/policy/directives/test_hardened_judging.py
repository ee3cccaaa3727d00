"""What attackers tried: another spelling, another purpose beside it, a later version; none makes a yes of a no."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from policy.code_systems import CONFIDENTIALITY, system_of
from policy.consent import ConsentError
from policy.decide import decide
from policy.decision import Outcome
from policy.directives.asking import ACTION_SYSTEM
from policy.directives.broad_terms import terms
from policy.directives.model import Coding
from policy.directives.purposive import EMERGENCIES
from policy.directives.reading import read_directive
from policy.fhir_consent import from_fhir, to_fhir
from policy.labelling import Labels, packaged_labeller
from policy.purposes import ACT_REASON, covers, known
from policy.rules import ItemDetail
from tests.unit.policy.directives.consents import (
    BREAK_GLASS,
    HL7,
    LOINC,
    MARKETING,
    NOW,
    PATIENT,
    PAYMENT,
    RESEARCH,
    TREAT,
    answer,
    label,
    leaves,
    outcome,
    purpose,
    r4,
    r5,
    record,
)
from tests.unit.policy.story import story

PERMIT, DENY = {"type": "permit"}, {"type": "deny"}
SNOMED = "http://snomed.info/sct"
NO_RESTRICTED = {"provision": [DENY | label("R")]}
REPLACES = "http://hl7.org/fhir/StructureDefinition/replaces"
BARE = r4(PERMIT, id="bare")


def but(condition):
    """A permit of everything but what a condition names."""
    return r4(PERMIT | {"provision": [DENY | condition]})


def seen(**detail):
    """A record of which this is known."""
    return record()._replace(detail=ItemDetail(**{"labels": frozenset(), **detail}))


def labelled(*codings):
    """A record with these labels."""
    return seen(labels=frozenset(Coding(*one) for one in codings))


# --- purposes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purposes", [(TREAT,), (TREAT, PAYMENT), (PAYMENT, TREAT)])
def test_a_purpose_more_opens_nothing_that_is_closed_for_one(purposes):
    consent = r4(PERMIT | {"provision": [PERMIT | purpose("TREAT") | NO_RESTRICTED]})
    assert not leaves(record("R"), consent, purposes=purposes)
    assert leaves(record("N"), consent, purposes=purposes)


def test_what_one_consent_forbids_for_a_purpose_the_permit_of_another_for_several_does_not_open():
    narrow = r4(PERMIT | purpose("HRESCH") | NO_RESTRICTED)
    wide = r4(PERMIT | purpose("HRESCH", "HMARKT"), id="2")
    assert not leaves(record("R"), narrow, wide, purposes=(RESEARCH, MARKETING))
    assert leaves(record("N"), narrow, wide, purposes=(RESEARCH, MARKETING))
    assert outcome(narrow, purposes=(RESEARCH, MARKETING)) is Outcome.NOT_APPLICABLE


def test_a_wider_purpose_opens_nothing_that_is_closed_for_a_narrower():
    rule = PERMIT | purpose("CLINTRCH") | NO_RESTRICTED
    assert not leaves(record("R"), r4(PERMIT | {"provision": [rule]}), purposes=(RESEARCH,))
    assert not leaves(record("R"), BARE, r4(rule), purposes=(RESEARCH,))


def test_a_permit_that_cannot_permit_does_not_outweigh_what_is_forbidden_above_it():
    deep = PERMIT | {"provision": [DENY | label("V")]}
    consent = r4(PERMIT | purpose("HRESCH") | {"provision": [DENY | label("R") | {"provision": [deep]}]})
    wide = r4(PERMIT, id="2")
    assert not leaves(record("R"), consent, wide, purposes=(RESEARCH, MARKETING))


@pytest.mark.parametrize(
    "system",
    [
        "urn:oid:2.16.840.1.113883.5.8",
        "URN:OID:2.16.840.1.113883.5.8",
        "2.16.840.1.113883.5.8",
        "http://hl7.org/fhir/v3/ActReason",
        "https://terminology.hl7.org/CodeSystem/v3-ActReason",
        "http://terminology.hl7.org/CodeSystem/v3-ActReason/",
        "http://terminology.hl7.org/CodeSystem/v3-ActReason|3.0.0",
    ],
)
def test_a_purpose_is_the_same_under_every_name_of_its_system(system):
    listed = {"purpose": [{"system": system, "code": "HRESCH"}]}
    assert outcome(BARE, r4(DENY | listed), purposes=(RESEARCH,)) is Outcome.DENY
    assert outcome(r4(PERMIT | listed), purposes=(RESEARCH,)) is Outcome.PERMIT
    assert outcome(r4(PERMIT | purpose("HRESCH")), purposes=(f"{system.partition('|')[0]}#HRESCH",)) is Outcome.PERMIT


def test_a_denial_for_a_purpose_that_nobody_knows_is_not_passed_over():
    assert outcome(BARE, r4(DENY | {"purpose": [{"system": "urn:x", "code": "y"}]})) is Outcome.INDETERMINATE
    assert outcome(but(purpose("HRESCH")), purposes=("urn:x:study",)) is Outcome.DENY


def test_the_emergencies_are_all_that_the_vocabulary_has():
    whole = f"{ACT_REASON}ETREAT"
    assert {one for one in known() if covers(whole, one) is True} == EMERGENCIES


@pytest.mark.parametrize("listed", ["ETREAT", "BTG", "ERTREAT"])
@pytest.mark.parametrize("asked", [f"{ACT_REASON}ERTREAT", "v3-ActReason:BTG", BREAK_GLASS, "v3-ActReason:ETREAT"])
def test_a_rule_for_emergencies_opens_nothing_without_one(listed, asked):
    assert outcome(r4(DENY | {"provision": [PERMIT | purpose(listed)]}), purposes=(asked,)) is Outcome.DENY


def test_a_request_for_very_many_purposes_is_refused_and_costs_nothing():
    consent = r4(PERMIT | {"purpose": [{"system": "urn:x", "code": str(one)} for one in range(2_000)]})
    started = time.perf_counter()
    assert outcome(consent, purposes=tuple(f"urn:x#{one}" for one in range(20_000))) is Outcome.INDETERMINATE
    assert time.perf_counter() - started < 2


# --- versions, and what replaces what ---------------------------------------------------------------------------------


def version(provision, number, **elements):
    """One version of a consent."""
    return r4(provision, id="x", meta={"versionId": str(number)}, **elements)


def test_a_version_that_is_not_decided_yet_takes_nothing_from_the_one_before():
    first, second = version(DENY, 1, dateTime="2020"), version(PERMIT, 2, dateTime="2030")
    for given in ((first, second, BARE), (BARE, second, first)):
        said = answer(*given)
        assert said.outcome is Outcome.DENY
        assert datetime(2030, 1, 1, tzinfo=UTC) in said.changes
    assert outcome(first, second, now=datetime(2030, 1, 1, tzinfo=UTC)) is Outcome.PERMIT


@pytest.mark.parametrize(
    "elements", [{"status": "draft"}, {"scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "treatment"}]}}]
)
def test_a_version_that_decides_nothing_about_data_does_not_end_the_one_before_in_silence(elements):
    assert outcome(version(DENY, 1), version(PERMIT, 2, **elements), BARE) is Outcome.INDETERMINATE


def test_consents_without_an_id_are_no_versions_of_each_other():
    def nameless(provision, when):
        found = dict(r4(provision, meta={"lastUpdated": when}).resource)
        del found["id"]
        return read_directive(found)

    given = nameless(DENY, "2022-01-01T00:00:00Z"), nameless(PERMIT, "2022-02-01T00:00:00Z")
    assert outcome(*given) is outcome(*reversed(given)) is Outcome.DENY


@pytest.mark.parametrize("status", ["active", "entered-in-error"])
def test_a_consent_that_was_moved_to_another_person_no_longer_speaks_for_the_first(status):
    moved = version(PERMIT, 2, patient={"reference": "Patient/2"}, status=status)
    assert outcome(version(PERMIT, 1), moved) is Outcome.NOT_APPLICABLE


def held(directive, name):
    """The directive as a holder calls it."""
    return read_directive(directive.resource, id=name)


def replacing(reference, **elements):
    """A later, narrower consent, marked as replacing another."""
    extension = [{"url": REPLACES, "valueReference": {"reference": reference}}]
    return held(
        r4(PERMIT | label("N"), id="b", **{"dateTime": "2022-02-01"} | elements, extension=extension), "src/b#1"
    )


@pytest.mark.parametrize(
    "reference", ["Consent/a", "Consent/a/_history/1", "src/a", "https://h.example/fhir/Consent/a", "Consent/unknown"]
)
def test_a_consent_that_narrows_another_narrows_it_whatever_it_is_called(reference):
    old = held(r4(PERMIT, id="a"), "src/a#1")
    assert not leaves(record("R"), old, replacing(reference))
    assert leaves(record("N"), old, replacing(reference))
    assert leaves(record("R"), old)


@pytest.mark.parametrize(
    ("reference", "there", "gone"),
    [
        ("Consent/a", "src/a#1", True),
        ("Consent/a", "other/a#1", False),
        ("https://h.example/fhir/Consent/a", "src/a#1", False),
        ("Consent/unknown", "src/a#1", False),
    ],
)
def test_a_denial_is_replaced_only_if_it_is_surely_the_one_that_is_named(reference, there, gone):
    old = held(r4(DENY, id="a"), there)
    assert (outcome(old, replacing(reference)) is Outcome.PERMIT) is gone


def test_without_dates_nobody_knows_which_is_later_and_the_narrower_of_both_counts():
    old = held(read_directive({k: v for k, v in r4(PERMIT, id="a").resource.items() if k != "dateTime"}), "src/a#1")
    assert not leaves(record("R"), old, replacing("Consent/a"))
    none = held(read_directive({k: v for k, v in r4(DENY, id="a").resource.items() if k != "dateTime"}), "src/a#1")
    assert outcome(none, replacing("Consent/a")) is Outcome.DENY


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("2026-09-30", Outcome.PERMIT),
        ("2026-11-01", Outcome.DENY),
        (None, Outcome.DENY),
    ],
)
def test_an_own_answer_stands_in_the_place_of_what_was_decided_before_it_only(when, says):
    elements = dict(r4(DENY, id="a").resource)
    elements.pop("dateTime")
    at_source = read_directive(elements | ({"dateTime": when} if when else {}), id="src/a#2")
    own = story.record(replaces=["src/a"])
    found = decide(
        story.question(), story.facts(consents=(own,), directives=(at_source,), subjects=frozenset({PATIENT}))
    )
    assert own.decided_at.date().isoformat() == "2026-10-01"
    assert found.outcome is says


def test_a_denial_of_another_kind_than_is_asked_counts_and_a_permit_does_not():
    kind = Coding("urn:c", "research")
    mine = r4(PERMIT, id="2", category=[{"coding": [{"system": "urn:c", "code": "research"}]}])
    asked = frozenset({kind})
    assert outcome(mine, categories=asked) is Outcome.PERMIT
    assert outcome(r4(DENY), mine, categories=asked) is Outcome.DENY
    assert not leaves(record("R"), r4(PERMIT | NO_RESTRICTED), mine, categories=asked)
    assert outcome(r4(PERMIT), categories=asked) is Outcome.NOT_APPLICABLE


# --- labels, codes, kinds, references ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("borne", "normal_only", "not_restricted"),
    [
        ("N", True, True),
        ("NR", False, False),
        ("V", False, False),
        ("L", False, True),
        ("LN", True, True),
        ("R", False, False),
    ],
)
def test_of_several_levels_the_highest_counts_and_a_denial_holds_from_its_level_upwards(
    borne, normal_only, not_restricted
):
    assert leaves(record(*borne), r4(PERMIT | label("N"))) is normal_only
    assert leaves(record(*borne), but(label("R"))) is not_restricted


@pytest.mark.parametrize(
    "system",
    [
        "",
        "urn:nobody",
        "urn:oid:2.16.840.1.113883.5.25",
        "http://hl7.org/fhir/v3/Confidentiality",
        f"{CONFIDENTIALITY}|2.0",
    ],
)
def test_a_label_under_another_name_or_none_is_not_passed_over(system):
    assert not leaves(labelled((system, "R")), but(label("R")))
    assert not leaves(labelled((system, "V")), but(label("R")))
    assert not leaves(labelled((CONFIDENTIALITY, "N"), (system, "R")), r4(PERMIT | label("N")))
    assert leaves(labelled((system, "N")), but(label("R")))


@pytest.mark.parametrize(
    "system", [SNOMED, "urn:oid:2.16.840.1.113883.6.96", f"{SNOMED}/731000124108", f"{SNOMED}|20240101", "", "urn:q"]
)
def test_a_code_under_another_name_of_its_system_is_the_same_code(system):
    forbids = but({"code": [{"coding": [{"system": SNOMED, "code": "123"}]}]})
    assert not leaves(seen(codes=frozenset({Coding(system, "123"), Coding(LOINC, "5-5")})), forbids)
    assert leaves(seen(codes=frozenset({Coding(LOINC, "5-5")})), forbids)


@pytest.mark.parametrize(
    "system", [f"{HL7}/condition-clinical", "http://unitsofmeasure.org", "http://hl7.org/fhir/encounter-status", ""]
)
def test_a_status_or_a_unit_is_no_code_of_what_a_record_is_about(system):
    forbids = but({"code": [{"coding": [{"system": SNOMED, "code": "123"}]}]})
    assert not leaves(seen(codes=frozenset({Coding(system, "active")})), forbids)


@pytest.mark.parametrize(
    "reference", ["Observation/1/_history/2", "Observation/1/", "https://x/fhir/Observation/1/_history/3", "urn:uuid:1"]
)
def test_a_record_that_a_denial_names_is_meant_however_it_is_written(reference):
    named = but({"data": [{"meaning": "instance", "reference": {"reference": reference}}]})
    assert not leaves(seen(references=frozenset({"Observation/1"})), named)


def test_an_author_that_a_denial_names_is_meant_however_they_are_known():
    named = but({"data": [{"meaning": "authoredby", "reference": {"reference": "Practitioner/9/_history/1"}}]})
    assert not leaves(seen(authors=frozenset({"Practitioner/9"})), named)
    assert not leaves(seen(authors=frozenset({"urn:s|9"})), named)
    assert leaves(seen(authors=frozenset({"Practitioner/8"})), named)


@pytest.mark.parametrize(
    ("code", "other"), [("observation", False), ("Resource", False), ("DomainResource", False), ("Condition", True)]
)
def test_a_kind_that_is_none_may_be_any_and_one_above_them_is_all(code, other):
    system = "http://hl7.org/fhir/resource-types"
    assert leaves(record(), but({"class": [{"system": system, "code": code}]})) is other
    newer = r5("permit", [{"resourceType": [{"system": system, "code": code}]}])
    assert leaves(record(), newer) is other


def test_an_action_that_is_not_of_the_list_may_be_any():
    listed = {"action": [{"coding": [{"system": ACTION_SYSTEM, "code": "ACCESS"}]}]}
    assert outcome(BARE, r4(DENY | listed)) is Outcome.INDETERMINATE
    older = {"action": [{"coding": [{"system": "http://hl7.org/fhir/consentaction", "code": "access"}]}]}
    assert outcome(BARE, r4(DENY | older)) is Outcome.DENY


@pytest.mark.parametrize("code", ["R\u200b", "R\u0000", "\u00adR"])
def test_a_code_with_something_in_it_that_nobody_sees_is_not_understood(code):
    assert outcome(but(label(code))) is Outcome.DENY
    assert outcome(r4(PERMIT | label(code))) is Outcome.INDETERMINATE


@pytest.mark.parametrize(
    "codes",
    [[{"system": "http://hl7.org/fhir/sid/icd-10", "code": "F11.2"}], [{"code": "13746004"}], []],
)
def test_a_record_that_no_labelling_rule_can_read_may_be_as_sensitive_as_a_denial_says(codes):
    condition = {"resourceType": "Condition", "code": {"coding": codes, "text": "words"}}
    unread, read = (
        packaged_labeller().label(one)
        for one in (condition, condition | {"code": {"coding": [{"system": LOINC, "code": "8867-4"}]}})
    )
    forbids = but({"securityLabel": [{"system": f"{HL7}/v3-ActCode", "code": "BH"}]})
    assert not leaves(seen(labels=unread.judged), forbids)
    assert leaves(seen(labels=read.judged), forbids)
    assert Labels.from_json(unread.to_json()) == unread
    stated = condition | {"meta": {"security": [{"system": CONFIDENTIALITY, "code": "N"}]}}
    assert leaves(seen(labels=packaged_labeller().label(stated).judged), r4(PERMIT | label("N")))


@pytest.mark.parametrize("value", ["", 1, None, []])
def test_an_own_record_with_a_signer_that_is_none_is_refused_as_one(value):
    resource = to_fhir(story.record())
    resource["performer"] = [{"identifier": value}]
    with pytest.raises(ConsentError):
        from_fhir(resource)


# --- the base decision, broad consents, size --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        {"coding": [{"system": "http://hl7.org/fhir/v3/ActCode", "code": "OPTOUT"}]},
        {"coding": [{"system": f"{HL7}/v3-ActCode", "code": "NOCONSENT"}]},
        {"coding": [{"system": f"{HL7}/v3-ActCode", "code": "optout"}]},
        {"coding": [{"system": "urn:q", "code": "OPTOUT"}]},
        {"text": "OPTOUT"},
    ],
)
def test_a_policy_rule_that_may_say_no_is_not_passed_over(rule):
    assert outcome(r4(PERMIT, policyRule=rule)) is Outcome.INDETERMINATE


def test_a_policy_rule_under_an_older_name_says_what_it_says():
    rule = {"coding": [{"system": "http://hl7.org/fhir/v3/ActCode", "code": "OPTIN"}], "text": "opt-in"}
    assert outcome(r4(None, policyRule=rule)) is Outcome.PERMIT


def agreed(code):
    """A permit of one policy of the broad consent."""
    return PERMIT | {"code": [{"coding": [{"system": terms().system, "code": code}]}]}


def test_an_objection_is_none_to_research_only_because_a_policy_code_stands_in_it():
    gate = terms().packages["mdat"].gates[0]
    objection = r4(DENY | {"provision": [agreed(gate)]})
    assert not leaves(record(), objection, BARE, care=True)
    for_research = {"coding": [{"system": f"{HL7}/consentscope", "code": "research"}]}
    assert leaves(record(), r4(DENY | {"provision": [agreed(gate)]}, scope=for_research), BARE, care=True)


@pytest.mark.parametrize(
    "elements",
    [
        {"scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "treatment"}]}},
        {"provision": DENY | {"period": {"start": "2022-03-01", "end": "2022-03-01"}}},
    ],
)
def test_a_withdrawal_of_the_broad_consent_holds_whatever_scope_and_end_it_was_written_with(elements):
    document = next(oid for oid, kind in terms().documents.items() if kind == "withdrawal")
    gone = r4(DENY, policy=[{"uri": f"urn:oid:{document}"}], id="w")
    written = dict(gone.resource) | elements
    assert outcome(read_directive(written), BARE, purposes=(RESEARCH,)) is Outcome.DENY


def test_research_among_other_purposes_asks_the_broad_consents_also_in_care():
    document = next(oid for oid, kind in terms().documents.items() if kind == "withdrawal")
    gone = r4(DENY, policy=[{"uri": f"urn:oid:{document}"}], id="w")
    assert outcome(gone, BARE, purposes=(TREAT, RESEARCH), care=True) is Outcome.DENY
    assert outcome(gone, BARE, purposes=(TREAT,), care=True) is Outcome.PERMIT


def test_very_many_faults_are_read_in_short_time_and_none_is_relied_upon():
    started = time.perf_counter()
    found = read_directive(dict(BARE.resource) | {"category": [{"coding": [{}] * 2_000}] * 40})
    assert time.perf_counter() - started < 5
    assert 0 < len(found.unknown) < 200
    many = {"securityLabel": [{}] * 500, "purpose": [{}] * 500 + [{"system": f"{HL7}/v3-ActReason", "code": "HMARKT"}]}
    assert outcome(but(many)) is Outcome.DENY


def test_the_instants_at_which_the_requester_changes_bound_the_answer():
    later = NOW + timedelta(days=3)
    assert later in answer(BARE, edges=(later,)).changes


def test_an_unknown_system_is_only_itself():
    assert system_of("urn:one") != system_of("urn:two")
    assert system_of("http://example.org/a|1") == "http://example.org/a"
