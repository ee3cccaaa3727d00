"""The rules beyond the usual ones, each in a profile of its own: what a value turns into, and when it is left out."""

import pickle
import re
from datetime import date

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.deidentify import Deidentifier, Rejected, read_profile
from connector.deidentify.profile import Profile
from connector.vault.coders import PersonCoder
from connector.vault.errors import SealBrokenError
from tests.unit.connector.deidentify.coders import AS_OF, Domain

PROFILE = """
name = "own"
version = "1"
format = "fhir-r4"
title = "Own"
summary = "Every rule that the packaged profiles have and have not."
keeps = ["Patient.name.text"]
[terminologies]
"http://unitsofmeasure.org" = '[a-z]{1,3}'
[[postcodes]]
countries = ["US", "USA"]
form = '[0-9]{5}(-?[0-9]{4})?'
keep = 3
small = ["036", "893"]
instead = "000"
source = "Census"
[[postcodes]]
countries = ["CA"]
form = '[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]'
keep = 1
small = ["X"]
source = "Census"
[types.Quantity]
value = "decimal"
comparator = "one of < | <= | >= | >"
unit = "unit"
system = "system"
code = "coded"
[types.Coding]
system = "system"
code = "coded"
[types.Period]
start = "month"
end = "calendar year"
[types.Address]
postalCode = "postcode"
country = "country"
[resources.Patient]
id = "id"
birthDate = "band of 5"
deceasedDateTime = "calendar year"
gender = "remove"
address = ["Address"]
extension = [
    { url = "urn:smoker", valueBoolean = "boolean" },
    { url = "urn:weight", valueQuantity = "Quantity" },
    { url = "urn:race", extension = [
        { url = "told", valueString = "label" }, { url = "code", valueCoding = "Coding" },
    ] },
    { url = "urn:seen", valueDateTime = "month" },
]
modifierExtension = [{ url = "urn:not", valueBoolean = "boolean" }, { url = "urn:why", valueString = "label" }]
[[resources.Patient.name]]
text = "text"
family = "redact"
given = ["sealed"]
[resources.Observation]
id = "id"
subject = "subject"
effectiveDateTime = "month"
issued = "month!"
effectivePeriod = "Period"
valueAge = "age band of 5"
[resources.Observation.effectiveTiming]
event = ["month"]
[[resources.Observation.place]]
country = "country"
[[resources.Observation.component]]
valueAge = "age band of 10"
extension = [{ url = "urn:n", valueDecimal = "decimal" }]
"""


@pytest.fixture(scope="module")
def profile() -> Profile:
    return read_profile(PROFILE)


def put(profile: Profile, resource: dict | bytes, days: int = 40, names: frozenset[str] = frozenset()) -> dict:
    body = resource if isinstance(resource, bytes) else orjson.dumps(resource)
    return orjson.loads(Deidentifier(profile, Domain(days=days), as_of=AS_OF).apply(body, "p", names=names).body)


def patient(**more) -> dict:
    return {"resourceType": "Patient", "id": "p", **more}


def observation(**more) -> dict:
    return {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}, **more}


@pytest.mark.parametrize(
    ("born", "told"),
    [("1951-03-22", "1950"), ("1954", "1950"), ("1955-12", "1955"), ("1936", "1935"), ("1901", "1935")],
)
def test_a_birth_is_told_by_the_first_year_of_its_band(profile, born, told):
    assert put(profile, patient(birthDate=born))["birthDate"] == told


@given(st.dates(date(1850, 1, 1), date(2026, 1, 1)))
def test_every_band_holds_its_birth_unless_that_is_in_the_oldest_class(born):
    told = int(put(read_profile(PROFILE), patient(birthDate=born.isoformat()))["birthDate"])
    assert told % 5 == 0
    assert told <= max(born.year, AS_OF.year - 90) <= told + 4


@pytest.mark.parametrize(
    ("written", "told"),
    [("2021-05-03", "2021-06"), ("2021-05-31T23:30:00-02:00", "2021-07"), ("2021-05", "2021-06"), ("2021", "2021")],
)
def test_a_month_is_moved_as_the_day_is_and_then_told_without_it(profile, written, told):
    assert put(profile, observation(effectiveDateTime=written))["effectiveDateTime"] == told


