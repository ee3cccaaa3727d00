"""What each rule of a profile does to a value.

A rule is a type: the decoder gives every value in a field of that type to `changes[rule][value]`, where `changes` is
what `Changes` remembers about the person, and what comes back is written: a value, ready JSON (`Raw`), or `UNSET`
(left out). Rules that need the whole object around a value (`coded`, `decimal`, `age`, "nothing left of a required
element") run when that object has been decoded: see `After`. What cannot be done raises `Refusal`; the decoder adds
where.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from msgspec import UNSET, Raw, Struct
from msgspec.structs import astuple

from connector.deidentify import forms
from connector.deidentify.forms import UCUM, Terminologies
from connector.deidentify.wearer import Memo, Refusal, Wearer

# Values come from outside or are instances of classes made from the profile at run time: their type is open here.
Value: TypeAlias = Any
After = Callable[[Value], None]


class Change(Protocol):
    """What values turn into."""

    def __getitem__(self, value: Value, /) -> Value:
        """What this value turns into. Raises `Refusal`."""
        ...


Open = Callable[[Wearer], Change]

ABSENT: Final = b'[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]'
MASKED: Final = Raw(b'{"extension":' + ABSENT + b"}")
# A primitive cannot hold an extension itself: this mark is moved to its sibling (`_name`) after encoding. No text can
# look like it, because quotes inside a JSON text are escaped.
MARK: Final = b'{"_":0}'
MASKED_PRIMITIVE: Final = Raw(MARK)
# In an array there is no leaving out: this stands there until what contains the array takes it out.
NOTHING: Final = Raw(b"{}")
EMPTY: Final = Raw()
FOREIGN: Final = ""
LONGEST_TEXT = 96

_NUMBER_START = frozenset(b"-0123456789")


class _Tally(threading.local):
    empty: int = 0
    marked: bool = False
    aged: bool = False
    changes: Changes

    def begin(self, changes: Changes) -> None:
        """A record, or a part of one that stands alone, is about to be decoded."""
        self.empty, self.marked, self.aged, self.changes = 0, False, False, changes


tally: Final = _Tally()
"""About the record that this thread is decoding: how many parts were left without elements and not yet taken out,
whether a primitive was masked, whether a code in it asks for an age, and what the values of its person turn into."""


class Rule(type):
    """The type of a rule. Anything is an instance of one, so that the decoder takes whatever it turns into."""

    open: Open

    def __instancecheck__(cls, instance: object) -> bool:
        return True


def _rule(name: str, opened: Open) -> Rule:
    """A rule; `opened` gives what values turn into, for one person."""
    return Rule(name, (), {"open": staticmethod(opened)})


class Changes(dict[Rule, Change]):
    """Per rule, what the values of one person turn into."""

    def __init__(self, wearer: Wearer) -> None:
        super().__init__()
        self._wearer = wearer

    def __missing__(self, rule: Rule) -> Change:
        self[rule] = opened = rule.open(self._wearer)
        return opened


class _Dates:
    """Dates where leaving one out leaves something behind: a mask, or an empty place in an array."""

    def __init__(self, wearer: Wearer, gone: Raw) -> None:
        self._dates = wearer.dates
        self._gone = gone

    def __getitem__(self, text: str) -> Value:
        moved = self._dates[text]
        if moved is not UNSET:
            return moved
        if self._gone is MASKED_PRIMITIVE:
            tally.marked = True
        else:
            tally.empty += 1
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
            # Not remembered, so that it is counted in every record that holds it.
            self.pop(text, None)
            tally.empty += 1
        return target


class _Masked:
    """The same for everything. Only a primitive that does not repeat is masked beside itself."""

    def __init__(self, many: bool) -> None:
        self._many = many

    def __getitem__(self, value: Value) -> Raw:
        if self._many or isinstance(value, dict):
            return MASKED
        tally.marked = True
        return MASKED_PRIMITIVE


def own_id(kind: str) -> Rule:
    """The id of a resource of this kind: of the person their code name, else a keyed id."""
    return _rule("id", lambda wearer: wearer.codes(kind))


def _formed(name: str, has_form: Callable[[str], bool]) -> Rule:
    """A text that stays if it has this form and names nobody; else it is left out."""

    def opened(wearer: Wearer) -> Change:
        return Memo(lambda text: text if has_form(text) and not wearer.named(text) else UNSET)

    return _rule(name, opened)


def _demanded(name: str, has_form: Callable[[str], bool]) -> Rule:
    """A text that must have this form; else nothing of the record leaves."""

    def judged(text: str) -> str:
        if not has_form(text):
            raise Refusal(name)
        return text

    return _rule(name, lambda _: Memo(judged))


def one_of(values: frozenset[str]) -> Rule:
    """A code that FHIR takes from a short list, which the profile repeats."""
    return _demanded("code", values.__contains__)


def region(listed: frozenset[str]) -> Rule:
    """A region of the list, or the code of one."""
    return _formed("region", lambda text: forms.is_region(text, listed))


def system(book: Terminologies) -> Rule:
    """The system of a code: `FOREIGN` if it is not listed, so that what stands with it can be taken out."""

    def opened(wearer: Wearer) -> Change:
        def judged(text: str) -> str:
            own = book.own_part(text)
            return FOREIGN if own is None or wearer.named(own) else text

        return Memo(judged)

    return _rule("system", opened)


CONTAINED_ID: Final = own_id("#")
POINT_ID: Final = own_id("DataPoint")
REFERENCE: Final = _rule("reference", _Targets)
SUBJECT: Final = _rule("subject", lambda wearer: Memo(wearer.own_reference))
DATE: Final = _rule("date", lambda wearer: wearer.dates)
DATE_IN_ARRAY: Final = _rule("date", lambda wearer: _Dates(wearer, NOTHING))
DATE_REQUIRED: Final = _rule("date", lambda wearer: _Dates(wearer, MASKED_PRIMITIVE))
ALL_MASKED: Final = _rule("masked", lambda _: _Masked(many=False))
ALL_MASKED_IN_ARRAY: Final = _rule("masked", lambda _: _Masked(many=True))
FIXED: Final[dict[str, Rule]] = {
    "coded": _formed("coded", lambda text: len(text) <= LONGEST_TEXT),
    "country": _formed("country", forms.is_country),
    "label": _formed("label", forms.is_display),
    "moment": _rule("moment", lambda wearer: wearer.moments),
    "time": _demanded("time", forms.is_time),
    "unit": _formed("unit", forms.is_unit),
    "version": _formed("version", forms.is_version),
    "person": _rule("person", lambda wearer: Memo(wearer.user)),
    "samples": _rule("samples", lambda wearer: Memo(wearer.samples)),
    "uid": _rule("uid", lambda wearer: Memo(wearer.uid)),
    "year": _rule("year", lambda wearer: Memo(wearer.birth_year)),
}


def coded(book: Terminologies, names: Sequence[str], system: str, code: str, done: After) -> After:
    """Of a coding (its elements are `names`): without a listed system and a code of its form, all of it is text."""

    def after(value: Value) -> None:
        source, text = getattr(value, system), getattr(value, code)
        if source is UNSET or text is UNSET or not book.knows(source, text):
            for name in names:
                setattr(value, name, UNSET)
            done(value)

    return after


def measured(book: Terminologies, system: str, code: str) -> After:
    """Of a quantity: the code of its unit leaves with a listed system. One without a system is read as UCUM."""

    def after(value: Value) -> None:
        source, text = getattr(value, system), getattr(value, code)
        if source is UNSET and text is UNSET:
            return
        if text is UNSET or not book.knows(UCUM if source is UNSET else source, text):
            setattr(value, system, UNSET)
            setattr(value, code, UNSET)

    return after


def counted(_: Value) -> None:
    """Of an object that is left empty: what contains it has to take it out."""
    tally.empty += 1


def number(name: str, done: After) -> After:
    """Of an object with a decimal: it is passed on as its own bytes, so that every digit stays; check what it is."""

    def after(value: Value) -> None:
        digits = getattr(value, name)
        if digits is EMPTY:
            done(value)
        elif bytes(digits)[0] not in _NUMBER_START:
            raise Refusal("number")

    return after


def masked_if_empty(name: str) -> After:
    """Of a required object with one element: without it, it says that it was masked."""

    def after(value: Value) -> None:
        value.extension = Raw(ABSENT) if getattr(value, name) is UNSET else EMPTY

    return after


def counted_if_empty(*names: str) -> After:
    """Of any part: if nothing is left of it, what contains it has to take it out."""
    first = names[0]

    def after(value: Value) -> None:
        missing = getattr(value, first)
        if (missing is UNSET or missing is EMPTY) and is_empty(value):
            tally.empty += 1

    return after


def settled(parts: Sequence[tuple[str, bool]]) -> After:
    """Of what contains parts (attribute, required): those left empty are taken out, or masked where FHIR requires one.

    FHIR allows no empty object or array (R4 2.6.2, ele-1).
    """

    def after(value: Value) -> None:
        for name, required in parts:
            part = getattr(value, name)
            if part is not UNSET and (tally.empty or part == []):
                setattr(value, name, _settled(part, required))

    return after


def _settled(part: Value, required: bool) -> Value:
    if isinstance(part, list):
        kept = [item for item in part if not is_empty(item)]
        tally.empty -= len(part) - len(kept)
        return kept or ([MASKED] if required else UNSET)
    if not is_empty(part):
        return part
    tally.empty -= 1
    return MASKED if required else UNSET


def is_empty(part: Value) -> bool:
    """Whether nothing is left of a part of a resource: every field is at its default."""
    return part is NOTHING or (isinstance(part, Struct) and astuple(part) == part.__struct_defaults__)


def in_turn(acts: Sequence[After]) -> After | None:
    """One act that does all of these; None if there are none."""
    if len(acts) <= 1:
        return acts[0] if acts else None

    def after(value: Value) -> None:
        for act in acts:
            act(value)

    return after


def nothing(_: Value) -> None:
    """Of what cannot be empty, such as a whole resource."""
