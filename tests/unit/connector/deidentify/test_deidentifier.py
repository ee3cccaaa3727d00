"""What of one record leaves: the list and nothing else, wherever a person may hide."""

import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.deidentify import Deidentifier, Rejected, load_profile
from connector.deidentify.forms import names_in
from tests.unit.connector.deidentify.coders import AS_OF, Domain, research

CONCEPT = {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic"}]}
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
PERSON = Domain().person("p")


def observation(**more) -> dict:
    whole = {"resourceType": "Observation", "id": "o1", "status": "final", "code": CONCEPT}
    return {**whole, "subject": {"reference": "Patient/p"}, **more}


def release(resource: dict, person: str = "p") -> dict:
    return orjson.loads(research().apply(orjson.dumps(resource), person).body)


def reject(resource: dict | bytes, person: str = "p") -> tuple[str, str]:
    with pytest.raises(Rejected) as refusal:
        research().apply(resource if isinstance(resource, bytes) else orjson.dumps(resource), person)
    return refusal.value.code, refusal.value.pointer


HIDING_PLACES = {
    "narrative": {"text": {"status": "generated", "div": "<div>Anna Berg</div>"}},
    "note": {"note": [{"text": "Anna Berg", "authorString": "Anna Berg"}]},
    "free text of a code": {"code": {**CONCEPT, "text": "Anna Berg"}},
    "display without a code": {"code": {"coding": [{"display": "Anna Berg"}, *CONCEPT["coding"]]}},
    "display with a code of no system": {"category": [{"coding": [{"code": "x", "display": "Anna Berg"}]}]},
    "display of a system nobody knows": {
        "category": [{"coding": [{"system": "urn:x", "code": "x", "display": "Hb of Anna Berg"}]}]
    },
    "system": {"category": [{"coding": [{"system": "http://loinc.org/Anna/Berg", "code": "718-7"}]}]},
    "code": {"category": [{"coding": [{"system": "http://loinc.org", "code": "BERG^ANNA^A"}]}]},
    "version": {"code": {"coding": [{**CONCEPT["coding"][0], "version": "drawn at Anna Berg's"}]}},
    "display with a title": {"code": {"coding": [{**CONCEPT["coding"][0], "display": "Hb of Mrs. Berg"}]}},
    "unit": {"valueQuantity": {"value": 1, "unit": "g/dL (Anna Berg)"}},
    "code of a unit": {"valueQuantity": {"value": 1, "system": "http://anna.berg", "code": "anna(at)berg"}},
    "code of a unit of UCUM": {
        "valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "anna(at)berg"}
    },
    "text value": {"valueString": "Anna Berg"},
    "display of a reference": {"encounter": {"reference": "Encounter/e1", "display": "Anna Berg"}},
    "identifier of a reference": {"encounter": {"reference": "Encounter/e1", "identifier": {"value": "Anna Berg"}}},
    "extension": {"extension": [{"url": "urn:x", "valueString": "Anna Berg"}]},
    "extension of a data type": {
        "valueQuantity": {"value": 1, "extension": [{"url": "u", "valueString": "Anna Berg"}]}
    },
    "extension beside a primitive": {"_status": {"extension": [{"url": "u", "valueString": "Anna Berg"}]}},
    "business identifier": {"identifier": [{"system": "urn:x", "value": "Anna Berg"}]},
    "meta": {"meta": {"source": "Anna Berg", "tag": [{"display": "Anna Berg"}]}},
    "text of a reference range": {"referenceRange": [{"text": "Anna Berg"}]},
    "element ids": {"code": {**CONCEPT, "id": "Anna-Berg"}},
    "element nobody knows": {"annaBerg": {"name": "Anna Berg"}},
    "contained person": {"contained": [{"resourceType": "RelatedPerson", "id": "r", "name": [{"text": "Anna Berg"}]}]},
    "contained record": {"contained": [{"resourceType": "Specimen", "id": "r", "note": [{"text": "Anna Berg"}]}]},
    "id of a contained record": {"contained": [{"resourceType": "Specimen", "id": "Anna-Berg"}]},
    "address of a reference": {"encounter": {"reference": "https://anna.berg/Encounter/1"}},
    "conditional reference": {"encounter": {"reference": "Encounter?identifier=Anna|Berg"}},
    "version of a reference": {"encounter": {"reference": "Encounter/1/_history/Anna-Berg"}},
    "reference to a professional": {"performer": [{"reference": "Practitioner/Anna-Berg"}]},
    "reference to another person": {"focus": [{"reference": "Patient/Anna-Berg"}]},
    "Base64": {"valueAttachment": {"data": "QW5uYSBCZXJn"}},
}


@pytest.mark.parametrize("place", HIDING_PLACES)
def test_nothing_hides_in(place):
    body = research().apply(orjson.dumps(observation(**HIDING_PLACES[place])), "p").body
    assert not re.search(rb"anna|berg|QW5u", body, re.IGNORECASE)
    assert b"{}" not in body
    assert b"[]" not in body


def test_the_person_stands_under_their_code_everywhere():
    after = release({"resourceType": "Patient", "id": "p", "birthDate": "1951-03-22", "gender": "female"})
    assert after == {"resourceType": "Patient", "id": PERSON.code, "gender": "female", "birthDate": "1951"}
    assert release(observation())["subject"] == {"reference": f"Patient/{PERSON.code}"}
    versioned = observation(subject={"reference": "Patient/p/_history/4"})
    assert release(versioned)["subject"] == {"reference": f"Patient/{PERSON.code}"}


ADDRESSES = [
    ({"state": "Massachusetts", "country": "US"}, {"state": "Massachusetts", "country": "US"}),
    ({"state": "MA", "country": "USA"}, {"state": "MA", "country": "USA"}),
    ({"state": "US-MA"}, {"state": "US-MA"}),
    ({"state": "c/o Berg family, Springfield 01103", "country": "DE"}, {"country": "DE"}),
    ({"state": "Texas", "country": "US (Anna B.)"}, {"state": "Texas"}),
]


@pytest.mark.parametrize(("written", "told"), ADDRESSES)
def test_a_region_is_one_of_the_list_or_a_code(written, told):
    assert release({"resourceType": "Patient", "id": "p", "address": [written]})["address"] == [told]


def test_an_address_of_which_nothing_may_stay_is_gone():
    assert "address" not in release({"resourceType": "Patient", "id": "p", "address": [{"state": "Berg"}]})


UNITS = [
    "mm[Hg]",
    "beats/min",
    "{score}",
    "(score)",
    "mL/min/{1.73_m2}",
    "10*3/uL",
    "%",
    "kg/m2",
    "[in_i]",
    "m[IU]/L",
    "/min",
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_in_its_form_stays(unit):
    quantity = {"value": 1, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    assert release(observation(valueQuantity=quantity))["valueQuantity"] == quantity


def test_a_name_the_source_knows_leaves_in_no_code_and_no_label():
    places = {
        "code": {"coding": [{**CONCEPT["coding"][0], "display": "Systolic of Quackenbush"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/x", "code": "Zebulon"}]}],
        "method": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/Zebulon", "code": "x"}]},
        "valueQuantity": {"value": 1, "unit": "Zebulon"},
    }
    names = names_in(["Zebulon Quackenbush", "17 Wobblegate Lane", "zq@example.org"])
    assert names == {"zebulon", "quackenbush"}
    deidentifier, body = research(), orjson.dumps(observation(**places))
    assert b"Zebulon" in deidentifier.apply(body, "p").body
    after = deidentifier.apply(body, "p", names=names).body
    assert not re.search(rb"zebulon|quackenbush", after, re.IGNORECASE)
    assert orjson.loads(after)["code"] == {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}


@pytest.mark.parametrize(
    ("born", "told"), [("1951-03-22", "1951"), ("1937", "1937"), ("1936-12", "1936"), ("1901-01-01", "1936")]
)
def test_births_more_than_89_years_ago_are_one_class(born, told):
    assert release({"resourceType": "Patient", "id": "p", "birthDate": born})["birthDate"] == told


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [(b"45.50", "a", b'"value":45.50'), (b"90", "a", b'"value":90,"comparator":">="'), (b"1100", "mo", b'">="')],
)
def test_ages_above_89_are_one_class(value, unit, told):
    body = (
        b'{"resourceType":"Condition","id":"1","subject":{"reference":"Patient/p"},"onsetAge":{"value":%b,"code":"%b"}}'
    )
    assert told in research().apply(body % (value, unit.encode()), "p").body


def test_an_age_of_unknown_unit_is_dropped():
    whole = {"resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/p"}}
    assert release({**whole, "onsetAge": {"value": 99, "code": "century"}}).keys() == whole.keys()


def test_references_inside_a_record_still_meet():
    after = release(
        observation(
            contained=[{"resourceType": "Specimen", "id": "blood"}, {"resourceType": "Practitioner", "id": "doctor"}],
            specimen={"reference": "#blood"},
            derivedFrom=[{"reference": "#doctor"}, {"reference": "#nowhere"}],
        )
    )
    assert after["specimen"]["reference"] == f"#{after['contained'][0]['id']}" != "#blood"
    assert len(after["contained"]) == 1
    assert "derivedFrom" not in after


def test_one_record_does_not_learn_what_another_contained():
    deidentifier = research()
    first = observation(contained=[{"resourceType": "Specimen", "id": "x"}], specimen={"reference": "#x"})
    second = observation(contained=[{"resourceType": "Location", "id": "x"}], specimen={"reference": "#x"})
    assert b"specimen" in deidentifier.apply(orjson.dumps(first), "p").body
    assert b"specimen" not in deidentifier.apply(orjson.dumps(second), "p").body
    assert b"specimen" in deidentifier.apply(orjson.dumps(first), "p").body


def test_what_fhir_requires_is_masked_when_nothing_may_be_left():
    claim = {
        "resourceType": "Claim",
        "id": "c",
        "status": "active",
        "use": "claim",
        "type": {"text": "pharmacy"},
        "patient": {"reference": "Patient/p"},
        "created": "2020-01-01",
        "provider": {"reference": "Practitioner/7"},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "private"}}],
    }
    after = release(claim)
    assert after["type"] == after["provider"] == after["insurance"][0]["coverage"] == ABSENT
    shot = {
        "resourceType": "Immunization",
        "id": "i",
        "patient": {"reference": "Patient/p"},
        "occurrenceString": "as a child",
    }
    assert release(shot)["_occurrenceString"] == ABSENT
    history = {"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p"}}
    history["statusHistory"] = [{"status": "planned", "period": {"extension": []}}]
    assert release(history)["statusHistory"] == [{"status": "planned", "period": ABSENT}]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"modifierExtension": [{"url": "urn:not"}]}, "modifier-extension", "/modifierExtension"),
        (
            {"component": [{"code": CONCEPT, "modifierExtension": []}]},
            "modifier-extension",
            "/component/0/modifierExtension",
        ),
        ({"implicitRules": "urn:rules"}, "implicit-rules", "/implicitRules"),
        ({"subject": {"reference": "Patient/other"}}, "foreign-subject", "/subject/reference"),
        ({"subject": {"reference": "#p"}}, "foreign-subject", "/subject/reference"),
        ({"subject": {"display": "Anna"}}, "no-subject", "/subject"),
        ({"resourceType": "Practitioner"}, "withheld-type", "/resourceType"),
        ({"resourceType": "Starship"}, "unknown-type", "/resourceType"),
        ({"contained": [{"resourceType": "Starship"}]}, "unknown-type", "/contained/0/resourceType"),
        ({"status": {"name": "Anna"}}, "shape", "/status"),
        ({"status": None}, "shape", "/status"),
        ({"effectiveDateTime": 2020}, "shape", "/effectiveDateTime"),
        ({"effectiveDateTime": ["Anna"]}, "shape", "/effectiveDateTime"),
        ({"code": [CONCEPT]}, "shape", "/code"),
        ({"valueQuantity": {"value": "Anna"}}, "number", "/valueQuantity"),
        ({"valueQuantity": {"value": {"name": "Anna"}}}, "number", "/valueQuantity"),
        ({"valueSampledData": {"data": "1 2 Anna"}}, "samples", "/valueSampledData/data"),
        ({"status": "final - call Anna"}, "code", "/status"),
        ({"status": "anna"}, "code", "/status"),
        ({"valueQuantity": {"value": 1, "comparator": "Anna"}}, "code", "/valueQuantity/comparator"),
        ({"valueTime": "Berg, Anna"}, "time", "/valueTime"),
        ({"valueTime": "10:00:00Z"}, "time", "/valueTime"),
        (
            {"effectiveTiming": {"repeat": {"timeOfDay": ["Anna at noon"]}}},
            "time",
            "/effectiveTiming/repeat/timeOfDay/0",
        ),
        ({"effectiveTiming": {"repeat": {"dayOfWeek": ["Berg"]}}}, "code", "/effectiveTiming/repeat/dayOfWeek/0"),
    ],
)
def test_what_is_not_understood_is_rejected_with_the_place_but_not_the_value(change, code, pointer):
    assert reject(observation(**change)) == (code, pointer)


