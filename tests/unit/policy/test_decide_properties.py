"""What holds for every decision: nothing further, unknown or reordered ever widens the answer."""

import json
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.canonical import canonical
from policy.consent import State
from policy.decide import decide
from policy.decision import Action, Decision, ItemFacts, Regime
from policy.odrl import compiled
from policy.replay import inputs_from_json, inputs_to_json
from tests.unit.policy.story import ACADEMIC, DATASET, GROUP, MARKETING, NOW, RESEARCH, story

days = st.dates(date(2022, 1, 1), date(2022, 1, 9))
kinds = st.sampled_from(["laboratory", "conditions", "other"])
items = st.builds(
    ItemFacts, st.just("Observation"), kinds, st.none() | days, st.none() | days, st.sampled_from([DATASET, "d2"])
)
EVERY_ITEM = [
    ItemFacts("Observation", kind, day, day, dataset)
    for kind in ("laboratory", "conditions")
    for day in (None, date(2022, 1, 1), date(2022, 1, 5), date(2022, 1, 9))
    for dataset in (DATASET, "d2")
]


@st.composite
def records(draw, number=0):
    """A first version: mostly given, of varying scope, sometimes refused or for somebody else."""
    start, end = sorted([draw(days), draw(days)])
    return story.record(
        id=f"urn:uuid:{number:08d}-1111-4111-8111-111111111111",
        state=draw(st.sampled_from(["given", "given", "given", "refused"])),
        study=draw(st.sampled_from([story.study, story.study, "urn:uuid:another"])),
        recipients=draw(st.sampled_from([[GROUP], [GROUP, "urn:b"], ["urn:b"]])),
        purposes=draw(st.lists(st.sampled_from([RESEARCH, ACADEMIC, "dpv:ResearchAndDevelopment"]), min_size=1)),
        data=draw(
            st.lists(
                st.builds(
                    lambda dataset, keys: {"dataset": dataset, "categories": keys},
                    st.sampled_from([DATASET, "d2"]),
                    st.none() | st.lists(st.sampled_from(["laboratory", "conditions"]), min_size=1, unique=True),
                ),
                min_size=1,
                max_size=2,
            )
        ),
        window=draw(
            st.sampled_from([None, {"start": str(start), "end": str(end)}, {"start": str(start), "end": None}])
        ),
        valid_until=draw(st.sampled_from(["2026-11-22T09:30:00Z", "2027-10-01T00:00:00Z"])),
    )


many = st.integers(0, 3).flatmap(lambda size: st.tuples(*(records(number) for number in range(size))))
worlds = st.builds(
    story.facts,
    consents=many,
    study_approved=st.sampled_from([True, True, False]),
    heard_from_wallet_at=st.sampled_from(
        [None, NOW, NOW - timedelta(hours=23), NOW - timedelta(days=2), NOW + timedelta(hours=1)]
    ),
    opted_out_at=st.sampled_from([None, None, NOW - timedelta(days=1), NOW + timedelta(days=1)]),
)
questions = st.builds(
    story.question,
    regime=st.sampled_from([Regime.CONSENT, Regime.CONSENT, *Regime]),
    action=st.sampled_from([Action.RELEASE, Action.RELEASE, *Action]),
    purposes=st.lists(st.sampled_from([RESEARCH, ACADEMIC, MARKETING, "Research"]), max_size=2).map(tuple),
    dataset=st.sampled_from([DATASET, DATASET, "d2"]),
)
asking = st.just(story.question()) | questions


def released(decision: Decision) -> set[ItemFacts]:
    """The items that may leave under a decision."""
    return {item for item in EVERY_ITEM if decision.permits and decision.residual.judge(item) == 0}


def never_wider(question, stricter, facts) -> None:
    """Assert that the stricter facts let nothing through that the others keep back."""
    assert released(decide(question, stricter)) <= released(decide(question, facts))
    if decide(question, stricter).permits:
        assert decide(question, facts).permits


def ended(record, state):
    """The record's next version, ended in a way; whoever is responsible, or a court, is not the person."""
    kind = {"terminated": "controller", "invalidated": "authority"}.get(state, "self")
    return story.next(record, state=state, signer={"kind": kind, "authority": None if kind == "self" else "A reason"})


@settings(max_examples=50)
@given(asking, worlds, st.sampled_from(["refused", "withdrawn", "suspended", "terminated", "invalidated"]))
def test_adding_a_no_never_widens(question, facts, state):
    first = story.record(id="urn:uuid:99999999-1111-4111-8111-111111111111", study=question.study)
    no = (first,) if state == "refused" else (first, ended(first, state))
    if state == "refused":
        no = (story.record(id=first.id, state="refused", study=question.study),)
    stricter = replace(facts, consents=(*facts.consents, *no))
    never_wider(question, stricter, facts)


@settings(max_examples=50)
@given(asking, worlds)
def test_after_a_withdrawal_no_decision_says_yes(question, facts):
    stopped = tuple(
        version
        for record in facts.consents
        for version in ((record, story.next(record, state="withdrawn")) if record.state is State.GIVEN else (record,))
    )
    if question.regime is Regime.CONSENT and question.action is not Action.NEGOTIATE:
        assert not decide(question, replace(facts, consents=stopped)).permits


