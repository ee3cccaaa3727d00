"""Profiles: named, versioned, reviewable allow-lists, identified in a contract by the digest of what they say.

The digest is the SHA-256 of the canonical JSON (RFC 8785) of the file's content, so comments and layout may change
without a new version while no rule can.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

from connector.deidentify.shapes import ProfileError, Shape, read_shapes
from policy.canonical import Json, NotCanonicalError, digest

__all__ = ["Profile", "ProfileError", "load_profile", "read_profile"]

FORMATS = ("fhir-r4", "open-mhealth")


@dataclass(frozen=True, slots=True)
class Profile:
    """One allow-list. `text` is the file as reviewed; `format` the media the records are in; plain data, so it pickles.

    `withheld` names kinds of resource that never leave, not even contained in another one.
    """

    name: str
    version: str
    digest: str
    format: str
    title: str
    summary: str
    withheld: tuple[str, ...]
    text: str

    def shapes(self) -> dict[str, Shape]:
        """The allow-list as a tree per resource type."""
        return read_shapes(tomllib.loads(self.text))

    def terminologies(self) -> dict[str, str]:
        """The systems whose codes may leave, and the regular expression that their codes match."""
        return _forms(tomllib.loads(self.text))

    def regions(self) -> frozenset[str]:
        """The names of regions that may leave."""
        return frozenset(_list(tomllib.loads(self.text), "regions"))


@cache
def load_profile(name: str) -> Profile:
    """A packaged profile by its name (`research-standard`, `device-stream`). Raises `ProfileError`."""
    folder = files("connector.deidentify") / "profiles"
    names = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    if name not in names:
        raise ProfileError(f"no such de-identification profile; there are: {', '.join(names)}")
    return read_profile((folder / f"{name}.toml").read_text("utf-8"))


def read_profile(text: str) -> Profile:
    """A profile from the text of its file. Raises `ProfileError` with the first thing that is wrong."""
    try:
        document = tomllib.loads(text)
        identity = digest(cast("Json", document))
    except (tomllib.TOMLDecodeError, NotCanonicalError) as problem:
        raise ProfileError(f"not a profile: {problem}") from None
    kind = _words(document, "format")
    if kind not in FORMATS:
        raise ProfileError(f"format: one of {', '.join(FORMATS)}")
    shapes = read_shapes(document)
    _forms(document), _list(document, "regions")
    withheld = _list(document, "withheld")
    if both := sorted(set(withheld) & set(shapes)):
        raise ProfileError(f"withheld: {', '.join(both)} is listed under [resources] too")
    if kind != "fhir-r4" and len(shapes) != 1:
        raise ProfileError(f"[resources]: a profile for {kind} has exactly one shape")
    name, version, title, summary = (_words(document, key) for key in ("name", "version", "title", "summary"))
    return Profile(name, version, identity, kind, title, summary, tuple(withheld), text)


def _forms(document: dict[str, object]) -> dict[str, str]:
    listed = document.get("terminologies", {})
    if not isinstance(listed, dict):
        raise ProfileError("[terminologies]: a table of systems")
    for system, form in listed.items():
        try:
            re.compile(form)
        except (re.error, TypeError):
            raise ProfileError(f"[terminologies] {system}: the form of its codes is no regular expression") from None
    return listed


def _list(document: dict[str, object], key: str) -> list[str]:
    listed = document.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise ProfileError(f"{key}: a list of texts in quotes")
    return listed


def _words(document: dict[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise ProfileError(f"{key}: missing; a text in quotes")
    return value
