"""What each rule of a profile does to a value.

A rule is a type: the decoder gives every value in a field of that type to `changes[rule][value]`, where `changes` is
what `Changes` remembers about the person, and what comes back is written: a value, ready JSON (`Raw`), or `UNSET`
(left out). Rules that need the whole object around a value (`label`, `decimal`, `age`, "nothing left of a required
element") run when that object has been decoded: see `After`. What cannot be done raises `Refusal`; the decoder adds
where.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from enum import IntFlag
from typing import Any, Final, TypeAlias

from msgspec import UNSET, Raw

from connector.deidentify.dates import OLDEST_AGE
from connector.deidentify.wearer import Memo, Refusal, Wearer

# Values come from outside or are instances of classes made from the profile at run time: their type is open here.
Value: TypeAlias = Any
After = Callable[[Value], None]
Open = Callable[[Wearer], Mapping[Any, Value]]

ABSENT: Final = b'[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]'
MASKED: Final = Raw(b'{"extension":' + ABSENT + b"}")
# A primitive cannot hold an extension itself: this mark is moved to its sibling (`_name`) after encoding. No text can
# look like it, because quotes inside a JSON text are escaped.
MARK: Final = b'{"_":0}'
MASKED_PRIMITIVE: Final = Raw(MARK)
# In an array there is no leaving out: an empty object stands there until `tidy` takes it away.
NOTHING: Final = Raw(b"{}")
EMPTY: Final = Raw()
_MISSING: Final = (UNSET, EMPTY)

_NUMBER_START = frozenset(b"-0123456789")
# The units FHIR allows an Age to have (UCUM), and how many of them are a year.
_PER_YEAR = {"a": 1.0, "mo": 12.0, "wk": 52.18, "d": 365.25, "h": 8766.0, "min": 525960.0}


class Left(IntFlag):
    """What is still to be done with a decoded record.

    `EMPTY`: a part was left without elements; `REQUIRED`: one that FHIR requires, or an item of an array; `MARKED`: a
    primitive was masked.
    """

    EMPTY = 1
    REQUIRED = 2
    MARKED = 4


class _Tally(threading.local):
    left: int = 0


tally: Final = _Tally()
"""What is left to do with the record that this thread is decoding."""


class Rule(type):
    """The type of a rule. Anything is an instance of one, so that the decoder takes whatever it turns into."""

    open: Open

    def __new__(cls, name: str, opened: Open) -> Rule:
        """A rule called `name`; `opened` gives what values turn into, for one person."""
        return super().__new__(cls, name, (), {"open": staticmethod(opened)})

    def __init__(cls, name: str, opened: Open) -> None:
        super().__init__(name, (), {})

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class Changes(dict[Rule, Mapping[Any, Value]]):
    """Per rule, what the values of one person turn into."""

    def __init__(self, wearer: Wearer) -> None:
        super().__init__()
        self._wearer = wearer

    def __missing__(self, rule: Rule) -> Mapping[Any, Value]:
        self[rule] = opened = rule.open(self._wearer)
        return opened


class _Dates(Memo):
    """Dates where leaving one out leaves something behind: a mask, or an empty place in an array."""

    def __init__(self, wearer: Wearer, gone: Raw) -> None:
        super().__init__(wearer.date)
        self._gone = gone

    def __missing__(self, text: str) -> Value:
        moved = super().__missing__(text)
        if moved is not UNSET:
            return moved
        del self[text]
        tally.left |= Left.EMPTY | Left.REQUIRED if self._gone is NOTHING else Left.MARKED
        return self._gone


class _Targets(Memo):
    """Literal references. Those into the record itself mean something else in every record."""

    def __init__(self, wearer: Wearer) -> None:
        super().__init__(wearer.target)
        self._inside = wearer.inside

    def __missing__(self, text: str) -> Value:
        inside = isinstance(text, str) and text[:1] == "#"
        target = self._inside(text[1:]) if inside else super().__missing__(text)
        if target is UNSET:
            # Not remembered: every record that holds it has something left to do.
            self.pop(text, None)
            tally.left |= Left.EMPTY | Left.REQUIRED
        return target


class _Masked(dict[Any, Value]):
    def __getitem__(self, value: Value) -> Raw:
        if isinstance(value, dict):
            return MASKED
        tally.left |= Left.MARKED
        return MASKED_PRIMITIVE


def own_id(kind: str) -> Rule:
    """The id of a resource of this kind: of the person their code name, else a keyed id."""
    return Rule("id", lambda wearer: wearer.codes(kind))


CONTAINED_ID: Final = own_id("#")
POINT_ID: Final = own_id("DataPoint")
REFERENCE: Final = Rule("reference", _Targets)
SUBJECT: Final = Rule("subject", lambda wearer: Memo(wearer.own_reference))
DATE: Final = Rule("date", lambda wearer: Memo(wearer.date))
DATE_IN_ARRAY: Final = Rule("date", lambda wearer: _Dates(wearer, NOTHING))
DATE_REQUIRED: Final = Rule("date", lambda wearer: _Dates(wearer, MASKED_PRIMITIVE))
FIXED: Final[dict[str, Rule]] = {
    "person": Rule("person", lambda wearer: Memo(wearer.user)),
    "samples": Rule("samples", lambda wearer: Memo(wearer.samples)),
    "masked": Rule("masked", lambda _: _Masked()),
    "uid": Rule("uid", lambda wearer: Memo(wearer.uid)),
    "year": Rule("year", lambda wearer: Memo(wearer.birth_year)),
}


def labelled(label: str, emptied: After) -> After:
    """Of a coding: its label is somebody's free text unless a system and a code stand beside it."""

    def after(value: Value) -> None:
        if value.system is UNSET or value.code is UNSET:
            setattr(value, label, UNSET)
            emptied(value)

    return after


def number(name: str, emptied: After) -> After:
    """Of an object with a decimal: it is passed on as its own bytes, so that every digit stays; check what it is."""

    def after(value: Value) -> None:
        digits = getattr(value, name)
        if digits is EMPTY:
            emptied(value)
        elif bytes(digits)[0] not in _NUMBER_START:
            raise Refusal("number")

    return after


def emptied(*names: str, required: bool = False) -> After:
    """Of any part: note that nothing is left of it."""
    first = names[0] if names else None

    def after(value: Value) -> None:
        if first is None:
            return
        missing = getattr(value, first)
        if missing is UNSET or missing is EMPTY:
            if all(getattr(value, name) in _MISSING for name in names):
                tally.left |= Left.EMPTY | Left.REQUIRED if required else Left.EMPTY

    return after


def masked_if_empty(name: str) -> After:
    """Of a required object with one element: without it, it says that it was masked."""

    def after(value: Value) -> None:
        value.extension = Raw(ABSENT) if getattr(value, name) is UNSET else EMPTY

    return after


def grouped_age(value: Value) -> None:
    """Of an age: above 89 years all are one; an age whose unit is not known cannot be judged, and goes."""
    per_year = _PER_YEAR.get(value.code if value.code is not UNSET else "")
    if value.value is EMPTY or per_year is None:
        value.value, value.comparator = EMPTY, UNSET
        value.unit = value.system = value.code = UNSET
        tally.left |= Left.EMPTY
    elif float(bytes(value.value)) / per_year >= OLDEST_AGE + 1:
        value.value, value.comparator = Raw(b"90"), ">="
        value.unit, value.system, value.code = "years", "http://unitsofmeasure.org", "a"
