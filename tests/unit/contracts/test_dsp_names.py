"""Paths built from identifiers that somebody else chose."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.names import NIL_PID, Role, dataset_path, negotiation_path, transfer_path


def test_paths_are_those_of_the_binding() -> None:
    assert (
        negotiation_path("urn:uuid:1", "/agreement/verification") == "/negotiations/urn:uuid:1/agreement/verification"
    )
    assert transfer_path("5d1c", "/start") == "/transfers/5d1c/start"
    assert dataset_path("CAT0101") == "/catalog/datasets/CAT0101"
    assert negotiation_path(NIL_PID) == "/negotiations/urn:uuid:00000000-0000-0000-0000-000000000000"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in {".", ".."}))
def test_an_identifier_is_always_exactly_one_segment(identifier: str) -> None:
    path = negotiation_path(identifier, "/events")
    root, collection, segment, tail = path.split("/")
    assert (root, collection, tail) == ("", "negotiations", "events")
    assert unquote(segment) == identifier
    assert not set(segment) & set("?#% /\\") - {"%"}


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_an_identifier_that_would_climb_is_refused(identifier: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a path"):
        transfer_path(identifier)


def test_each_role_has_the_other() -> None:
    assert Role.PROVIDER.other is Role.CONSUMER
    assert Role.CONSUMER.other is Role.PROVIDER