def test_a_calendar_year_is_the_true_one(profile):
    assert put(profile, patient(deceasedDateTime="2020-12-20"))["deceasedDateTime"] == "2020"
    period = put(profile, observation(effectivePeriod={"start": "2020-12-20", "end": "2020-12-20"}))["effectivePeriod"]
    assert period == {"start": "2021-01", "end": "2020"}


def test_a_month_that_would_tell_an_age_is_left_out_masked_or_taken_out_of_its_array(profile):
    after = put(profile, observation(effectiveDateTime="1930-01-01", issued="1930-01-01"))
    assert "effectiveDateTime" not in after
    assert after["_issued"]["extension"][0]["valueCode"] == "masked"
    assert "effectiveTiming" not in put(profile, observation(effectiveTiming={"event": ["1930-01"]}))
    told = put(profile, observation(effectiveTiming={"event": ["1930-01-01", "2020-01-01"]}))["effectiveTiming"]
    assert told == {"event": ["2020-02"]}


@pytest.mark.parametrize("text", ["yesterday", "2021-13-01", "03.05.2021", "2021-05-03T25:00:00Z"])
def test_what_is_no_date_rejects_the_record(profile, text):
    with pytest.raises(Rejected, match="date"):
        put(profile, observation(effectiveDateTime=text))


AGES = [
    ({"value": 47.5, "code": "a", "unit": "years"}, {"value": 45, "unit": "years", "code": "a"}),
    ({"value": 30, "code": "mo"}, {"value": 0, "unit": "years", "code": "a"}),
    ({"value": 89.9, "code": "a", "comparator": "<"}, {"value": 85, "unit": "years", "code": "a"}),
    ({"value": 90, "code": "a"}, {"value": 90, "comparator": ">=", "unit": "years", "code": "a"}),
    ({"value": 47, "code": "century"}, None),
]


@pytest.mark.parametrize(("age", "told"), AGES)
def test_an_age_is_told_by_the_first_year_of_its_band(profile, age, told):
    age = {**age, "system": "http://unitsofmeasure.org"}
    wanted = told and {**told, "system": "http://unitsofmeasure.org"}
    assert put(profile, observation(valueAge=age)).get("valueAge") == wanted


def test_a_band_of_ten_is_wider(profile):
    after = put(profile, observation(component=[{"valueAge": {"value": 47, "code": "a"}}]))
    assert after["component"][0]["valueAge"]["value"] == 40


PLACES = [
    ({"postalCode": "02139", "country": "US"}, "021"),
    ({"postalCode": "02139-4307", "country": "USA"}, "021"),
    ({"postalCode": "03601", "country": "US"}, "000"),
    ({"postalCode": "89301", "country": "US"}, "000"),
    ({"postalCode": "K1A 0B1", "country": "CA"}, "K"),
    ({"postalCode": "X0A 0H0", "country": "CA"}, None),
    ({"postalCode": "02139", "country": "DE"}, None),
    ({"postalCode": "02139"}, None),
    ({"postalCode": "021", "country": "US"}, None),
    ({"postalCode": "02139 Berg", "country": "US"}, None),
]


@pytest.mark.parametrize(("address", "told"), PLACES)
def test_a_postcode_is_told_as_far_as_enough_people_live_there(profile, address, told):
    after = put(profile, patient(address=[address])).get("address", [{}])[0]
    assert after.get("postalCode") == told
    assert after.get("country") == address.get("country")


def test_an_object_of_which_nothing_stays_is_gone_also_with_one_element(profile):
    assert "place" not in put(profile, observation(place=[{"country": "Germany"}]))
    assert put(profile, observation(place=[{"country": "Germany"}, {"country": "DE"}]))["place"] == [{"country": "DE"}]


