"""A consent becomes an ISO/IEC TS 27560 record in DPV terms and comes back; what contradicts itself is refused."""

import contextlib
import json
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from policy.consent import ALLOWING, ConsentRecord, State
from policy.records27560 import (
    RecordError,
    Surroundings,
    SurroundingsError,
    faults,
    read_27560,
    record_27560,
    schema,
    terms,
)
from tests.unit.policy.records27560.around import around, consents, fitting, party
from tests.unit.policy.story import GROUP, HOLDER, NOW, RESEARCH, WALLET, Story

EXAMPLES = Path(__file__).parents[3] / "vectors" / "consent" / "dpv-27560"
MANDATORY = (
    "dct:conformsTo", "dct:identifier", "dpv:hasDataSubject", "dpv:hasNotice", "dpv:hasProcess",
    "dpv:hasDataController", "dpv:hasJurisdiction", "dpv:hasConsentControl", "dpv:hasEntity", "dpv:hasConsentStatus",
)  # fmt: skip
IN_PROCESS = ("dpv:hasPurpose", "dpv:hasPersonalData", "dpv:hasStorageCondition", "dpv:hasRecipient")
IN_PARTY = ("dct:identifier", "dpv:hasName", "dpv:hasAddress", "dpv:hasContact", "@type")
IN_EVENT = ("dpv:isIndicatedAtTime", "dct:valid", "dpv:isIndicatedBy", "@type", "concord:version")


def given_consent(**changes):
    return ConsentRecord.from_json(Story().record_json(**changes))


@pytest.fixture
def document():
    record = given_consent()
    return record_27560(record, around())


def test_the_schema_is_a_schema_of_draft_2020_12():
    Draft202012Validator.check_schema(schema())


def test_a_record_meets_the_schema(document):
    Draft202012Validator(schema()).validate(document)


@settings(max_examples=60, deadline=None)
@given(consents())
def test_every_consent_comes_back_as_it_was(record):
    surroundings = fitting(record)
    written = json.loads(json.dumps(record_27560(record, surroundings)))
    back, found = read_27560(written)
    assert back == record
    assert (found.parties, found.storage, found.notice) == (
        surroundings.parties, surroundings.storage, surroundings.notice,
    )  # fmt: skip
    assert record_27560(back, found) == written


@settings(max_examples=30, deadline=None)
@given(consents(), st.integers(-(10**7), 10**7))
def test_what_time_made_of_it_is_told_and_comes_back_too(record, seconds):
    written = record_27560(record, fitting(record), NOW + timedelta(seconds=seconds))
    assert read_27560(written)[0] == record


@pytest.mark.parametrize("state", list(State))
def test_each_state_has_its_term(state):
    version = 1 if state not in {"renewed", "suspended", "withdrawn", "terminated", "invalidated"} else 2
    record = given_consent(state=str(state), version=version, previous=None if version == 1 else "a" * 64)
    written = record_27560(record, around(version))
    assert written["dpv:hasConsentStatus"][-1]["@type"][0] == terms.STATES[state.value]
    assert terms.RECORDED[terms.STATES[state.value]] is state


def test_only_two_terms_are_valid_for_processing():
    allowing = {terms.STATES[state.value] for state in ALLOWING}
    assert allowing == {"dpv:ConsentGiven", "dpv:RenewedConsentGiven"}


def test_an_expired_consent_says_so_with_its_day():
    record = given_consent()
    written = record_27560(record, around(), record.valid_until + timedelta(days=1))
    last = written["dpv:hasConsentStatus"][-1]
    assert (last["@type"][0], last["concord:derived"]) == ("dpv:ConsentExpired", True)
    assert read_27560(written)[0].state is State.GIVEN


def test_an_authority_that_ended_before_it_was_used_ends_the_consent_when_it_begins():
    ended = {"kind": "proxy", "authority": "mother", "until": NOW - timedelta(days=9000)}
    record = given_consent(signer=ended)
    written = record_27560(record, around(), record.decided_at + timedelta(seconds=1))
    last = written["dpv:hasConsentStatus"][-1]
    assert last["@type"][0] == "concord:ConsentAuthorityEnded"
    assert last["dpv:isIndicatedAtTime"] == written["dpv:hasConsentStatus"][0]["dpv:isIndicatedAtTime"]
    assert read_27560(written)[0] == record


def test_the_whole_chain_stands_in_the_events():
    record = given_consent(version=3, previous="b" * 64, state="withdrawn")
    events = record_27560(record, around(3))["dpv:hasConsentStatus"]
    assert [one["concord:version"] for one in events] == [1, 2, 3]


