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
        added = _MASK_MEMBERS * self.body.count(_MASK)
        return max(0, _members(self.source) - _members(self.body) + added)


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
_MASK = b'"valueCode":"masked"'
_MASK_MEMBERS = 3


def _members(body: bytes) -> int:
    # Inside a text, a quote is always escaped.
    return body.count(b'":') - body.count(b'\\":')
