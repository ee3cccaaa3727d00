"""What is no more: the entries of a Bundle that delete, and the histories of a server that tell of it.

FHIR R4 3.1.0.11 (transaction: `request.method` DELETE), 3.1.0.9 (history: the same, newest first) and the `deleted`
files of Bulk Data Access 2.0, whose lines are Bundles with nothing but such entries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.sources.fhir_error import Unreadable

_PLACE = re.compile(r"(?:.*/)?([A-Za-z]{1,64})/([A-Za-z0-9.-]{1,64})(?:/_history(?:/[^/]*)?)?", re.ASCII)
_LONGEST = 2048


@dataclass(frozen=True, slots=True, order=True)
class Gone:
    """A resource that the source does not have any more."""

    resource_type: str
    id: str


def method_of(entry: object) -> object:
    """How an entry of a Bundle asks for its resource to be treated: POST, PUT, DELETE, ...; None if it does not say."""
    request = entry.get("request") if isinstance(entry, Mapping) else None
    return request.get("method") if isinstance(request, Mapping) else None


def read_gone(entry: Mapping[str, Any], kinds: frozenset[str]) -> Gone:
    """The resource that an entry deletes. Raises `Unreadable` unless it names exactly one, by type and id."""
    request = entry.get("request")
    url = request.get("url") if isinstance(request, Mapping) else None
    found = _PLACE.fullmatch(url) if isinstance(url, str) and len(url) <= _LONGEST else None
    if found is None or found[1] not in kinds:
        raise Unreadable("what it deletes is not said by type and id", "Type/id, not a search", "request.url")
    return Gone(found[1], found[2])
