"""The forms a text must have to leave: what no name, address or sentence has, as far as a form can tell.

A form judges one text. `Terminologies` judges a code together with the system that gave it out, by what the profile
lists. A form cannot know that "Zebulon" is somebody: names the source knows are taken out besides (`Wearer.named`), and
the leak scan looks again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from unicodedata import normalize

SHORTEST_NAME = 4
REMEMBERED = 8192
UCUM = "http://unitsofmeasure.org"
LONGEST_UNIT = 20

_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?", re.ASCII)
# One term of a unit: a power of ten, a number or a word; then what UCUM writes in brackets. / or . stand between terms.
_WORD = r"10[*^]-?\d{1,2}|\d{1,4}|[A-Za-zµμΩ°%']{1,8}-?\d?"
_BRACKETS = r"\[[A-Za-z0-9_/]{1,8}\]|\{[A-Za-z0-9_.-]{1,10}\}|\([a-z]{1,8}\)"
_TERM = f"(?:{_WORD})?(?:{_BRACKETS})?"
_UNIT = re.compile(rf"/?{_TERM}(?:[/.]{_TERM}){{0,4}}")
_COUNTRY = re.compile(r"[A-Z]{2,3}", re.ASCII)
_REGION = re.compile(r"[A-Z]{2,3}|[A-Z]{2}-[A-Z0-9]{1,3}", re.ASCII)
_VERSION = re.compile(
    r"v?\d{1,8}(?:[.-]\d{1,4}){0,3}|http://snomed\.info/sct/\d{6,18}(?:/version/\d{8})?", re.ASCII | re.IGNORECASE
)
_DISPLAY = re.compile(r"[^\x00-\x1f\x7f\"\\@<>{}|]{1,200}")
_NOT_IN_DISPLAY = re.compile(
    r"\d{7}|\d{3}[ ./-]+\d{3}[ ./-]+\d{4}|\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{4}|://"
    r"|\b(?:mr|mrs|ms|miss|dr|prof|sir|herr|frau|mme|sig|sra?)\b\.?\s+[^\W\d_]{2}",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]+")


def words(text: str) -> set[str]:
    """The words of a text that are long enough to be told apart from a code, in one spelling."""
    found = _WORDS.findall(normalize("NFC", text))
    return {word.casefold() for word in found if len(word) >= SHORTEST_NAME}


def names_in(identifiers: Iterable[str]) -> frozenset[str]:
    """The words of those identifiers that are names of people: more than one word, and no digit or @ in it."""
    full = (text for text in identifiers if not re.search(r"[\d@/:]", text) and len(text.split()) > 1)
    return frozenset(word for text in full for word in words(text))


def is_time(text: str) -> bool:
    """FHIR `time`: hours, minutes and seconds, no zone (R4 2.24.0.1)."""
    return _TIME.fullmatch(text) is not None


def is_unit(text: str) -> bool:
    """A unit as UCUM writes it, or a short word: `mm[Hg]`, `beats/min`, `mL/min/{1.73_m2}`, `tablet`."""
    return 0 < len(text) <= LONGEST_UNIT and _UNIT.fullmatch(text) is not None


def is_country(text: str) -> bool:
    """Two or three capital letters, as ISO 3166-1 and ISO 4217 write countries and currencies."""
    return _COUNTRY.fullmatch(text) is not None


def is_region(text: str, listed: frozenset[str]) -> bool:
    """A region of the profile's list, or the short form of one (`MA`, `NSW`, `US-MA`; ISO 3166-2)."""
    return text in listed or _REGION.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """The version of a terminology: numbers and points, or an edition of SNOMED CT."""
    return _VERSION.fullmatch(text) is not None


def is_display(text: str) -> bool:
    """Words of a terminology: no address, date, long number, or title with a name behind it."""
    return _DISPLAY.fullmatch(text) is not None and _NOT_IN_DISPLAY.search(text) is None


class Terminologies:
    """The systems whose codes may leave, each with the form of its codes. `.../*` is any one more part."""

    def __init__(self, listed: Mapping[str, str]) -> None:
        self._exact = {name: re.compile(form) for name, form in listed.items() if not name.endswith("/*")}
        self._open = {name[:-1]: re.compile(form) for name, form in listed.items() if name.endswith("/*")}
        self._judged: dict[tuple[str, str], bool] = {}

    def own_part(self, system: str) -> str | None:
        """What of the address of a listed system the list leaves open ("" if nothing); None if it is not listed."""
        if system in self._exact:
            return ""
        start, slash, rest = system.rpartition("/")
        listed = start + slash in self._open and _PART.fullmatch(rest) is not None
        return rest if listed else None

    def knows(self, system: str, code: str) -> bool:
        """Whether the code has the form that the codes of this system have."""
        known = self._judged.get((system, code))
        if known is None:
            if len(self._judged) >= REMEMBERED:
                self._judged.clear()
            known = self._judged[system, code] = self._has_form(system, code)
        return known

    def _has_form(self, system: str, code: str) -> bool:
        if len(code) > _LONGEST_CODE or self.own_part(system) is None:
            return False
        form = self._exact.get(system) or self._open[system.rpartition("/")[0] + "/"]
        return form.fullmatch(code) is not None


_LONGEST_CODE = 96
_PART = re.compile(r"(?!.*\d{7})[A-Za-z0-9][A-Za-z0-9._-]{0,59}", re.ASCII)
