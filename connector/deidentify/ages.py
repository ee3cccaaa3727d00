"""Ages, wherever they stand: those above 89 years are one class (45 CFR 164.514(b)(2)(i)(C)).

An element of type Age says that it is one. A measurement may be one too: an Observation of an age, or any quantity
that is longer than 89 years, which in a record of a person is nothing else. Its unit is enough to tell, so that no
list of codes has to be complete; of a bare number only the code of the observation tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, Raw

from connector.deidentify.dates import OLDEST_AGE
from connector.deidentify.forms import UCUM
from connector.deidentify.rules import EMPTY, After, Value, tally
from connector.deidentify.wearer import Refusal

# The units FHIR allows an Age to have (UCUM), and how many of them are a year.
PER_YEAR: Final = {"a": 1.0, "mo": 12.0, "wk": 52.18, "d": 365.25, "h": 8766.0, "min": 525960.0}
_OTHERWISE: Final = {
    "a_j": "a", "a_g": "a", "a_t": "a", "ann": "a", "y": "a", "yr": "a", "yrs": "a", "year": "a", "years": "a",
    "{years}": "a", "years old": "a", "jahr": "a", "jahre": "a", "mo_j": "mo", "mo_g": "mo", "mo_s": "mo",
    "mon": "mo", "month": "mo", "months": "mo", "monat": "mo", "monate": "mo", "w": "wk", "week": "wk", "weeks": "wk",
    "woche": "wk", "wochen": "wk", "day": "d", "days": "d", "tag": "d", "tage": "d", "hr": "h", "hour": "h",
    "hours": "h", "minute": "min", "minutes": "min",
}  # fmt: skip
"""Other ways to write these, without case."""
_LOINC, _SNOMED = "http://loinc.org", "http://snomed.info/sct"
OF_AGE: Final = frozenset({
    *((_LOINC, code) for code in ("21611-9", "21612-7", "29553-5", "30525-0", "35659-2", "39016-1", "63900-5")),
    *((_SNOMED, code) for code in ("397669002", "424144002", "445518008")),
})  # fmt: skip
"""Codes that ask for an age."""
_BAND: Final = "age band of "
_OLDEST: Final = ">="


def age_act(rule: str) -> After | None:
    """What becomes of an Age under a rule of ages; None for another rule."""
    if rule == "age":
        return grouped_age
    years = rule.removeprefix(_BAND)
    return _banded(int(years)) if rule.startswith(_BAND) and years.isdecimal() else None


def grouped_age(value: Value) -> None:
    """Of an age: above 89 years all are one; an age whose unit is not known cannot be judged, and goes."""
    per_year = PER_YEAR.get(value.code if value.code is not UNSET else "")
    if value.value is EMPTY or per_year is None:
        value.value, value.comparator = EMPTY, UNSET
        value.unit = value.system = value.code = UNSET
    elif float(bytes(value.value)) / per_year >= OLDEST_AGE + 1:
        value.value, value.comparator = Raw(b"90"), _OLDEST
        value.unit, value.system, value.code = "years", UCUM, "a"


def _banded(years: int) -> After:
    def after(value: Value) -> None:
        grouped_age(value)
        if value.value is EMPTY or value.comparator == _OLDEST:
            return
        told = int(float(bytes(value.value)) / PER_YEAR[value.code])
        value.value, value.comparator = Raw(b"%d" % (told - told % years)), UNSET
        value.unit, value.system, value.code = "years", UCUM, "a"

    return after


def grouped_quantity(names: Sequence[str]) -> After:
    """Of any other quantity, whose elements are `names`: a time longer than 89 years is an age above it.

    It has no comparator: many quantities must not have one (FHIR SimpleQuantity, sqty-1). Its unit says it instead.
    """
    units = [name for name in ("code", "unit") if name in names]

    def after(value: Value) -> None:
        digits = value.value
        if digits is EMPTY:
            return
        per_year = next((per for name in units if (per := _per_year(getattr(value, name)))), None)
        if per_year is not None and _number(digits) / per_year >= OLDEST_AGE + 1:
            _group(value, names)

    return after


def noted(system: str, code: str) -> After:
    """Of a coding: note whether it asks for an age."""

    def after(value: Value) -> None:
        if (getattr(value, system), getattr(value, code)) in OF_AGE:
            tally.aged = True

    return after


def asked_ages(whole: Sequence[str], quantities: Sequence[str]) -> After:
    """Of what holds a code that asks for an age: a bare number above 89 (in the elements named) does not leave."""

    def after(value: Value) -> None:
        if not (tally.aged and _asks(value.code)):
            return
        for name in whole:
            number = getattr(value, name)
            if number is not UNSET and number > OLDEST_AGE:
                setattr(value, name, UNSET)
        for name in quantities:
            part = getattr(value, name)
            if part is not UNSET and _is_old(part):
                setattr(value, name, UNSET)

    return after


def _asks(concept: Value) -> bool:
    codings = getattr(concept, "coding", UNSET) if concept is not UNSET else UNSET
    return codings is not UNSET and any((one.system, one.code) in OF_AGE for one in codings)


def _is_old(part: Value) -> bool:
    """Whether a quantity of no unit that is known is a number of years above 89."""
    digits = getattr(part, "value", EMPTY)
    if digits is EMPTY or any(_per_year(getattr(part, name, UNSET)) for name in ("code", "unit")):
        return False
    return _number(digits) > OLDEST_AGE


def _group(value: Value, names: Sequence[str]) -> None:
    value.value = Raw(b"90")
    told = {"comparator": UNSET, "unit": "years or more", "system": UCUM, "code": "a"}
    for name, text in told.items():
        if name in names:
            setattr(value, name, text)


def _per_year(unit: Value) -> float | None:
    if unit is UNSET:
        return None
    folded = unit.casefold()
    return PER_YEAR.get(_OTHERWISE.get(folded, folded))


def _number(digits: Raw) -> float:
    try:
        return float(bytes(digits))
    except ValueError:
        # `rules.number` looks at how it begins; what else it is not, is said here.
        raise Refusal("number") from None
