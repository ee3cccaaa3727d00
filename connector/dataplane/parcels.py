"""What goes to a worker process and what comes back: plain values that pickle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.ports import PersonCoder

LEAK = "leak"
TOO_LARGE = "too-large"
LARGEST_LINE = 256 * 1024
"""Bytes of one line with its line end: a line is handed over whole, so it must fit into one chunk."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Records of one person: `subject` is their id inside the records, `identifiers` what must not be found after."""

    coder: PersonCoder
    subject: str
    records: tuple[bytes, ...]
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """Parcels to prepare under one profile; `as_of` is the day by which ages are grouped."""

    profile: str
    profile_digest: str
    as_of: date
    parcels: tuple[Parcel, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One parcel de-identified: per record its line (with line end), or the code of why there is none.

    `leaks` counts identifiers found in the lines; above zero nothing of it may leave.
    """

    lines: tuple[bytes | str, ...]
    leaks: int