def test_a_refusal_records_what_was_asked():
    refused = given_consent(state="refused", recipients=[], purposes=[], data=[], window=None)
    [process] = record_27560(refused, around())["dpv:hasProcess"]
    assert (process["concord:agreed"], process["dpv:hasPurpose"]) == (False, [RESEARCH])


@pytest.mark.parametrize("name", MANDATORY)
def test_a_record_without_a_mandatory_field_is_refused(document, name):
    del document[name]
    with pytest.raises(RecordError):
        read_27560(document)


@pytest.mark.parametrize(
    ("place", "names"),
    [("dpv:hasProcess", IN_PROCESS), ("dpv:hasEntity", IN_PARTY), ("dpv:hasConsentStatus", IN_EVENT)],
)
def test_each_part_has_its_mandatory_fields(document, place, names):
    for name in names:
        without = deepcopy(document)
        del without[place][0][name]
        assert faults(without), name


@pytest.mark.parametrize("kind", ["dpv:StorageLocation", "dpv:StorageDuration"])
def test_storage_place_and_retention_are_both_needed(document, kind):
    process = document["dpv:hasProcess"][0]
    process["dpv:hasStorageCondition"] = [one for one in process["dpv:hasStorageCondition"] if one["@type"] != kind]
    with pytest.raises(RecordError):
        read_27560(document)


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path, value


def test_no_field_can_be_added_unseen(document):
    def everywhere(value):
        if isinstance(value, dict):
            yield value
            for inner in value.values():
                yield from everywhere(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from everywhere(inner)

    for place in range(sum(1 for _ in everywhere(document))):
        changed = deepcopy(document)
        list(everywhere(changed))[place]["concord:onlyOnSundays"] = "https://example.org/yes"
        with pytest.raises(RecordError):
            read_27560(changed)


def test_no_change_of_a_text_goes_unseen(document):
    record, surroundings = read_27560(document)
    for path, value in leaves(document):
        if not isinstance(value, str):
            continue
        changed = deepcopy(document)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value + "x"
        with contextlib.suppress(RecordError):
            assert read_27560(changed) != (record, surroundings), path


def test_what_the_record_names_must_be_known():
    record = given_consent()
    for missing in (HOLDER, GROUP, WALLET):
        parties = [party(one, ["controller"]) for one in (HOLDER, GROUP, WALLET) if one != missing]
        with pytest.raises((SurroundingsError, ValueError)):
            record_27560(record, around(parties=parties))


def test_data_nobody_asked_for_is_refused():
    with pytest.raises(SurroundingsError, match="other-data"):
        record_27560(given_consent(), around(datasets=("urn:uuid:other",)))


def test_a_version_without_its_past_is_refused():
    with pytest.raises(SurroundingsError, match="other-chain"):
        record_27560(given_consent(version=2, previous="a" * 64), around(1))


@pytest.mark.parametrize("value", [None, [], "record", 7, {}, {"@type": "dpv:ConsentRecord"}, {"@type": []}])
def test_what_is_no_record_is_one_clear_error(value):
    with pytest.raises(RecordError, match="not-a-record"):
        read_27560(value)


def test_nesting_without_end_is_refused_at_once(document):
    deep = inner = {}
    for _ in range(5000):
        inner["a"] = {}
        inner = inner["a"]
    with pytest.raises(RecordError, match="not-a-record"):
        read_27560(document | {"concord:consent": deep})


@pytest.mark.parametrize("value", [None, {}, {"parties": []}, []])
def test_incomplete_surroundings_are_refused(value):
    with pytest.raises(SurroundingsError, match="not-surroundings"):
        Surroundings.read(value)


def names(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


# The published examples say these things in other places: a processor and a broader class of person by reference.
ELSEWHERE = {"dpv:hasDataProcessor", "skos:broader"}


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.json")), ids=lambda file: file.stem)
def test_the_published_examples_use_the_same_field_names(file):
    defined = {name for part in schema()["$defs"].values() for name in _properties(part)}
    assert set(names(json.loads(file.read_text("utf-8")))) - ELSEWHERE <= defined


def _properties(value):
    if isinstance(value, dict):
        yield from value.get("properties", {})
        for inner in value.values():
            yield from _properties(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _properties(inner)


def test_a_record_is_json_ld_that_any_reader_understands(document):
    from rdflib import RDF, Graph, URIRef

    graph = Graph().parse(data=json.dumps(document), format="json-ld")
    assert (URIRef(document["@id"]), RDF.type, URIRef("https://w3id.org/dpv#ConsentRecord")) in graph
    assert set(graph.objects(None, URIRef("https://w3id.org/dpv#hasName")))
