"""One person's pseudonym at work: what becomes of their ids, references and dates, each computed once and remembered.

What is remembered lives as long as the `Deidentifier` does and is bounded; nothing of it is ever written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import UNSET

from connector.dataplane.naming import WITHHELD
from connector.deidentify.dates import (
    DAY_LENGTH,
    DAYS,
    LONGEST_SHIFT,
    NUMBERS,
    OLDEST_AGE,
    TIMES,
    NotADate,
    shift_day,
    year_of,
)
from connector.deidentify.forms import words
from connector.ports import PersonCoder

REMEMBERED = 8192
INSIDE = "#"
"""Stands for a kind of resource: of those contained in the same record."""
_CODE = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_encode = msgspec.json.Encoder().encode
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
        self._days = days
        self._oldest = f"{oldest:04d}"

    def __missing__(self, text: str) -> Any:
        if not isinstance(text, str):
            raise Refusal("shape")
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = moved = self.moved(text)
        return moved

    def moved(self, text: str) -> Any:
        """What becomes of it, not remembered."""
        day, time = text[:DAY_LENGTH], text[DAY_LENGTH:]
        try:
            carry, written = TIMES[time] if time else (0, "")
            moved = shift_day(day, self._days + carry)
        except NotADate:
            raise Refusal("date") from None
        return UNSET if day < self._oldest else moved + written

    def quoted(self) -> Quoted:
        """The same, as JSON."""
        return Quoted(self, self._days, self._oldest)


class Quoted(dict[str, bytes]):
    """What becomes of a date, in quotes; b"" if it is left out."""

    __slots__ = ("_dates", "_days", "_oldest")

    def __init__(self, dates: Dates, days: int, oldest: str) -> None:
        super().__init__()
        self._dates = dates
        self._days = days
        self._oldest = oldest

    def __missing__(self, text: str) -> bytes:
        day = text[:DAY_LENGTH]
        number, told = NUMBERS.get(day), TIMES.get(text[DAY_LENGTH:])
        moved = DAYS.get(number + self._days + told[0]) if number is not None and told is not None else None
        if moved is not None and told is not None and day >= self._oldest:
            piece = f'"{moved}{told[1]}"'.encode()
        else:
            # Not met before, or not this usual form.
            found = self._dates.moved(text)
            piece = b"" if found is UNSET else f'"{found}"'.encode()
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = piece
        return piece


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
        self.kinds = kinds
        self._oldest_birth = this_year - OLDEST_AGE - 1
        self._codes: dict[str, Memo] = {}

    def codes(self, kind: str) -> Memo:
        """The keyed id by id, for one kind of resource; of a Patient only the person's own, which is their code."""
        codes = self._codes.get(kind)
        if codes is None:
            codes = self._codes[kind] = Memo(self.keyed(kind))
        return codes

    def keyed(self, kind: str) -> Callable[[str], str]:
        """The same as `codes`, not remembered."""
        return partial(_own_code, self.subject, self.code) if kind == "Patient" else partial(self._coder.id, kind)

    def quoted(self, references: Sequence[str]) -> list[bytes]:
        """The same for many resources (`Kind/id`, not a Patient), as JSON; cheaper, if the coder has a way for many."""
        many = getattr(self._coder, "quoted_ids", None)
        if many:
            told: list[bytes] = many(references)
            return told
        return [_encode(self._coder.id(kind, id)) for kind, _, id in (text.partition("/") for text in references)]

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
        if kind not in self.kinds:
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
        self.used[local] = code = self.codes(INSIDE)[local]
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
        return _own_code(self.subject, self.code, text)

    def seal(self, text: str) -> str:
        """A text encrypted for the vault: the same text of this person gives the same."""
        return self._coder.seal(text)

    def samples(self, text: str) -> str:
        """SampledData.data: numbers and the three letters FHIR gives a meaning."""
        if _SAMPLES.fullmatch(text) is None:
            raise Refusal("samples")
        return text


def _own_code(subject: str, code: str, text: str) -> str:
    if text != subject:
        raise Refusal("foreign-subject")
    return code
