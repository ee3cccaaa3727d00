"""When do we agree to a contract that somebody requests, and what is said when we do not.

The request is our own standard offer sent back: for the group's study, to itself, about the dataset on offer. Then one
thing is different (tests/unit/policy/story.py holds the parts).
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from policy.decide import decide
from policy.decision import Action, Outcome, Regime
from policy.facts import Facts, Question
from policy.odrl import compiled
from tests.unit.policy.story import ACADEMIC, DATASET, GROUP, HOLDER, NOW, STUDY, story

OTHER_GROUP = "urn:concord:other:99999999"
UNKNOWN_TERM = {"leftOperand": "Membership", "operator": "eq", "rightOperand": "active"}


def codes(question: Question, facts: Facts) -> list[str]:
    """The causes of a no, narrowest first."""
    decision = decide(question, facts)
    assert not decision.permits
    assert not decision.residual.scopes
    assert decision.obligations == ()
    return [cause.code for cause in decision.because]


def requested(**changes) -> dict:
    """Our offer as a research group sends it back: for its own study, to itself, about the dataset."""
    request = story.offer(target=DATASET, assigner=HOLDER, assignee=GROUP)
    request["permission"][0]["constraint"].append(
        {"leftOperand": "https://w3id.org/concord/ns#study", "operator": "eq", "rightOperand": STUDY}
    )
    return request | changes


def negotiating(request: dict | None, **changes) -> tuple[Question, Facts]:
    """May we agree to this request?"""
    question = Question(regime=Regime.CONSENT, action=Action.NEGOTIATE, now=NOW, requester=GROUP, dataset=DATASET)
    facts = Facts(
        policy=None if request is None else compiled(request),
        offer=compiled(story.offer()),
        holder=HOLDER,
        study_approved=True,
        executors=frozenset({"pseudonymise", "erase-on-withdrawal"}),
    )
    return question, replace(facts, **changes)


def test_an_offer_sent_back_for_an_approved_study_is_agreed_to():
    decision = decide(*negotiating(requested()))
    assert decision.permits
    assert decision.obligations == ("erase-on-withdrawal", "pseudonymise")
    assert decision.valid_until == datetime(2027, 12, 31, 23, 59, 59, 1, tzinfo=UTC)


def test_agreeing_to_a_contract_releases_nothing():
    assert not decide(*negotiating(requested())).residual.scopes


def test_a_narrower_purpose_and_an_earlier_end_may_be_requested():
    wide = story.offer()
    wide["permission"][0]["constraint"][0]["rightOperand"] = "dpv:ResearchAndDevelopment"
    narrow = requested()
    narrow["permission"][0]["constraint"][1]["rightOperand"] = "2027-06-30"
    assert decide(*negotiating(narrow, offer=compiled(wide))).permits


def loosened(change) -> dict:
    """The request after one change to it."""
    request = requested()
    change(request)
    return request


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda r: r["permission"][0]["constraint"].pop(0), "purpose-missing"),
        (lambda r: r["permission"][0]["constraint"][0].update(rightOperand=ACADEMIC), "purpose-not-offered"),
        (
            lambda r: r["permission"][0]["constraint"][0].update(rightOperand="dpv:ScientificResearch"),
            "purpose-not-offered",
        ),
        (lambda r: r["permission"][0]["constraint"].pop(1), "term-missing"),
        (lambda r: r["permission"][0]["constraint"][1].update(rightOperand="2028-01-01"), "term-missing"),
        (lambda r: r["permission"][0]["constraint"].pop(2), "term-missing"),
        (lambda r: r["permission"][0].pop("duty"), "term-missing"),
        (lambda r: r["prohibition"].pop(0), "term-missing"),
        (lambda r: r.pop("obligation"), "term-missing"),
        (lambda r: r["permission"].append({"action": "odrl:sell"}), "action-not-permitted"),
        (lambda r: r.pop("permission"), "action-not-permitted"),
        (lambda r: r["permission"][0]["constraint"].pop(4), "study-not-named"),
        (lambda r: r.update(target="urn:uuid:another"), "other-dataset"),
        (lambda r: r.update(assignee=OTHER_GROUP), "other-recipient"),
    ],
)
def test_a_request_for_more_than_is_on_offer_is_refused(change, code):
    assert codes(*negotiating(loosened(change))) == [code]


def test_a_request_for_any_purpose_takes_in_what_the_law_forbids():
    request = loosened(lambda r: r["permission"][0]["constraint"][0].update(rightOperand="dpv:Purpose"))
    assert codes(*negotiating(request)) == ["prohibited-use", "purpose-not-offered"]


def test_a_request_for_a_study_that_is_not_approved_is_refused():
    assert codes(*negotiating(requested(), study_approved=False)) == ["study-not-approved"]


def test_where_each_person_is_asked_the_study_must_be_approved_even_if_the_terms_forget_it():
    def forget(policy: dict) -> dict:
        policy["permission"][0]["constraint"].pop(3)
        return policy

    question, facts = negotiating(forget(requested()), offer=compiled(forget(story.offer())))
    assert decide(question, facts).permits
    assert codes(question, replace(facts, study_approved=False)) == ["study-not-approved"]


def test_an_offer_made_to_somebody_else_cannot_be_taken_up():
    private = compiled(story.offer(assignee=OTHER_GROUP))
    assert codes(*negotiating(requested(), offer=private)) == ["other-recipient"]


def test_a_request_with_a_term_we_do_not_understand_is_refused():
    request = loosened(lambda r: r["permission"][0]["constraint"].append(UNKNOWN_TERM))
    decision = decide(*negotiating(request))
    assert decision.outcome is Outcome.INDETERMINATE
    assert [cause.code for cause in decision.because] == ["policy-not-understood"]


@pytest.mark.parametrize("missing", ["policy", "offer"])
def test_without_both_the_offer_and_the_request_there_is_no_agreement(missing):
    assert codes(*negotiating(requested(), **{missing: None})) == ["no-contract"]


def test_a_duty_we_cannot_carry_out_is_not_agreed_to():
    assert codes(*negotiating(requested(), executors=frozenset())) == ["duty-without-executor"] * 2


def test_what_is_not_about_persons_can_be_agreed_to_without_a_study():
    plain = {"@id": "urn:uuid:o", "@type": "Offer", "permission": [{"action": "use"}]}
    question, facts = negotiating({**plain, "target": DATASET}, offer=compiled(plain), study_approved=False)
    assert decide(question, facts).permits
