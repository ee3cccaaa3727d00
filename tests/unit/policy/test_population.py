"""A whole population asked at once is told what each would be told alone; what is missing or odd is never a yes."""

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import population
from policy.columns import Columns, Person, columns_of
from policy.consent import State
from policy.decide import decide
from policy.decision import Action, Decision, Outcome, Reason, Regime, Residual, Scope
from policy.facts import OptOut, Permit
from policy.odrl import compiled
from policy.population import PERMITTED, Verdict, prepare
from policy.purposes import ACT_REASON
from policy.reasons import CONSENT
from tests.unit.policy.directives import any_directives as source
from tests.unit.policy.story import ACADEMIC, DATASET, GROUP, HOLDER, LINK, MARKETING, NOW, RESEARCH, STUDY, story
from tests.unit.policy.test_decide_properties import records

EVER, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
STOP, OTHER_STOP = Reason("stopped", "Stopped.", "rule"), Reason("under-way", "Under way.", "rule")
COLUMNS = [one.name for one in fields(Columns) if one.name not in {"study", "holder", "others"}]

WITHOUT_TERMS = story.agreement(permission=[{"action": "use"}])

moments = st.sampled_from(
    [None, None, NOW, NOW - timedelta(hours=23), NOW - timedelta(days=2), NOW + timedelta(hours=1), EVER, NEVER]
)


later_states = st.sampled_from([*["given", "withdrawn", "suspended", "refused"] * 3, *(one.value for one in State)])
yesterday, tomorrow = ((NOW + timedelta(days=by)).strftime("%Y-%m-%dT%H:%M:%SZ") for by in (-1, 1))
signers = st.sampled_from(
    [
        *[{"kind": "self", "authority": None}] * 4,
        {"kind": "proxy", "authority": "a guardian"},
        {"kind": "proxy", "authority": "a guardian", "until": tomorrow},
        {"kind": "proxy", "authority": "a guardian", "until": yesterday},
        {"kind": "controller", "authority": "the hospital"},
    ]
)


@st.composite
def answers(draw):
    """What one person answered: mostly one consent, perhaps with later versions, or several."""
    found = []
    for number in range(draw(st.sampled_from([0, 1, 1, 1, 1, 1, 2]))):
        found.append(draw(records(number)))
        if draw(st.booleans()):
            found.append(story.next(found[-1], state=draw(later_states), signer=draw(signers)))
    return tuple(found)


people = st.builds(
    Person,
    link=st.sampled_from([None, LINK, LINK, LINK, LINK, "link-2"]),
    consents=answers(),
    unreadable_consents=st.sampled_from([0] * 9 + [1]),
    heard_from_wallet_at=st.just(NOW - timedelta(hours=1)) | moments,
    opted_out_at=st.none() | moments,
    past_opt_outs=st.sampled_from(
        [()] * 5 + [(OptOut(at=NOW - timedelta(days=5), reversed_at=NOW - timedelta(days=2)),)]
    ),
    stops=st.sampled_from([(), (), (), (STOP,), (OTHER_STOP, STOP)]),
)
at_the_source = st.builds(
    replace,
    people,
    link=st.sampled_from([None, None, LINK]),
    consents=st.just(()) | answers(),
    subjects=st.sampled_from([frozenset({source.PATIENT}), frozenset({source.PATIENT}), frozenset()]),
    directives=st.just(()) | source.several(),
    unreadable_directives=st.sampled_from([0] * 9 + [1]),
    known_actors=st.sampled_from([frozenset(), frozenset(source.PEOPLE)]),
)
permits = st.builds(
    Permit,
    id=st.just("urn:permit"),
    approved_at=st.sampled_from([NOW - timedelta(days=1), NOW - timedelta(days=3), NOW + timedelta(days=1)]),
    extended_from=st.sampled_from([None, None, NOW - timedelta(hours=3)]),
    override_law=st.sampled_from([None, None, "Some Act, section 1"]),
    valid_until=st.just(NOW + timedelta(days=9)),
    recipients=st.just((GROUP,)),
    purposes=st.just((RESEARCH,)),
    datasets=st.just((DATASET,)),
)
questions = st.builds(
    story.question,
    regime=st.sampled_from([Regime.CONSENT, Regime.CONSENT, Regime.PERMIT]),
    action=st.sampled_from([Action.RELEASE, Action.RELEASE, Action.VIEW, Action.ANALYSE]),
    now=st.sampled_from([NOW, NOW, source.NOW]),
    purposes=st.sampled_from(
        [*[(RESEARCH,)] * 2, *[(f"{ACT_REASON}HRESCH",)] * 2, (RESEARCH, ACADEMIC), (MARKETING,), ("Research",), ()]
    ),
    dataset=st.sampled_from([DATASET, DATASET, DATASET, "d2"]),
    study=st.sampled_from([STUDY, STUDY, STUDY, "urn:uuid:another", None]),
    study_digest=st.sampled_from([story.digest, story.digest, "6" * 64, None]),
)
worlds = st.builds(
    story.facts,
    study_approved=st.sampled_from([True, True, False]),
    policy=st.sampled_from([*[compiled(story.agreement()), compiled(WITHOUT_TERMS)] * 3, None]),
    permit=st.none() | permits,
    freshness=st.sampled_from([timedelta(hours=24), timedelta(0), timedelta.max]),
    broad_consent=st.sampled_from([True, True, False]),
    requester_names=st.sampled_from([frozenset(), frozenset({"Practitioner/1", "Organization/1"})]),
)
wide = st.just(Residual((Scope(None, None, None, None),)))
narrow = st.lists(
    st.builds(
        Scope,
        st.sampled_from([None, DATASET, "d2"]),
        st.sampled_from([None, ("laboratory",), ("laboratory", "other")]),
        st.sampled_from([None, date(2022, 1, 1), date(2022, 1, 5)]),
        st.sampled_from([None, date(2022, 1, 6), date(2022, 1, 9)]),
    ),
    max_size=3,
).map(Residual.of)


