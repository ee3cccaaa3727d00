"""What a sender says its release consists of (`GET .../segments`), read strictly: nothing of it is believed unread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NDJSON = "application/fhir+ndjson"
MOST_SEGMENTS = 100_000
_ID = re.compile(r"[0-9a-f]{32,128}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RELEASE = re.compile(r"[!-~]{1,200}")


class NoListing(ValueError):
    """The answer does not list segments as it should; the text says what is wrong, without a value."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One segment: its number, unique in its release, and its id, the strong validator of its bytes."""

    number: int
    id: str
    deletions: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A release as the sender lists it now; `segments` stand in the order in which their lines make the whole."""

    release: str
    segments: tuple[Listed, ...]
    continues: str = ""


def read_listing(value: object) -> Listing:
    """The sender's answer, read. Raises NoListing."""
    if not isinstance(value, Mapping):
        raise NoListing("it is no object")
    if value.get("format", NDJSON) != NDJSON:
        raise NoListing("its format is not the one asked for")
    segments = value.get("segments")
    if not isinstance(segments, list) or len(segments) > MOST_SEGMENTS:
        raise NoListing(f"segments must be a list of at most {MOST_SEGMENTS}")
    listed = tuple(_listed(one) for one in segments)
    if len({one.id for one in listed}) != len(listed) or len({one.number for one in listed}) != len(listed):
        raise NoListing("a segment stands in it twice")
    return Listing(_text(value, "release", _RELEASE), listed, _text(value, "continues", _DIGEST, absent=""))


def _listed(one: Any) -> Listed:
    if not isinstance(one, Mapping):
        raise NoListing("a segment is no object")
    number, deletions = one.get("number"), one.get("deletions", False)
    if type(number) is not int or not 0 <= number < 2**31 or not isinstance(deletions, bool):
        raise NoListing("a segment has no number")
    return Listed(number, _text(one, "id", _ID), deletions)


def _text(value: Mapping[str, Any], name: str, form: re.Pattern[str], absent: str | None = None) -> str:
    found = value.get(name)
    if found is None and absent is not None:
        return absent
    if not isinstance(found, str) or not form.fullmatch(found):
        raise NoListing(f"{name} is not what it should be")
    return found