def test_texts_are_kept_redacted_or_sealed_as_the_profile_says(profile):
    key = bytes(range(32))

    class Sealing:
        def person(self, person: str) -> PersonCoder:
            return PersonCoder(key)

    body = orjson.dumps(
        patient(gender="female", name=[{"text": 'a "quoted" word', "family": "Berg", "given": ["Anna"]}])
    )
    whole = Deidentifier(profile, Sealing(), as_of=AS_OF)
    told = orjson.loads(whole.apply(body, "p").body)
    assert "gender" not in told
    name = told["name"][0]
    assert (name["text"], name["family"]) == ('a "quoted" word', "[redacted]")
    assert "Anna" not in name["given"][0]
    assert PersonCoder(key).unseal(name["given"][0]) == "Anna"
    again = orjson.loads(pickle.loads(pickle.dumps(PersonCoder(key))).seal("Anna").join('""'))
    assert again == name["given"][0] != PersonCoder(bytes(32)).seal("Anna")
    assert b"text" not in whole.apply(body, "p", names=frozenset({"quoted"})).body


def test_a_sealed_text_opens_with_no_other_key_and_unchanged_only():
    sealed = PersonCoder(bytes(range(32))).seal("Anna Berg")
    for other, text in (
        (bytes(32), sealed),
        (bytes(range(32)), "A" + sealed[1:] if sealed[0] != "A" else "B" + sealed[1:]),
    ):
        with pytest.raises(SealBrokenError):
            PersonCoder(other).unseal(text)


def test_listed_extensions_leave_and_others_are_dropped_and_counted(profile):
    body = orjson.dumps(patient(extension=[
        {"url": "urn:smoker", "valueBoolean": True, "id": "Anna"},
        {"url": "urn:unknown", "valueString": "Anna"},
        {"url": "urn:weight", "valueQuantity": {"value": 0, "unit": "kg", "note": "Anna"}},
        {"url": "urn:race", "extension": [{"url": "told", "valueString": "Mrs. Berg"}, {"url": "x", "valueUri": "A"}]},
        {"url": "urn:race", "extension": [{"url": "code", "valueCoding": {"system": "urn:anna", "code": "anna"}}]},
        {"url": "urn:seen", "valueDateTime": "2021-05-03"},
    ])).replace(b'"value":0', b'"value":71.50')  # fmt: skip
    released = Deidentifier(profile, Domain(days=40), as_of=AS_OF).apply(body, "p")
    assert not re.search(rb"anna|berg|unknown", released.body, re.IGNORECASE)
    assert b'"valueQuantity":{"value":71.50,"unit":"kg"}' in released.body
    assert [one["url"] for one in orjson.loads(released.body)["extension"]] == ["urn:smoker", "urn:weight", "urn:seen"]
    assert orjson.loads(released.body)["extension"][2]["valueDateTime"] == "2021-06"
    assert released.dropped > 5


def test_nothing_is_left_of_a_list_of_unknown_extensions(profile):
    assert "extension" not in put(profile, patient(extension=[{"url": "urn:unknown", "valueString": "Anna"}]))
    part = {"extension": [{"url": "urn:unknown", "valueString": "Anna"}]}
    assert "component" not in put(profile, observation(component=[part]))
    kept = {"extension": [{"url": "urn:n", "valueDecimal": 1}]}
    assert put(profile, observation(component=[part, kept]))["component"] == [kept]


@pytest.mark.parametrize(
    ("extension", "code"),
    [
        ([{"url": "urn:other", "valueBoolean": True}], "modifier-extension"),
        ([{"url": "urn:not", "valueBoolean": True}, {"url": "urn:other"}], "modifier-extension"),
        ([{"url": "urn:why", "valueString": "Mrs. Berg"}], "modifier-extension"),
        ([{"url": "urn:not", "valueBoolean": "yes"}], "shape"),
        ({"url": "urn:not"}, "shape"),
        ([{"valueBoolean": True}], "shape"),
    ],
)
def test_a_modifier_that_is_not_wholly_understood_rejects_the_record(profile, extension, code):
    with pytest.raises(Rejected) as refusal:
        put(profile, patient(modifierExtension=extension))
    assert refusal.value.code == code
    assert "Berg" not in str(refusal.value)


def test_a_modifier_that_the_profile_lists_stays(profile):
    modifier = [{"url": "urn:not", "valueBoolean": True}]
    assert put(profile, patient(modifierExtension=modifier))["modifierExtension"] == modifier


def test_a_value_of_a_listed_extension_follows_its_rule_or_rejects_the_record(profile):
    with pytest.raises(Rejected, match="date") as refusal:
        put(profile, patient(extension=[{"url": "urn:seen", "valueDateTime": "Anna"}]))
    assert "Anna" not in str(refusal.value)
