"""De-identified FHIR as columns: nothing lost, digits kept, the same lines give the same bytes."""

from __future__ import annotations

import json
from io import BytesIO
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as files

from connector.dataplane.columns import COLUMNS, NotColumnsError, batches, parquet, rows_of, schema

EXAMPLES = Path(__file__).resolve().parents[5] / "shared/data/fhir/examples-r4"
LOINC = "http://loinc.org"
PRESSURE = {
    "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/P7"},
    "category": [{"coding": [{"system": "http://x", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": LOINC, "code": "85354-9", "display": "Blood pressure"}]},
    "effectiveDateTime": "2021-03-04T05:06:07Z",
    "component": [
        {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": {"value": 120, "unit": "mm[Hg]"}},
        {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, "valueQuantity": {"value": 80, "comparator": "<"}},
    ],
}  # fmt: skip


def line(resource):
    return json.dumps(resource, separators=(",", ":")).encode() + b"\n"


def rows(*resources):
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows_of(map(line, resources))]


def said(resource, *names):
    [row] = rows(resource)
    return tuple(row[name] for name in names)


DIGITS = st.from_regex(r"-?(0|[1-9][0-9]{0,16})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(DIGITS)
def test_a_number_keeps_its_digits_beside_its_double(digits):
    body = b'{"resourceType":"Observation","id":"x","valueQuantity":{"value":%s}}' % digits.encode()
    [row] = rows_of([body])
    found = dict(zip(COLUMNS, row, strict=True))
    assert found["value_text"] == digits
    assert found["value"] == (float(digits) if isfinite(float(digits)) else None)
    assert found["raw"].encode() == body


def test_components_are_rows_of_their_own():
    whole, high, low = rows(PRESSURE)
    assert [one["part"] for one in (whole, high, low)] == [0, 1, 2]
    assert (whole["code"], whole["value"], whole["display"]) == ("85354-9", None, "Blood pressure")
    assert (high["code"], high["value_text"], high["value"], high["unit"]) == ("8480-6", "120", 120.0, "mm[Hg]")
    assert (low["comparator"], low["raw"]) == ("<", None)
    for one in (high, low):
        assert (one["id"], one["person"], one["date"], one["category"]) == (
            "o1", "P7", "2021-03-04T05:06:07Z", "vital-signs"
        )  # fmt: skip


CODED = {"coding": [{}, {"system": "s", "code": "c", "display": "d"}]}
WHO = {"subject": {"reference": "Patient/P7"}}


@pytest.mark.parametrize(
    ("resource", "meant", "dates"),
    [
        ({"resourceType": "Condition", "code": CODED, "onsetDateTime": "2020", "abatementDateTime": "2021", **WHO},
         ("s", "c", "d"), ("2020", "2021")),
        ({"resourceType": "Condition", "code": CODED, "recordedDate": "2020-01", **WHO}, ("s", "c", "d"),
         ("2020-01", None)),
        ({"resourceType": "Encounter", "class": {"system": "v3", "code": "AMB"}, "period": {"start": "a", "end": "b"},
          **WHO}, ("v3", "AMB", None), ("a", "b")),
        ({"resourceType": "Encounter", "class": [CODED], "type": [], **WHO}, ("s", "c", "d"), (None, None)),
        ({"resourceType": "Encounter", "type": [CODED], "class": {"code": "IMP"}, **WHO}, ("s", "c", "d"),
         (None, None)),
        ({"resourceType": "Procedure", "code": CODED, "performedPeriod": {"start": "a"}, **WHO}, ("s", "c", "d"),
         ("a", None)),
        ({"resourceType": "MedicationRequest", "medicationCodeableConcept": CODED, "authoredOn": "a", **WHO},
         ("s", "c", "d"), ("a", None)),
        ({"resourceType": "MedicationRequest", "medication": {"concept": CODED}, "authoredOn": "a", **WHO},
         ("s", "c", "d"), ("a", None)),
        ({"resourceType": "Immunization", "vaccineCode": CODED, "occurrenceDateTime": "a",
          "patient": {"reference": "Patient/P7"}}, ("s", "c", "d"), ("a", None)),
        ({"resourceType": "DiagnosticReport", "code": CODED, "effectivePeriod": {"start": "a", "end": "b"}, **WHO},
         ("s", "c", "d"), ("a", "b")),
        ({"resourceType": "Claim", "type": CODED, "billablePeriod": {"start": "a"},
          "patient": {"reference": "Patient/P7"}}, ("s", "c", "d"), ("a", None)),
        ({"resourceType": "Patient", "id": "P7", "gender": "female", "birthDate": "1970", "deceasedDateTime": "2020"},
         ("http://hl7.org/fhir/administrative-gender", "female", None), ("1970", "2020")),
        ({"resourceType": "Medication", "code": CODED, "extension": [
            {"url": "urn:concord:term:person", "valueReference": {"reference": "Patient/P7"}}]}, ("s", "c", "d"),
         (None, None)),
        ({"resourceType": "Bundle", "type": "transaction", "meta": {"tag": [
            {"system": "urn:concord:term:person", "code": "P7"}]}}, (None, "transaction", None), (None, None)),
    ],
)  # fmt: skip
def test_each_kind_says_whom_it_is_about_what_and_when(resource, meant, dates):
    assert said(resource, "person", "system", "code", "display", "date", "until") == ("P7", *meant, *dates)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"valueCodeableConcept": CODED}, (None, None, "c")), ({"valueBoolean": False}, ("false", None, None)),
        ({"valueInteger": 3}, ("3", 3.0, None)), ({"valueString": "trace"}, ("trace", None, None)),
        ({"valueDateTime": "2020"}, ("2020", None, None)), ({"valueTime": "10:00:00"}, ("10:00:00", None, None)),
        ({"valueRange": {"low": {"value": 1}}}, (None, None, None)), ({}, (None, None, None)),
        ({"valueQuantity": {"value": "12"}}, (None, None, None)), ({"valueQuantity": {}}, (None, None, None)),
    ],
)  # fmt: skip
def test_each_kind_of_value(value, found):
    assert said({"resourceType": "Observation", **value}, "value_text", "value", "value_code") == found


