"""What provision trees ask of a FHIR resource, read from where FHIR puts it."""

import pytest

from connector.sources.fhir_detail import contained_in, detail_inside, detail_of
from policy.directives.model import Coding

SCT = "http://snomed.info/sct"
CVX = "http://hl7.org/fhir/sid/cvx"


def concept(system, code):
    return {"coding": [{"system": system, "code": code}]}


def test_names_are_the_reference_and_the_identifiers():
    value = {
        "resourceType": "Observation",
        "id": "1",
        "identifier": [{"system": "urn:s", "value": "x"}, {"value": "y"}],
    }
    assert detail_of(value, None).references == {"Observation/1", "urn:s|x", "|y"}


@pytest.mark.parametrize(
    "element", ["code", "vaccineCode", "medicationCodeableConcept", "category", "bodySite", "valueCodeableConcept"]
)
def test_a_code_counts_wherever_it_is_found_in_the_instance(element):
    value = {"resourceType": "Immunization", element: [concept(CVX, "207")]}
    assert detail_of(value, None).codes == {Coding(CVX, "207")}


def test_codes_of_contained_resources_are_their_own():
    value = {
        "resourceType": "MedicationRequest",
        "contained": [{"resourceType": "Medication", "code": concept(SCT, "1")}],
    }
    assert detail_of(value, None).codes == frozenset()
    (inside,) = contained_in(value)
    assert detail_of(inside, None).codes == {Coding(SCT, "1")}


def test_profiles_count_with_and_without_their_version():
    value = {"resourceType": "Observation", "meta": {"profile": ["http://p/x|1.0"]}}
    assert detail_of(value, None).profiles == {"http://p/x|1.0", "http://p/x"}


def test_a_document_is_of_its_type_format_and_media_type():
    value = {
        "resourceType": "DocumentReference", "type": concept("http://loinc.org", "18842-5"),
        "content": [{
            "attachment": {"contentType": "application/hl7-cda+xml; charset=utf-8"},
            "format": {"system": "urn:f", "code": "cda"},
        }],
    }  # fmt: skip
    assert detail_of(value, None).document_types == {
        Coding("http://loinc.org", "18842-5"),
        Coding("urn:f", "cda"),
        Coding("urn:ietf:bcp:13", "application/hl7-cda+xml"),
    }
    assert detail_of({"resourceType": "Observation", "type": concept("urn:x", "y")}, None).document_types == frozenset()


@pytest.mark.parametrize(
    "part",
    [
        {"performer": [{"reference": "Practitioner/1"}]},
        {"recorder": {"reference": "Practitioner/1/_history/2"}},
        {"asserter": {"reference": "Practitioner/1"}},
        {"performer": [{"actor": {"reference": "Practitioner/1"}}]},
        {"participant": [{"individual": {"reference": "Practitioner/1"}}]},
        {"collection": {"collector": {"reference": "Practitioner/1"}}},
        {"agent": [{"who": {"reference": "Practitioner/1"}}]},
        {"performer": [{"reference": "#p"}], "contained": [{"resourceType": "Practitioner", "id": "1"} | {"id": "p"}]},
    ],
)
def test_authors_are_those_who_recorded_or_performed_it(part):
    authors = detail_of({"resourceType": "Observation", **part}, None).authors
    assert authors & {"Practitioner/1", "Practitioner/p"}


def test_an_author_may_be_known_by_an_identifier_alone():
    value = {"resourceType": "Observation", "performer": [{"identifier": {"system": "urn:n", "value": "7"}}]}
    assert detail_of(value, None).authors == {"urn:n|7"}


def test_the_patient_is_no_author_and_nothing_that_it_is_connected_to():
    value = {
        "resourceType": "Observation", "subject": {"reference": "Patient/1"}, "encounter": {"reference": "Encounter/2"},
        "basedOn": [{"reference": "ServiceRequest/3/_history/1"}], "performer": [{"reference": "Organization/4"}],
        "partOf": [{"reference": "http://x.example/fhir/Procedure/5"}], "hasMember": [{"reference": "#inside"}],
    }  # fmt: skip
    detail = detail_of(value, None)
    assert detail.related == {"Encounter/2", "ServiceRequest/3", "http://x.example/fhir/Procedure/5"}
    assert detail.authors == {"Organization/4"}


def test_labels_are_told_apart_from_no_labels():
    assert detail_of({"resourceType": "Observation"}, None).labels is None
    assert detail_of({"resourceType": "Observation"}, frozenset()).labels == frozenset()


def test_a_contained_resource_is_part_of_the_instance_it_is_in():
    outer = detail_of({"resourceType": "Observation", "id": "1", "performer": [{"reference": "Practitioner/9"}]}, None)
    inner = detail_inside(outer, {"resourceType": "Specimen", "id": "s", "type": concept(SCT, "2")}, frozenset())
    assert inner.references == {"Observation/1", "Specimen/s"}
    assert inner.authors == {"Practitioner/9"}
    assert (inner.codes, inner.labels) == ({Coding(SCT, "2")}, frozenset())


def test_nesting_without_end_is_an_error():
    deep = {}
    for _ in range(100):
        deep = {"extension": [deep]}
    with pytest.raises(ValueError, match="deep"):
        detail_of({"resourceType": "Observation", "extension": [deep]}, None)


@pytest.mark.parametrize("value", [{"contained": "x"}, {"contained": [1]}])
def test_what_is_contained_has_to_be_resources(value):
    with pytest.raises(ValueError, match="contained"):
        detail_of({"resourceType": "Observation", **value}, None)