def test_a_record_must_say_what_it_is_and_whom_it_is_about():
    assert reject({"id": "1"}) == ("unknown-type", "")
    assert reject({"resourceType": "Observation", "id": "1"}) == ("no-subject", "")
    assert reject({"resourceType": "Observation", "subject": {"reference": "Patient/p"}}) == ("id", "")
    assert reject({"resourceType": "Patient", "id": "q"}) == ("foreign-subject", "/id")
    for broken in (b"", b"{", b"[]x", b"\xff", b'{"resourceType":"Patient","id":"\xff"}'):
        assert reject(broken)[0] in {"not-json", "shape"}
    assert reject(b'{"resourceType":"Observation","x":' + b"[" * 100_000)[0] in {"not-json", "too-deep"}


def test_a_name_spelt_with_escapes_does_not_slip_past_the_list():
    body = orjson.dumps(observation()).replace(b'"status"', b'"modifierExtensio\\u006e":[],"st\\u0061tus"')
    assert reject(body) == ("modifier-extension", "/modifierExtension")


DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(DECIMALS)
def test_every_form_of_a_decimal_keeps_its_digits(digits):
    body = orjson.dumps(observation(valueQuantity={"value": 0, "unit": "mg"})).replace(
        b'"value":0', f'"value":{digits}'.encode()
    )
    assert f'"valueQuantity":{{"value":{digits},"unit":"mg"}}'.encode() in research().apply(body, "p").body


