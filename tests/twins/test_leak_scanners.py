"""The fast scanner finds what the plain one finds, at the same bytes: in records as they came, and in planted ones."""

from base64 import b64encode
from unicodedata import normalize
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.deidentify import LeakScanner
from connector.demo.bundles import shipped
from connector.sources.fhir import prepare, read_bundles
from tests.twins.plain_scanner import LeakScanner as PlainScanner

KNOWN = [
    "27de96c6-6910-4f0f-8f10-00ce6090f447", "Agustín Fonseca", "Fonseca, Agustín", "Li, Bo", "Kuhn, Ada", "Björk, Eva",
    "586 Hilll Ranch Unit 68", "555-929-9025", "+1-555-000-0000", "5086793131", "S99945994", "anna.berg@example.org",
    "MRN-0471", "1994-02-01", "2004-11-30", "170", "51", "7", "example", "Ærø", "Straße 12/3",
]  # fmt: skip
FAST, PLAIN = LeakScanner(KNOWN), PlainScanner(KNOWN)
PIECES = [
    *KNOWN, "Fonseca", "Kuhn", "Björk", "Li", '"', "\\", "/", "Patient/", "Practitioner/", '":"', '{"id":"',
    '{"value":"', '{"family":"', '","text":"', '"unit":"', '"birthDate":"', "dob ", " ", ".", "-", "e9",
    ":", "1", "0", "01.02.1994", "1 February 1994", "19940201", "5559299025", "(555) 929 9025", "5.086793131e9", "µ",
    "É", "%41", "\\u0041",
]  # fmt: skip
DISGUISES = {
    "plain": str.encode,
    "capitals": lambda text: text.upper().encode(),
    "decomposed": lambda text: normalize("NFD", text).encode(),
    "percent": lambda text: quote(text, safe="").encode(),
    "base64": lambda text: b64encode(b"x" * (len(text) % 3) + text.encode()),
    "escaped": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
}


def found(scanner, data):
    return {(leak.offset, leak.kind) for leak in scanner.scan(data, "f")}


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(sorted(DISGUISES))), max_size=14))
def test_the_fast_one_finds_all_that_the_plain_one_finds_in_what_is_put_together_of_identifiers(pieces):
    data = b"".join(DISGUISES[disguise](piece) for piece, disguise in pieces)
    fast, plain = found(FAST, data), found(PLAIN, data)
    assert {offset for offset, _ in plain} <= {offset for offset, _ in fast}


@given(st.binary(max_size=300), st.sampled_from(KNOWN), st.integers(0, 300))
def test_the_fast_one_finds_all_that_the_plain_one_finds_among_any_bytes(data, identifier, at):
    data = data[:at] + identifier.encode() + data[at:]
    assert {offset for offset, _ in found(PLAIN, data)} <= {offset for offset, _ in found(FAST, data)}


@pytest.mark.parametrize("number", range(0, 29, 7))
def test_both_find_the_same_in_records_as_they_came_in(number):
    piece = prepare(list(read_bundles(shipped()))[number])
    data = b"\n".join(record.body for record in piece.records)[:300_000]
    fast, plain = LeakScanner(piece.identifiers).scan(data, "f"), PlainScanner(piece.identifiers).scan(data, "f")
    assert len(fast) > 30
    assert {(leak.offset, leak.kind) for leak in fast} == {(leak.offset, leak.kind) for leak in plain}
