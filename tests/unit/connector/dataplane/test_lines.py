"""Every line that leaves says whose it is, so that it can be erased by the code alone."""

import orjson
import pytest

from connector.dataplane.lines import code_of
from connector.dataplane.naming import with_person

CODE = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "id": CODE},
        {"resourceType": "Observation", "subject": {"reference": f"Patient/{CODE}"}},
        {"resourceType": "Immunization", "patient": {"reference": f"Patient/{CODE}"}},
        {"resourceType": "Coverage", "beneficiary": {"reference": f"Patient/{CODE}"}},
        {"header": {"user_id": CODE}, "body": {}},
    ],
)
def test_the_code_is_found_where_it_stands(resource):
    assert code_of(orjson.dumps(resource)) == CODE


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json",
        b"[]",
        b"7",
        b'{"resourceType":"Medication","id":"m"}',
        b'{"resourceType":"Observation","subject":{"reference":"Group/x"}}',
        b'{"resourceType":"Observation","subject":"Patient/x"}',
        b'{"resourceType":"Observation","subject":{"reference":"Patient/"}}',
        b'{"resourceType":"Patient","id":7}',
        b'{"header":{"user_id":""}}',
        b'{"header":[]}',
    ],
)
def test_a_line_that_names_nobody_has_no_code(line):
    assert code_of(line) is None


def test_a_record_about_nobody_carries_the_code_of_the_person_it_left_with():
    left = with_person(b'{"resourceType":"Medication","id":"m"}', CODE)
    assert code_of(left) == CODE
    assert orjson.loads(left)["id"] == "m"


def test_a_record_that_names_its_person_is_left_alone():
    body = b'{"resourceType":"Observation","id":"o"}'
    assert with_person(body, CODE) is body