def test_decimals_keep_their_digits_when_something_has_to_be_taken_out_too():
    body = (
        b'{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/p"},"interpretation":[{"text":"x"}],'
    )
    body += b'"code":{"text":"y"},"valueQuantity":{"value":1.10},'
    body += b'"component":[{"code":{"text":"z"},"valueQuantity":{"value":-0}}]}'
    after = research().apply(body, "p").body
    assert b'"valueQuantity":{"value":1.10}' in after
    assert b'"valueQuantity":{"value":-0}' in after
    assert b"interpretation" not in after


def test_the_same_agreement_agrees_and_another_cannot_be_joined():
    resource = observation(encounter={"reference": "Encounter/e1"}, effectiveDateTime="2020-05-05")
    bodies = [research(key=key).apply(orjson.dumps(resource), "p").body for key in (b"a", b"a", b"b")]
    assert bodies[0] == bodies[1]
    codes = [set(re.findall(rb"[0-9a-f]{32}", body)) for body in bodies]
    assert len(codes[0]) == 3
    assert not codes[0] & codes[2]


def test_ids_of_two_people_have_nothing_in_common():
    assert release(observation(), "p")["id"] != release(observation(subject={"reference": "Patient/q"}), "q")["id"]


def test_what_was_left_behind_is_counted():
    kept = observation()
    assert research().apply(orjson.dumps(kept), "p").dropped == 0
    more = {**kept, "note": [{"text": 'says "x": y'}], "performer": [{"reference": "Practitioner/1"}]}
    assert research().apply(orjson.dumps(more), "p").dropped == 4


