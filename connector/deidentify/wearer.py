"""One person's pseudonym at work: what becomes of their ids, references and dates, each computed once and remembered.

What is remembered lives as long as the `Deidentifier` does and is bounded; nothing of it is ever written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from msgspec import UNSET

from connector.dataplane.naming import WITHHELD
from connector.deidentify.dates import DAY_LENGTH, LONGEST_SHIFT, OLDEST_AGE, NotADate, in_utc, shift_day, year_of
from connector.deidentify.forms import words
from connector.ports import PersonCoder

REMEMBERED = 8192
_CODE = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_SAMPLES = re.compile(r"[-+0-9.eEUL \t\r\n]*", re.ASCII)


class Refusal(ValueError):
    """A rule that cannot run on a value; its text is a code of `Rejected`."""


class Memo(dict[str, Any]):
    """What becomes of a text, computed by `change` the first time it is asked for."""

    def __init__(self, change: Callable[[str], Any]) -> None:
        super().__init__()
        self._change = change

    def __missing__(self, text: str) -> Any:
        if not isinstance(text, str):
            raise Refusal("shape")
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = changed = self._change(text)
        return changed


class Dates(dict[str, Any]):
    """What becomes of a date: told in UTC and moved by these days, `UNSET` if it would tell an age that is grouped."""

    def __init__(self, days: int, oldest: int) -> None:
        super().__init__()
        # By how many days the day changes when the time is told in UTC.
        self._days = {
            carry: Memo(partial(_moved, by=timedelta(days + carry), oldest=f"{oldest:04d}")) for carry in (-1, 0, 1)
        }
        self._times = Memo(_told_in_utc)

    def __missing__(self, text: str) -> Any:
        if not isinstance(text, str):
            raise Refusal("shape")
        time = text[DAY_LENGTH:]
        carry, written = self._times[time] if time else (0, "")
        moved = self._days[carry][text[:DAY_LENGTH]]
        if time and moved is not UNSET:
            moved += written
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = moved
        return moved


def _told_in_utc(time: str) -> tuple[int, str]:
    try:
        return in_utc(time)
    except NotADate:
        raise Refusal("date") from None


def _moved(day: str, by: timedelta, oldest: str) -> Any:
    try:
        moved = shift_day(day, by)
    except NotADate:
        raise Refusal("date") from None
    return UNSET if day < oldest else moved


class Wearer:
    """The person whose records are being de-identified.

    `subject` is their id in the source's records, `kinds` the resource types that references may lead to, `this_year`
    the year by which ages are counted. Raises `ValueError` when the coder hands out what FHIR cannot carry.

    `names` are words that name them or people around them: a code or unit with one of these in it does not leave.

    `used` collects the contained ids (`#x`) that references led to in a record, with their codes; `gone` holds those
    whose resource does not leave.
    """

    def __init__(
        self, coder: PersonCoder, subject: str, kinds: frozenset[str], this_year: int, names: frozenset[str]
    ) -> None:
        if not _CODE.fullmatch(coder.code) or not 0 < abs(coder.days) <= LONGEST_SHIFT:
            raise ValueError("the coder's code name or date shift is outside what a FHIR id and a profile allow")
        self.code = coder.code
        self.subject = subject
        self.names = names
        self.dates = Dates(coder.days, this_year - OLDEST_AGE)
        self.moments = Dates(0, this_year - OLDEST_AGE)
        self.used: dict[str, str] = {}
        self.gone: frozenset[str] = frozenset()
        self._coder = coder
        self._kinds = kinds
        self._oldest_birth = this_year - OLDEST_AGE - 1
        self._codes: dict[str, Memo] = {}

    def codes(self, kind: str) -> Memo:
        """The keyed id by id, for one kind of resource; of a Patient only the person's own, which is their code."""
        codes = self._codes.get(kind)
        if codes is None:
            codes = self._codes[kind] = Memo(self._own if kind == "Patient" else partial(self._coder.id, kind))
        return codes

    def named(self, text: str) -> bool:
        """Whether one of the names stands in this text."""
        return not self.names.isdisjoint(words(text))

    def target(self, text: str) -> str | object:
        """What becomes of a literal reference, `UNSET` if it may not leave.

        It leaves when it names the person or a kind of resource the profile releases. External addresses, conditional
        references (`Patient?identifier=...`), unresolved `urn:` references and other people do not. A versioned
        reference loses its version. What stands for a withheld record stays.
        """
        kind, _, resource_id = text.partition("/")
        if kind not in self._kinds:
            return WITHHELD if text == WITHHELD else UNSET
        resource_id, _, version = resource_id.partition("/")
        if version and not version.startswith("_history/"):
            return UNSET
        if kind == "Patient" and resource_id != self.subject:
            return UNSET
        return f"{kind}/{self.codes(kind)[resource_id]}"

    def inside(self, local: str) -> str | object:
        """What becomes of a reference to a resource contained in the same record (`local` without its `#`)."""
        if local in self.gone:
            return UNSET
        self.used[local] = code = self.codes("#")[local]
        return f"#{code}"

    def own_reference(self, text: str) -> str:
        """A reference that must lead to the person."""
        if text.partition("/_history/")[0] != f"Patient/{self.subject}":
            raise Refusal("foreign-subject")
        return f"Patient/{self.code}"

    def birth_year(self, text: str) -> str:
        """The year of a birth; everybody who may be older than 89 was born in the same year."""
        try:
            return f"{max(year_of(text), self._oldest_birth):04d}"
        except NotADate:
            raise Refusal("date") from None

    def uid(self, text: str) -> str:
        """A DICOM UID of the same person: 2.25 and 128 bits of a keyed code (PS3.5 B.2)."""
        keyed = sha256(self._coder.id("uid", text).encode()).digest()[:16]
        return f"2.25.{int.from_bytes(keyed)}"

    def user(self, text: str) -> str:
        """The user of a device data point: them, or the point is not for this release."""
        self._own(text)
        return self.code

    def samples(self, text: str) -> str:
        """SampledData.data: numbers and the three letters FHIR gives a meaning."""
        if _SAMPLES.fullmatch(text) is None:
            raise Refusal("samples")
        return text

    def _own(self, text: str) -> str:
        if text != self.subject:
            raise Refusal("foreign-subject")
        return self.code
