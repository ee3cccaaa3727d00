"""Profiles: named, versioned, reviewable allow-lists, identified in a contract by the digest of what they say.

The digest is the SHA-256 of the canonical JSON (RFC 8785) of the file's content, so comments and layout may change
without a new version while no rule can.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import NamedTuple, TypeVar, cast

from connector.deidentify.shapes import RELEASES, Fault, ProfileError, Shape, read_shapes
from policy.canonical import Json, NotCanonicalError, digest

__all__ = ["Postcodes", "Profile", "ProfileError", "load_profile", "packaged_profiles", "read_profile"]

FORMATS = ("fhir-r4", "open-mhealth")
FHIR = FORMATS[0]
LONGEST_TEXT = 1024 * 1024
_KEYS = frozenset({
    "name", "version", "format", "title", "summary", "withheld", "regions", "postcodes", "keeps", "risk",
    "terminologies", "types", "resources", "r5",
})  # fmt: skip
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 60
_RISK = frozenset({"quasi", "sensitive"})
T = TypeVar("T")


class Postcodes(NamedTuple):
    """What of a country's postcodes may leave: the first `keep` characters, unless few people live there.

    `countries` are the codes by which an address names the country, `form` what a whole postcode looks like (a regular
    expression), `small` the areas with too few people, `instead` what is written for one of these.
    """

    countries: tuple[str, ...]
    form: str
    keep: int
    small: frozenset[str]
    instead: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One allow-list. `text` is the file as reviewed; `format` the media the records are in; plain data, so it pickles.

    `withheld` names kinds of resource that never leave, not even contained in another one; `releases` the FHIR releases
    it speaks about; `keeps` the places where it keeps texts or names on purpose; `risk` and `sensitive` the columns a
    risk report rests on, if it names them.
    """

    name: str
    version: str
    digest: str
    format: str
    title: str
    summary: str
    withheld: tuple[str, ...]
    text: str
    releases: tuple[str, ...] = RELEASES
    keeps: tuple[str, ...] = ()
    risk: tuple[str, ...] = ()
    sensitive: str = ""

    @property
    def pinned(self) -> str:
        """How contracts name it: by name and digest."""
        return f"{self.name}:{self.digest}"

    def shapes(self, release: str = "R4") -> dict[str, Shape]:
        """The allow-list as a tree per resource type. Raises `ProfileError` when it says nothing about the release."""
        self.fits(release)
        return read_shapes(tomllib.loads(self.text), release if self.format == FHIR else "R4")

    def fits(self, release: str) -> None:
        """Raises `ProfileError` when the profile says nothing about records of this FHIR release."""
        if self.format == FHIR and release not in self.releases:
            raise ProfileError(f"the profile {self.name} is for FHIR {' and '.join(self.releases)}, not for {release}")

    def terminologies(self) -> dict[str, str]:
        """The systems whose codes may leave, and the regular expression that their codes match."""
        return _forms(tomllib.loads(self.text))

    def regions(self) -> frozenset[str]:
        """The names of regions that may leave."""
        return frozenset(_list(tomllib.loads(self.text), "regions"))

    def postcodes(self) -> tuple[Postcodes, ...]:
        """What of postcodes may leave, by country."""
        return _postcodes(tomllib.loads(self.text))


def packaged_profiles() -> list[str]:
    """The names of the profiles that come with Concord."""
    folder = files("connector.deidentify") / "profiles"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def load_profile(name: str) -> Profile:
    """A packaged profile by its name (`research-standard`, `device-stream`, ...). Raises `ProfileError`."""
    names = packaged_profiles()
    if name not in names:
        raise ProfileError(f"no such de-identification profile; there are: {', '.join(names)}")
    return read_profile((files("connector.deidentify") / "profiles" / f"{name}.toml").read_text("utf-8"))


@lru_cache(maxsize=32)
def read_profile(text: str) -> Profile:
    """A profile from the text of its file. Raises `ProfileError` with everything that is wrong, the first in words."""
    if len(text) > LONGEST_TEXT:
        raise ProfileError("not a profile: longer than 1 MiB")
    try:
        document = tomllib.loads(text)
        identity = digest(cast("Json", document))
    except (tomllib.TOMLDecodeError, NotCanonicalError, RecursionError) as problem:
        words = f"not a profile: {problem}"
        raise ProfileError(words, (Fault("", words),)) from None
    faults: list[Fault] = []
    for judge in _JUDGES:
        _tried(partial(judge, document), faults)
    releases = RELEASES if "r5" in document else RELEASES[:2]
    read = [_tried(partial(read_shapes, document, release), faults) for release in releases if release != "R4B"]
    _agree(document, [kinds for kinds in read if kinds], faults)
    if faults:
        raise ProfileError(faults[0].words, tuple(dict.fromkeys(faults)))
    return _profile(document, identity, text, releases)


