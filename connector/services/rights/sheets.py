"""A paper before it is set: a title, a sentence that says the state, and parts. Nothing here knows HTML or PDF."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading over what follows."""

    words: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `small` for what only some need."""

    words: str
    small: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of what it is and what it says."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with one heading per column; `empty` is what stands there when it has no rows."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = "Nothing."


@dataclass(frozen=True, slots=True)
class Exact:
    """Text that must not be changed in any sign, such as a signature."""

    caption: str
    text: str


Part: TypeAlias = Heading | Text | Facts | Grid | Exact


@dataclass(frozen=True, slots=True)
class Sheet:
    """One paper, from a participant, of a time. `language` is that of its words (BCP 47)."""

    title: str
    lead: str
    issuer: str
    at: datetime
    parts: tuple[Part, ...] = field(default_factory=tuple)
    language: str = "en"


def day(value: date | datetime | None) -> str:
    """`21 November 2026`, in UTC; a dash for none."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}" if value is not None else "–"


def moment(value: datetime | None) -> str:
    """`21 November 2026 at 14:05 UTC`; a dash for none. A paper is read anywhere, so its times are in UTC."""
    return f"{day(value)} at {value:%H:%M} UTC" if value is not None else "–"
