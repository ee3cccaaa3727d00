"""Entries: what is committed to, what erasure leaves, and that one row alone tells when it was changed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from connector.provenance.entry import Entry, commit, erase, instant, leaf_bytes, verify_entry
from policy.canonical import canonical
from tests.unit.connector.provenance.sample_log import entry

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(TEXTS, TEXTS, TEXTS)
def test_a_leaf_is_canonical_json_as_an_independent_library_writes_it(at, kind, subject):
    expected = rfc8785.dumps({"subject": subject, "kind": kind, "commitment": "00ff", "at": at})
    assert leaf_bytes(at, kind, subject, "00ff") == expected
    assert canonical({"subject": subject, "kind": kind, "commitment": "00ff", "at": at}) == expected


def test_a_leaf_cannot_hold_what_is_not_unicode():
    with pytest.raises(ValueError, match="surrogates"):
        leaf_bytes("\ud800", "kind", "subject", "00ff")


def test_the_commitment_is_over_salt_and_canonical_body():
    made = entry(7)
    row = commit(made)
    assert row.commitment == sha256(made.salt + rfc8785.dumps(dict(made.body))).hexdigest()
    assert row.leaf_hash == sha256(b"\0" + leaf_bytes(row.at, row.kind, row.subject, row.commitment)).digest()
    assert json.loads(row.body) == made.body
    assert row.at == "2026-03-01T09:30:01.750000Z"


def test_a_committed_row_verifies_before_and_after_erasure():
    row = commit(entry(3))
    assert verify_entry(row) is None
    gone = erase(row)
    assert (gone.salt, gone.body, gone.erased) == (b"", None, True)
    assert verify_entry(gone) is None
    assert gone.leaf_hash == row.leaf_hash


def test_the_same_body_gives_another_leaf_under_another_salt():
    made = entry(3)
    assert commit(made).commitment != commit(replace(made, salt=b"y" * 32)).commitment


def flipped(value, where, bit):
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[where % len(data)] ^= 1 << bit
    return bytes(data) if isinstance(value, bytes) else bytes(data).decode(errors="surrogateescape")


@given(st.sampled_from(["at", "kind", "subject", "commitment", "salt", "body", "leaf_hash"]), st.data())
def test_one_changed_bit_in_any_column_is_found(column, data):
    row = commit(entry(5))
    value = getattr(row, column)
    changed = flipped(value, data.draw(st.integers(0, 500)), data.draw(st.integers(0, 7)))
    assert verify_entry(row._replace(**{column: changed}))


@pytest.mark.parametrize("change", [{"salt": b""}, {"body": None}, {"body": ""}, {"body": "{}"}])
def test_a_half_erased_row_is_bad(change):
    assert "commitment" in verify_entry(commit(entry(5))._replace(**change))


def test_a_byte_moved_from_body_to_salt_is_found():
    row = commit(entry(5))
    assert verify_entry(row._replace(salt=row.salt + row.body[:1].encode(), body=row.body[1:]))


@pytest.mark.parametrize(
    "change",
    [
        {"position": -1},
        {"at": datetime(2026, 3, 1)},  # noqa: DTZ001
        {"at": datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=1)))},
        {"kind": "Release"},
        {"kind": ""},
        {"kind": "release chunk"},
        {"subject": ""},
        {"subject": "x" * 257},
        {"salt": b"short"},
    ],
)
def test_a_malformed_entry_is_refused(change):
    with pytest.raises(ValueError, match="log entry"):
        replace(entry(0), **change)


def test_a_body_with_a_fraction_is_refused():
    with pytest.raises(ValueError, match="canonical"):
        commit(replace(entry(0), body={"heart_rate": 71.5}))


def test_times_are_written_one_way():
    assert instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"
    assert instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))).startswith("2026-01-02T01:04")
    with pytest.raises(ValueError, match="zone"):
        instant(datetime(2026, 1, 2))  # noqa: DTZ001


def test_neither_salt_nor_body_shows_in_a_repr():
    made = Entry(1, datetime(2026, 1, 1, tzinfo=UTC), "view", "urn:uuid:1", {"word": "quokka"}, b"s" * 32)
    for shown in (repr(made), repr(commit(made))):
        assert "quokka" not in shown
        assert "ssss" not in shown
