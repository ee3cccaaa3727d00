"""The `acr` claim as a level of assurance: what is not known is low, what is not stated is nothing."""

from __future__ import annotations

import pytest

from connector.identity.people.assurance import assurance_of


@pytest.mark.parametrize(
    ("acr", "level"),
    [
        ("low", "low"), ("substantial", "substantial"), ("high", "high"), (" High ", "high"),
        ("http://eidas.europa.eu/LoA/substantial", "substantial"),
        ("http://eidas.europa.eu/NotNotified/LoA/high", "high"), ("eidas-loa-low", "low"), ("loa-high", "high"),
        ("0", "low"), ("1", "low"), ("2", "low"), ("3", "substantial"), ("4", "high"),
        ("", ""), ("  ", ""),
        ("gold", "low"), ("5", "low"), ("http://eidas.europa.eu/LoA/", "low"), ("substantially", "low"),
        ("http://evil.example/LoA/high", "low"),
    ],
)  # fmt: skip
def test_an_acr_is_read_as_a_level(acr, level):
    assert assurance_of(acr) == level
