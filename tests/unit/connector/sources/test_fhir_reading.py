"""FHIR input becomes records: references meet, people are known, dates are set; or it is refused whole."""

import gzip
import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sources.fhir import Limits, Part, SourceError, SourceFile, identifiers_of, prepare, read_bundles

UUID = "27de96c6-6910-4f0f-8f10-00ce6090f447"
PATIENT = {
    "resourceType": "Patient",
    "id": UUID,
    "identifier": [{"system": "urn:mrn", "value": "MRN-1"}],
    "name": [{"use": "official", "family": "Fonseca", "given": ["Agustín", "José"], "prefix": ["Mr."]}],
    "telecom": [{"system": "phone", "value": "555-929-9025"}],
    "address": [{"line": ["586 Hilll Ranch", "Unit 68"], "city": "Fall River"}],
    "birthDate": "1994-02-01",
}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"text": "x"},
    "subject": {"reference": f"urn:uuid:{UUID}"},
    "effectiveDateTime": "2011-12-13T23:28:27-05:00",
}


def bundle(*resources: dict, kind: str = "transaction", base: str = "urn:uuid:") -> dict:
    entries = []
    for resource in resources:
        where = base if base.startswith("urn") else f"{base}/{resource['resourceType']}/"
        entries.append({"fullUrl": f"{where}{resource['id']}", "resource": resource})
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def about(reference: object, **more) -> dict:
    return {**OBSERVATION, "subject": reference, **more}


def refusal(source: object, **options) -> SourceError:
    with pytest.raises(SourceError) as caught:
        prepare(source, **options)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", ["transaction", "collection", "batch", "searchset", "document"])
def test_a_bundle_becomes_records_about_its_people(kind):
    prepared = prepare(bundle(PATIENT, OBSERVATION, kind=kind))
    patient, observation = prepared.records
    assert (patient.resource_type, patient.id, patient.subject, patient.category) == (
        "Patient",
        UUID,
        UUID,
        "demographics",
    )
    assert (patient.start, patient.end) == (None, None)
    assert (observation.subject, observation.subject_kind, observation.version) == (UUID, "person", "")
    assert observation.start == observation.end == date(2011, 12, 13)
    assert json.loads(observation.body)["subject"] == {"reference": f"Patient/{UUID}"}
    assert b"\n" not in observation.body
    (person,) = prepared.people
    assert (person.id, person.name, person.birth_date, person.deceased) == (
        UUID,
        "Agustín José Fonseca",
        date(1994, 2, 1),
        False,
    )


@pytest.mark.parametrize(
    "reference",
    [
        f"Patient/{UUID}",
        f"Patient/{UUID}/_history/3",
        f"https://hospital.example/fhir/Patient/{UUID}",
        f"https://hospital.example/fhir/Patient/{UUID}/_history/1",
        "Patient?identifier=urn:mrn|MRN-1",
        "Patient?identifier=urn%3Amrn%7CMRN-1",
    ],
)
def test_a_patient_is_found_by_every_way_of_pointing_at_them(reference):
    whole = bundle(PATIENT, about({"reference": reference}), base="https://hospital.example/fhir")
    assert prepare(whole).records[1].subject == UUID


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/other"},
        {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"},
        {"reference": "https://elsewhere.example/Patient/1"},
        {"reference": "Patient?identifier=urn:mrn|MRN-2"},
        {"reference": "Patient?name=Fonseca"},
        {"reference": "Group/1"},
        {"reference": "#p"},
        {"reference": 7},
        {"display": "Agustín Fonseca"},
        "Agustín Fonseca",
        None,
    ],
)
def test_a_clinical_resource_whose_patient_cannot_be_resolved_refuses_the_bundle(subject):
    source = SourceFile("one.json", (Part(json.dumps(bundle(PATIENT, OBSERVATION, about(subject, id="o2"))).encode()),))
    caught = refusal(source)
    assert (caught.file, caught.where) == ("one.json", "entry 2 subject")
    assert "Fonseca" not in str(caught)
    assert "MRN" not in str(caught)


