"""The quick way answers what the careful way answers, for every record: shipped ones, and ones tampered with."""

from copy import deepcopy
from datetime import datetime
from functools import cache

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.deidentify import Deidentifier, Rejected, load_profile
from connector.deidentify.forms import names_in
from connector.sources.fhir import prepare, read_bundles
from tests.spec.test_deidentified_patients import SHIPPED
from tests.unit.connector.deidentify.coders import AS_OF, Domain, research

NAMES = names_in(["Benson Influenza", "Heart Young"])
ODD = [
    None, True, 0, -1, 1.5, "", "#1", "Observation/1", "Patient/p", "2020-02-30", "2020-05", "1901-01-01", "a\\b",
    "é\"", [], {}, [{}], {"extension": []}, {"reference": "#x"}, {"reference": "Encounter/1"},
    {"value": 1.25}, {"value": "x"},
    {"code": "mg", "system": "http://unitsofmeasure.org", "unit": "mg", "value": 5},
    {"value": 5, "unit": "Influenza"},
    {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Heart"}]},
    {"start": "1999-01-01", "end": "1931-01-01T10:00:00+02:00"},
    [{"resourceType": "Specimen", "id": "x"}, {"resourceType": "Practitioner", "id": "y"}],
]  # fmt: skip
KEYS = ["modifierExtension", "_status", "value", "contained", "extension", "implicitRules", "annaBerg"]


@cache
def shipped() -> list[tuple[str, bytes]]:
    """(person, record), a few of every kind of a few patients."""
    found, seen = [], {}
    for file in list(read_bundles(SHIPPED))[:6]:
        piece = prepare(file)
        for record in piece.records:
            seen[record.resource_type] = seen.get(record.resource_type, 0) + 1
            if seen[record.resource_type] <= 12:
                found.append((piece.people[0].id, record.body))
    return found


def careful() -> Deidentifier:
    deidentifier = research()
    deidentifier._quick = None
    return deidentifier


def told(deidentifier: Deidentifier, body: bytes, person: str, names: frozenset[str]) -> object:
    try:
        return deidentifier.apply(body, person, names=names).body
    except Rejected as refusal:
        return refusal.code, refusal.pointer


QUICK, CAREFUL = research(), careful()


@st.composite
def tampered(draw) -> tuple[str, bytes]:
    """A shipped record in which some values are others, gone, or new."""
    person, body = draw(st.sampled_from(shipped()))
    resource = orjson.loads(body)
    for _ in range(draw(st.integers(1, 4))):
        place = resource
        while True:
            inner = [
                part
                for part in (place.values() if isinstance(place, dict) else place)
                if isinstance(part, dict | list) and part
            ]
            if not inner or draw(st.booleans()):
                break
            place = draw(st.sampled_from(inner))
        odd = deepcopy(draw(st.sampled_from(ODD)))
        if isinstance(place, list):
            place[draw(st.integers(0, len(place) - 1))] = odd
        else:
            key = draw(st.sampled_from([*sorted(place), *KEYS]))
            if draw(st.booleans()):
                place[key] = odd
            else:
                place.pop(key, None)
    return person, orjson.dumps(resource, option=draw(st.sampled_from([0, orjson.OPT_INDENT_2, orjson.OPT_SORT_KEYS])))


@given(tampered(), st.sampled_from([frozenset(), NAMES]))
def test_a_tampered_record_fares_the_same_both_ways(record, names):
    person, body = record
    assert told(QUICK, body, person, names) == told(CAREFUL, body, person, names)


@pytest.mark.parametrize("names", [frozenset(), NAMES], ids=["nobody", "somebody"])
def test_shipped_records_go_the_quick_way_and_come_out_the_same(names):
    quick = research()
    for person, body in shipped():
        assert told(quick, body, person, names) == told(CAREFUL, body, person, names)
    withheld = sum(isinstance(told(CAREFUL, body, person, names), tuple) for person, body in shipped())
    assert quick._quick.passed <= withheld + 9


def test_somebody_whom_the_vocabulary_names_does_not_receive_it():
    """What one person's records taught is not used for another whose name stands in it."""
    concept = {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic of Quackenbush"}]}
    record = {"resourceType": "Observation", "id": "1", "status": "final", "code": concept}
    deidentifier = research()
    bodies = {one: orjson.dumps({**record, "subject": {"reference": f"Patient/{one}"}}) for one in "pq"}
    named = names_in(["Zebulon Quackenbush"])
    for _ in range(2):
        assert b"Quackenbush" in deidentifier.apply(bodies["p"], "p").body
        assert b"Quackenbush" not in deidentifier.apply(bodies["q"], "q", names=named).body
    late = research()
    assert b"loinc" in late.apply(bodies["q"].replace(b" of Quackenbush", b""), "q", names=named).body
    assert b"Quackenbush" in late.apply(bodies["p"], "p").body
    assert b"Quackenbush" not in late.apply(bodies["q"], "q", names=named).body


MOMENTS = st.datetimes(datetime.fromisoformat("1950-01-01"), datetime.fromisoformat("2030-01-01")).map(
    lambda at: at.strftime("%Y-%m-%dT%H:%M:%S")
)
ZONES = st.sampled_from(["Z", "+02:00", "-05:30", "+14:00", "-12:00"])


@given(st.lists(st.tuples(MOMENTS, ZONES), min_size=2, max_size=6), st.integers(1, 180))
def test_all_intervals_of_a_person_stay(moments, days):
    deidentifier = research(days)
    written = [f"{at}{zone}" for at, zone in moments]
    bodies = [
        orjson.dumps({
            "resourceType": "Procedure", "id": str(number), "status": "completed",
            "subject": {"reference": "Patient/p"}, "performedPeriod": {"start": text},
        })
        for number, text in enumerate(written)
    ]  # fmt: skip
    after = [orjson.loads(deidentifier.apply(body, "p").body)["performedPeriod"]["start"] for body in bodies]
    moved = {datetime.fromisoformat(new) - datetime.fromisoformat(old) for old, new in zip(written, after, strict=True)}
    assert len(moved) == 1


DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(DECIMALS, st.sampled_from(["first", "last", "alone", "middle"]))
def test_digits_stay_wherever_the_number_stands(digits, place):
    parts = {
        "first": f'"value":{digits},"unit":"mg"', "last": f'"unit":"mg","value":{digits}', "alone": f'"value":{digits}',
        "middle": f'"code":"mg","value":{digits},"unit":"mg"',
    }  # fmt: skip
    for gap in ("", " ", "\n"):
        text = parts[place].replace(":", f"{gap}:{gap}").replace(",", f"{gap},{gap}")
        body = (
            '{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/p"},"code":{"coding":[]},'
            f'"valueQuantity":{{{gap}{text}{gap}}}}}'
        ).encode()
        assert f'"value":{digits}'.encode() in QUICK.apply(body, "p").body
        assert told(QUICK, body, "p", NAMES) == told(CAREFUL, body, "p", NAMES)


@given(st.lists(st.from_regex(r"[A-Za-z0-9.-]{1,64}", fullmatch=True), min_size=1, max_size=20, unique=True))
def test_two_agreements_share_no_code(ids):
    bodies = [
        orjson.dumps(
            {"resourceType": "Procedure", "id": id, "status": "completed", "subject": {"reference": "Patient/p"}}
        )
        for id in ids
    ]
    one, again, other = (
        [orjson.loads(deidentifier.apply(body, "p").body) for body in bodies]
        for deidentifier in (research(), research(), research(key=b"another"))
    )
    assert one == again
    assert len({record["id"] for record in one}) == len(ids)
    assert not {record["id"] for record in one} & {record["id"] for record in other}


def test_every_packaged_profile_goes_both_ways_alike():
    for name in ("research-minimal", "safe-harbor"):
        quick, slow = (Deidentifier(load_profile(name), Domain(), as_of=AS_OF) for _ in range(2))
        slow._quick = None
        for person, body in shipped():
            assert told(quick, body, person, NAMES) == told(slow, body, person, NAMES)
