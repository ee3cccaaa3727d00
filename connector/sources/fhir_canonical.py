"""The one form in which a record is kept, whatever way it came in: what only the server set is gone, names are sorted.

A server sets `meta.versionId`, `meta.lastUpdated` and `meta.source` (FHIR R4 2.27.5) anew each time it stores a
resource; a file has none of them. Without them the same record is the same bytes from a folder, by search and by bulk
export, and "changed" means that its content did.
"""

from __future__ import annotations

from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import Resource, parse, write

SERVER_SET = ("versionId", "lastUpdated", "source")
_LEFT_OUT = frozenset(SERVER_SET) | {f"_{name}" for name in SERVER_SET}


def canonical(resource: Resource) -> bytes:
    """A resource as one line of JSON in the form it is kept in. Raises `Unreadable` for text that is not Unicode."""
    meta = resource.get("meta")
    if isinstance(meta, dict) and (not meta or not _LEFT_OUT.isdisjoint(meta)):
        kept = {name: value for name, value in meta.items() if name not in _LEFT_OUT}
        resource = {name: value for name, value in resource.items() if name != "meta" or kept}
        if kept:
            resource["meta"] = kept
    return write(resource)


def same_content(kept: bytes, body: bytes) -> bool:
    """Whether a kept record says what `body` (in canonical form) says; also one kept before there was such a form."""
    if kept == body:
        return True
    try:
        return canonical(parse(kept)) == body
    except Unreadable:
        return False
