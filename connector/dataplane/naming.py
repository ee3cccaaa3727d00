"""How a record about nobody in particular (a Medication) says whose records it belongs to."""

from __future__ import annotations

PERSON_EXTENSION = "urn:concord:term:person"
"""Extension (a Reference) put on such a record when it leaves, so that the recipient can erase it by the code."""
WITHHELD = "urn:concord:term:withheld"
"""Where a reference led to a record that the person's choices withhold: the same for every record; leads nowhere."""
NAMELESS = frozenset({"Medication"})
_HEAD = b'{"resourceType":"'
NAMELESS_HEADS = tuple(_HEAD + kind.encode() + b'"' for kind in sorted(NAMELESS))
"""How the lines of such records begin."""


def with_person(body: bytes, code: str) -> bytes:
    """The record with the extension, if it is of a kind that names nobody itself; else as it is."""
    kind = body[len(_HEAD) :].partition(b'"')[0].decode("ascii", "replace") if body.startswith(_HEAD) else ""
    if kind not in NAMELESS or not body.endswith(b"}"):
        return body
    extension = f',"extension":[{{"url":"{PERSON_EXTENSION}","valueReference":{{"reference":"Patient/{code}"}}}}]}}'
    return body[:-1] + extension.encode()
