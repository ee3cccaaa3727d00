"""The scan finds what is planted, in every disguise and place, and stays quiet about what only looks alike."""

from base64 import b64encode, urlsafe_b64encode
from unicodedata import normalize
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.deidentify import LeakScanner

UUID = "27de96c6-6910-4f0f-8f10-00ce6090f447"
KNOWN = [
    UUID,
    "Agustín Fonseca",
    "Fonseca, Agustín",
    "586 Hilll Ranch Unit 68",
    "555-929-9025",
    "5086793131",
    "anna.berg@example.org",
    "Li Wei Xu",
    "MRN-0471",
    "1994-02-01",
    "170",
    "example",
]
STRONG = KNOWN[:9]
SCANNER = LeakScanner(KNOWN)

DISGUISES = {
    "plain": str.encode,
    "capitals": lambda text: text.upper().encode(),
    "small": lambda text: text.lower().encode(),
    "json": lambda text: orjson.dumps(text)[1:-1],
    "json-ascii": lambda text: "".join(f"\\u{ord(c):04X}" if ord(c) > 126 else c for c in text).encode(),
    "json-all": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
    "percent": lambda text: quote(text, safe="").encode(),
    "percent-small": lambda text: quote(text, safe="").lower().encode(),
    "plus": lambda text: quote_plus(text).encode(),
    "percent-all": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "decomposed": lambda text: normalize("NFD", text).encode(),
}


def found(data: bytes) -> list[str]:
    return [leak.kind for leak in SCANNER.scan(data, "f")]


@pytest.mark.parametrize("identifier", STRONG)
@pytest.mark.parametrize("disguise", DISGUISES)
@given(before=st.text('{}[]":,abé ', max_size=12), after=st.text('{}[]":,abé%\\ ', max_size=12))
def test_an_identifier_is_found_in_every_disguise(identifier, disguise, before, after):
    planted = DISGUISES[disguise](identifier)
    assert found(before.encode() + planted + after.encode())


@pytest.mark.parametrize("identifier", STRONG)
@given(before=st.binary(max_size=20), after=st.binary(max_size=20), safe=st.booleans(), tail=st.booleans())
def test_an_identifier_is_found_inside_base64_at_every_alignment(identifier, before, after, safe, tail):
    encode = urlsafe_b64encode if safe else b64encode
    encoded = encode(before + identifier.encode() + after)
    assert "base64" in found(b'{"data":"' + (encoded if tail else encoded.rstrip(b"=")) + b'"}')


@given(st.text('xyzXYZ_ {}[]",:é\n', max_size=200), st.sampled_from(STRONG), st.text("xyz é", max_size=50))
def test_where_an_identifier_was_found_is_where_it_is(before, identifier, after):
    leaks = SCANNER.scan(f"{before} {identifier} {after}".encode(), "batch-7")
    assert [(leak.where, leak.offset) for leak in leaks] == [("batch-7", len(before.encode()) + 1)]


def test_offsets_count_bytes_of_the_data_even_after_letters_that_change_their_length():
    before = 'ẞİ %41 \\u0041 "'.encode()
    assert [leak.offset for leak in SCANNER.scan(before + UUID.encode(), "f")] == [len(before)]


ELEMENTS = {
    "id": {"id": "{}"},
    "reference": {"subject": {"reference": "Patient/{}"}},
    "absolute reference": {"subject": {"reference": "https://host/fhir/Patient/{}/_history/1"}},
    "identifier": {"identifier": [{"system": "urn:x", "value": "{}"}]},
    "narrative": {"text": {"div": "<div>seen: {}.</div>"}},
    "note": {"note": [{"text": "a note about {} and more"}]},
    "display": {"subject": {"display": "{}"}},
    "extension": {"extension": [{"url": "u", "valueString": "{}"}]},
    "sibling": {"_birthDate": {"extension": [{"url": "u", "valueString": "{}"}]}},
    "contained": {"contained": [{"resourceType": "Patient", "name": [{"text": "{}"}]}]},
    "fullUrl": {"entry": [{"fullUrl": "urn:uuid:{}"}]},
    "conditional reference": {"subject": {"reference": "Patient?identifier=urn:x|{}"}},
}


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("identifier", STRONG)
def test_an_identifier_is_found_in_every_kind_of_element(element, identifier):
    assert found(orjson.dumps(ELEMENTS[element]).replace(b"{}", orjson.dumps(identifier)[1:-1]))


