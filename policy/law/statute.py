"""What the law lists: permitted and prohibited uses (Regulation (EU) 2025/327, art. 53, 54, 61), places, grounds.

Everything is read from `data/law.json`; which EHDS purpose stands under which letter of art. 53(1) is stated by DPV
itself and read from `data/purposes.json`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from policy.canonical import digest
from policy.decision import Regime
from policy.instants import instant
from policy.purposes import DPV, covered_by_any, expand, label, packaged, purpose, touches, unstated

GDPR = "https://w3id.org/dpv/legal/eu/gdpr#"


class Prohibited(NamedTuple):
    """One use that the law forbids: the article (with its letter) that does, and the words for it."""

    article: str
    words: str


class Adequacy(NamedTuple):
    """A decision of the Commission that a country protects data well enough (GDPR art. 45), and when it ends.

    `only` names whom it is limited to; empty where it holds for every recipient.
    """

    decision: str
    until: datetime | None
    only: str


class Ground(NamedTuple):
    """A ground on which data may leave without such a decision (GDPR art. 46 and 49), and under which regimes."""

    words: str
    regimes: frozenset[Regime]


@cache
def permitted_purposes(letters: str = "abcdef") -> tuple[str, ...]:
    """Return the purposes of art. 53(1) under any of these letters, in order."""
    stated = packaged("purposes.json")
    return tuple(iri for iri, entry in stated.items() if entry.get("article53", "-") in letters)


@cache
def open_letters(public_body: bool) -> str:
    """Return the letters of art. 53(1) open to such a holder of a permit; (a) to (c) are kept for public bodies."""
    return "".join(letter for letter, entry in _law()["article53"].items() if public_body or not entry["public_bodies"])


@lru_cache(maxsize=256)
def prohibited(asked: tuple[str, ...]) -> tuple[Prohibited, ...]:
    """Return what is forbidden among these purposes; a purpose so broad that it takes in such a use is one."""
    return tuple(
        Prohibited(article, entry["words"])
        for article, entry in _forbidden_uses()
        if any(touches(use, one) for use in entry["uses"] for one in asked)
    )


@lru_cache(maxsize=256)
def unplaced(asked: tuple[str, ...]) -> tuple[str, ...]:
    """Name each purpose of which nobody has stated what kind it is, as a missing statement.

    It may be one that is prohibited, only spelt in another way.
    """
    strangers = [one for one in asked if purpose(one) is None]
    return unstated((f"{DPV}Purpose",), strangers)


def outside_article_53(purposes: Iterable[str], letters: str) -> tuple[str, ...]:
    """Name each purpose that is not stated to be one of art. 53(1) under these letters, as a missing statement."""
    lawful = permitted_purposes(letters)
    named = ", ".join(f"({letter})" for letter in letters)
    return tuple(
        f"Nobody has stated that {label(one)[:200]} is a purpose of art. 53(1) {named}."
        for one in purposes
        if covered_by_any(lawful, one) is not True
    )


def may_set_opt_out_aside(purposes: Iterable[str]) -> bool:
    """Whether every purpose is one for which national law may set an opt-out aside (art. 71(4)); no purpose is none."""
    stated = _law()["article71"]
    allowed = (*permitted_purposes("".join(stated["letters"])), *stated["research"])
    asked = tuple(purposes)
    return bool(asked) and all(covered_by_any(allowed, one) is True for one in asked)


def longest_years() -> int:
    """Return for how many years a permit may be given, and extended once (art. 68(12))."""
    years: int = _law()["article68"]["years"]
    return years


def in_eea(country: str) -> bool:
    """Whether an ISO 3166 code is a country of the European Economic Area."""
    return country in _law()["eea"]


def countries(place: str) -> tuple[str, ...]:
    """Return the countries a place takes in: those of ``EEA`` or ``EU``, else the one its ISO 3166 code names."""
    eea: list[str] = _law()["eea"]
    regions = {"EEA": tuple(eea), "EU": tuple(code for code in eea if code not in _law()["eea_outside_eu"])}
    return regions.get(place, (place,))


@cache
def adequacy() -> Mapping[str, Adequacy]:
    """Return the Commission's decisions by ISO 3166 code."""
    return MappingProxyType({code: _adequacy(entry) for code, entry in _law()["adequate"].items()})


@cache
def transfer_grounds() -> Mapping[str, Ground]:
    """Return the grounds for a transfer by their IRI in DPV's extension for the GDPR."""
    stated = _law()["transfer_grounds"]
    return MappingProxyType({GDPR + name.partition(":")[2]: _ground(entry) for name, entry in stated.items()})


@cache
def reference_digest() -> str:
    """Return the digest of the law as it is packaged, stored with every decision (reference S19)."""
    return digest(_law())


@cache
def _law() -> dict[str, Any]:
    law = packaged("law.json")
    for entry in (*law["article54"].values(), law["article61"]):
        entry["uses"] = [expand(use) for use in entry["uses"]]
    return law


def _forbidden_uses() -> Iterator[tuple[str, dict[str, Any]]]:
    for letter, entry in _law()["article54"].items():
        yield f"54({letter})", entry
    yield "61", _law()["article61"]


def _adequacy(entry: Mapping[str, Any]) -> Adequacy:
    return Adequacy(entry["decision"], instant(entry["until"]) if "until" in entry else None, entry.get("only", ""))


def _ground(entry: Mapping[str, Any]) -> Ground:
    return Ground(entry["words"], frozenset(Regime(one) for one in entry.get("regimes", Regime)))
