"""What comes of de-identifying one record: the bytes to release, or the reason why there are none."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from connector.ports import PersonCoder


class Coder(Protocol):
    """The pseudonyms of one domain (normally: of one agreement). It crosses to worker processes, so it pickles."""

    def person(self, person: str) -> PersonCoder:
        """The code name, date shift and keyed ids of one person; the same answer every time."""
        ...


class Released(Struct, frozen=True, gc=False):
    """One record as it may leave: `body` is one line of JSON without its line end; `source` what it was made from."""

    body: bytes
    source: bytes

    @property
    def dropped(self) -> int:
        """How many members of the record were left behind, at all depths. Counted when asked."""
        return left_behind(self.source, self.body)


class Rejected(Exception):
    """This record cannot be de-identified, so nothing of it leaves.

    `code` is one of: `not-json`, `too-deep`, `unknown-type`, `withheld-type`, `shape` (another JSON type than the
    profile expects), `modifier-extension`, `implicit-rules`, `no-subject`, `foreign-subject`, `id`, `date`, `time`,
    `code` (none of those listed), `number`, `samples`. `pointer` says where, as a JSON Pointer. Neither holds a value.
    """

    def __init__(self, code: str, pointer: str = "") -> None:
        super().__init__(code, pointer)
        self.code = code
        self.pointer = pointer

    def __str__(self) -> str:
        return f"{self.code} at {self.pointer or '/'}"


# What a mask adds: "extension", "url", "valueCode".
_MASK = b'[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]'
_MASK_MEMBERS = 3
_BACKSLASH, _QUOTE, _COLON = b'\\":'
_MANY = 16 * 1024
_SLICE = 128 * 1024


def left_behind(source: bytes, body: bytes) -> int:
    """How many members, at all depths, `source` has that are not in `body`: one record, or many joined."""
    return max(0, _members(source) - _members(body) + _MASK_MEMBERS * body.count(_MASK))


def _members(data: bytes) -> int:
    # Inside a text, a quote is always escaped.
    if len(data) < _MANY:
        return data.count(b'":') - (data.count(b'\\":') if b"\\" in data else 0)
    # Loaded here: only where many records are counted at once.
    import numpy as np

    octets, found = np.frombuffer(data, np.uint8), 0
    for start in range(0, len(octets), _SLICE):
        # One byte more at both sides: a member, or a quote that is escaped, may lie across.
        before = min(start, 1)
        here = octets[start - before : start + _SLICE + 1]
        ends = (here[1:] == _COLON) & (here[:-1] == _QUOTE)
        found += int(np.count_nonzero(ends[before:]))
        slashes = (here[:-2] == _BACKSLASH).nonzero()[0]
        found -= int(np.count_nonzero(ends[slashes + 1]))
    return found
