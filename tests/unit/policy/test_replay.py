"""Stored inputs: complete, exact, and refused where they could answer differently."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from policy.decide import decide
from policy.decision import Reason, Regime
from policy.directives.model import Emergency
from policy.directives.reading import read_directive
from policy.facts import CareRelation, Facts, OptOut, Permit, Question, Recipient
from policy.odrl import compiled
from policy.replay import ReplayError, inputs_from_json, inputs_to_json
from tests.unit.policy.story import DATASET, GROUP, NOW, RESEARCH, story

CONSENT = {
    "resourceType": "Consent",
    "id": "c",
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]},
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    "patient": {"reference": "Patient/1"},
    "provision": {"type": "permit"},
}
EMERGENCY = Emergency(declared_at=NOW, until=NOW + timedelta(hours=4), group=True, reason=True, second_factor=False)


def everything():
    """Inputs in which no field has its default."""
    facts = replace(
        story.facts(),
        offer=compiled(story.offer()),
        unreadable_consents=2,
        freshness=timedelta(hours=7, microseconds=3),
        opted_out_at=NOW,
        permit=Permit(
            id="p", approved_at=NOW, valid_until=NOW, recipients=(GROUP,), purposes=(RESEARCH,), datasets=(DATASET,),
            public_body=True, extended_from=NOW, override_law="A law",
        ),
        past_opt_outs=(OptOut(at=NOW - timedelta(days=9), reversed_at=NOW),),
        recipient=Recipient(jurisdiction="CH", hosting=("DE", "CH"), transfer_grounds=("eu-gdpr:A46-2-c",)),
        asks_place=True,
        care=CareRelation(provider=GROUP, since=NOW, until=NOW),
        own_data=True,
        subjects=frozenset({"Patient/1"}),
        directives=(read_directive(CONSENT),),
        unreadable_directives=1,
        broad_consent=True,
        requester_names=frozenset({"Organization/2"}),
        custodians=frozenset({"Organization/3"}),
        known_actors=frozenset({"Organization/4"}),
        zone="Europe/Oslo",
        stops=(Reason("code", "Text.", "rule", "/x"),),
    )  # fmt: skip
    question = story.question(regime=Regime.PERMIT, profile="research", selection="9" * 64)
    return replace(question, emergency=EMERGENCY), facts


def test_no_field_is_lost():
    question, facts = everything()
    defaults = Facts()
    assert all(getattr(facts, name) != getattr(defaults, name) for name in Facts.__dataclass_fields__)
    stored = json.loads(json.dumps(inputs_to_json(question, facts)))
    assert set(stored["facts"]) == set(Facts.__dataclass_fields__)
    assert set(stored["question"]) == set(Question.__dataclass_fields__)
    assert inputs_from_json(stored) == (question, facts)
    assert decide(*inputs_from_json(stored)) == decide(question, facts)


def without(stored, part, name):
    """The stored inputs with one field taken out."""
    return stored | {part: {key: value for key, value in stored[part].items() if key != name}}


@pytest.mark.parametrize(("part", "kind"), [("facts", Facts), ("question", Question)])
def test_incomplete_inputs_are_refused(part, kind):
    stored = inputs_to_json(*everything())
    optional = {"emergency", "study", "study_digest", "profile", "selection", "holder", "link", "unreadable_consents"}
    for name in set(kind.__dataclass_fields__) - optional:
        with pytest.raises(ReplayError):
            inputs_from_json(without(stored, part, name))


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"reference": {"purposes": "0" * 64}},
        {"question": None},
        {"facts": []},
        {"question": {"regime": "consent", "unknown": 1}},
    ],
)
def test_inputs_of_another_kind_are_refused(change):
    with pytest.raises(ReplayError):
        inputs_from_json(inputs_to_json(*everything()) | change)


@pytest.mark.parametrize("name", ["study_approved", "own_data"])
def test_a_fact_that_is_only_nearly_true_is_refused(name):
    stored = inputs_to_json(*everything())
    stored["facts"][name] = "yes"
    with pytest.raises(ReplayError):
        inputs_from_json(stored)


@pytest.mark.parametrize("value", [None, [], "x"])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(ReplayError):
        inputs_from_json(value)


def test_an_instant_without_a_zone_is_no_question():
    with pytest.raises(ValueError, match="time zone"):
        story.question(now=NOW.replace(tzinfo=None))