def told(decision: Decision, selected: Residual) -> tuple[Outcome, str, str]:
    """The outcome and the first cause that one person is told."""
    if decision.permits and (missed := decision.residual.meets(selected)):
        return Outcome.DENY, decision.residual.reasons[missed].code, ""
    if decision.permits:
        return Outcome.PERMIT, "", ""
    first = decision.because[0]
    return decision.outcome, first.code, "" if first.source == CONSENT else first.pointer


def said(verdict: Verdict) -> tuple[Outcome, str, str]:
    """The same of what everybody is told."""
    if verdict.outcome is Outcome.PERMIT:
        return Outcome.PERMIT, "", ""
    return verdict.outcome, verdict.reason.code, verdict.reason.pointer


@settings(max_examples=120, deadline=None)
@given(questions, worlds, wide | narrow, st.lists(people, max_size=8))
def test_everybody_is_told_at_once_what_each_would_be_told_alone(question, shared, selected, everybody):
    columns = columns_of(everybody, question.study or STUDY, HOLDER)
    found = prepare(question, shared, selected).decide(columns)
    alone = [told(decide(question, person.facts(shared)), selected) for person in everybody]
    together = [said(found.verdicts[index]) for index in found.indices]
    assert together == alone
    assert all(
        (outcome is Outcome.PERMIT) == (index == PERMITTED)
        for (outcome, *_), index in zip(alone, found.indices, strict=True)
    )
    assert list(found.counts) == [found.indices.count(number) for number in range(len(found.verdicts))]
    assert found.permitted == sum(outcome is Outcome.PERMIT for outcome, _, _ in alone)
    assert sum(found.by_code.values()) == len(everybody)


@settings(max_examples=300, deadline=None)
@given(questions, worlds, wide | narrow, st.lists(at_the_source, max_size=4), st.lists(people, max_size=3))
def test_people_with_consents_from_the_source_are_told_what_each_would_be_told_alone(
    question, shared, selected, with_others, everybody
):
    everybody = [*with_others[:2], *everybody, *with_others[2:]]
    found = prepare(question, shared, selected).decide_people(iter(everybody))
    alone = [told(decide(question, person.facts(shared)), selected) for person in everybody]
    assert [said(found.verdicts[index]) for index in found.indices] == alone
    assert list(found.counts) == [found.indices.count(number) for number in range(len(found.verdicts))]


