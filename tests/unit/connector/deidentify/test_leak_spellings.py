"""Identifiers are found in the spellings that ordinary records have, and ordinary records are not suspected."""

from __future__ import annotations

import pytest

from connector.deidentify import LeakScanner
from connector.demo.bundles import shipped
from connector.sources.fhir import prepare, read_bundles

KNOWN = ["Jörg Müller", "Müller, Jörg", "+49 30 1234567", "999-12-3456", "A123456789", "Kaiserstraße 12"]
SPELT = {
    "joerg-mueller": "Probe Joerg Mueller", "jorg-muller": "Probe Jorg Muller", "strasse": "Kaiserstrasse 12",
    "soft-hyphen": "M\u00fc\u00adller, J\u00f6rg",
    "no-break-space": "J\u00f6rg\u00a0M\u00fcller",
    "zero-width": "J\u00f6rg\u200b M\u00fcller",
    "hyphens": "999\u201112\u20113456", "dashes": "999\u201312\u20133456",
    "wide-digits": "\uff21\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19",
    "at-home": "030 1234567", "at-home-in-groups": "(030) 123-4567", "abroad": "0049301234567",
    "blanks-between-digits": "+49\u00a030\u00a01234567", "family-as-a-word": "Befund Mueller",
}  # fmt: skip


@pytest.mark.parametrize("spelt", SPELT.values(), ids=SPELT.keys())
def test_it_is_found(spelt: str) -> None:
    line = f'{{"valueString":"{spelt}"}}'.encode()
    assert LeakScanner(KNOWN).scan(line, "")


@pytest.mark.parametrize("exponent", ["e8", "e+08", "e008"])
def test_a_number_is_found_in_scientific_notation(exponent: str) -> None:
    assert LeakScanner(["999-12-3456"]).scan(b'{"value":9.99123456%b}' % exponent.encode(), "")


@pytest.mark.parametrize(
    "harmless", ["Befund M\u00fcll", "030 123456", "1234567.5", "J\u00f6rn Muelle", "999\u201112\u20113457"]
)
def test_what_only_looks_alike_is_not(harmless: str) -> None:
    assert not LeakScanner(KNOWN).scan(f'{{"valueString":"{harmless}"}}'.encode(), "")


def test_nobody_is_found_in_the_records_of_others() -> None:
    bundles = [prepare(file) for file in list(read_bundles(shipped()))[:4]]
    data = b"\n".join(record.body for piece in bundles for record in piece.records)[:2_000_000]
    assert not LeakScanner(KNOWN).scan(data, "")