def _profile(document: dict[str, object], identity: str, text: str, releases: tuple[str, ...]) -> Profile:
    name, version, kind, title, summary = (
        _words(document, key) for key in ("name", "version", "format", "title", "summary")
    )
    risk, sensitive = _risk(document)
    return Profile(
        name, version, identity, kind, title, summary, tuple(_list(document, "withheld")), text,
        releases if kind == FHIR else (), tuple(_list(document, "keeps")), risk, sensitive,
    )  # fmt: skip


def _tried(read: Callable[[], T], faults: list[Fault]) -> T | None:
    try:
        return read()
    except ProfileError as problem:
        faults.extend(problem.faults or [Fault(str(problem).partition(":")[0].strip("[]"), str(problem))])
        return None


def _agree(document: dict[str, object], shapes: list[dict[str, Shape]], faults: list[Fault]) -> None:
    kind, withheld = document.get("format"), document.get("withheld", [])
    if both := sorted(
        {name for kinds in shapes for name in kinds} & set(withheld if isinstance(withheld, list) else ())
    ):
        faults.append(Fault("withheld", f"withheld: {', '.join(both)} is listed under [resources] too"))
    if kind in FORMATS and kind != FHIR and any(len(kinds) != 1 for kinds in shapes):
        faults.append(Fault("resources", f"[resources]: a profile for {kind} has exactly one shape"))


def _named(document: dict[str, object]) -> None:
    if unknown := sorted(set(document) - _KEYS):
        raise ProfileError(f"{unknown[0]}: no such key; there are {', '.join(sorted(_KEYS))}")
    name = _words(document, "name")
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ProfileError("name: small letters, digits and single dashes, at most 60")


def _format(document: dict[str, object]) -> None:
    if _words(document, "format") not in FORMATS:
        raise ProfileError(f"format: one of {', '.join(FORMATS)}")


def _titled(document: dict[str, object]) -> None:
    for key in ("version", "title", "summary"):
        _words(document, key)


def _forms(document: dict[str, object]) -> dict[str, str]:
    listed = document.get("terminologies", {})
    if not isinstance(listed, dict):
        raise ProfileError("[terminologies]: a table of systems")
    for system, form in listed.items():
        if not _is_form(form):
            words = f"[terminologies] {system}: the form of its codes is no regular expression"
            raise ProfileError(words, (Fault(f"terminologies.{system}", words),))
    return listed


def _postcodes(document: dict[str, object]) -> tuple[Postcodes, ...]:
    listed = document.get("postcodes", [])
    if not isinstance(listed, list):
        raise ProfileError("postcodes: a list of tables, [[postcodes]]")
    return tuple(_country(table) for table in listed)


def _country(table: object) -> Postcodes:
    keys = {"countries", "form", "keep", "small", "instead", "source"}
    if not isinstance(table, dict) or set(table) - keys or not _is_form(table.get("form")):
        raise ProfileError(f"postcodes: {', '.join(sorted(keys))}; form is a regular expression for a whole postcode")
    keep, instead, source = table.get("keep"), table.get("instead", ""), table.get("source", "")
    if type(keep) is not int or keep < 1 or not isinstance(instead, str) or not isinstance(source, str) or not source:
        raise ProfileError("postcodes: keep is how many characters leave, source where the numbers of people are from")
    countries, small = _list(table, "countries", "postcodes"), frozenset(_list(table, "small", "postcodes"))
    if not countries or any(len(area) != keep for area in small):
        raise ProfileError(f"postcodes: countries has at least one code, and small areas have {keep} characters")
    return Postcodes(tuple(countries), str(table["form"]), keep, small, instead)


def _risk(document: Mapping[str, object]) -> tuple[tuple[str, ...], str]:
    table = document.get("risk", {})
    if not isinstance(table, dict) or set(table) - _RISK or not isinstance(table.get("sensitive", ""), str):
        raise ProfileError("risk: [risk] has quasi, a list of columns, and sensitive, one column")
    return tuple(_list(table, "quasi")), str(table.get("sensitive", ""))


def _is_form(form: object) -> bool:
    try:
        return isinstance(form, str) and re.compile(form) is not None
    except re.error:
        return False


def _list(document: Mapping[str, object], key: str, table: str = "") -> list[str]:
    listed = document.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise ProfileError(
            f"{table}: {key}: a list of texts in quotes" if table else f"{key}: a list of texts in quotes"
        )
    return listed


def _words(document: Mapping[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise ProfileError(f"{key}: missing; a text in quotes")
    return value


_JUDGES: tuple[Callable[[dict[str, object]], object], ...] = (
    _named, _format, _titled, _forms, lambda document: (_list(document, "withheld"), _list(document, "regions")),
    lambda document: _list(document, "keeps"), _postcodes, _risk,
)  # fmt: skip
