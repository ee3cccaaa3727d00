"""People of chance: whatever their records say, what leaves still belongs together, and to nobody who can be named."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.deidentify import LeakScanner
from connector.deidentify.forms import names_in
from tests.spec.test_deidentified_patients import literals
from tests.unit.connector.deidentify.coders import research

ME, NAME, NUMBER = "patient-4711-of-ours", "Quentin Sampleton", "8812940031"
IDENTIFIERS = frozenset({ME, NAME, NUMBER, f"Dr. {NAME}"})
NAMES = names_in(IDENTIFIERS)
KINDS = ("Observation", "Encounter", "Condition", "Procedure", "DiagnosticReport")
WHEN = {
    "Observation": "effectiveDateTime", "Condition": "recordedDate", "Procedure": "performedDateTime",
    "DiagnosticReport": "effectiveDateTime",
}  # fmt: skip
REQUIRED = {
    "Observation": {"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}},
    "Encounter": {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    },
    "Condition": {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}},
    "Procedure": {
        "status": "completed", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "80146002"}]},
    },
    "DiagnosticReport": {
        "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "51990-0"}]},
    },
}  # fmt: skip
LEADS = {
    "Observation": "encounter", "Condition": "encounter", "Procedure": "encounter", "DiagnosticReport": "encounter",
}  # fmt: skip
MOMENTS = st.builds(
    lambda second, zone: (datetime(1950, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).astimezone(
        timezone(timedelta(minutes=15 * zone))
    ),
    st.integers(0, 75 * 365 * 86_400), st.integers(-48, 56),
)  # fmt: skip
HIDDEN = st.sampled_from([
    {"text": {"status": "generated", "div": f"<div>{NAME}</div>"}},
    {"identifier": [{"system": "urn:ours", "value": NUMBER}]},
    {"extension": [{"url": "urn:ours", "valueString": NAME}]},
    {"note": [{"text": f"Seen by Dr. {NAME}"}]},
    {"performer": [{"reference": f"Patient/{ME}", "display": NAME}]},
    {"contained": [{"resourceType": "Practitioner", "id": "p", "name": [{"text": NAME}]}]},
    {"meta": {"tag": [{"display": NUMBER}]}},
    {},
])  # fmt: skip


@st.composite
def people(draw: st.DrawFn) -> list[bytes]:
    """The records of one person, each about them and with references to any of the others, and to nothing."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=8))
    named = [(kind, f"{kind.lower()}-{number}") for number, kind in enumerate(kinds)]
    encounters = [f"Encounter/{id}" for kind, id in named if kind == "Encounter"] + ["Encounter/elsewhere"]
    results = [f"Observation/{id}" for kind, id in named if kind == "Observation"] + ["Observation/elsewhere"]
    return [_record(draw, kind, id, encounters, results) for kind, id in named]


def _record(draw: st.DrawFn, kind: str, id: str, encounters: list[str], results: list[str]) -> bytes:
    made = {"resourceType": kind, "id": id, "subject": {"reference": f"Patient/{ME}"}} | REQUIRED[kind] | draw(HIDDEN)
    if kind == "Encounter":
        starts = draw(MOMENTS)
        ends = starts + timedelta(minutes=draw(st.integers(0, 10_000)))
        made["period"] = {"start": starts.isoformat(), "end": ends.isoformat()}
    else:
        made[WHEN[kind]] = draw(MOMENTS).isoformat()
        made[LEADS[kind]] = {"reference": draw(st.sampled_from(encounters)), "display": NAME}
    if kind == "DiagnosticReport":
        made["result"] = [{"reference": one} for one in draw(st.lists(st.sampled_from(results), max_size=4))]
    return orjson.dumps(made, option=orjson.OPT_SORT_KEYS)


def released(records: list[bytes], agreement: bytes = b"one agreement") -> list[bytes]:
    lines = research(key=agreement).lines(records, ME, ME, NAMES)
    assert not [line for line in lines if isinstance(line, str)]
    return lines


def moments(value: dict) -> list[datetime]:
    texts = [value.get(name) for name in sorted(set(WHEN.values()))]
    texts += [value.get("period", {}).get(end) for end in ("start", "end")]
    return [datetime.fromisoformat(text) for text in texts if text]


@given(people())
def test_every_reference_that_resolved_still_resolves(records: list[bytes]) -> None:
    pairs = [(orjson.loads(a), orjson.loads(b)) for a, b in zip(records, released(records), strict=True)]
    ids = {f"{a['resourceType']}/{a['id']}": f"{b['resourceType']}/{b['id']}" for a, b in pairs}
    assert len(set(ids.values())) == len(ids)
    for before, after in pairs:
        led = [ids[text] for text in literals(before) if text in ids]
        assert [text for text in literals(after) if text in set(ids.values())] == led
        assert after["subject"] != before["subject"]


@given(people())
def test_all_intervals_of_a_person_are_unchanged(records: list[bytes]) -> None:
    old, new = (
        [moment for line in lines for moment in moments(orjson.loads(line))] for lines in (records, released(records))
    )
    moved = {after - before for before, after in zip(old, new, strict=True)}
    assert len(moved) == 1
    assert moved.pop().seconds == 0


@given(people(), st.randoms(use_true_random=False))
def test_one_agreement_always_says_the_same_and_two_have_no_code_in_common(records: list[bytes], chance) -> None:
    here, there = released(records), released(records, b"another agreement")
    shuffled = list(range(len(records)))
    chance.shuffle(shuffled)
    again = released([records[place] for place in shuffled])
    assert [again[shuffled.index(place)] for place in range(len(records))] == here
    codes = [set(re.findall(r"[0-9a-f]{32}", b"".join(lines).decode())) for lines in (here, there)]
    assert codes[0]
    assert not codes[0] & codes[1]


@settings(max_examples=200)
@given(people())
def test_no_identifier_is_in_any_byte_that_leaves_and_the_scan_would_have_found_it(records: list[bytes]) -> None:
    scanner = LeakScanner(IDENTIFIERS)
    assert not scanner.scan(b"".join(released(records)), "")
    assert scanner.scan(b"\n".join(records), "")
