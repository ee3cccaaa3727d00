"""The conflict benchmark (Daham-Mustaf/odrl-benchmark): two policies in one file, and whether they can be kept at once.

What a case is made of, all of it from the set's own files:

- `expected.tsv`: the file, the verdict, and the title of the problem. A row belongs to `odrl/conflict` if its verdict
  is Conflict or Compatible and its file is a pair: two policies, or one with the execution it is held against (a
  comment `# Ground execution: ...`). The other rows are lemmas that a file with one policy only illustrates; files with
  the same text have opposite verdicts there (ODRL620 and 621), so that no reader of the file could tell them apart.
- The title says which of two questions the problem asks: whether the first policy lies within the second (subsumption,
  containment), or else whether both can be kept at once. Nothing else is taken from it.
- `KGConstraints/Axioms`: what is stated about the names, as the verdicts assume. `drk:anchor`: from when on it recurs.
- An operand of which one policy says nothing leaves the answer open (`Silence.EITHER`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from policy.odrl.compatibility import (
    Assumptions,
    Silence,
    Verdict,
    Vocabulary,
    compare,
    satisfiable,
    stays_within,
    vocabulary,
)
from policy.odrl.documents import Document, read_document
from policy.odrl.model import XSD, Literal, Policy
from policy.odrl.vocabulary import ODRL
from tests.vectors.scoring import Case

FOLDER = Path("odrl/conflict-benchmark")
ANCHOR = "http://w3id.org/drk/ontology/anchor"
_NAMED = {None: Verdict.UNKNOWN, True: Verdict.COMPATIBLE, False: Verdict.CONFLICT}


@dataclass(frozen=True, slots=True)
class Row:
    """One problem: its policy file, verdict and title."""

    file: Path
    problem: str
    verdict: str
    title: str


def cases(root: Path) -> Iterator[Case]:
    """Every pair that conflicts or is compatible."""
    for row in rows(root):
        if row.verdict in {"Conflict", "Compatible"} and pair(row):
            yield Case(row.problem, partial(check, row, root))


def rows(root: Path) -> list[Row]:
    """Every problem of the set whose file is there."""
    table = root / FOLDER / "expected.tsv"
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as lines:
        found = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    listed = [Row(root / FOLDER / one["policy_file"], one["problem"], one["verdict"], one["title"]) for one in found]
    return [row for row in listed if row.file.is_file()]


def check(row: Row, root: Path) -> None:
    """Compare what the file holds."""
    came = answer(row, root)
    assert came.value == row.verdict.lower(), f"expected {row.verdict}, came {came.value}: {row.title}"


def pair(row: Row) -> bool:
    """Whether the file holds two sides to compare."""
    return len(_document(row.file).policies) == 2 or bool(execution(row.file))


def answer(row: Row, root: Path) -> Verdict:
    """What we say of a file: of its two policies, or of one and what has been done or is asked."""
    document = _document(row.file)
    assumed = Assumptions(
        silence=Silence.EITHER,
        known=axioms(root / FOLDER / "KGConstraints" / "Axioms"),
        anchors=_anchors(document),
        facts=execution(row.file) or requested(row.file, document),
    )
    policies = [_without_anchors(policy) for policy in document.policies]
    if len(policies) == 1:
        return _NAMED[satisfiable(policies[0], assumptions=assumed)]
    first, second = policies
    return _within(first, second, assumed) if contained(row) else compare(first, second, assumptions=assumed).verdict


# --- the two questions ------------------------------------------------------------------------------------------------

_CONTAINED = re.compile("⊆|⊄|subsum|contain", re.IGNORECASE)


def contained(row: Row) -> bool:
    """Whether the problem asks if the first policy lies within the second."""
    return _CONTAINED.search(row.title) is not None


def _within(narrow: Policy, wide: Policy, assumed: Assumptions) -> Verdict:
    met = compare(wide, narrow, assumptions=assumed).verdict
    if met is not Verdict.COMPATIBLE:
        return met
    mine, theirs = ([term for rule in one.permissions for term in rule.terms] for one in (narrow, wide))
    return _NAMED[stays_within(mine, theirs, assumptions=assumed)]


# --- what is given with the policies ----------------------------------------------------------------------------------


@cache
def _document(file: Path) -> Document:
    return read_document(file.read_bytes(), "text/turtle")


def _anchors(document: Document) -> Mapping[str, Literal]:
    stated = [(node, value) for node, key, value in document.rest if str(key) == ANCHOR]
    return {node.n3().strip("<>"): Literal(str(value), str(getattr(value, "datatype", ""))) for node, value in stated}


def _without_anchors(policy: Policy) -> Policy:
    return replace(policy, unknown=tuple(place for place in policy.unknown if not place.endswith(ANCHOR)))


_EXECUTION = re.compile(r"(?m)^#\s*Ground execution:(.*)$")
_SEGMENT = re.compile(r"\[(-?[\d.]+),\s*(-?[\d.]+)\]")
_STATED = re.compile(r"(\w+)\s*=\s*(-?[\d.]*\d)")
_REQUESTED = re.compile(r"(?m)^#\s*request rho:(.*)$")


def execution(file: Path) -> Mapping[str, Literal]:
    """What a file says was done, in days: the time elapsed since its start, metered, and since its trigger."""
    line = _EXECUTION.search(file.read_text("utf-8"))
    if line is None:
        return {}
    stated = {key: float(value) for key, value in _STATED.findall(line[1])}
    segments = [float(end) - float(start) for start, end in _SEGMENT.findall(line[1])]
    found = {"meteredTime": sum(segments)} if segments else {}
    for key, since in (("elapsedTime", "start"), ("delayPeriod", "trig")):
        if since in stated and "now" in stated:
            found[key] = stated["now"] - stated[since]
    return {f"{ODRL}{key}": Literal(f"PT{days * 86_400:.0f}S", f"{XSD}duration") for key, days in found.items()}


def requested(file: Path, document: Document) -> Mapping[str, Literal]:
    """What a file says is asked for at run time: values of operands, named by the end of their names."""
    line = _REQUESTED.search(file.read_text("utf-8"))
    lefts = {name for policy in document.policies for name in _operands(policy)}
    stated = _STATED.findall(line[1]) if line else []
    return {
        left: Literal(value, f"{XSD}decimal")
        for key, value in stated
        for left in lefts
        if left.lower().endswith(key.lower())
    }


def _operands(policy: Policy) -> Iterator[str]:
    waiting = [term for rule in policy.permissions for term in rule.terms]
    while waiting:
        term = waiting.pop()
        if hasattr(term, "parts"):
            waiting.extend(term.parts)
        else:
            yield term.left


# --- the axioms -------------------------------------------------------------------------------------------------------

_AXIOM = re.compile(r"(?m)^fof\(\w+, axiom, kge_(leq|disjoint|concept)\((\w+)(?:, (\w+))?\)\)\.")
_FEATURE = re.compile(r"(?m)^%\s+(gn_\w+)\s+=\s+(\d+)")
_PREFIXES = {"dpv": "https://w3id.org/dpv#", "bcp": "https://tools.ietf.org/html/bcp47#"}


@cache
def axioms(folder: Path) -> Vocabulary:
    """What the axiom files state about names; a constant is the name that it abbreviates."""
    texts = [file.read_text("utf-8") for file in sorted(folder.glob("*.ax"))] if folder.is_dir() else []
    features = {
        name: f"https://sws.geonames.org/{number}/" for text in texts for name, number in _FEATURE.findall(text)
    }
    stated = [
        (kind, features.get(one) or _iri(one), features.get(other) or _iri(other))
        for text in texts
        for kind, one, other in _AXIOM.findall(text)
    ]
    return vocabulary(
        [(one, other) for kind, one, other in stated if kind == "leq"],
        [(one, other) for kind, one, other in stated if kind == "disjoint"],
        [one for kind, one, _ in stated if kind == "concept"],
    )


def _iri(constant: str) -> str:
    prefix, _, name = constant.partition("_")
    words = name.split("_")
    return _PREFIXES.get(prefix, f"{prefix}:") + (name if prefix == "bcp" else "".join(map(str.capitalize, words)))


BARS = {"odrl/conflict": 0.95}
"""Two pairs have one text and opposite verdicts, and one is called unknown by its own file."""

SETS = {"odrl/conflict": cases}