def test_a_patient_taken_in_before_is_found():
    single = json.dumps(about({"reference": f"Patient/{UUID}"})).encode()
    refusal(single)
    assert prepare(single, known={UUID}.__contains__).records[0].subject == UUID


def test_two_patients_with_the_same_identifier_are_not_guessed_between():
    twin = {**PATIENT, "id": "twin"}
    refusal(bundle(PATIENT, twin, about({"reference": "Patient?identifier=urn:mrn|MRN-1"})))


def test_a_resource_that_need_not_be_about_a_patient_is_about_the_only_one_it_names():
    device = {"resourceType": "Device", "id": "d", "patient": {"reference": f"urn:uuid:{UUID}"}}
    shelf = {"resourceType": "Device", "id": "shelf", "owner": {"reference": "Organization/1"}}
    records = prepare(bundle(PATIENT, device, shelf)).records
    assert [(record.subject, record.subject_kind) for record in records[1:]] == [(UUID, "person"), (None, "none")]
    group = {
        "resourceType": "Group",
        "id": "g",
        "member": [{"entity": {"reference": f"Patient/{i}"}} for i in (UUID, "q")],
    }
    assert "more than one patient" in str(refusal(bundle(PATIENT, {**PATIENT, "id": "q"}, group)))


def test_professionals_and_places_have_kinds_of_their_own():
    others = [
        {"resourceType": kind, "id": kind} for kind in ("Practitioner", "PractitionerRole", "Organization", "Location")
    ]
    kinds = [(record.subject, record.subject_kind) for record in prepare(bundle(*others)).records]
    assert kinds == [(None, "professional")] * 2 + [(None, "none")] * 2


def test_a_relative_is_about_the_person():
    relative = {
        "resourceType": "RelatedPerson",
        "id": "r-00001",
        "patient": {"reference": f"urn:uuid:{UUID}"},
        "name": [{"family": "Arevalo", "given": ["Eloisa"]}],
    }
    prepared = prepare(bundle(relative, PATIENT))
    assert (prepared.records[0].subject, prepared.records[0].subject_kind) == (UUID, "person")
    assert {"Eloisa Arevalo", "r-00001", "MRN-1"} <= set(prepared.people[0].identifiers) <= prepared.identifiers


def test_references_of_every_element_meet_inside_the_bundle_and_stay_otherwise():
    deep = about(
        {"reference": f"urn:uuid:{UUID}"},
        component=[{"extension": [{"valueReference": {"reference": "urn:uuid:e1"}}]}],
        performer=[{"reference": "urn:uuid:nobody"}, {"reference": "#here"}],
    )
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "subject": {"reference": f"urn:uuid:{UUID}"},
    }
    body = json.loads(prepare(bundle(PATIENT, encounter, deep)).records[2].body)
    assert body["component"][0]["extension"][0]["valueReference"]["reference"] == "Encounter/e1"
    assert [performer["reference"] for performer in body["performer"]] == ["urn:uuid:nobody", "#here"]


def test_ids_and_versions_are_kept_and_a_missing_id_is_the_one_of_the_address():
    whole = bundle(PATIENT, {**OBSERVATION, "meta": {"versionId": "4"}})
    assert (prepare(whole).records[1].id, prepare(whole).records[1].version) == ("o1", "4")
    whole["entry"][1]["resource"] = {key: value for key, value in OBSERVATION.items() if key != "id"}
    whole["entry"][1]["fullUrl"] = "urn:uuid:5ba54dcd-1694-404c-b839-70897f06ad57"
    record = prepare(whole).records[1]
    assert record.id == json.loads(record.body)["id"] == "5ba54dcd-1694-404c-b839-70897f06ad57"


