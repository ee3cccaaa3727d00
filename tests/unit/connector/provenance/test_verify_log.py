"""Verification of a stored log: everything somebody could do to it is found, and the entry is named."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.provenance import verify
from connector.provenance.checkpoint import sign_checkpoint
from connector.provenance.entry import SALT_BYTES, Entry, commit, erase
from connector.provenance.merkle import EMPTY_ROOT, CompactRange
from connector.provenance.verify import Tail, verify_log
from tests.unit.connector.provenance.sample_log import SampleLog, entry

COLUMNS = ["at", "kind", "subject", "commitment", "salt", "body", "leaf_hash"]


@pytest.fixture(scope="module")
def log():
    return SampleLog(23, (8, 20))


def verdict(log, rows=None, notes=None, nodes=True):
    rows = log.rows if rows is None else rows
    return verify_log(rows, log.notes if notes is None else notes, log.verifier, log.node if nodes else None)


@pytest.mark.parametrize("size", range(12))
def test_an_untouched_log_holds_at_every_size(size):
    log = SampleLog(size, tuple(range(1, size, 3)))
    found = verdict(log)
    assert (found.ok, found.entries, found.first_bad, found.erased) == (True, size, None, 0)
    assert found.signed == max(log.signed, default=0)


def test_the_tail_is_counted_and_not_called_signed(log):
    found = verdict(log)
    assert (found.entries, found.signed) == (23, 20)
    assert found.what == "23 entries hold, 20 of them signed"


def named(log, *positions):
    """The log with some rows emptied, and one more that says so."""
    said = Entry(23, entry(23).at, "log.erased", "urn:x", {"entries": list(positions)}, bytes(SALT_BYTES))
    return [erase(row) if row.position in (4, 22) else row for row in log.rows] + [commit(said)]


def test_erased_entries_hold_and_are_counted_when_a_later_entry_names_them(log):
    found = verdict(log, named(log, 4, 22), nodes=False)
    assert (found.ok, found.erased) == (True, 2)


@pytest.mark.parametrize(("positions", "bad"), [((), 4), ((4,), 22), ((22,), 4), ((5,), 4)])
def test_an_entry_emptied_without_a_word_is_named(log, positions, bad):
    found = verdict(log, named(log, *positions), nodes=False)
    assert (found.ok, found.first_bad) == (False, bad)
    assert "emptied" in found.what


def test_what_an_emptied_or_earlier_entry_says_explains_nothing(log):
    rows = named(log, 4, 22)
    assert verdict(log, [*rows[:-1], erase(rows[-1])], nodes=False).first_bad == 4
    early = [*log.rows[:-1], named(log, 22)[-1]._replace(position=22)]
    late = commit(replace(entry(23)))
    assert verdict(log, [*early, erase(late)], nodes=False).first_bad == 23


def test_rows_of_a_store_of_which_none_is_signed_do_not_hold(log):
    found = verify_log(log.rows, [], log.verifier, log.node, Tail())
    assert (found.ok, found.first_bad) == (False, 0)
    assert "none of them is signed" in found.what
    assert verify_log([], [], log.verifier, None, Tail()).ok


def test_the_unsigned_tail_of_a_store_is_at_most_one_batch(log, monkeypatch):
    for batch, holds in ((3, True), (2, False)):
        monkeypatch.setattr(verify, "BATCH", batch)
        found = verify_log(log.rows, log.notes, log.verifier, log.node, Tail())
        assert (found.ok, found.first_bad) == (holds, None if holds else 20)


def test_while_a_process_signs_no_entry_waits_longer_than_it_may(log):
    for since, holds in ((log.rows[20].at, True), (log.rows[21].at, False)):
        found = verify_log(log.rows, log.notes, log.verifier, log.node, Tail(since))
        assert (found.ok, found.first_bad) == (holds, None if holds else 20)


@settings(max_examples=300)
@given(st.sampled_from(COLUMNS), st.integers(0, 22), st.data())
def test_one_changed_byte_anywhere_names_its_entry(log, column, position, data):
    value = getattr(log.rows[position], column)
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    where = data.draw(st.integers(0, len(raw) - 1))
    raw[where] ^= data.draw(st.integers(1, 255))
    changed = bytes(raw) if isinstance(value, bytes) else raw.decode(errors="surrogateescape")
    rows = [row._replace(**{column: changed}) if row.position == position else row for row in log.rows]
    found = verdict(log, rows, nodes=data.draw(st.booleans()))
    assert (found.ok, found.first_bad) == (False, position)
    assert f"entry {position} " in found.what


@given(st.integers(0, 21))
def test_a_missing_row_is_named(log, position):
    found = verdict(log, [row for row in log.rows if row.position != position])
    assert (found.ok, found.first_bad) == (False, position)


@given(st.integers(0, 22), st.integers(0, 22))
def test_rows_in_another_order_are_found(log, one, other):
    rows = list(log.rows)
    rows[one], rows[other] = rows[other], rows[one]
    found = verdict(log, rows)
    assert found.ok == (one == other)
    assert found.first_bad == (None if one == other else min(one, other))


def swapped(rows, one, other):
    """The contents of two rows exchanged, their positions kept."""
    places = list(range(len(rows)))
    places[one], places[other] = other, one
    return [rows[place]._replace(position=position) for position, place in enumerate(places)]


@given(st.integers(0, 22), st.integers(0, 22))
def test_swapped_contents_are_named_by_the_stored_tree(log, one, other):
    found = verdict(log, swapped(log.rows, one, other))
    assert found.first_bad == (None if one == other else min(one, other))


@given(st.integers(0, 19), st.integers(0, 19))
def test_swapped_contents_are_found_by_the_signed_root_alone(log, one, other):
    found = verdict(log, swapped(log.rows, one, other), nodes=False)
    assert found.ok == (one == other)
    if one != other:
        # Each row agrees with itself: blamed is the stretch since the last root that matched.
        assert found.first_bad == (0 if min(one, other) < 8 else 8)


@given(st.integers(0, 19))
def test_an_entry_rewritten_with_its_own_hashes_is_found(log, position):
    forged = commit(replace(entry(position), body={"people": 0}))
    rows = [forged if row.position == position else row for row in log.rows]
    assert verdict(log, rows).first_bad == position
    found = verdict(log, rows, nodes=False)
    assert (found.ok, found.first_bad) == (False, 0 if position < 8 else 8)


@pytest.mark.parametrize("left", range(20))
def test_a_truncated_log_names_the_first_lost_entry(log, left):
    found = verdict(log, log.rows[:left])
    assert (found.ok, found.first_bad, found.entries) == (False, left, left)


def test_truncation_of_the_unsigned_tail_shows_in_a_checkpoint_somebody_else_kept(log):
    edge = CompactRange()
    for row in log.rows:
        edge.append(row.leaf_hash)
    kept = sign_checkpoint(23, edge.root(), log.signer)
    assert verdict(log, log.rows[:21]).ok
    assert verdict(log, log.rows[:21], [*log.notes, kept]).first_bad == 21


def test_a_checkpoint_that_states_another_root_is_found(log):
    lie = sign_checkpoint(20, bytes(32), log.signer)
    found = verdict(log, notes=[*log.notes, lie])
    assert (found.ok, found.first_bad) == (False, None)
    assert "different roots" in found.what
    assert not verdict(log, notes=[sign_checkpoint(0, bytes(32), log.signer)]).ok
    assert verdict(log, notes=[sign_checkpoint(0, EMPTY_ROOT, log.signer)]).ok


def test_a_checkpoint_that_is_changed_or_foreign_is_found(log):
    for note in (log.notes[0].replace("\n8\n", "\n9\n"), "no note", log.notes[0].replace("3f9a2c1b", "00000000")):
        found = verdict(log, notes=[note])
        assert (found.ok, found.first_bad) == (False, None)
        assert "checkpoint" in found.what


def test_a_changed_or_missing_tree_node_is_found(log):
    kept = dict(log.nodes)
    try:
        for (level, position), node in kept.items():
            last = ((position + 1) << level) - 1
            log.nodes[level, position] = bytes(32)
            assert verdict(log).first_bad == last
            del log.nodes[level, position]
            found = verdict(log)
            # A leaf after the last checkpoint may wait for the sequencer; nothing else may be missing.
            assert found.ok == (level == 0 and last >= 20)
            log.nodes[level, position] = node
    finally:
        log.nodes.clear()
        log.nodes.update(kept)
    assert verdict(log).ok


def test_an_empty_store_under_a_checkpoint_is_not_an_empty_log(log):
    assert verdict(log, [], [], nodes=False).ok
    assert verdict(log, []).first_bad == 0
