"""Every packaged profile on public FHIR records: what leaves holds no identifier, and what it promises about dates."""

import importlib
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import orjson
import pytest

from connector.deidentify import Deidentifier, LeakScanner, Rejected, load_profile
from connector.deidentify.forms import names_in
from connector.sources.folder import pieces
from tests.house.tree import REPOSITORY
from tests.unit.connector.deidentify.coders import AS_OF, Domain

SHARED = REPOSITORY.parent / "shared" / "data" / "fhir"
SHIPPED = REPOSITORY / "connector" / "demo" / "data" / "bundles"
FOLDERS = {name: SHARED / name for name in ("synthea-r4", "ips", "examples-r4", "bulk-10", "phd-devices", "mii-kds")}
PROFILES = ("research-standard", "research-minimal", "safe-harbor")
ALL = [(folder, name) for folder in ("shipped", *FOLDERS) for name in PROFILES]
DATE = re.compile(rb'"((?:1[89]|20)\d\d-\d\d(?:-\d\d(?:T[^"]*)?)?)"')
LABEL = re.compile(rb'"display"')
POSTCODE = re.compile(rb'"postalCode":"([^"]*)"')
NOT_OURS = {"withheld-type", "unknown-type"}
STRANGE = {"Patient: shape", "Device: no-subject"}
"""One public Patient says active as a text; a Device that names no patient is about nobody."""


@dataclass
class Outcome:
    released: list[bytes] = field(default_factory=list)
    before: list[bytes] = field(default_factory=list)
    refused: Counter = field(default_factory=Counter)
    leaks: int = 0


@cache
def outcome(folder: str, name: str) -> Outcome:
    path: Path = SHIPPED if folder == "shipped" else FOLDERS[folder]
    if not path.is_dir():
        pytest.skip(f"{path.name} is not beside this repository")
    deidentifier, came = Deidentifier(load_profile(name), Domain(), as_of=AS_OF), Outcome()
    for piece in pieces(path, lambda _: True):
        if piece.prepared is not None:
            released = []
            for record in piece.prepared.records:
                try:
                    body = deidentifier.apply(
                        record.body, record.subject or "nobody", names=names_in(piece.prepared.identifiers)
                    ).body
                except Rejected as refusal:
                    came.refused[f"{record.resource_type}: {refusal.code}"] += 1
                else:
                    released.append(body)
                    came.before.append(record.body)
            came.leaks += len(LeakScanner(piece.prepared.identifiers).scan(b"\n".join(released), "released"))
            came.released += released
    return came


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_no_identifier_of_anybody_leaves_and_nothing_known_is_refused(folder, name):
    came = outcome(folder, name)
    assert came.leaks == 0
    assert len(came.released) >= 10
    assert {why for why in came.refused if why.split(": ")[1] not in NOT_OURS} <= STRANGE


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_numbers_keep_their_digits_and_nothing_is_left_empty(folder, name):
    number = re.compile(rb'":(-?[0-9][0-9.eE+-]*)')
    banded = {b"0", b"90"} | {b"%d" % age for age in range(0, 90, 5)}
    came = outcome(folder, name)
    for before, after in zip(came.before, came.released, strict=True):
        assert not set(number.findall(after)) - set(number.findall(before)) - banded
        assert b"{}" not in after
        assert b"[]" not in after


@pytest.mark.parametrize("folder", ["shipped", *FOLDERS])
def test_the_minimal_profile_tells_no_day_no_label_and_no_region(folder):
    came = outcome(folder, "research-minimal")
    together = b"\n".join(came.released)
    assert {len(text) for text in DATE.findall(together)} <= {len("2021-05")}
    assert not LABEL.search(together)
    assert b'"state"' not in together
    years = re.findall(rb'"birthDate":"([^"]*)"', together)
    assert all(int(year) % 5 == 0 for year in years)


@pytest.mark.parametrize("folder", ["shipped", *FOLDERS])
def test_safe_harbor_tells_years_only_and_postcodes_by_three_digits(folder):
    together = b"\n".join(outcome(folder, "safe-harbor").released)
    assert DATE.findall(together) == []
    assert {len(text) for text in POSTCODE.findall(together)} <= {3}
    assert not set(POSTCODE.findall(together)) & {
        b"036",
        b"059",
        b"102",
        b"203",
        b"205",
        b"369",
        b"556",
        b"692",
        b"753",
    }


def test_safe_harbor_keeps_a_postcode_of_a_large_area_and_the_true_year():
    together = b"\n".join(outcome("shipped", "safe-harbor").released)
    assert POSTCODE.search(together)
    before = b"\n".join(outcome("shipped", "safe-harbor").before)
    years = set(re.findall(rb'"effectiveDateTime":"(\d{4})"', together))
    assert years
    assert years <= set(re.findall(rb'"effectiveDateTime":"(\d{4})-', before))


@pytest.mark.parametrize("name", PROFILES)
def test_what_leaves_is_fhir_where_the_input_was(name):
    """The twin is fhir.resources; a sample, since it is slow."""
    seen: Counter[str] = Counter()
    came = outcome("shipped", name)
    for before, after in zip(came.before, came.released, strict=True):
        kind = orjson.loads(after)["resourceType"]
        seen[kind] += 1
        if seen[kind] <= 4 and is_fhir(orjson.loads(before)):
            assert is_fhir(orjson.loads(after)), kind


def is_fhir(resource: dict) -> bool:
    kind = resource["resourceType"]
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    try:
        model.model_validate(resource)
    except ValueError:
        return False
    return True
