"""A steward's own profile, looked through before it is used: every fault with its line, and where it keeps more.

A profile that keeps a narrative, a name, an address, a number by which somebody is known, or a free text is refused,
unless its list `keeps` names that element: then whoever wrote it meant it, and whoever reviews it sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from connector.deidentify.comparing import Said, leaves
from connector.deidentify.profile import FHIR, Profile, ProfileError, load_profile, read_profile
from connector.deidentify.shapes import Shape

USUAL = "research-standard"
_BELONGS: dict[str, Callable[[Shape, Sequence[str]], bool]] = {
    "label": lambda *_: False,
    "version": lambda *_: False,
    "coded": lambda *_: True,
    "unit": lambda shape, _: shape.element("decimal") is not None,
    "samples": lambda shape, _: shape.element("decimal") is not None,
    "region": lambda _, steps: "address" in steps,
}
"""Rules under which words or numbers somebody wrote can leave, and where they belong when no code is beside them."""
_TEXTS = frozenset(_BELONGS)
_NAMING = frozenset({
    "name", "family", "given", "prefix", "suffix", "telecom", "identifier", "photo", "contact", "line", "city",
    "district", "postalCode", "text", "div", "note", "comment", "description", "title", "authorString", "author",
    "serialNumber", "lotNumber", "deviceIdentifier", "udiCarrier", "username", "alias",
})  # fmt: skip
"""Elements of FHIR that name people, places or things of theirs, or hold free text."""
_TRUE_DATES = frozenset({"moment"})
_LIFE = frozenset({"birthDate", "deceasedDateTime", "bornDate", "deceasedDate"})
# How much a rule tells, from nothing to everything; only rules of one kind are ever compared.
_TELLING = {
    "remove": 0, "masked": 0, "redact": 0, "sealed": 1, "band of 10": 2, "band of 5": 3, "calendar year": 4, "year": 4,
    "age band of 10": 2, "age band of 5": 3, "age": 4, "month": 5, "date": 6, "moment": 8, "text": 9,
}  # fmt: skip
_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^."'\s]+))\s*(?:\.|$)""")
_AT_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to say about a profile file: the line it is about (0: the whole file), and what."""

    line: int
    words: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of looking through a profile: it can be used when there are no faults. `warnings` are for reviewers."""

    profile: Profile | None
    faults: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def check(text: str) -> Checked:
    """Look through the text of a profile file. Never raises."""
    lines = Lines(text)
    try:
        profile = read_profile(text)
    except ProfileError as problem:
        return Checked(
            None, tuple(sorted(Finding(lines.of(where, words), words) for where, words in problem.faults)), ()
        )
    faults, warnings = _once(_unmarked(profile, lines)), _once(_looser(profile, lines))
    return Checked(None if faults else profile, faults, warnings)


def _once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(dict.fromkeys(findings)))


def _unmarked(profile: Profile, lines: Lines) -> Iterator[Finding]:
    """What a profile may keep only on purpose."""
    for release, said in _everything(profile):
        if (what := _naming(said)) and not _marked(said.path, profile.keeps):
            words = f'{said.path} keeps {what}: remove it, or write keeps = ["{said.path}"] where you mean it'
            yield Finding(lines.of(said.place, "", release), words)


def _naming(said: Said) -> str:
    """What is kept of somebody in plain words, "" if nothing."""
    rule, steps = said.element.rule, said.path.replace("(", ".").split(".")
    coded = said.shape.element("coded") is not None and "identifier" not in steps
    if rule == "text":
        return "a text as it is"
    if rule in _TRUE_DATES and steps[-1] in _LIFE:
        return "the true date of a birth or death"
    if rule not in _TEXTS or coded:
        return ""  # a code, its words and its version are judged together by the terminologies
    if not _NAMING.isdisjoint(steps):
        return "what names somebody, or free text"
    return "" if _BELONGS[rule](said.shape, steps) else f"words by the rule {rule} where they do not belong"


def _marked(path: str, keeps: Iterable[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in keeps)


def _looser(profile: Profile, lines: Lines) -> Iterator[Finding]:
    """Where it keeps more than the usual profile does, and what it marks without need."""
    said_all = list(_everything(profile))
    for one in profile.keeps:
        if not any(_marked(said.path, [one]) for _, said in said_all):
            yield Finding(lines.of("keeps"), f"keeps names {one}, which is not kept")
    usual = load_profile(USUAL)
    if profile.format != FHIR:
        return
    known = {release: {said.path: said for said in leaves(usual, release)} for release in profile.releases}
    for release, said in said_all:
        line, ours = lines.of(said.place, "", release), known[release].get(said.path)
        if ours is None:
            yield Finding(line, f"{said.path} is kept ({said.rule}); {USUAL} drops it")
        elif _TELLING.get(said.element.rule, 7) > _TELLING.get(ours.element.rule, 7):
            yield Finding(line, f"{said.path} is kept as {said.rule}; {USUAL} has {ours.rule}")
    for system in sorted(set(profile.terminologies()) - set(usual.terminologies())):
        yield Finding(lines.of(f"terminologies.{system}"), f"codes of {system} are kept; {USUAL} does not know it")


def _everything(profile: Profile) -> Iterator[tuple[str, Said]]:
    for release in (one for one in profile.releases or ("R4",) if one != "R4B"):
        for said in leaves(profile, release):
            yield release, said


class Lines:
    """On which line of a TOML file a table or key stands, by its place (names joined by dots)."""

    def __init__(self, text: str) -> None:
        self._known: dict[str, int] = {}
        table = ""
        for number, line in enumerate(text.splitlines(), 1):
            if (header := _HEADER.match(line)) and "=" not in line:
                table = _joined(header[1])
                self._known.setdefault(table, number)
            elif key := _KEY.match(line):
                place = _joined(key[1])
                self._known.setdefault(f"{table}.{place}" if table else place, number)

    def of(self, place: str, words: str = "", release: str = "R4") -> int:
        """The line of a place, or of the nearest place around it; where `words` name a line, that one."""
        if told := _AT_LINE.search(words):
            return int(told[1])
        tries = ["r5." + place, place] if release == "R5" else [place, "r5." + place]
        for one in tries:
            if one in self._known:
                return self._known[one]
        around = place.rpartition(".")[0]
        return self.of(around, words, release) if around else 0


def _joined(key: str) -> str:
    parts = (next(part for part in match.groups() if part is not None) for match in _PART.finditer(key))
    return ".".join(parts)
