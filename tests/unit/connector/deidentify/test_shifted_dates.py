"""Dates of one person move together, told in UTC: intervals and precision stay, and no zone is left."""

import re
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.deidentify import Rejected
from tests.unit.connector.deidentify.coders import AS_OF, research

SHIFTS = st.integers(-180, 180).filter(bool)
DAYS = st.dates(date(AS_OF.year - 89, 1, 1), date(2100, 12, 31))
ZONES = st.sampled_from(["Z", "+00:00", "-05:00", "+14:00", "-11:30", "+05:45"])
TIMES = st.builds("T{:02d}:{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
FRACTIONS = st.sampled_from(["", ".1", ".453", ".000001"])


def released(text: str, days: int) -> dict:
    body = {
        "resourceType": "Observation",
        "id": "1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": text,
    }
    return orjson.loads(research(days).apply(orjson.dumps(body), "p").body)


@given(DAYS, DAYS, SHIFTS, TIMES, TIMES, ZONES, ZONES, FRACTIONS)
def test_intervals_between_the_dates_of_a_person_are_unchanged(one, other, days, at, then, here, there, fraction):
    before = [f"{one}{at}{fraction}{here}", f"{other}{then}{fraction}{there}"]
    after = [released(text, days)["effectiveDateTime"] for text in before]
    for old, new in zip(before, after, strict=True):
        assert re.fullmatch(r"T\d\d:\d\d", new[10:16])
        assert new[16:] == f"{old[16:19]}{fraction}Z"
    moments = [datetime.fromisoformat(text).astimezone(UTC) for text in (*before, *after)]
    assert moments[3] - moments[2] == moments[1] - moments[0]
    assert moments[2] - moments[0] == timedelta(days)


@given(DAYS, SHIFTS)
def test_summer_and_winter_look_alike_after_the_move(day, days):
    summer, winter = released(f"{day}T12:00:00-04:00", days), released(f"{day}T12:00:00-05:00", days)
    assert [text["effectiveDateTime"][-1] for text in (summer, winter)] == ["Z", "Z"]


def test_a_moment_near_midnight_takes_its_day_along():
    assert released("2020-12-31T23:30:00-05:00", 1)["effectiveDateTime"] == "2021-01-02T04:30:00Z"
    assert released("2021-01-01T00:15:59.50+01:00", 1)["effectiveDateTime"] == "2021-01-01T23:15:59.50Z"


@given(DAYS, SHIFTS)
def test_a_day_moves_by_the_days_of_the_person(day, days):
    assert released(day.isoformat(), days)["effectiveDateTime"] == (day + timedelta(days)).isoformat()


@given(DAYS, SHIFTS, st.integers(0, 60))
def test_months_move_by_whole_months_and_keep_their_distance(day, days, later):
    def shifted(months: int) -> int:
        year, month = divmod(months, 12)
        text = released(f"{year:04d}-{month + 1:02d}", days)["effectiveDateTime"]
        assert re.fullmatch(r"\d{4}-\d\d", text)
        return int(text[:4]) * 12 + int(text[5:]) - 1

    start = day.year * 12 + day.month - 1
    assert shifted(start + later) - shifted(start) == later
    assert abs(shifted(start) - start) <= 6


@given(st.integers(AS_OF.year - 89, 2100), SHIFTS)
def test_a_year_alone_stays(year, days):
    assert released(str(year), days)["effectiveDateTime"] == str(year)


@given(SHIFTS)
def test_for_ever_stays_for_ever(days):
    assert released("9999-12-31", days)["effectiveDateTime"] == "9999-12-31"
    assert released("9999-12-31T23:59:59Z", days)["effectiveDateTime"] == "9999-12-31T23:59:59Z"


def test_a_date_that_tells_an_age_above_89_is_dropped():
    last_told = f"{AS_OF.year - 89}-01-01"
    assert "effectiveDateTime" in released(last_told, 1)
    for text in ("1936-12-31", "1936", "1936-12", "1915-02-03T10:00:00Z"):
        assert "effectiveDateTime" not in released(text, 1)


def test_a_required_date_that_must_go_says_that_it_was_masked():
    body = {
        "resourceType": "Immunization",
        "id": "1",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "patient": {"reference": "Patient/p"},
        "occurrenceDateTime": "1920-01-01",
    }
    after = orjson.loads(research().apply(orjson.dumps(body), "p").body)
    assert "occurrenceDateTime" not in after
    assert after["_occurrenceDateTime"]["extension"][0]["valueCode"] == "masked"


@pytest.mark.parametrize(
    "text",
    [
        "2020-13-01",
        "2020-02-30",
        "2020-1-1",
        "20200101",
        "2020-W01-1",
        "2020-01-01 Anna",
        "2020-01-01T25",
        "2020-01-01T25:00:00Z",
        "2020-01-01T10:60:00Z",
        "2020-01-01T10:00:00+15:00",
        "２０２０-01-01",
        "2020-01-01T10:00:00Z\n",
        "",
    ],
)
def test_what_is_no_date_rejects_the_record_and_is_not_repeated(text):
    with pytest.raises(Rejected) as refusal:
        released(text, 1)
    assert (refusal.value.code, refusal.value.pointer) == ("date", "/effectiveDateTime")
    assert str(refusal.value) == "date at /effectiveDateTime"
