"""`concord transfers` at a participant that nobody serves: it can be looked at, and not moved."""

from __future__ import annotations

import pytest


def test_transfers_are_listed_also_when_nobody_serves(hospital, concord):
    said = concord("transfers", "list", "--directory", hospital, "--json")
    assert (said.code, said.value) == (0, [])
    assert "There is no transfer." in concord("transfers", "list", "--directory", hospital).out


def test_an_unknown_transfer_is_an_input_error_in_one_line(hospital, concord):
    said = concord("transfers", "show", "urn:uuid:none", "--directory", hospital)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "no such transfer" in said.err


@pytest.mark.parametrize("verb", [("suspend", "--reason", "A question."), ("resume",), ("end",)])
def test_a_transfer_is_moved_only_while_the_other_side_can_be_told(hospital, concord, verb):
    name, *options = verb
    said = concord("transfers", name, "urn:uuid:none", *options, "--directory", hospital)
    assert said.code == 2
    assert "concord serve" in said.err


def test_a_pause_needs_its_reason(hospital, concord):
    assert concord("transfers", "suspend", "urn:uuid:none", "--directory", hospital).code == 2
