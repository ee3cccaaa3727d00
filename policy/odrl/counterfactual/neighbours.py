"""The values next to those a policy names: just before, just after, and between two of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from policy.odrl.evaluating.spans import Span
from policy.odrl.evaluating.values import Family, Moment, Value, Zone
from policy.odrl.model import XSD, Literal

_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)
_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)
MANY = 64


def neighbours(found: Sequence[tuple[Literal, Value]]) -> Iterator[Literal]:
    """Yield literals next to and between the given ones, which are of one family and at least one."""
    make = _MAKERS.get(found[0][1].family)
    if make is not None:
        keys = list(dict.fromkeys(value.key for _, value in found))[:MANY]
        yield from make(keys, found[0][0].datatype)


def between(moments: Sequence[datetime]) -> Iterator[datetime]:
    """Yield an instant between each two that follow each other."""
    yield from (low + (high - low) / 2 for low, high in pairwise(sorted(set(moments))))


def _numbers(keys: list[Decimal], datatype: str | None) -> Iterator[Literal]:
    numbers = sorted(key for key in keys if key.is_finite())
    try:
        found = [moved for number in numbers for moved in (number - 1, number + 1)]
        if not all(number == number.to_integral_value() for number in numbers) or datatype in _FRACTIONS:
            found += [(low + high) / 2 for low, high in pairwise(numbers)]
    except ArithmeticError:
        return
    yield from (Literal(str(number), datatype) for number in found)


_FRACTIONS = frozenset({None, *(f"{XSD}{name}" for name in ("decimal", "double", "float"))})


def _moments(keys: list[Moment], _datatype: str | None) -> Iterator[Literal]:
    local = any(key.zone is Zone.LOCAL for key in keys)
    edges = [edge for key in keys for edge in (key.first, key.after)]
    for key in keys:
        for edge, step in ((key.first, -_SECOND), (key.after, _SECOND), (key.first, -_DAY), (key.after, _DAY)):
            try:
                yield _moment(edge + step, local)
            except OverflowError:
                continue
    yield from (_moment(one, local) for one in between(edges))


def _moment(moment: datetime, local: bool) -> Literal:
    return Literal(f"{moment.isoformat()}{'' if local else 'Z'}", f"{XSD}dateTime")


def _clocks(keys: list[tuple[timedelta, bool]], datatype: str | None) -> Iterator[Literal]:
    zoned = keys[0][1]
    times = sorted(since for since, _ in keys)
    found = [since + step for since in times for step in (-timedelta(minutes=1), timedelta(minutes=1))]
    found += [low + (high - low) / 2 for low, high in pairwise(times)]
    for since in found:
        if timedelta() <= since < _DAY:
            yield Literal(f"{_MIDNIGHT + since:%H:%M:%S}{'Z' if zoned else ''}", datatype or f"{XSD}time")


def _spans(keys: list[Span], datatype: str | None) -> Iterator[Literal]:
    found = [Span(key.months, key.seconds + step) for key in keys for step in (-86_400, -1, 1, 86_400)]
    found += [
        Span((low.months + high.months) // 2, (low.seconds + high.seconds) // 2) for low, high in pairwise(sorted(keys))
    ]
    found += [Span(0, Decimal()), Span(120_000, Decimal())]
    for one in found:
        if one.months >= 0 and one.seconds >= 0:
            yield Literal(_span(one), datatype or f"{XSD}duration")


def _span(one: Span) -> str:
    days, seconds = divmod(one.seconds, 86_400)
    text = "P" + (f"{one.months}M" if one.months else "") + (f"{days:f}D" if days else "")
    return text + (f"T{seconds:f}S" if seconds or text == "P" else "")


def _booleans(_keys: list[bool], datatype: str | None) -> Iterator[Literal]:
    yield from (Literal(text, datatype) for text in ("true", "false"))


_MAKERS: Mapping[Family, Callable[[list[Any], str | None], Iterator[Literal]]] = MappingProxyType(
    {
        Family.NUMBER: _numbers,
        Family.MOMENT: _moments,
        Family.CLOCK: _clocks,
        Family.SPAN: _spans,
        Family.BOOLEAN: _booleans,
    }
)
