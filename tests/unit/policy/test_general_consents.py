"""Consents from the source within a whole decision: their no always counts, their yes only where it may."""

from dataclasses import replace
from datetime import date

import pytest

from policy.decide import decide
from policy.decision import Action, ItemFacts, Outcome, Regime
from policy.directives.model import Coding, Emergency
from policy.directives.reading import read_directive
from policy.facts import CareRelation
from policy.rules import ItemDetail
from tests.unit.policy.story import DATASET, GROUP, NOW, story

HL7 = "http://terminology.hl7.org/CodeSystem"
RESEARCH = f"{HL7}/v3-ActReason#HRESCH"
TREATMENT, BREAKING = f"{HL7}/v3-ActReason#TREAT", f"{HL7}/v3-ActReason#BTG"
LATER = NOW.replace(year=2027)


def purpose(code):
    return {"system": f"{HL7}/v3-ActReason", "code": code}


def label(code, system="v3-Confidentiality"):
    return {"system": f"{HL7}/{system}", "code": code}


def consent(id="c", **provision):
    return read_directive(
        {
            "resourceType": "Consent",
            "id": id,
            "status": "active",
            "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": {"reference": "Patient/1"},
            "dateTime": "2026-01-01",
            "policy": [{"uri": "urn:policy"}],
            "provision": {"type": "permit"} | provision,
        },
        id=f"source/{id}",
    )


def item(*labels):
    detail = ItemDetail(labels=frozenset(Coding(f"{HL7}/{system}", code) for system, code in labels))
    return ItemFacts("Observation", "laboratory", date(2025, 1, 1), date(2025, 1, 1), DATASET, detail)


NORMAL, RESTRICTED = item(("v3-Confidentiality", "N")), item(("v3-Confidentiality", "R"))


def facts(*directives, **changes):
    return story.facts(subjects=frozenset({"Patient/1"}), directives=directives, **changes)


def test_a_no_from_the_source_stops_a_yes_to_the_study():
    decision = decide(story.question(), facts(consent(type="deny")))
    assert (decision.outcome, decision.because[0].code) == (Outcome.DENY, "directive-denies")


def test_a_no_about_some_records_leaves_the_others():
    decision = decide(story.question(), facts(consent(type="deny", securityLabel=[label("R")])))
    assert decision.permits
    assert [decision.residual.judge(one) for one in (NORMAL, RESTRICTED)] == [0, 6]


def test_a_yes_from_the_source_adds_nothing_to_what_was_said_to_the_study():
    narrow = story.record(data=[{"dataset": DATASET, "categories": ["conditions"]}])
    wide = consent(purpose=[purpose("HRESCH")])
    decision = decide(story.question(), facts(wide, consents=(narrow,), broad_consent=True))
    assert decision.permits
    assert decision.residual.judge(NORMAL) != 0


@pytest.mark.parametrize("broad", [True, False])
def test_a_yes_from_the_source_counts_where_the_steward_lets_the_study_rest_on_it(broad):
    given = consent(purpose=[purpose("HRESCH")])
    question = story.question(purposes=(RESEARCH,))
    unasked = facts(
        given, consents=(), link=None, broad_consent=broad, policy=story.agreement(permission=[{"action": "use"}])
    )
    decision = decide(question, unasked)
    assert decision.permits is broad
    assert (decision.residual.judge(NORMAL) == 0) is broad


def test_who_refused_the_study_is_not_overruled_by_a_broad_yes():
    refused = story.record(state="refused", recipients=[], purposes=[], data=[])
    given = consent(purpose=[purpose("HRESCH")])
    decision = decide(story.question(purposes=(RESEARCH,)), facts(given, consents=(refused,), broad_consent=True))
    assert (decision.outcome, decision.because[0].code) == (Outcome.DENY, "refused")


def test_an_answer_that_says_so_takes_the_place_of_an_older_no():
    answer = story.record(replaces=["source/c"])
    objection = consent(type="deny")
    assert decide(story.question(), facts(objection, consents=(answer,))).permits
    assert not decide(story.question(), facts(objection, consent("other", type="deny"), consents=(answer,))).permits
    stopped = story.next(answer, state="withdrawn", replaces=["source/c"])
    assert not decide(story.question(), facts(objection, consents=(answer, stopped))).permits


def test_one_that_cannot_be_read_stops_everything():
    decision = decide(story.question(), facts(unreadable_directives=1))
    assert (decision.outcome, decision.because[0].code) == (Outcome.INDETERMINATE, "directive-unreadable")


def care(*directives, emergency=None, purposes=(TREATMENT,)):
    relation = CareRelation(provider=GROUP, since=NOW, until=LATER)
    question = replace(story.question(), regime=Regime.CARE, action=Action.VIEW, purposes=purposes, emergency=emergency)
    terms = story.agreement(permission=[{"action": "use"}])
    return decide(question, facts(*directives, care=relation, policy=terms, consents=(), link=None))


def test_care_needs_no_consent_but_hears_a_no():
    assert care().permits
    assert not care(consent(type="deny")).permits


def test_of_a_consent_to_care_only_what_it_permits_may_be_seen():
    decision = care(consent(purpose=[purpose("TREAT")], securityLabel=[label("N")]))
    assert decision.permits
    assert decision.residual.judge(NORMAL) == 0
    assert decision.residual.judge(RESTRICTED) != 0


def emergency(**changes):
    plain = Emergency(declared_at=NOW, until=LATER, group=True, reason=True, second_factor=True)
    return replace(plain, **changes)


def test_an_emergency_opens_what_was_left_open_to_emergencies_and_only_if_it_is_whole():
    objection = consent(type="deny", provision=[{"type": "permit", "purpose": [purpose("BTG")]}])
    both = (TREATMENT, BREAKING)
    assert care(objection, emergency=emergency(), purposes=both).permits
    for missing in ("group", "reason", "second_factor"):
        assert not care(objection, emergency=emergency(**{missing: False}), purposes=both).permits
    assert not care(objection, emergency=emergency(until=NOW), purposes=both).permits
    assert not care(objection, purposes=both).permits


def test_no_emergency_opens_anything_to_research():
    objection = consent(type="deny", provision=[{"type": "permit", "purpose": [purpose("BTG")]}])
    question = story.question(emergency=emergency(), purposes=(RESEARCH, BREAKING))
    assert not decide(question, facts(objection, broad_consent=True, consents=(), link=None)).permits