def test_the_same_entry_twice_is_one_record_and_two_contents_of_one_id_are_refused():
    assert len(prepare(bundle(PATIENT, PATIENT)).records) == 1
    assert refusal(bundle(PATIENT, {**PATIENT, "gender": "male"})).where == "entry 1"
    both = bundle(PATIENT, OBSERVATION)
    both["entry"][1]["fullUrl"] = both["entry"][0]["fullUrl"]
    assert "fullUrl" in str(refusal(both))


@pytest.mark.parametrize(
    ("dates", "start", "end"),
    [
        ({"effectiveDateTime": "2011"}, (2011, 1, 1), (2011, 12, 31)),
        ({"effectiveDateTime": "2012-02"}, (2012, 2, 1), (2012, 2, 29)),
        ({"effectivePeriod": {"start": "2011-01-05", "end": "2011-03"}}, (2011, 1, 5), (2011, 3, 31)),
        ({"effectivePeriod": {"start": "2011-01-05"}}, (2011, 1, 5), None),
        ({"effectivePeriod": {"end": "2011-01-05"}}, None, (2011, 1, 5)),
        ({"effectiveTiming": {"event": ["2011-05-01", "2011-04-01"]}}, (2011, 4, 1), (2011, 5, 1)),
        ({"effectiveTiming": {"repeat": {"boundsPeriod": {"start": "2011-04-01"}}}}, (2011, 4, 1), None),
        ({"issued": "2011-12-13T22:28:27.453+00:00"}, (2011, 12, 13), (2011, 12, 13)),
        ({"effectiveInstant": "2011-05-01T00:00:00Z", "issued": "2012-01-01T00:00:00Z"}, (2011, 5, 1), (2011, 5, 1)),
        ({}, None, None),
    ],
)
def test_a_record_says_when_it_happened(dates, start, end):
    dateless = {key: value for key, value in OBSERVATION.items() if key != "effectiveDateTime"}
    record = prepare(bundle(PATIENT, {**dateless, **dates})).records[1]
    assert (record.start, record.end) == tuple(part and date(*part) for part in (start, end))


def test_a_condition_lasts_from_its_beginning_to_its_end():
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": f"urn:uuid:{UUID}"}}
    told = {"onsetDateTime": "2016-01-07", "abatementDateTime": "2016-01-28", "recordedDate": "2020-01-01"}
    record = prepare(bundle(PATIENT, {**condition, **told})).records[1]
    assert (record.start, record.end) == (date(2016, 1, 7), date(2016, 1, 28))


@pytest.mark.parametrize("text", ["yesterday", "2011-02-30", "2011-1-1", "20110101", "2011-01-01 Anna", "٢٠١١"])
def test_a_date_that_is_none_refuses_the_bundle_without_being_repeated(text):
    caught = refusal(bundle(PATIENT, {**OBSERVATION, "effectiveDateTime": text}))
    assert caught.where == "entry 1 effectiveDateTime"
    assert text not in str(caught)


def test_everything_that_names_a_person_is_collected():
    mother = {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
        "valueString": "Eloisa Arevalo",
    }
    contact = [{"name": {"text": "Uncle Bob"}, "telecom": [{"value": "uncle@example.org"}]}]
    assert set(identifiers_of({**PATIENT, "extension": [mother], "contact": contact})) == {
        *(UUID, "MRN-1", "555-929-9025", "586 Hilll Ranch", "Unit 68", "1994-02-01"),
        *("Agustín José Fonseca", "Fonseca, Agustín José", "Mr. Agustín José Fonseca", "Fonseca, Mr. Agustín José"),
        *("Agustín Fonseca", "Fonseca, Agustín", "Mr. Agustín Fonseca", "Fonseca, Mr. Agustín"),
        *("Eloisa Arevalo", "Uncle Bob", "uncle@example.org"),
    }
    doctor = {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Smit", "prefix": ["Dr."]}]}
    assert list(identifiers_of({**OBSERVATION, "contained": [doctor]})) == ["Dr. Smit"]
    assert list(identifiers_of({"resourceType": "Organization", "id": "o", "address": [{"line": ["x"]}]})) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PATIENT, "x"]), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(PATIENT)), JSON))
