"""Planted in any element of a record, in any disguise, an identifier is found, and the find names where it stands."""

from base64 import b64encode
from datetime import date
from unicodedata import normalize
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.deidentify import Leak, LeakScanner, load_profile, preparing
from connector.deidentify.leaks import scan_together
from connector.deidentify.leaks_places import MOST_PLACES, names, path, places
from connector.ports import Parcel, Place, Task
from connector.vault import PersonCoder

NAME, NUMBER, UUID, STREET = (
    "Agustín Fonseca",
    "555-929-9025",
    "27de96c6-6910-4f0f-8f10-00ce6090f447",
    "586 Hill Road 68",
)
BORN, MAIL, SHORT = "1994-02-01", "anna.berg@example.org", "170"
KNOWN = [NAME, NUMBER, UUID, STREET, BORN, MAIL, SHORT, "Fonseca, Agustín"]
SCANNER = LeakScanner(KNOWN)
PROFILE = load_profile("research-standard")

# Element kind: a record with {} in it, what is planted there, and the path that must be told.
ELEMENTS = {
    "contained": (
        {"contained": [{"resourceType": "Patient", "name": [{"text": "{}"}]}]}, NAME, "contained[0].name[0].text",
    ),
    "extension": ({"extension": [{"url": "u", "valueString": "{}"}]}, NAME, "extension[0].valueString"),
    "extension address": ({"extension": [{"url": "http://x/{}"}]}, UUID, "extension[0].url"),
    "modifier extension": (
        {"modifierExtension": [{"url": "u", "valueCode": "{}"}]}, UUID, "modifierExtension[0].valueCode",
    ),
    "birth date": ({"birthDate": "{}"}, BORN, "birthDate"),
    "sibling": (
        {"_birthDate": {"extension": [{"url": "u", "valueString": "born {}"}]}}, "01.02.1994",
        "_birthDate.extension[0].valueString",
    ),
    "narrative": ({"text": {"status": "generated", "div": "<div xmlns=\"x\">of {}!</div>"}}, NAME, "text.div"),
    "display": ({"subject": {"display": "{}"}}, NAME, "subject.display"),
    "identifier of a reference": (
        {"subject": {"identifier": {"system": "s", "value": "{}"}}}, NUMBER, "subject.identifier.value",
    ),
    "full url": ({"entry": [{"fullUrl": "x"}, {"fullUrl": "urn:uuid:{}"}]}, UUID, "entry[1].fullUrl"),
    "conditional reference": ({"subject": {"reference": "Patient?identifier=urn:x|{}"}}, NUMBER, "subject.reference"),
    "versioned reference": ({"subject": {"reference": "Patient/{}/_history/3"}}, SHORT, "subject.reference"),
    "absolute reference": ({"subject": {"reference": "https://h/fhir/Patient/{}"}}, UUID, "subject.reference"),
    "attachment title": ({"photo": [{"title": "{}.jpg"}]}, NAME, "photo[0].title"),
    "attachment data": (
        {"content": [{"attachment": {"data": b64encode(f"Dear {NAME},".encode()).decode()}}]}, "",
        "content[0].attachment.data",
    ),
    "attachment address": (
        {"content": [{"attachment": {"url": "https://h/{}"}}]}, quote(NAME), "content[0].attachment.url",
    ),
    "binary": ({"data": b64encode(f"  {STREET} ".encode()).decode()}, "", "data"),
    "sampled data": ({"valueSampledData": {"data": "1 2 {} 3"}}, NUMBER.replace("-", " "), "valueSampledData.data"),
    "id": ({"id": "{}"}, SHORT, "id"),
    "identifier": ({"identifier": [{"system": "urn:x", "value": "{}"}]}, SHORT, "identifier[0].value"),
    "family name": ({"name": [{"family": "{}"}]}, "FONSECA", "name[0].family"),
    "telecom": ({"telecom": [{"system": "email", "value": "{}"}]}, MAIL, "telecom[0].value"),
    "address": ({"address": [{"line": ["x", "{}"]}]}, STREET, "address[0].line[1]"),
    "number": ({"valueQuantity": {"value": 5559299025}}, "", "valueQuantity.value"),
    "note": ({"note": [{"text": "a"}, {"text": "seen with {} today"}]}, NAME, "note[1].text"),
    "meta": ({"meta": {"tag": [{"code": "{}"}]}}, UUID, "meta.tag[0].code"),
}  # fmt: skip


def record(parts, planted, kind="Observation"):
    return orjson.dumps({"resourceType": kind, **parts}).replace(b"{}", orjson.dumps(planted)[1:-1]) + b"\n"