@settings(max_examples=60, deadline=None)
@given(questions, worlds, st.lists(people, max_size=6))
def test_people_who_come_a_few_at_a_time_are_told_what_all_together_are_told(question, shared, everybody):
    together = prepare(question, shared).decide(columns_of(everybody, question.study or STUDY, HOLDER))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population, "_AT_A_TIME", 2)
        found = prepare(question, shared).decide_people(iter(everybody))
    assert [found.verdicts[one] for one in found.indices] == [together.verdicts[one] for one in together.indices]
    assert Counter(found.by_code) == Counter(together.by_code)


def test_where_a_gate_fails_everybody_is_told_so(monkeypatch):
    def broken(*_):
        raise RuntimeError("a gate")

    people = [Person(link=LINK, unreadable_directives=1), Person(link=LINK, consents=(story.record(),))]
    for gate in ("ask_law", "ask_person"):
        with monkeypatch.context() as patch:
            patch.setattr(f"policy.decide.{gate}", broken)
            found = prepare(story.question(), story.facts()).decide_people(people)
            assert found.by_code == {"consent-given": 0, "decision-failed": 2}


@settings(max_examples=50)
@given(questions, worlds, st.lists(people, min_size=1, max_size=6), st.randoms())
def test_the_order_of_the_people_makes_no_difference(question, shared, everybody, random):
    def outcomes(ordered):
        found = prepare(question, shared).decide(columns_of(ordered, question.study or STUDY, HOLDER))
        return [found.verdicts[index] for index in found.indices]

    shuffled = everybody[:]
    random.shuffle(shuffled)
    by_person = dict(zip(map(id, everybody), outcomes(everybody), strict=True))
    assert outcomes(shuffled) == [by_person[id(person)] for person in shuffled]


def rows(count: int = 3, **changes) -> Columns:
    """So many people who all said yes, with some columns replaced."""
    said_yes = Person(link=LINK, consents=(story.record(),), heard_from_wallet_at=NOW)
    plain = columns_of([said_yes] * count, STUDY, HOLDER)
    return replace(
        plain, **{name: [value] * count if not isinstance(value, list) else value for name, value in changes.items()}
    )


def codes(columns: Columns, **changes) -> list[str]:
    """The code of each row's first cause."""
    found = prepare(story.question(**changes), story.facts()).decide(columns)
    return [found.verdicts[index].reason.code for index in found.indices]


def test_people_who_said_yes_have_index_zero():
    found = prepare(story.question(), story.facts()).decide(rows())
    assert found.indices == [PERMITTED] * 3
    assert found.verdicts[PERMITTED].outcome is Outcome.PERMIT


NAIVE = datetime(2026, 11, 22, 9, 30)  # noqa: DTZ001
ODD = [
    None,
    "",
    "x",
    0,
    1,
    3.5,
    NAIVE,
    date(2026, 1, 1),
    [],
    {},
    ["x"],
    set(),
    object(),
    (None,),
    ((DATASET,),),
    [[[[[]]]]],
]
NONE_IS_AN_ANSWER = {"starts", "ends", "opted_out_at"}
FINE = {("stops", ()), ("starts", date(2026, 1, 1)), ("ends", date(2026, 1, 1))}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value).partition(" at 0x")[0])
def test_a_value_that_is_missing_or_makes_no_sense_is_never_a_yes(name, value):
    fine = (value is None and name in NONE_IS_AN_ANSWER) or (name == "stops" and value == [])
    fine = fine or (name in {"starts", "ends"} and type(value) is date)
    columns = replace(rows(), **{name: [getattr(rows(), name)[0], value, getattr(rows(), name)[0]]})
    found = prepare(story.question(), story.facts()).decide(columns)
    assert found.indices[0] == found.indices[2] == PERMITTED
    assert (found.indices[1] == PERMITTED) is fine
    by_permit = prepare(story.question(regime=Regime.PERMIT), story.facts()).decide(columns)
    assert by_permit.permitted == 0