def test_identifiers_are_collected_from_any_json(value):
    assert all(isinstance(text, str) for text in identifiers_of({**value, "resourceType": "Patient"}))


@given(
    st.dictionaries(st.sampled_from([*PATIENT, *OBSERVATION, "meta", "contained", "entry", "type"]), JSON), st.data()
)
def test_any_json_is_read_or_refused_with_one_line(value, data):
    kind = data.draw(st.sampled_from(["Patient", "Observation", "Bundle", "Device", "Group", None]))
    try:
        prepared = prepare({**value, "resourceType": kind} if kind else value)
    except SourceError as problem:
        refused = str(problem)
    else:
        refused = ""
        assert all(b"\n" not in record.body for record in prepared.records)
    assert "\n" not in refused


DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)


@given(DECIMALS)
def test_numbers_keep_their_digits(digits):
    text = json.dumps({**PATIENT, "extension": [{"url": "u", "valueDecimal": 0}]}).replace(
        '"valueDecimal": 0', f'"valueDecimal": {digits}'
    )
    assert f'"valueDecimal":{digits}}}'.encode() in prepare(text.encode()).records[0].body


HOSTILE = {
    "not JSON": b"<html>",
    "empty": b"",
    "an array": b"[]",
    "not UTF-8": b'{"resourceType":"Patient","id":"\xff"}',
    "half a surrogate pair": b'{"resourceType":"Patient","id":"p","gender":"\\ud800"}',
    "a name twice": b'{"resourceType":"Patient","id":"p","id":"q"}',
    "a name twice, spelt otherwise": b'{"resourceType":"Patient","id":"p","i\\u0064":"q"}',
    "NaN": b'{"resourceType":"Patient","id":"p","x":NaN}',
    "Infinity": b'{"resourceType":"Patient","id":"p","x":-Infinity}',
    "nested": b'{"resourceType":"Patient","id":"p","x":' + b"[" * 70 + b"]" * 70 + b"}",
    "nested without end": b'{"resourceType":"Patient","x":' + b"[" * 200_000,
    "very many values": b"[" + b"{}," * 5_000_000,
    "no resource type": b'{"id":"p"}',
    "not a resource of R4": b'{"resourceType":"Starship","id":"p"}',
    "no id": b'{"resourceType":"Patient"}',
    "an id FHIR forbids": b'{"resourceType":"Patient","id":"../../etc"}',
    "a Bundle of no type": b'{"resourceType":"Bundle"}',
    "a Bundle of a type that is not read": b'{"resourceType":"Bundle","type":"subscription-notification"}',
    "entries that are none": b'{"resourceType":"Bundle","type":"batch","entry":{}}',
    "an entry that is none": b'{"resourceType":"Bundle","type":"batch","entry":[7]}',
    "an entry without resource": b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET"}}]}',
    "a deletion of nothing": b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"DELETE"}}]}',
    "a deletion by search": b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"DELETE",'
    b'"url":"Patient?identifier=1"}}]}',
    "a deletion of no resource of R4": b'{"resourceType":"Bundle","type":"batch","entry":[{"request":'
    b'{"method":"DELETE","url":"Starship/1"}}]}',
    "a deletion of what is brought": b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":'
    b'{"resourceType":"Patient","id":"p"}},{"request":{"method":"DELETE","url":"Patient/p"}}]}',
    "a resource beside deletions on a line": b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":'
    b'{"method":"PATCH","url":"Patient/p"}}]}',
    "a Bundle in a Bundle": json.dumps(bundle({"resourceType": "Bundle", "id": "b"})).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_gets_one_clear_line(name):
    caught = refusal(SourceFile("upload.json", (Part(HOSTILE[name]),)))
    assert str(caught).startswith("upload.json")
    assert "; accepted: " in str(caught)
    assert len(str(caught)) < 300


