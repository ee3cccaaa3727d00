"""A new participant's directory: private, whole or not there, and never made twice."""

from __future__ import annotations

import stat

import pytest

from connector.founding import STORE_FILE, VAULT, found, slug
from connector.problems import Problem
from connector.settings import load


def test_a_founded_directory_has_usable_settings(tmp_path):
    made = found(tmp_path / "h", 'St. "Elisabeth"\nHospital', "hospital", 8080)
    settings = load(tmp_path / "h")
    assert (settings.participant_id, settings.name, settings.role) == (made.id, 'St. "Elisabeth"\nHospital', "hospital")
    assert (settings.port, settings.public_url) == (8080, made.url)


def test_nobody_else_may_look_into_a_founded_directory(tmp_path):
    found(tmp_path / "h", "Hospital", "hospital", 8080)
    for path in [tmp_path / "h", *(tmp_path / "h").rglob("*")]:
        if path.name != "concord.toml":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path.name


def test_founding_twice_is_refused_and_changes_nothing(tmp_path):
    found(tmp_path / "h", "Hospital", "hospital", 8080)
    before = {path: path.read_bytes() for path in (tmp_path / "h").rglob("*") if path.is_file()}
    with pytest.raises(Problem) as refused:
        found(tmp_path / "h", "Other", "wallet", 8081)
    assert refused.value.status == 409
    assert {path: path.read_bytes() for path in (tmp_path / "h").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("gone", [[], [STORE_FILE]])
def test_a_founding_that_was_interrupted_is_taken_up_with_the_same_keys(tmp_path, gone):
    first = found(tmp_path / "h", "Hospital", "hospital", 8080)
    for name in ["concord.toml", *gone]:
        (tmp_path / "h" / name).unlink()
    assert (tmp_path / "h" / VAULT).is_dir()
    assert found(tmp_path / "h", "Hospital", "hospital", 8080) == first


@pytest.mark.parametrize(
    ("name", "expected"),
    [("St. Elisabeth Hospital", "st-elisabeth-hospital"), ("Zürich  Universitätsspital", "zurich-universitatsspital"),
     ("病院", "participant"), ("--", "participant"), ("A" * 99, "a" * 40)],
)  # fmt: skip
def test_a_name_becomes_a_slug(name, expected):
    assert slug(name) == expected