@settings(max_examples=60)
@given(st.data())
def test_odd_values_beside_a_no_never_make_it_a_yes_nor_stop_the_others(data):
    columns = rows(6)
    odd = {
        name: data.draw(st.lists(st.sampled_from([*ODD, "keep", "keep"]), min_size=6, max_size=6)) for name in COLUMNS
    }
    mixed = {
        name: [
            was if value == "keep" and isinstance(value, str) else value
            for was, value in zip(getattr(columns, name), odd[name], strict=True)
        ]
        for name in COLUMNS
    }
    mixed = {name: [getattr(columns, name)[0], *mixed[name][1:]] for name in COLUMNS}
    found = prepare(story.question(), story.facts()).decide(replace(columns, **mixed))
    assert found.indices[0] == PERMITTED
    for row, index in enumerate(found.indices):
        if index == PERMITTED:
            alone = {name: [mixed[name][row]] for name in COLUMNS}
            assert prepare(story.question(), story.facts()).decide(replace(columns, **alone)).indices == [PERMITTED]


def test_lists_and_sets_say_what_tuples_say():
    columns = rows(3, recipients=[[GROUP], {GROUP}, frozenset({GROUP})], purposes=[[RESEARCH], {RESEARCH}, [MARKETING]])
    assert codes(columns) == ["consent-given", "consent-given", "purpose-not-agreed"]


def test_a_recipient_that_holds_the_requester_as_a_part_of_its_name_is_another():
    assert codes(rows(2, recipients=[GROUP + "0", (GROUP + "0",)])) == ["consent-unreadable", "recipient-not-agreed"]


def test_an_unreadable_consent_of_somebody_who_opted_out_is_a_certain_no():
    found = prepare(story.question(), story.facts()).decide(rows(2, purposes=None, opted_out_at=[None, NOW]))
    assert [found.verdicts[index].outcome for index in found.indices] == [Outcome.INDETERMINATE, Outcome.DENY]


def test_an_opt_out_counts_for_a_permit_only_from_before_its_approval():
    permit = Permit(
        id="urn:permit", approved_at=NOW - timedelta(days=2), valid_until=NOW + timedelta(days=2), recipients=(GROUP,),
        purposes=(RESEARCH,), datasets=(DATASET,),
    )  # fmt: skip
    days = [None, NOW - timedelta(days=3), NOW - timedelta(days=2), NOW - timedelta(days=1)]
    columns = rows(4, opted_out_at=days, states="refused", linked=False)
    question = story.question(regime=Regime.PERMIT, study=None)
    found = prepare(question, story.facts(permit=permit, policy=WITHOUT_TERMS)).decide(columns)
    assert [index == PERMITTED for index in found.indices] == [True, False, False, True]


def test_what_is_selected_must_be_among_what_is_agreed_to():
    laboratory = ((DATASET, ("laboratory",)),)
    columns = rows(
        4,
        data=[laboratory, ((DATASET, None),), ((DATASET, ("conditions",)),), laboratory],
        starts=[None, None, None, date(2024, 1, 1)],
    )
    selected = Residual((Scope(DATASET, ("laboratory",), None, date(2023, 12, 31)),))
    found = prepare(story.question(), story.facts(), selected).decide(columns)
    assert [found.verdicts[index].reason.code for index in found.indices] == [
        "consent-given", "consent-given", "category-not-agreed", "outside-window",
    ]  # fmt: skip


def test_more_people_than_are_looked_at_in_one_go_are_all_told():
    count = 70_000
    states = ["given" if number % 3 else "refused" for number in range(count)]
    found = prepare(story.question(), story.facts()).decide(rows(count, states=states))
    assert found.by_code == {"consent-given": count - (count + 2) // 3, "refused": (count + 2) // 3}


def test_nobody_at_all_is_an_answer_too():
    assert prepare(story.question(), story.facts()).decide(columns_of([], STUDY, HOLDER)).counts == (0,)


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="one value per person"):
        replace(rows(), states=["given"])


@pytest.mark.parametrize("changes", [{"study": "urn:uuid:another"}, {"holder": "urn:concord:other"}])
def test_columns_about_another_study_or_holder_are_refused(changes):
    with pytest.raises(ValueError, match="another study or holder"):
        prepare(story.question(), story.facts()).decide(replace(rows(), **changes))


@pytest.mark.parametrize("changes", [{"regime": Regime.CARE}, {"regime": Regime.SELF}, {"action": Action.NEGOTIATE}])
def test_only_what_can_be_asked_about_many_people_is_prepared(changes):
    with pytest.raises(ValueError, match="by consent or by data permit"):
        prepare(story.question(**changes), story.facts())