CLEAN = record({"id": "732c59e0-3a31-809c-8f1b-bd7ae1f60765", "code": {"text": "µ"}}, "")


def told(lines):
    return places(lines, SCANNER.scan(b"".join(lines), "f"))


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_find_names_the_kind_of_record_and_the_element(element):
    parts, planted, where = ELEMENTS[element]
    found = told([CLEAN, record(parts, planted), CLEAN])
    assert {(place.resource_type, place.path) for place in found} == {("Observation", where)}
    assert told([CLEAN]) == ()


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_profile_that_lets_everything_through_is_caught(element, monkeypatch):
    """Everything as in a release, but that records pass as they are: nothing but the scan stands before the door."""
    monkeypatch.setattr(preparing.Deidentifier, "lines", lambda _self, records, *_: [one + b"\n" for one in records])
    parts, planted, where = ELEMENTS[element]
    ann = Parcel(PersonCoder(b"a" * 32), "4711", (CLEAN, record(parts, planted)), tuple(KNOWN))
    ben = Parcel(PersonCoder(b"b" * 32), "4712", (CLEAN, CLEAN), ("Ben Mayer", "4712", "555-111-2222"))
    task = Task(PROFILE.name, PROFILE.digest, date(2026, 11, 22), (ben, ann, ben))
    first, second, third = preparing.prepare(task)
    assert {(place.resource_type, place.path) for place in second.leaks} == {("Observation", where)}
    assert (first.leaks, third.leaks) == ((), ())


def test_what_names_somebody_else_of_the_batch_is_found_unless_it_is_an_everyday_word():
    strong, short = record({"note": [{"text": NUMBER}]}, ""), record({"id": SHORT, "note": [{"text": "Fonseca"}]}, "")
    found = scan_together([(KNOWN, CLEAN), (["Ben Mayer"], CLEAN + strong), (["Eva Moe"], short)])
    assert [[leak.kind for leak in leaks] for leaks in found] == [[], ["plain"], []]
    assert found[1][0].offset == (CLEAN + strong).index(NUMBER.encode())
    assert [leak.kind for leak in scan_together([(KNOWN, short)])[0]] == ["value", "name"]
    assert scan_together([]) == []


def test_a_find_in_a_data_point_names_the_element():
    line = orjson.dumps({"header": {"id": "x", "schema_id": {"name": "heart-rate"}, "user_id": SHORT}, "body": {}})
    assert told([line + b"\n"]) == (Place("value", "DataPoint", "header.user_id"),)


def test_a_key_or_kind_that_no_standard_has_is_not_shown():
    line = record({"Agustin": {"shoe": [NAME], NAME: 1}}, "", kind="Fonseca")
    assert {(place.resource_type, place.path) for place in told([line])} == {("?", "?.?[0]"), ("?", "?.?")}


def test_where_a_line_cannot_be_read_is_told_as_far_as_it_can_be():
    assert told([b'{"name": "' + UUID.encode()]) == (Place("plain", "?", "name"),)
    assert told([UUID.encode() + b"\n"]) == (Place("plain", "?", "?"),)
    assert places([], [Leak("plain", "f", 3)]) == (Place("plain", "?", "?"),)


def test_very_many_places_are_told_shortly():
    lines = [record({"component": [{"id": "x"}] * number + [{"id": SHORT}]}, "") for number in range(MOST_PLACES + 20)]
    found = told(lines)
    assert len(found) == MOST_PLACES + 1
    assert found[-1] == Place("value", "?", "?")


def test_places_never_hold_what_was_found():
    found = told([record(parts, planted) for parts, planted, _ in ELEMENTS.values()])
    assert not SCANNER.scan(repr(found).encode(), "f")


KEYS = sorted(names("fhir") - {"resourceType", "birthDate", "contained"})[::7]
WORDS = st.sampled_from(
    ["final", "8867-4", "http://loinc.org", "2019-03-04T10:11:12Z", "mm[Hg]", "%", 'a "b"', "é", ""]
)
UUIDS = st.uuids(version=4).map(str)
LEAVES = WORDS | UUIDS | st.integers(0, 10**6) | st.floats(0, 1e3, allow_nan=False) | st.booleans()
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.sampled_from(KEYS), TREES, min_size=1, max_size=4)
DISGUISES = {
    "plain": str,
    "capitals": str.upper,
    "small": str.lower,
    "decomposed": lambda text: normalize("NFD", text),
    "percent": lambda text: quote(text, safe=""),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 one on": lambda text: b64encode(b"x" + text.encode()).decode(),
    "base64 two on": lambda text: b64encode(b"xy" + text.encode() + b"z").decode(),
}
STRONG = [
    *((text, disguise) for text in (NAME, NUMBER, UUID, STREET, MAIL) for disguise in DISGUISES),
    *((text, "plain") for text in ("5559299025", "(555) 929 90 25", "555.929.9025", "01/02/1994", "1 Feb 1994")),
    *((text, "plain") for text in ("19940201", "February 1, 1994", "1994/02/01", "2-1-1994")),
]