def test_a_subject_may_be_known_by_another_name_than_the_person():
    body = orjson.dumps(observation(subject={"reference": "Patient/4711"}))
    released = research().apply(body, "our-person-1", "4711")
    assert Domain().person("our-person-1").code.encode() in released.body
    with pytest.raises(Rejected, match="foreign-subject"):
        research().apply(body, "our-person-1", "4712")


def _apply(deidentifier: Deidentifier, body: bytes) -> bytes:
    return deidentifier.apply(body, "p").body


def test_a_worker_process_does_the_same():
    body = orjson.dumps(observation(encounter={"reference": "Encounter/1"}))
    assert _apply(pickle.loads(pickle.dumps(research())), body) == _apply(research(), body)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        assert workers.submit(_apply, research(), body).result() == _apply(research(), body)


POINT = {
    "header": {
        "id": "8e5d",
        "creation_date_time": "2020-02-05T07:25:00.123Z",
        "schema_id": {"namespace": "omh", "name": "heart-rate", "version": "2.0"},
        "acquisition_provenance": {"source_name": "Anna's watch", "modality": "sensed"},
    },
    "body": {
        "heart_rate": {"value": 50, "unit": "beats/min"},
        "effective_time_frame": {"date_time": "2020-02-05T08:25:00+01:00"},
        "user_notes": "Anna Berg",
    },
}


def device(days: int = -36) -> Deidentifier:
    return Deidentifier(load_profile("device-stream"), Domain(days=days), as_of=AS_OF)


@pytest.mark.parametrize("user", [{}, {"user_id": "p"}])
def test_a_data_point_leaves_under_the_code_at_its_true_time_in_utc(user):
    point = {**POINT, "header": {**POINT["header"], **user}}
    body = device().apply(orjson.dumps(point).replace(b":50,", b":50.10,"), "p").body
    assert b'{"value":50.10,"unit":"beats/min"}' in body
    after = orjson.loads(body)
    assert after["header"].pop("id") not in {"", "8e5d"}
    assert after["header"] == {
        "creation_date_time": "2020-02-05T07:25:00.123Z",
        "user_id": PERSON.code,
        "schema_id": POINT["header"]["schema_id"],
    }
    assert after["body"].keys() == {"heart_rate", "effective_time_frame"}
    assert after["body"]["effective_time_frame"] == {"date_time": "2020-02-05T07:25:00Z"}


def test_a_data_point_of_somebody_else_is_rejected():
    for header, code in (({"user_id": "q"}, "foreign-subject"), (None, "shape")):
        with pytest.raises(Rejected, match=code):
            device().apply(orjson.dumps({**POINT, "header": header}), "p")
    with pytest.raises(Rejected, match="shape"):
        device().apply(b'{"body":{}}', "p")