@pytest.mark.parametrize(
    "data",
    [
        b'{"identifier":[{"value":"170"}]}',
        b'{"id": "170"}',
        b'{"reference":"Practitioner/170"}',
        b'"Practitioner\\/170"',
        b'{"id":"Example"}',
        b'{"family":"FONSECA"}',
        '{"family":"fonseca","given":["Agust\u00edn"]}'.encode(),
    ],
)
def test_a_short_identifier_is_found_as_a_whole_value_where_identifiers_stand(data):
    assert found(data) in (["value"], ["json-escape"])


@pytest.mark.parametrize(
    "data",
    [
        b'{"value":170,"code":"170"}',
        b'{"value":1.170}',
        b'{"reference":"Encounter/170"}',
        b'{"reference":"Practitioner/1700"}',
        b'{"system":"http://example.org/example"}',
        b'{"display":"Fonseca procedure"}',
        b'{"value":15086793131.5}',
        b'{"value":0.50867931311}',
    ],
)
def test_what_only_looks_like_a_short_identifier_is_no_leak(data):
    assert found(data) == []


@pytest.mark.parametrize(
    "data",
    [
        b'{"birthDate":"1994-02-01"}',
        b'{"birthDate" : "1994-02-01T00:00:00Z"}',
        b"date_of_birth=1994-02-01",
        b"DOB: 1994-02-01",
    ],
)
def test_a_birth_date_is_found_beside_its_name(data):
    assert found(data) == ["birth-date"]


def test_a_birth_date_is_found_in_base64():
    assert found(b64encode(b"born 1994-02-01 in")) == ["base64"]


@pytest.mark.parametrize("digits", ["5559299025", "(555) 929 9025", "555.929.9025", "+1-555-929-9025", "555 9299025"])
@pytest.mark.parametrize("around", ['{"value":%s}', '{"value":%s.0}', '{"unit":"call %s now"}', '"%s"'])
def test_a_number_is_found_however_its_digits_are_grouped(digits, around):
    assert set(found((around % digits).encode())) & {"number", "plain"}


@pytest.mark.parametrize("data", [b'{"value":5.559299025e9}', b'{"value":5559299025E0}', b'{"value":55592990250e-1}'])
def test_a_number_is_found_in_scientific_notation(data):
    assert found(data) == ["number"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"value":15559299025}',
        b'{"value":5559299.025}',
        b'{"value":5559299025.5}',
        b'{"value":0.5559299025}',
    ],
)
def test_the_same_digits_in_another_number_are_no_leak(data):
    assert found(data) == []


BIRTHS = [
    "19940201",
    "01.02.1994",
    "1.2.1994",
    "02/01/1994",
    "2/1/1994",
    "1 February 1994",
    "Feb 1, 1994",
    "1994/02/01",
]


@pytest.mark.parametrize("spelling", BIRTHS)
def test_a_birth_date_is_found_in_other_spellings(spelling):
    assert found(f'{{"unit":"born {spelling}"}}'.encode()) == ["birth-date"]


def test_a_birth_date_is_found_as_a_number_but_not_in_a_longer_one():
    assert found(b'{"value":19940201}') == ["birth-date"]
    for data in (b'{"value":119940201}', b'{"value":0.19940201}', b'{"code":"11.2.1994"}', b'{"code":"3.1.2.1994"}'):
        assert found(data) == []


@pytest.mark.parametrize("element", ["unit", "text", "state", "country", "valueString", "value"])
def test_a_family_name_is_found_as_a_word_of_a_text(element):
    assert found(f'{{"{element}":"Hb of Mr. FONSECA, husband"}}'.encode()) == ["name"]
    assert found(f'{{"{element}":"fonsecaphil"}}'.encode()) == []


def test_a_clinical_date_on_a_birthday_is_no_leak():
    assert found(b'{"effectiveDateTime":"1994-02-01","birthDate":"1995-02-01"}') == []


def test_a_find_never_says_what_was_found():
    assert "27de" not in repr(SCANNER.scan(UUID.encode(), "f"))


def test_nothing_known_finds_nothing():
    assert LeakScanner([]).scan(b"anything at all", "f") == []
    assert LeakScanner(["", "  "]).scan(b'{"id":""}', "f") == []


@given(st.binary(max_size=400))
def test_any_bytes_can_be_scanned(data):
    SCANNER.scan(data, "f")