def leaves(tree, way=""):
    """Every text in a record: its container, its key there, and its path."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        here = f"{way}[{key}]" if isinstance(key, int) else f"{way}.{key}" if way else key
        if isinstance(value, (dict, list)):
            yield from leaves(value, here)
        elif isinstance(value, str):
            yield tree, key, here


@given(
    RECORDS, st.sampled_from(STRONG), st.sampled_from(["", "x ", '"', "é "]), st.sampled_from(["", " y", "/", "é"]),
    st.booleans(), st.data(),
)  # fmt: skip
def test_any_identifier_in_any_text_of_any_record_is_found_where_it_is(tree, hidden, before, after, escaped, data):
    texts = list(leaves(tree))
    if not texts:
        tree["text"], texts = "", [(tree, "text", "text")]
    container, key, where = data.draw(st.sampled_from(texts))
    text, disguise = hidden
    container[key] = before + DISGUISES[disguise](text) + after
    line = orjson.dumps({"resourceType": "Condition", **tree})
    if escaped:
        line = "".join(f"\\u{ord(c):04x}" if ord(c) > 126 else c for c in line.decode()).encode()
    found = told([CLEAN, line + b"\n"])
    assert (where, "Condition") in {(place.path, place.resource_type) for place in found}


@given(RECORDS)
def test_records_without_an_identifier_are_quiet(tree):
    assert told([record(tree, "")]) == ()


@given(st.lists(UUIDS | st.integers(10**6, 10**17).map(str), max_size=40))
def test_other_ids_and_codes_are_quiet(texts):
    known = {"27de96c6-6910-4f0f-8f10-00ce6090f447", "5559299025", "19940201"}
    line = orjson.dumps({"id": "x", "code": [{"code": text} for text in texts if text not in known]})
    assert SCANNER.scan(line, "f") == []


@given(RECORDS)
def test_a_path_leads_to_the_value_it_names(tree):
    line = orjson.dumps(tree)
    for container, key, where in list(leaves(tree)):
        marked, container[key] = container[key], "qqqqqq"
        line = orjson.dumps(tree)
        assert path(line, line.index(b"qqqqqq")) == where
        container[key] = marked


@pytest.mark.parametrize("shift", range(-40, 12))
@pytest.mark.parametrize("known", [NAME, SHORT, NUMBER, "Fonseca, Ada", "7"])
def test_what_stands_where_two_blocks_meet_is_found(known, shift):
    """The scan works in blocks of 128 KiB: a find may begin in one and end in the next."""
    key = b'{"id":"x","family":"' if "," in known else b'{"id":"x","value":"'
    before = b'{"note":[' + b" " * (128 * 1024 + shift - 30) + key
    data = before + known.partition(",")[0].encode() + b'"}]}\n'
    assert [leak.offset for leak in LeakScanner([known]).scan(data, "f")] == [len(before)]


@pytest.mark.parametrize(
    ("known", "written", "kind"),
    [
        ("555-929-9025", "5559299024.7e0", "number"),
        ("555-929-9000", "5.559299e9", "number"),
        ("555-000-0000", "5.55e9", "number"),
        ("Tom O'Brien-Smith", '"Tom O&#39;Brien-Smith"', "entity"),
        ("Eva Müller 3", '"Eva M&uuml;ller 3"', "entity"),
        ("Eva Müller 3", '"EVA M&Uuml;LLER 3"', "entity"),
        ("Tom O'Brien-Smith", '"Tom%20O\\u0027Brien-Smith"', "url"),
        ("Tom O'Brien-Smith", '"Tom\\u0020O\\u0026#x27;Brien-Smith"', "entity"),
        ("12 Main Road\nFlat 3", '"12 Main Road\\nFlat 3"', "json-escape"),
    ],
)
def test_it_is_found_through_any_way_of_writing_it(known, written, kind):
    line = b'{"resourceType":"Basic","x":1}\n{"value":%b}\n' % written.encode()
    (leak,) = LeakScanner([known]).scan(line, "f")
    assert (leak.kind, line[leak.offset - 9 :][:8]) in ((kind, b'"value":'), (kind, b'{"value"'))