@settings(max_examples=50)
@given(asking, worlds, st.data())
def test_taking_a_purpose_category_recipient_or_day_away_never_widens(question, facts, data):
    if not facts.consents:
        return
    record = data.draw(st.sampled_from(facts.consents))
    narrowings = [{"valid_until": "2026-10-02T00:00:00Z"}]
    narrowings += [{"purposes": record.purposes[1:]}] if len(record.purposes) > 1 else []
    narrowings += [{"recipients": record.recipients[1:]}] if len(record.recipients) > 1 else []
    narrowings += [{"data": [scope.model_dump() for scope in record.data[1:]]}] if len(record.data) > 1 else []
    narrowings += [
        {
            "data": [
                {"dataset": scope.dataset, "categories": ["laboratory"]}
                for scope in record.data
                if scope.categories is None or "laboratory" in scope.categories
            ]
        }
    ]
    start = record.window.start if record.window else date(2022, 1, 1)
    end = record.window.end if record.window else None
    if start is not None and (end is None or start < end):
        narrowings += [{"window": {"start": str(start + timedelta(days=1)), "end": end and str(end)}}]
    change = data.draw(st.sampled_from([one for one in narrowings if one != {"data": []}]))
    narrower = type(record).from_json(record.to_json() | json.loads(json.dumps(change)))
    stricter = replace(facts, consents=tuple(narrower if one is record else one for one in facts.consents))
    never_wider(question, stricter, facts)


@settings(max_examples=50)
@given(asking, worlds, st.randoms())
def test_the_order_and_repetition_of_consents_do_not_matter(question, facts, random):
    shuffled = [*facts.consents, *facts.consents]
    random.shuffle(shuffled)
    assert decide(question, replace(facts, consents=tuple(shuffled))) == decide(question, facts)


UNKNOWN = [
    {"leftOperand": "urn:unknown", "operator": "eq", "rightOperand": "x"},
    {"leftOperand": "purpose", "operator": "isA", "rightOperand": "Unknown"},
    {"or": [{"leftOperand": "recipient", "operator": "eq", "rightOperand": GROUP}, {"x:y": 1}]},
]


@settings(max_examples=50)
@given(asking, worlds, st.sampled_from(UNKNOWN), st.sampled_from(["permission", "prohibition"]))
def test_an_unknown_term_in_a_contract_denies(question, facts, term, key):
    agreement = story.agreement()
    agreement[key][0].setdefault("constraint", []).append(term)
    decision = decide(question, replace(facts, policy=compiled(agreement)))
    assert not decision.permits
    assert decision.unknown or question.action is Action.NEGOTIATE


MISSING = {
    "policy": None,
    "link": None,
    "consents": (),
    "heard_from_wallet_at": None,
    "study_approved": False,
    "executors": frozenset(),
    "holder": "",
}


@settings(max_examples=50)
@given(worlds, st.sampled_from(sorted(MISSING)))
def test_every_fact_left_out_is_a_no(facts, name):
    assert not decide(story.question(), replace(facts, **{name: MISSING[name]})).permits


@settings(max_examples=50)
@given(asking, worlds)
def test_research_never_goes_ahead_without_a_given_consent_that_covers_it(question, facts):
    decision = decide(question, facts)
    if decision.permits and question.regime is Regime.CONSENT and question.action is not Action.NEGOTIATE:
        covering = [
            record
            for record in facts.consents
            if record.state is State.GIVEN
            and record.study == question.study
            and GROUP in record.recipients
            and any(scope.dataset == question.dataset for scope in record.data)
        ]
        assert covering
        for item in released(decision):
            assert any(
                (scope.categories is None or item.category in scope.categories)
                and (record.window is None or record.window.start is None or item.start >= record.window.start)
                and (record.window is None or record.window.end is None or item.end <= record.window.end)
                for record in covering
                for scope in record.data
                if scope.dataset == item.dataset == question.dataset
            )


@settings(max_examples=50)
@given(asking, worlds)
def test_what_is_not_permitted_releases_nothing_and_owes_nothing(question, facts):
    decision = decide(question, facts)
    assert decision.because or decision.permits
    if not decision.permits:
        assert not decision.residual.scopes
        assert not decision.obligations


@settings(max_examples=50)
@given(asking, worlds, st.integers(0, 10**6))
def test_an_answer_holds_until_the_instant_it_names(question, facts, later):
    decision = decide(question, facts)
    if decision.valid_until is None:
        now = question.now + timedelta(seconds=later * 100)
    else:
        now = min(question.now + timedelta(seconds=later), decision.valid_until - timedelta(microseconds=1))
    assert decide(replace(question, now=now), facts) == decision


@settings(max_examples=50)
@given(asking, worlds)
def test_a_decision_survives_json_and_replays_to_the_same_bytes(question, facts):
    decision = decide(question, facts)
    assert Decision.from_json(json.loads(json.dumps(decision.to_json()))) == decision
    stored = json.loads(json.dumps(inputs_to_json(question, facts)))
    assert inputs_from_json(stored) == (question, facts)
    assert canonical(decide(*inputs_from_json(stored)).to_json()) == canonical(decision.to_json())


@settings(max_examples=50)
@given(items)
def test_a_yes_without_limits_releases_every_item_of_the_dataset_and_no_other(item):
    residual = decide(story.question(), story.facts()).residual
    assert (residual.judge(item) == 0) == (item.dataset == DATASET)
