"""Entries of the evidence log: what is hashed, what is stored, and how one stored row is checked.

A leaf is the canonical JSON of {at, commitment, kind, subject}. The commitment is SHA-256 over a random salt and the
canonical body, so that erasing salt and body leaves the log verifiable while nobody can confirm a guess of what stood
there (a salted commitment, never an unkeyed hash of an identifier).

What may stand where: `subject` and `body` name agreements, releases, studies, notices and pseudonyms. They never hold
a direct identifier of a person or a clinical value: whoever verifies a log reads both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from json.encoder import encode_basestring as _quoted
from typing import NamedTuple

from connector.provenance.merkle import leaf_hash
from policy.canonical import Json, canonical

SALT_BYTES = 32

_KIND = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*")
_LONGEST_SUBJECT = 256


def instant(at: datetime) -> str:
    """A time as the log writes it: RFC 3339, UTC, six digits of a second, `Z`. Raises ValueError without a zone."""
    if at.utcoffset() is None:
        raise ValueError("a log entry needs a time with its zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, about to be logged.

    `position` is its place in the log (0 for the first), `kind` a dotted lower-case word such as `release.chunk`,
    `subject` the id of what it is about, `salt` 32 random bytes used once. Raises ValueError when malformed.
    """

    position: int
    at: datetime
    kind: str
    subject: str
    body: Mapping[str, Json] = field(repr=False)
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.position < 0 or self.at.utcoffset() != timedelta(0):
            raise ValueError("a log entry needs a position from 0 and a time in UTC")
        if not _KIND.fullmatch(self.kind):
            raise ValueError("the kind of a log entry is lower-case words joined by dots")
        if not 0 < len(self.subject) <= _LONGEST_SUBJECT:
            raise ValueError("the subject of a log entry is 1 to 256 characters")
        if len(self.salt) != SALT_BYTES:
            raise ValueError("the salt of a log entry is 32 bytes")


class LogRow(NamedTuple):
    """An entry as stored. After erasure `salt` is empty and `body` is None; every other column stays for ever.

    `at` and `body` are the stored texts, `commitment` is 64 hexadecimal digits, `leaf_hash` 32 bytes.
    """

    position: int
    at: str
    kind: str
    subject: str
    commitment: str
    salt: bytes
    body: str | None
    leaf_hash: bytes

    def __repr__(self) -> str:
        """Without salt and body, which together open the commitment."""
        return f"LogRow(position={self.position}, at={self.at!r}, kind={self.kind!r}, commitment={self.commitment!r})"

    @property
    def erased(self) -> bool:
        """Whether salt and body are gone, so that only the commitment is left."""
        return not self.salt and self.body is None


def leaf_bytes(at: str, kind: str, subject: str, commitment: str) -> bytes:
    """The bytes a leaf stands for: canonical JSON of the four. Raises ValueError for text that is not Unicode."""
    # Four texts under names already in order: writing them out is four times faster than `canonical`, same bytes.
    head = f'{{"at":{_quoted(at)},"commitment":{_quoted(commitment)}'
    return f'{head},"kind":{_quoted(kind)},"subject":{_quoted(subject)}}}'.encode()


def commit(entry: Entry) -> LogRow:
    """The row to store for an entry. Raises ValueError when the body cannot be written canonically."""
    body = canonical(dict(entry.body))
    commitment = sha256(entry.salt + body).hexdigest()
    at = instant(entry.at)
    leaf = leaf_hash(leaf_bytes(at, entry.kind, entry.subject, commitment))
    return LogRow(entry.position, at, entry.kind, entry.subject, commitment, entry.salt, body.decode(), leaf)


def erase(row: LogRow) -> LogRow:
    """The same row without salt and body: it still verifies, and says nothing more than that it happened."""
    return row._replace(salt=b"", body=None)


def verify_entry(row: LogRow) -> str | None:
    """What is wrong with a stored row, in words, or None. Looks at the row alone, not at its place in the log."""
    try:
        leaf = leaf_hash(leaf_bytes(row.at, row.kind, row.subject, row.commitment))
        body = None if row.body is None else row.body.encode()
    except ValueError:
        return "its text is not Unicode"
    if leaf != row.leaf_hash:
        return "its time, kind, subject or commitment does not match its leaf hash"
    if row.erased:
        return None
    if len(row.salt) != SALT_BYTES or body is None or sha256(row.salt + body).hexdigest() != row.commitment:
        return "its body or salt does not match its commitment"
    return None
