"""A segment as one FHIR Bundle (`collection`), in which every record is named by its pseudonym only.

All names have one base, which leads nowhere (RFC 6761 keeps `.invalid` free), so that the relative references between
the records resolve inside the Bundle as FHIR R4 (2.36.4.1) asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import orjson

_HEAD, _TAIL = b'{"resourceType":"Bundle","entry":[', b'],"type":"collection"}\n'


def bundle(agreement: str, lines: Sequence[bytes]) -> bytes:
    """The lines (one resource each) as the entries of one Bundle; a Bundle without entries when there are none."""
    if not lines:
        return b'{"resourceType":"Bundle","type":"collection"}\n'
    base = f"https://pseudonyms.invalid/{sha256(agreement.encode()).hexdigest()[:32]}"
    return _HEAD + b",".join(_entry(base, line) for line in lines) + _TAIL


def _entry(base: str, line: bytes) -> bytes:
    resource = orjson.loads(line)
    name = f"{base}/{resource['resourceType']}/{resource['id']}"
    return b'{"fullUrl":"' + name.encode() + b'","resource":' + line.rstrip(b"\n") + b"}"
