"""References and addresses whose id part alone is replaced (FHIR R4 2.3.0.1): `Patient/1`, absolute, `urn:uuid:`, `#1`.

miracum's tool does the same for every `uri` that refers to a resource, and for references by an identifier; Microsoft's
replaces those as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connector.deidentify.foreign.types import Types

_LITERAL = re.compile(
    r"(?P<before>(?:https?://[A-Za-z0-9\\/.:%$]*/)?(?P<kind>[A-Za-z]+)/)(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?P<after>/_history/[A-Za-z0-9\-.]{1,64})?"
)
_CONDITIONAL = re.compile(
    r"(?P<before>(?:(?P<kind>[A-Za-z]+)\?)?identifier=(?:https?://[A-Za-z0-9\\/.:%$\-]*\|)?)(?P<id>[A-Za-z0-9\-.]{1,64})"
)
_URN = re.compile(
    r"(?P<before>urn:oid:)(?P<oid>[0-2](?:\.(?:0|[1-9][0-9]*))+)"
    r"|(?P<start>urn:uuid:)(?P<uuid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
)
Change = Callable[[str], str]


def replaced(text: str, types: Types, change: Change, *, conditional: bool) -> str:
    """A reference with its id part changed; as a whole where there is none to be told."""
    if text.startswith("#"):
        return "#" + change(text[1:])
    found = replaced_literal(text, types, change, conditional=conditional)
    if found is not None:
        return found
    urn = _URN.fullmatch(text)
    if urn is not None:
        return urn["before"] + change(urn["oid"]) if urn["oid"] else urn["start"] + change(urn["uuid"])
    return change(text)


def replaced_literal(text: str, types: Types, change: Change, *, conditional: bool) -> str | None:
    """The same for what names a resource by kind and id (or identifier); None for anything else."""
    match = _LITERAL.fullmatch(text)
    if match is not None and match["kind"] in types.resources:
        # The version id of what is referred to says nothing about a person, and stays, as in both tools.
        return match["before"] + change(match["id"]) + (match["after"] or "")
    match = _CONDITIONAL.fullmatch(text) if conditional else None
    if match is not None and (match["kind"] is None or match["kind"] in types.resources):
        return match["before"] + change(match["id"])
    return None


def kind_of(text: str, types: Types) -> str:
    """The kind of resource that a literal reference names; empty when it names none."""
    match = _LITERAL.fullmatch(text)
    return match["kind"] if match is not None and match["kind"] in types.resources else ""
