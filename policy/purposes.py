"""Purposes of use: DPV 2.3 with its EHDS and health-sector extensions, and the question whether one covers another.

The vocabulary states what is broader, never that two purposes exclude each other. So the answer has three values:
True (stated), False (the request is broader than the offer), None (nobody has said). Whoever asks treats None as no.
Only full IRIs and the bundled prefixes are understood, never bare names (Tractus-X issue 1299 shows why).
"""

import json
from collections import deque
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

from policy.canonical import digest

DPV = "https://w3id.org/dpv#"
EHDS = "https://w3id.org/dpv/legal/eu/ehds#"
HEALTH = "https://w3id.org/dpv/sector/health#"

PREFIXES: Mapping[str, str] = MappingProxyType({"dpv": DPV, "eu-ehds": EHDS, "sector-health": HEALTH})


class Purpose(NamedTuple):
    """One purpose: its IRI, English label and every broader purpose, direct or not, without itself."""

    iri: str
    label: str
    broader: frozenset[str]


def purpose(term: str) -> Purpose | None:
    """Return the purpose that a full IRI or prefixed term (``dpv:AcademicResearch``) names, or None if unknown."""
    return _vocabulary().get(expand(term))


def expand(term: str) -> str:
    """Return the full IRI of a term with a bundled prefix; any other text comes back unchanged."""
    prefix, colon, name = term.partition(":")
    return PREFIXES[prefix] + name if colon and prefix in PREFIXES else term


def label(term: str) -> str:
    """Return the English words for a purpose, in lower case where it is not a name; the text itself if unknown."""
    found = purpose(term)
    if found is None:
        return term
    return "any purpose" if found.iri == f"{DPV}Purpose" else _plain(found.label)


def covers(offered: str, requested: str) -> bool | None:
    """Say whether data offered for one purpose may be used for another: stated yes, stated broader, or unknown."""
    wide, narrow = purpose(offered), purpose(requested)
    if wide is None or narrow is None:
        return None
    if wide.iri == narrow.iri or wide.iri in narrow.broader:
        return True
    return False if narrow.iri in wide.broader else None


def covered_by_any(offered: Iterable[str], requested: str) -> bool | None:
    """Say whether at least one offered purpose covers the requested one; None outweighs False."""
    answers = {covers(one, requested) for one in offered}
    if True in answers:
        return True
    return None if None in answers else False


@cache
def reference_digest() -> str:
    """Return the digest of the packaged vocabulary, stored with every decision (reference S19)."""
    return digest({iri: {"label": one.label, "broader": sorted(one.broader)} for iri, one in _vocabulary().items()})


@cache
def _vocabulary() -> Mapping[str, Purpose]:
    text = resources.files("policy").joinpath("data/purposes.json").read_text("utf-8")
    stated = json.loads(text)
    broader = {iri: entry["broader"] for iri, entry in stated.items()}
    return MappingProxyType(
        {iri: Purpose(iri, entry["label"], _ancestors(iri, broader)) for iri, entry in stated.items()}
    )


def _ancestors(iri: str, broader: Mapping[str, list[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = deque(broader[iri])
    while waiting:
        parent = waiting.popleft()
        if parent not in found:
            found.add(parent)
            waiting.extend(broader.get(parent, ()))
    return frozenset(found - {iri})


def _plain(text: str) -> str:
    # "AI Systems" and "IPR" keep their capitals, "Academic Research" reads as common words.
    return " ".join(word if word[1:] != word[1:].lower() else word.lower() for word in text.split())