def test_64_levels_are_read():
    deep = b'{"resourceType":"Patient","id":"p","x":' + b"[" * 63 + b"]" * 63 + b"}"
    assert len(prepare(deep).records) == 1


def test_a_folder_is_read_with_patients_first_whatever_the_order_of_its_files(tmp_path):
    line = json.dumps(about({"reference": f"Patient/{UUID}"})).encode()
    (tmp_path / "A.ndjson").write_bytes(line + b"\n\n" + line.replace(b"o1", b"o2"))
    (tmp_path / "Patient.000.ndjson.gz").write_bytes(gzip.compress(json.dumps(PATIENT).encode()))
    (tmp_path / "bundle.json").write_bytes(json.dumps(bundle(PATIENT, OBSERVATION)).encode())
    (tmp_path / "log.ndjson").write_bytes(b'{"eventId":"kickoff"}')
    (tmp_path / "readme.txt").write_bytes(b"nothing")
    files = list(read_bundles(tmp_path))
    assert [file.name for file in files] == ["Patient.000.ndjson.gz", "A.ndjson", "bundle.json"]
    assert [part.line for part in files[1].parts] == [1, 3]
    known: set[str] = set()
    for file in files:
        known.update(person.id for person in prepare(file, known.__contains__).people)
    assert known == {UUID}


def test_ndjson_is_read_in_portions_and_a_mistake_is_told_by_its_line(tmp_path):
    lines = [json.dumps({**PATIENT, "id": f"p{number}"}).encode() for number in range(5)]
    lines[3] = b'{"resourceType":"Patient"}'
    (tmp_path / "all.ndjson").write_bytes(b"\n".join(lines))
    files = list(read_bundles(tmp_path / "all.ndjson", Limits(portion=2)))
    assert [len(file.parts) for file in files] == [2, 2, 1]
    assert refusal(files[1]).where == "line 4 Patient.id"
    (tmp_path / "all.ndjson").write_bytes(json.dumps(bundle(PATIENT)).encode())
    assert "Bundle inside NDJSON" in str(refusal(next(iter(read_bundles(tmp_path / "all.ndjson")))))


@pytest.mark.parametrize("name", ["bomb.json", "bomb.json.gz", "bomb.ndjson", "bomb.ndjson.gz"])
def test_a_huge_file_and_a_bomb_are_not_unpacked_further_than_the_limit(tmp_path, name):
    data = b" " * 3_000_000
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with pytest.raises(SourceError, match="at most 1000000 bytes"):
        list(read_bundles(tmp_path, Limits(document_bytes=1_000_000, line_bytes=1_000_000)))


@pytest.mark.parametrize("cut", [slice(0, -12), slice(5, None)])
def test_a_damaged_file_is_refused(tmp_path, cut):
    packed = gzip.compress(json.dumps(PATIENT).encode() * 50)
    (tmp_path / "a.json.gz").write_bytes(b"\x1f\x8b" + packed[2:][cut])
    with pytest.raises(SourceError, match="damaged"):
        list(read_bundles(tmp_path))


def test_nothing_to_read_is_said(tmp_path):
    for path in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(SourceError, match="nothing to read"):
            list(read_bundles(path))


@pytest.mark.parametrize("kind", [{"a": 1}, ["Patient"], None, 7, True])
def test_a_resource_inside_another_of_no_readable_kind_is_nobody(kind):
    inside = {"resourceType": kind, "name": [{"family": "Fonseca"}]}
    organization = {"resourceType": "Organization", "id": "o", "contained": [inside]}
    assert list(identifiers_of(organization)) == []
    entry = [{"resource": {**PATIENT, "contained": [inside]}}]
    body = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entry}).encode()
    assert [person.id for person in prepare(body, lambda _: True).people] == [UUID]
