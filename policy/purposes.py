"""Purposes of use: DPV 2.3 with its EHDS and health extensions, GA4GH DUO, HL7's purpose of use and a few of our own.

The question is whether one covers another. The vocabularies state what is broader, never that two siblings exclude
each other. So the answer has three values: True (stated), False (the request is broader than the offer), None (nobody
has said). Whoever asks treats None as no, and :func:`unstated` says which statement is missing.

`data/purposes.json` holds what the vocabularies themselves state, `data/relations.json` what is stated between them or
follows from a definition, each with its source. Two terms for one purpose are one purpose here (``obo:DUO_0000006`` and
``duodrl:HMB``). Only full IRIs and the bundled prefixes are understood, never bare names (Tractus-X issue 1299 shows
why). Every question is one look-up in a table that is made once.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, NamedTuple

from policy.canonical import digest
from policy.closure import above

DPV = "https://w3id.org/dpv#"
EHDS = "https://w3id.org/dpv/legal/eu/ehds#"
HEALTH = "https://w3id.org/dpv/sector/health#"
DUODRL = "https://w3id.org/duodrl#"
OBO = "http://purl.obolibrary.org/obo/"
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason#"
CONCORD = "https://w3id.org/concord/ns#"

PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "dpv": DPV,
        "eu-ehds": EHDS,
        "sector-health": HEALTH,
        "duodrl": DUODRL,
        "obo": OBO,
        "v3-ActReason": ACT_REASON,
        "concord": CONCORD,
    }
)

LONGEST_SHOWN = 200


class Purpose(NamedTuple):
    """One purpose: its IRI, English label and every broader purpose, direct or not, without itself."""

    iri: str
    label: str
    broader: frozenset[str]


def purpose(term: str) -> Purpose | None:
    """Return the purpose that a full IRI or prefixed term (``dpv:AcademicResearch``) names, or None if unknown."""
    return _table().terms.get(term)


def known() -> tuple[str, ...]:
    """Return the IRI of every purpose there is, one for each, in order."""
    return tuple(sorted({one.iri for one in _table().terms.values()}))


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
    terms = _table().terms
    wide, narrow = terms.get(offered), terms.get(requested)
    if wide is None or narrow is None:
        return None
    if wide is narrow or wide.iri in narrow.broader:
        return True
    return False if narrow.iri in wide.broader else None


def covered_by_any(offered: Iterable[str], requested: str) -> bool | None:
    """Say whether at least one offered purpose covers the requested one; None outweighs False."""
    answers = {covers(one, requested) for one in offered}
    if True in answers:
        return True
    return None if None in answers else False


def covering(requested: str) -> frozenset[str]:
    """Return every term whose offer covers the request, in each way it can be written; empty for an unknown purpose.

    For asking many at once: ``offered in covering(requested)`` is ``covers(offered, requested) is True``.
    """
    return _table().covering.get(requested, frozenset())


def apart(one: str, other: str) -> bool:
    """Whether a definition states that the two purposes exclude each other (``duodrl:HMB`` and ``duodrl:POA``).

    It holds for the purpose that was defined so against the other and all within that, and for nothing else.
    """
    first, second = purpose(one), purpose(other)
    return first is not None and second is not None and (_excludes(first, second) or _excludes(second, first))


def touches(one: str, other: str) -> bool:
    """Whether one of the two is known to take in the other, in whichever direction."""
    return covers(one, other) is not None


def unstated(offered: Iterable[str], requested: Iterable[str]) -> tuple[str, ...]:
    """Name each statement that is missing for the requested purposes to be covered by those on offer, as a sentence.

    What is certainly not covered, because the request is broader, misses no statement and is not named.
    """
    offers = tuple(offered)
    return tuple(dict.fromkeys(_gap(offers, asked) for asked in requested if covered_by_any(offers, asked) is None))


@cache
def reference_digest() -> str:
    """Return the digest of the packaged vocabularies, stored with every decision (reference S19)."""
    table = _table()
    found = {term: {"is": one.iri, "label": one.label, "broader": sorted(one.broader)} for term, one in table.written()}
    return digest({"purposes": found, "apart": [sorted(pair) for pair in sorted(table.apart)]})


class _Table(NamedTuple):
    terms: Mapping[str, Purpose]
    covering: Mapping[str, frozenset[str]]
    apart: frozenset[tuple[str, str]]

    def written(self) -> Iterator[tuple[str, Purpose]]:
        """Yield each full IRI with its purpose, in order."""
        return ((term, self.terms[term]) for term in sorted(self.terms) if expand(term) == term)


@cache
def _table() -> _Table:
    stated, between = packaged("purposes.json"), packaged("relations.json")
    same = {iri: entry["same"] for iri, entry in stated.items() if "same" in entry}
    same |= {expand(one["term"]): expand(one["purpose"]) for one in between["same"]}
    purposes = _purposes(stated, between, same)
    names = {iri: purposes[_last(iri, same)] for iri in (*purposes, *same)}
    terms = names | {short: found for iri, found in names.items() for short in _short(iri)}
    written: dict[str, set[str]] = {}
    for term, found in terms.items():
        written.setdefault(found.iri, set()).add(term)
    wide = {one.iri: _every(written, one) for one in names.values()}
    excluded = frozenset((expand(one["one"]), expand(one["other"])) for one in between["apart"])
    return _Table(MappingProxyType(terms), {term: wide[found.iri] for term, found in terms.items()}, excluded)


def _every(written: Mapping[str, set[str]], one: Purpose) -> frozenset[str]:
    return frozenset(term for iri in (one.iri, *one.broader) for term in written.get(iri, ()))


def packaged(name: str) -> dict[str, Any]:
    """Return the content of a packaged JSON file."""
    value: dict[str, Any] = json.loads(resources.files("policy").joinpath(f"data/{name}").read_text("utf-8"))
    return value


def _purposes(stated: Mapping[str, Any], between: Mapping[str, Any], same: Mapping[str, str]) -> dict[str, Purpose]:
    entries = dict(stated) | {expand(term): entry for term, entry in between["purposes"].items()}
    broader: dict[str, set[str]] = {}
    for iri, entry in entries.items():
        broader.setdefault(_last(iri, same), set()).update(_last(expand(one), same) for one in entry["broader"])
    for one in between["broader"]:
        broader[_last(expand(one["narrow"]), same)].add(_last(expand(one["wide"]), same))
    return {iri: Purpose(iri, entries[iri]["label"], above(broader, iri) - {iri}) for iri in sorted(broader)}


def _last(iri: str, same: Mapping[str, str]) -> str:
    # obo:DUO_0000046 is duodrl:NCU, which is dpv:NonCommercialResearch.
    for _ in same:
        iri = same.get(iri, iri)
    return iri


def _short(iri: str) -> Iterator[str]:
    return (f"{prefix}:{iri[len(start) :]}" for prefix, start in PREFIXES.items() if iri.startswith(start))


def _excludes(defined: Purpose, other: Purpose) -> bool:
    return any((defined.iri, iri) in _table().apart for iri in (other.iri, *other.broader))


def _gap(offers: tuple[str, ...], asked: str) -> str:
    if purpose(asked) is None:
        return f"Nobody has stated what kind of purpose {asked[:LONGEST_SHOWN]} is."
    open_ones = dict.fromkeys(label(one)[:LONGEST_SHOWN] for one in offers if covers(one, asked) is None)
    return f"Nobody has stated whether {label(asked)} is a kind of {' or '.join(open_ones)}."


def _plain(text: str) -> str:
    # "AI Systems" and "IPR" keep their capitals, "Academic Research" reads as common words.
    return " ".join(word if word[1:] != word[1:].lower() else word.lower() for word in text.split())
