"""Records looked at closely: each for itself, what cannot be read as something that every denial may mean."""

import json
from datetime import UTC, date, datetime

import pytest

from connector.records import DevicePoint, SourceRecord
from connector.services.releasing.closely import OPEN_MHEALTH, Closely, point_closely
from connector.services.releasing.selecting import item_of
from policy.directives.model import Coding, Effect
from policy.labelling import packaged_labeller
from policy.residual import RELEASED, ItemFacts, Residual, Scope
from policy.rules import DataRule, RuleSet

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SUD = Coding(ACT, "SUD")
ANYTHING = Scope(None, None, None, None)
DAY = date(2021, 5, 6)


def residual(*nested, effect=Effect.PERMIT):
    return Residual.of([ANYTHING], [RuleSet(DataRule(effect=effect, pointer="", nested=nested), permits=True)])


DENY_SUD = residual(DataRule(effect=Effect.DENY, pointer="/a", labels=(SUD,)))


def looking(filter):
    seen = []
    return Closely(filter, "d", packaged_labeller, seen.append), seen


def record(value, id="1"):
    data = value if isinstance(value, bytes) else json.dumps({"resourceType": "Observation", **value}).encode()
    return SourceRecord(source="s", resource_type="Observation", id=id, person="p", body=data)


ITEM = ItemFacts("Observation", "laboratory", DAY, DAY, "d")


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"resourceType":"Observation","meta":{"security":"R"}}'])
def test_what_cannot_be_read_stays_here_where_labels_are_asked_for(broken):
    closely, _ = looking(DENY_SUD)
    found, _ = closely.judge(record(broken), ITEM)
    assert found != RELEASED


def test_what_has_something_inside_that_cannot_be_read_stays_here_even_if_no_rule_asks_about_it():
    closely, _ = looking(residual())
    found, _ = closely.judge(record(b'{"contained"'), ITEM)
    assert closely.residual.reasons[found].code == "denied-by-directive"


def test_contained_resources_that_are_no_list_keep_the_record_here():
    closely, _ = looking(residual())
    assert closely.judge(record({"contained": {"a": 1}}), ITEM)[0] != RELEASED


def test_where_rules_ask_for_kind_and_dates_only_a_record_is_not_read():
    closely, _ = looking(residual(DataRule(effect=Effect.DENY, pointer="/a", window=(DAY, DAY))))
    assert closely.judge(record(b"{"), ITEM)[0] != RELEASED
    later = ITEM._replace(start=date(2022, 1, 1), end=date(2022, 1, 1))
    assert closely.judge(record(b"{"), later)[0] == RELEASED


def test_a_record_with_nothing_inside_leaves_byte_for_byte_as_it_was():
    closely, _ = looking(DENY_SUD)
    plain = record(b'{"resourceType":"Observation","valueQuantity":{"value":1.10}}')
    assert closely.judge(plain, ITEM) == (RELEASED, plain)
    assert closely.masked([plain]) == [plain]


def test_a_contained_resource_with_a_date_of_its_own_is_judged_by_it():
    closed = DataRule(effect=Effect.DENY, pointer="/a", window=(date(2020, 1, 1), date(2020, 12, 31)))
    closely, seen = looking(residual(closed))
    inside = [
        {"resourceType": "Observation", "id": "a", "effectiveDateTime": "2020-06-01"},
        {"resourceType": "Observation", "id": "b"},
    ]
    value = record({"contained": inside, "hasMember": [{"reference": "#a"}, {"reference": "#b"}], "n": 1})
    found, left = closely.judge(value, ITEM)
    assert found == RELEASED
    kept = json.loads(left.body)
    assert [one["id"] for one in kept["contained"]] == ["b"]
    assert [one["reference"] for one in kept["hasMember"]] == ["urn:concord:term:withheld", "#b"]
    assert len(seen) == 1


def test_only_whole_references_to_withheld_records_are_replaced():
    closely, _ = looking(residual(DataRule(effect=Effect.DENY, pointer="/a", labels=(SUD,))))
    gone = record({"meta": {"security": [{"system": ACT, "code": "SUD"}]}}, "x1")
    assert closely.judge(gone, ITEM)[0] != RELEASED
    text = (
        b'{"resourceType":"Observation","a":{"reference":"Observation/x1"},"b":{"reference":"Observation/x11"},'
        b'"c":{"reference":"Observation/x1/_history/3"},"d":"\\"reference\\":\\"Observation/x1\\"",'
        b'"e":{"display":"Observation/x1"},"f":{"reference":"http://h/Observation/x1"}}'
    )
    [left] = closely.masked([record(text)])
    found = json.loads(left.body)
    assert [found[name]["reference"] for name in "abc"] == [
        "urn:concord:term:withheld", "Observation/x11", "urn:concord:term:withheld",
    ]  # fmt: skip
    assert found["d"] == '"reference":"Observation/x1"'
    assert (found["e"]["display"], found["f"]["reference"]) == ("Observation/x1", "http://h/Observation/x1")


def test_a_withheld_patient_still_stands_in_the_records_about_them():
    closely, _ = looking(residual(DataRule(effect=Effect.DENY, pointer="/a", resource_types=(
        Coding("http://hl7.org/fhir/resource-types", "Patient"),))))  # fmt: skip
    row = SourceRecord(source="s", resource_type="Patient", id="p", person="p", body=b'{"resourceType":"Patient"}')
    assert closely.judge(row, ItemFacts("Patient", "demographics", None, None, "d"))[0] != RELEASED
    about = record(b'{"resourceType":"Observation","subject":{"reference":"Patient/p"}}')
    assert closely.masked([about]) == [about]


def point(body):
    at = datetime(2024, 1, 1, tzinfo=UTC)
    return DevicePoint(
        sequence=1, source="s", person="p", point_id="x", category="heart-rate", start=at, end=at, body=body
    )


HEART = json.dumps({"header": {"schema_id": {"namespace": "omh", "name": "heart-rate", "version": "2.0"}}}).encode()


def test_a_point_of_a_device_is_an_observation_of_its_kind():
    item = point_closely(packaged_labeller(), point(HEART), item_of(point(HEART), "d"))
    assert item.resource_type == "Observation"
    assert item.detail.codes == {Coding(OPEN_MHEALTH, "heart-rate:2.0"), Coding("http://loinc.org", "8867-4")}
    assert item.detail.labels == frozenset()
    heart = DataRule(effect=Effect.DENY, pointer="/a", codes=((Coding("http://loinc.org", "8867-4"),),))
    assert residual(heart).judge(item) != RELEASED
    assert DENY_SUD.judge(item) == RELEASED


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"header": 1}'])
def test_a_point_that_cannot_be_read_has_no_detail_and_stays_where_labels_are_asked_for(body):
    item = point_closely(packaged_labeller(), point(body), item_of(point(body), "d"))
    assert item.detail is None
    assert DENY_SUD.judge(item) != RELEASED


def test_a_reference_that_is_an_object_as_in_r5_does_not_stop_what_is_taken_out():
    def inside(id, label):
        return {"resourceType": "Condition", "id": id, "meta": {"security": [{"system": ACT, "code": label}]}}

    reason = [{"reference": {"reference": "#kept"}}, {"reference": {"reference": "#gone"}}]
    row = record({"reason": reason, "contained": [inside("kept", "R"), inside("gone", "SUD")]})
    closely, _ = looking(DENY_SUD)
    _, told = closely.judge(row, ITEM)
    resource = json.loads(told.body)
    assert [one["id"] for one in resource["contained"]] == ["kept"]
    assert b"#gone" not in told.body
