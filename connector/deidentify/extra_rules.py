"""The rules beyond the usual ones: months and bands, postcodes, sealed and kept texts, listed extensions.

`EXTRA` has the same form as `rules.FIXED`. Rules for dates come in three (`DATE_WORDS`), by what is left where one is
left out; words with a number in them are made by `parametrised`. `located` and `extended` run once the
object around a value has been decoded (see `rules.After`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct

from connector.deidentify import rules
from connector.deidentify.profile import Postcodes
from connector.deidentify.rules import After, Change, Open, Rule, Value, tally
from connector.deidentify.wearer import Memo, Refusal, Wearer

REDACTED: Final = "[redacted]"
_MONTH, _YEAR = 7, 4
_POSTCODE = re.compile(r"[A-Z0-9](?:[A-Z0-9 -]{0,10}[A-Z0-9])?", re.ASCII)
_CODE = re.compile(r"[a-z]+(?:-[a-z]+)*", re.ASCII)
_AT = " - at `"
_BAND = "band of "


def _rule(name: str, opened: Open) -> Rule:
    return Rule(name, (), {"open": staticmethod(opened)})


class _Cut:
    """Dates of which only the beginning is told; `left` stands where one has to be left out."""

    def __init__(self, whole: Change, length: int, left: Value) -> None:
        self._whole = whole
        self._length = length
        self._left = left

    def __getitem__(self, text: str) -> Value:
        moved = self._whole[text]
        if moved is not UNSET:
            return moved[: self._length]
        if self._left is rules.MASKED_PRIMITIVE:
            tally.marked = True
        elif self._left is rules.NOTHING:
            tally.empty += 1
        return self._left


def _three(dates: Callable[[Wearer], Change], length: int) -> tuple[Rule, Rule, Rule]:
    """A rule for a date where it stands alone, in an array, and where FHIR requires one."""

    def made(left: Value) -> Rule:
        return _rule("date", lambda wearer: _Cut(dates(wearer), length, left))

    return made(UNSET), made(rules.NOTHING), made(rules.MASKED_PRIMITIVE)


DATE_WORDS: Final[dict[str, tuple[Rule, Rule, Rule]]] = {
    "month": _three(lambda wearer: wearer.dates, _MONTH),
    "calendar year": _three(lambda wearer: wearer.moments, _YEAR),
}
"""Per word: the rule for a single date, for one of an array, for one that FHIR requires."""


def _told(wearer: Wearer) -> Change:
    return Memo(lambda text: UNSET if wearer.named(text) else text)


def _postcode(_: Wearer) -> Change:
    return Memo(lambda text: text if _POSTCODE.fullmatch(text.strip().upper()) else UNSET)


EXTRA: Final[dict[str, Rule]] = {
    "text": _rule("text", _told),
    "redact": _rule("redact", lambda _: Memo(lambda _text: REDACTED)),
    "sealed": _rule("sealed", lambda wearer: Memo(wearer.seal)),
    "postcode": _rule("postcode", _postcode),
}


def parametrised(word: str) -> Rule | None:
    """The rule of a word with a number in it (`band of 5`), None if it is none of these."""
    years = word.removeprefix(_BAND)
    return _birth_band(int(years)) if word.startswith(_BAND) and years.isdecimal() else None


def _birth_band(years: int) -> Rule:
    def opened(wearer: Wearer) -> Change:
        def first(text: str) -> str:
            born = int(wearer.birth_year(text))
            return f"{born - born % years:04d}"

        return Memo(first)

    return _rule("year", opened)


def located(listed: Sequence[Postcodes], postcode: str, country: str) -> After:
    """Of an address: as much of its postcode as may leave in the country it names."""
    known = {code: (re.compile(one.form, re.ASCII), one) for one in listed for code in one.countries}

    def after(value: Value) -> None:
        text = getattr(value, postcode)
        if text is not UNSET:
            setattr(value, postcode, _area(text.strip().upper(), known.get(getattr(value, country))))

    return after


def _area(text: str, told: tuple[re.Pattern[str], Postcodes] | None) -> Value:
    if told is None or told[0].fullmatch(text) is None:
        return UNSET
    area = text[: told[1].keep]
    return (told[1].instead or UNSET) if area in told[1].small else area


class _Head(Struct, gc=False):
    url: str


_items = msgspec.json.Decoder(list[Raw])
_head = msgspec.json.Decoder(_Head)
_encode = msgspec.json.Encoder().encode


def _changed(rule: Value, value: Value) -> Value:
    return tally.changes[rule][value]


def extended(name: str, classes: Mapping[str, type], modifier: bool) -> After:
    """Of an object: its listed extensions (`classes` by address), in the element `name`; the others are dropped.

    With `modifier` they are modifierExtension: the record is refused when one is not listed, or has nothing to tell.
    """
    decoders: dict[str, msgspec.json.Decoder[Value]] = {
        url: msgspec.json.Decoder(kind, dec_hook=_changed) for url, kind in classes.items()
    }

    def told(item: Raw) -> bytes | None:
        url = _head.decode(item).url
        if url not in decoders:
            return None
        value = decoders[url].decode(item)
        if rules.is_empty(value):
            tally.empty -= 1
            return None
        return b'{"url":%b,%b' % (_encode(url), _encode(value)[1:])

    def after(value: Value) -> None:
        written = getattr(value, name)
        if written is rules.EMPTY:
            return
        items = [told(item) for item in _items.decode(written)]
        if modifier and None in items:
            raise Refusal("modifier-extension")
        kept = [item for item in items if item is not None]
        setattr(value, name, Raw(b"[%b]" % b",".join(kept)) if kept else rules.EMPTY)

    def guarded(value: Value) -> None:
        try:
            after(value)
        except msgspec.ValidationError as problem:
            # Its words are a code of ours, or tell of a shape and may repeat a value: those go no further.
            words = str(problem).partition(_AT)[0]
            raise Refusal(words if _CODE.fullmatch(words) else "shape") from None

    return guarded
