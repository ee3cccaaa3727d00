"""De-identifying parcels and searching the result for what must not be in it; runs in worker processes.

A worker keeps its compiled profiles; of people it keeps what `Deidentifier` remembers, and nothing for longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from connector.dataplane.naming import NAMELESS_HEADS, with_person
from connector.dataplane.parcels import LARGEST_LINE, TOO_LARGE
from connector.deidentify.deidentifier import Deidentifier
from connector.deidentify.forms import names_in
from connector.deidentify.leaks import scan_together
from connector.deidentify.leaks_places import places
from connector.deidentify.outcome import left_behind
from connector.deidentify.profile import ProfileError, load_profile, read_profile
from connector.ports import Parcel, PersonCoder, Prepared, Task

# What `with_person` adds: "extension", "url", "valueReference", "reference".
_PERSON_MEMBERS = 4


class _Coders:
    """The coders of the parcels at work, by code: codes of two domains never meet."""

    def __init__(self) -> None:
        self.known: dict[str, PersonCoder] = {}

    def person(self, person: str) -> PersonCoder:
        """The coder put in for this parcel."""
        return self.known[person]


class _Lines(NamedTuple):
    """One parcel: per record its line or why there is none; the lines; these joined; and how much was left behind."""

    answers: tuple[bytes | str, ...]
    kept: list[bytes]
    joined: bytes
    dropped: int


def prepare(task: Task) -> tuple[Prepared, ...]:
    """De-identify and scan every parcel. Raises ProfileError when the profile here is not the agreed one."""
    deidentifier, coders = _tools(task.profile, task.profile_digest, task.as_of, task.text, task.release)
    try:
        return _scanned(task.parcels, [_lines(deidentifier, coders, parcel) for parcel in task.parcels])
    finally:
        coders.known.clear()


@lru_cache(maxsize=4)
def _tools(name: str, digest: str, as_of: date, text: str, release: str) -> tuple[Deidentifier, _Coders]:
    profile = read_profile(text) if text else load_profile(name)
    if profile.digest != digest:
        raise ProfileError("the profile here is not the one that was agreed")
    coders = _Coders()
    return Deidentifier(profile, coders, as_of=as_of, release=release), coders


def _lines(deidentifier: Deidentifier, coders: _Coders, parcel: Parcel) -> _Lines:
    code = parcel.coder.code
    coders.known[code] = parcel.coder
    lines = deidentifier.lines(parcel.records, code, parcel.subject, names_in(parcel.identifiers))
    answers = tuple(line if isinstance(line, str) else _told(line, code) for line in lines)
    kept = [line for line in answers if isinstance(line, bytes)]
    joined = b"".join(kept)
    left = parcel.records if len(kept) == len(answers) else _left(parcel.records, answers)
    named = sum(line.startswith(NAMELESS_HEADS) for line in kept)
    return _Lines(answers, kept, joined, left_behind(b"".join(left), joined) + named * _PERSON_MEMBERS)


def _told(line: bytes, code: str) -> bytes | str:
    if line.startswith(NAMELESS_HEADS):
        line = with_person(line[:-1], code) + b"\n"
    return line if len(line) <= LARGEST_LINE else TOO_LARGE


def _left(records: Sequence[bytes], answers: Sequence[bytes | str]) -> list[bytes]:
    return [record for record, answer in zip(records, answers, strict=True) if isinstance(answer, bytes)]


def _scanned(parcels: Sequence[Parcel], prepared: Sequence[_Lines]) -> tuple[Prepared, ...]:
    """Everything that would leave, searched for what names any of these people."""
    leaks = scan_together([(parcel.identifiers, one.joined) for parcel, one in zip(parcels, prepared, strict=True)])
    return tuple(
        Prepared(one.answers, places(one.kept, found), one.dropped) for one, found in zip(prepared, leaks, strict=True)
    )
