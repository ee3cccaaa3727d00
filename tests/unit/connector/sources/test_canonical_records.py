"""The one form of a record: the same from whatever way it came in, and equal only where its content is."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sources.fhir import Gone, Part, SourceFile, prepare
from connector.sources.fhir_canonical import SERVER_SET, canonical, same_content
from connector.sources.fhir_changes import read_gone
from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import parse
from connector.sources.fhir_subject import KINDS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
RESOURCE = st.dictionaries(TEXT.filter(lambda name: name not in ("meta", "resourceType", "id")), JSON, max_size=5)
STAMP = st.dictionaries(st.sampled_from([*SERVER_SET, *(f"_{name}" for name in SERVER_SET)]), TEXT, max_size=3)
KEPT = st.dictionaries(st.sampled_from(["profile", "tag", "security"]), st.lists(TEXT, max_size=2), max_size=2)


def shuffled(value: object, chance: random.Random) -> object:
    """The same JSON with the names of every object in another order."""
    if isinstance(value, dict):
        members = [(name, shuffled(part, chance)) for name, part in value.items()]
        chance.shuffle(members)
        return dict(members)
    return [shuffled(part, chance) for part in value] if isinstance(value, list) else value


@given(RESOURCE, KEPT, STAMP, STAMP, st.randoms(use_true_random=False))
def test_order_of_names_and_what_a_server_stamps_change_nothing(resource, kept, one, other, chance):
    first = {"resourceType": "Basic", "id": "b", **resource, "meta": {**kept, **one}}
    second = shuffled({"resourceType": "Basic", "id": "b", **resource, "meta": {**other, **kept}}, chance)
    assert canonical(parse(json.dumps(first).encode())) == canonical(parse(json.dumps(second).encode()))
    written = json.loads(canonical(parse(json.dumps(first).encode())))
    assert written == {"resourceType": "Basic", "id": "b", **resource, **({"meta": kept} if kept else {})}


@given(RESOURCE, RESOURCE)
def test_other_content_is_another_form(one, other):
    forms = [canonical({"resourceType": "Basic", "id": "b", **resource}) for resource in (one, other)]
    assert (forms[0] == forms[1]) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


def test_a_record_kept_before_there_was_a_form_is_the_same_content():
    body = canonical({"resourceType": "Basic", "id": "b", "code": {"text": "x"}})
    old = b'{"resourceType":"Basic","meta":{"versionId":"3","source":"#1"},"id":"b","code":{"text":"x"}}'
    assert same_content(old, body)
    assert not same_content(old.replace(b'"x"', b'"y"'), body)
    assert not same_content(b"", body)


def test_digits_are_content():
    forms = {canonical(parse(b'{"resourceType":"Basic","id":"b","x":' + digits + b"}")) for digits in (b"1.1", b"1.10")}
    assert len(forms) == 2


def test_a_consent_is_kept_beside_its_record_as_the_source_sent_it():
    stamp = {"versionId": "4", "lastUpdated": "2024-01-02T03:04:05Z"}
    consent = {"resourceType": "Consent", "id": "c", "patient": {"reference": "Patient/p"}, "meta": stamp}
    patient, record = prepare(
        {"resourceType": "Bundle", "type": "batch",
         "entry": [{"resource": {"resourceType": "Patient", "id": "p", "meta": stamp}}, {"resource": consent}]}
    ).records  # fmt: skip
    assert (patient.version, patient.body, patient.came) == ("4", b'{"id":"p","resourceType":"Patient"}', b"")
    assert (json.loads(record.came), "meta" in json.loads(record.body)) == (consent, False)


@pytest.mark.parametrize(
    "url", ["Patient/p", "Patient/p/_history/3", "https://ehr.example/fhir/Patient/p", "/Patient/p/_history"]
)
def test_what_an_entry_deletes_is_known_by_type_and_id(url):
    bundle = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": url}}, {"request": {"method": "DELETE", "url": url}}],
    }  # fmt: skip
    prepared = prepare(bundle)
    assert (prepared.records, prepared.gone) == ((), (Gone("Patient", "p"),))
    assert prepare(SourceFile("deleted.ndjson", (Part(json.dumps(bundle).encode(), 1),))).gone == prepared.gone


@given(JSON)
def test_any_request_names_a_resource_or_is_refused(request):
    try:
        found = read_gone({"request": {"url": request} if isinstance(request, str) else request}, KINDS)
    except Unreadable:
        return
    assert found.resource_type in KINDS


def test_a_history_tells_what_each_resource_came_to_last():
    newest = [
        {"request": {"method": "DELETE", "url": "Patient/a/_history/3"}},
        {"request": {"method": "PUT"}, "resource": {"resourceType": "Patient", "id": "b", "gender": "male"}},
        {"request": {"method": "PUT"}, "resource": {"resourceType": "Patient", "id": "a"}},
        {"request": {"method": "DELETE", "url": "Patient/b/_history/1"}},
    ]  # fmt: skip
    prepared = prepare({"resourceType": "Bundle", "type": "history", "entry": newest})
    assert prepared.gone == (Gone("Patient", "a"),)
    assert [json.loads(record.body)["gender"] for record in prepared.records] == ["male"]
