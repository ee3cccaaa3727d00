"""Consent records: their JSON, their states over time, their chains."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.canonical import digest
from policy.categories import CATEGORIES
from policy.consent import (
    ALLOWING,
    ConsentError,
    ConsentRecord,
    EffectiveState,
    State,
    chain_fault,
    effective_state,
    follows,
)
from tests.unit.policy.story import NOW, story

text = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Z", "C"]), min_size=1, max_size=9
)
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
dates = st.dates(datetime(1900, 1, 1, tzinfo=UTC).date(), datetime(2099, 1, 1, tzinfo=UTC).date())
keys = st.lists(st.sampled_from(sorted(CATEGORIES)), min_size=1, max_size=5, unique=True)
scopes = st.fixed_dictionaries({"dataset": text, "categories": st.none() | keys})


SIGNERS = [
    {"kind": "self", "authority": None},
    {"kind": "proxy", "authority": "urn:g"},
    {"kind": "proxy", "authority": "urn:g", "until": "2031-05-04T00:00:00Z"},
    {"kind": "proxy", "authority": "urn:g", "record": f"urn:uuid:{UUID(int=7)}", "until": "2031-05-04T00:00:00.5Z"},
    {"kind": "controller", "authority": "urn:concord:hospital:11111111"},
    {"kind": "authority", "authority": "Amtsgericht 12 C 34/26"},
]
FIRST = ["draft", "requested", "deferred", "refused", "given"]
captures = st.fixed_dictionaries(
    {"channel": st.sampled_from(["portal", "api", "paper", "phone", "desk", "import"])},
    optional={
        "assistant": text,
        "assurance": st.sampled_from(["low", "substantial", "high"]),
        "interface": text,
        "evidence": hexes,
    },
)


@st.composite
def records(draw, states=None):
    """Any record that can be."""
    version = draw(st.integers(1, 9))
    state = draw(st.sampled_from(states or (FIRST if version == 1 else list(State))))
    least = 1 if state in ALLOWING else 0
    data = draw(st.lists(scopes, min_size=least, max_size=3))
    start, end = sorted([draw(dates), draw(dates)])
    windows = [None, {"start": start, "end": end}, {"start": start, "end": None}, {"start": None, "end": end}]
    decided = draw(moments)
    capture = draw(st.none() | captures)
    return ConsentRecord.from_json(
        story.record_json(
            id=f"urn:uuid:{draw(st.uuids())}",
            version=version,
            previous=None if version == 1 else draw(hexes),
            state=state,
            study=draw(text),
            link=draw(text),
            recipients=draw(st.lists(text, min_size=least, max_size=3)),
            purposes=[f"urn:{name}" for name in draw(st.lists(text, min_size=least, max_size=3))],
            data=data,
            window=draw(st.sampled_from(windows)) if data else None,
            decided_at=decided,
            valid_until=decided + timedelta(seconds=draw(st.integers(1, 10**9))),
            signer=draw(st.sampled_from(SIGNERS)),
            on_withdrawal=draw(st.sampled_from(["erase", "stop", None])),
            **({"capture": capture} if capture else {}),
            **({"replaces": draw(st.lists(text, min_size=1, max_size=3))} if draw(st.booleans()) else {}),
        )
    )


@given(records())
def test_a_record_survives_its_json_form(record):
    value = json.loads(json.dumps(record.to_json()))
    assert ConsentRecord.from_json(value) == record
    assert ConsentRecord.from_json(value).to_json() == value
    assert digest(value) == record.digest()


def test_the_wire_form_is_the_one_agreed_on():
    assert story.record().to_json() == story.record_json()


def test_the_same_instant_in_another_offset_is_the_same_record():
    assert story.record(decided_at="2026-10-01T10:00:00+02:00").digest() == story.record().digest()


def test_a_window_without_any_limit_is_no_window():
    assert story.record(window={"start": None, "end": None}) == story.record(window=None)


BROKEN = [
    {"id": "11111111-1111-4111-8111-111111111111"},
    {"id": "urn:uuid:11111111-1111-4111-8111-11111111111A"},
    {"version": 0},
    {"version": True},
    {"version": "1"},
    {"version": 2},
    {"previous": "a" * 64},
    {"previous": "x"},
    {"state": "perhaps"},
    {"state": "withdrawn"},
    {"study": ""},
    {"study": " x"},
    {"study_digest": "A" * 64},
    {"link": None},
    {"recipients": []},
    {"recipients": "urn:concord:group:22222222"},
    {"recipients": [1]},
    {"purposes": []},
    {"purposes": ["AcademicResearch"]},
    {"purposes": ["urn:x y"]},
    {"data": []},
    {"data": [{"dataset": "d"}]},
    {"data": [{"dataset": "d", "categories": []}]},
    {"data": [{"dataset": "d", "categories": ["genome"]}]},
    {"data": [{"dataset": "d", "categories": [[]]}]},
    {"data": [{"dataset": "d", "categories": ["claims", "claims"]}]},
    {"data": [{"dataset": "d", "categories": None, "except": ["claims"]}]},
    {"window": {"start": "2022", "end": None}},
    {"window": {"start": "2022-01-02", "end": "2022-01-01"}},
    {"window": {"start": "2022-01-02"}},
    {"decided_at": "2026-10-01T08:00:00"},
    {"decided_at": 1790000000},
    {"decided_at": "2027-10-01T00:00:00Z"},
    {"valid_until": None},
    {"words": {"version": "1", "language": "english!", "digest": "a" * 64}},
    {"signer": {"kind": "proxy", "authority": None}},
    {"signer": {"kind": "self", "authority": "urn:x"}},
    {"signer": {"kind": "machine", "authority": None}},
    {"on_withdrawal": "forget"},
    {"unknown": 1},
]


@pytest.mark.parametrize("change", BROKEN)
def test_a_record_that_is_not_whole_is_refused_by_name(change):
    with pytest.raises(ConsentError) as caught:
        story.record(**change)
    assert caught.value.code == "not-a-consent"


@pytest.mark.parametrize("name", sorted(story.record_json()))
def test_every_field_has_to_be_there(name):
    value = story.record_json()
    del value[name]
    with pytest.raises(ConsentError):
        ConsentRecord.from_json(value)


@pytest.mark.parametrize("value", [None, [], "consent", 1])
def test_what_is_no_object_is_no_consent(value):
    with pytest.raises(ConsentError):
        ConsentRecord.from_json(value)


def test_a_refusal_tells_the_place_and_never_the_value():
    with pytest.raises(ConsentError) as caught:
        story.record(data=[{"dataset": "d", "categories": ["Erika Mustermann"]}])
    assert "Erika" not in str(caught.value)
    assert caught.value.pointer == "/data/0/categories/0"


def test_a_refusal_need_not_name_what_it_refuses():
    assert story.record(state="refused", recipients=[], purposes=[], data=[]).state is State.REFUSED


@given(records(), moments)
def test_only_a_given_or_renewed_consent_within_its_time_and_authority_allows(record, now):
    allowed = effective_state(record, now) in {EffectiveState.GIVEN, EffectiveState.RENEWED}
    in_time = record.decided_at <= now < record.valid_until
    in_authority = record.signer.until is None or now < record.signer.until
    assert allowed == (record.state in ALLOWING and in_time and in_authority)


@given(records(states=[state for state in State if state not in ALLOWING and state.value in FIRST]), moments)
def test_what_was_never_agreed_to_stays_what_it_is(record, now):
    assert effective_state(record, now).value == record.state.value


def test_the_states_change_at_the_instants_named():
    record = story.record(decided_at="2026-11-22T09:30:00Z", valid_until="2026-11-23T09:30:00Z")
    states = [effective_state(record, NOW + timedelta(seconds=shift)).value for shift in (-1, 0, 86_399, 86_400)]
    assert states == ["not-yet-decided", "given", "given", "expired"]


def test_a_version_follows_the_one_before_it():
    given_one = story.record()
    assert follows(None, given_one)
    assert follows(given_one, story.next(given_one, state="withdrawn"))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "urn:uuid:22222222-2222-4222-8222-222222222222"}, "id"),
        ({"version": 3}, "version"),
        ({"previous": "0" * 64}, "digest"),
        ({"study": "urn:uuid:another"}, "study"),
        ({"link": "link-2"}, "parties"),
        ({"holder": "urn:another"}, "parties"),
        ({"wallet": "urn:another"}, "parties"),
        ({"decided_at": "2026-09-30T00:00:00Z"}, "time"),
        ({"state": "refused"}, "state"),
    ],
)
def test_a_version_that_does_not_follow_is_refused_by_name(change, fault):
    first = story.record()
    assert chain_fault(first, story.next(first, **change)) == fault


def test_a_chain_begins_with_its_first_version():
    first = story.record()
    assert chain_fault(None, story.next(first)) == "first-version"
    assert not follows(story.next(first), first)
