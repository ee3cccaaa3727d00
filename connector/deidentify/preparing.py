"""De-identifying parcels and searching the result for what must not be in it; runs in worker processes.

A worker keeps its compiled profiles; of people it keeps what `Deidentifier` remembers, and nothing for longer.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from connector.dataplane.naming import with_person
from connector.dataplane.parcels import LARGEST_LINE, TOO_LARGE
from connector.deidentify.deidentifier import Deidentifier
from connector.deidentify.forms import names_in
from connector.deidentify.leaks import LeakScanner
from connector.deidentify.outcome import Rejected
from connector.deidentify.profile import ProfileError, load_profile
from connector.ports import Parcel, PersonCoder, Place, Prepared, Task


class _Coders:
    """The coders of the parcels at work, by code: codes of two domains never meet."""

    def __init__(self) -> None:
        self.known: dict[str, PersonCoder] = {}

    def person(self, person: str) -> PersonCoder:
        """The coder put in for this parcel."""
        return self.known[person]


def prepare(task: Task) -> tuple[Prepared, ...]:
    """De-identify and scan every parcel. Raises ProfileError when the packaged profile is not the agreed one."""
    deidentifier, coders = _tools(task.profile, task.profile_digest, task.as_of)
    try:
        return tuple(_prepared(deidentifier, coders, parcel) for parcel in task.parcels)
    finally:
        coders.known.clear()


@lru_cache(maxsize=4)
def _tools(profile: str, digest: str, as_of: date) -> tuple[Deidentifier, _Coders]:
    loaded = load_profile(profile)
    if loaded.digest != digest:
        raise ProfileError("the packaged profile is not the one that was agreed")
    coders = _Coders()
    return Deidentifier(loaded, coders, as_of=as_of), coders


def _prepared(deidentifier: Deidentifier, coders: _Coders, parcel: Parcel) -> Prepared:
    code = parcel.coder.code
    coders.known[code] = parcel.coder
    names = names_in(parcel.identifiers)
    lines = tuple(_line(deidentifier, code, parcel.subject, names, record) for record in parcel.records)
    scanner = LeakScanner(parcel.identifiers)
    leaks = scanner.scan(b"".join(line for line in lines if isinstance(line, bytes)), "parcel")
    return Prepared(lines, tuple(Place(leak.kind, "", "") for leak in leaks))


def _line(deidentifier: Deidentifier, code: str, subject: str, names: frozenset[str], record: bytes) -> bytes | str:
    try:
        body = deidentifier.apply(record, code, subject, names).body
    except Rejected as refusal:
        return refusal.code
    line = with_person(body, code) + b"\n"
    return line if len(line) <= LARGEST_LINE else TOO_LARGE