@pytest.mark.parametrize(
    "odd",
    [
        {"code": 5}, {"component": {"code": 1}}, {"valueQuantity": []}, {"category": [[1]]}, {"period": "2020"},
        {"extension": "x"}, {"meta": 1}, {"status": {"a": 1}},
    ],
)  # fmt: skip
def test_a_record_in_another_shape_still_has_its_row(odd):
    record = {"resourceType": "Observation", "id": "o1", **WHO, **odd}
    [row] = rows(record)
    assert (row["type"], row["id"], row["person"], json.loads(row["raw"])) == ("Observation", "o1", "P7", record)


@pytest.mark.parametrize("broken", [b"Anna", b'{"resourceType":"Patient","id":"Anna"', b"[1]", b'"Anna"', b"\xff"])
def test_what_is_no_record_is_refused_without_a_word_of_it(broken):
    with pytest.raises(NotColumnsError) as refused:
        parquet([line(PRESSURE), broken])
    assert "Anna" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_reads_back_as_what_went_in_and_is_the_same_every_time():
    resources = [PRESSURE | {"id": f"o{number}"} for number in range(700)]
    lines = list(map(line, resources))
    made = parquet(lines)
    assert made == parquet(one.rstrip(b"\n") for one in lines)
    table = files.read_table(BytesIO(made))
    assert table.schema.equals(schema())
    assert [tuple(row.values()) for row in table.to_pylist()] == list(rows_of(lines))
    assert files.ParquetFile(BytesIO(made)).metadata.row_group(0).column(0).compression == "ZSTD"
    raw = [one for one in table.column("raw").to_pylist() if one is not None]
    assert [one.encode() + b"\n" for one in raw] == lines


def test_nothing_makes_a_file_without_rows():
    assert files.read_table(BytesIO(parquet([]))).num_rows == 0
    assert files.read_table(BytesIO(parquet([b"\n"]))).num_rows == 0
    assert list(batches([])) == []


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the published examples are not here")
def test_every_published_example_has_a_row_with_all_of_it():
    found = sorted(EXAMPLES.glob("*.json"))
    assert found
    for file in found:
        resource = json.loads(file.read_text("utf-8"))
        first, *parts = rows(resource)
        assert (first["type"], first["id"]) == (resource["resourceType"], resource.get("id"))
        assert json.loads(first["raw"]) == resource
        assert len(parts) == len(resource.get("component", ())) or resource["resourceType"] != "Observation"
