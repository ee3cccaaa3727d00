"""Who plays which part in the demonstration, decided from any set of patients and always the same way.

Parts go by the order of patient ids, which says nothing about a person. Only living adults decide for themselves: a
person whose age is not certain decides nothing, and nobody decides for them. Children and the dead stay silent, except
one child for whom a parent's answer was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import cycle, islice
from typing import NamedTuple

from policy.instants import span

ADULT_YEARS = 18
FEW = 10
"""With fewer living adults than this, all say yes but the last."""
WEARABLES = 8
PART_CATEGORIES = ("conditions", "medications", "laboratory", "vital-signs")
"""What the person who agrees to some categories only agrees to."""
WINDOW_YEARS = 10
"""How far back the person who agrees to a period only goes."""
PARENT = "Parent with parental responsibility, recorded by the steward"


class Answer(StrEnum):
    """What a person answers to the study request; `SILENT` is no record at all."""

    YES = "yes"
    SOME_CATEGORIES = "some-categories"
    SOME_TIME = "some-time"
    NO = "no"
    SILENT = "silent"


class Person(NamedTuple):
    """One patient as read from a bundle. `birth_date` is FHIR's text (a year, a month or a day) or None."""

    id: str
    given: str
    family: str
    birth_date: str | None
    deceased: bool


@dataclass(frozen=True, slots=True)
class Part:
    """The part of one person.

    `proxy` is the authority by which another answered for them; `categories` and `window_start` say what a partial yes
    covers (None: everything); `withdraws` marks the one who takes the yes back while data flows.
    """

    person: Person
    adult: bool
    answer: Answer
    proxy: str | None = None
    categories: tuple[str, ...] | None = None
    window_start: date | None = None
    wearable: bool = False
    withdraws: bool = False

    @property
    def consents(self) -> bool:
        """Whether any of this person's data may move."""
        return self.answer in {Answer.YES, Answer.SOME_CATEGORIES, Answer.SOME_TIME}


@dataclass(frozen=True, slots=True)
class Cast:
    """All parts, in the order of patient ids."""

    parts: tuple[Part, ...]

    @property
    def consenting(self) -> tuple[Part, ...]:
        """Those who said yes, wholly or in part."""
        return tuple(part for part in self.parts if part.consents)

    @property
    def wearers(self) -> tuple[Part, ...]:
        """Those who wear a device of the wearable vendor."""
        return tuple(part for part in self.parts if part.wearable)

    @property
    def withdrawing(self) -> Part | None:
        """The one who withdraws; None only if nobody can say yes, and then there is no story to play."""
        return next((part for part in self.parts if part.withdraws), None)


_FIRST = (Answer.YES,) * 10
_THEN = (
    Answer.NO,
    Answer.SOME_CATEGORIES,
    Answer.SOME_TIME,
    Answer.SILENT,
    Answer.NO,
    Answer.YES,
    Answer.SILENT,
    Answer.SILENT,
)
_ONWARDS = (Answer.YES, Answer.YES, Answer.YES, Answer.SILENT, Answer.YES, Answer.NO)


def cast_of(people: Iterable[Person], now: datetime) -> Cast:
    """Give everybody a part. Of several entries with one id the first counts. `now` has a time zone."""
    known: dict[str, Person] = {}
    for person in people:
        known.setdefault(person.id, person)
    ordered = [known[key] for key in sorted(known)]
    adults = [person.id for person in ordered if _adult(person, now.date())]
    answers = dict(zip(adults, _answers(len(adults)), strict=True))
    plain = [key for key in adults if answers[key] is Answer.YES]
    child = next((person.id for person in ordered if _living_child(person, now.date())), None)
    return Cast(tuple(_part(person, answers.get(person.id), plain, child, now.date()) for person in ordered))


def _part(person: Person, answer: Answer | None, plain: list[str], child: str | None, today: date) -> Part:
    if answer is None:
        by_proxy = person.id == child
        return Part(person, False, Answer.NO if by_proxy else Answer.SILENT, PARENT if by_proxy else None)
    return Part(
        person,
        adult=True,
        answer=answer,
        categories=PART_CATEGORIES if answer is Answer.SOME_CATEGORIES else None,
        window_start=_years_after(today, -WINDOW_YEARS) if answer is Answer.SOME_TIME else None,
        wearable=person.id in plain[:WEARABLES],
        withdraws=person.id == plain[0],
    )


def _answers(adults: int) -> tuple[Answer, ...]:
    if adults < FEW:
        return (*(Answer.YES,) * (adults - 1), Answer.NO) if adults > 1 else (Answer.YES,) * adults
    return tuple(islice((*_FIRST, *_THEN, *islice(cycle(_ONWARDS), adults)), adults))


def _adult(person: Person, today: date) -> bool:
    """Whether the person is certainly alive and certainly of age."""
    born = _birth(person)
    return not person.deceased and born is not None and _years_after(born[1], ADULT_YEARS) <= today


def _living_child(person: Person, today: date) -> bool:
    """Whether the person is certainly alive, born and not of age: a proxy must not answer for a grown-up."""
    born = _birth(person)
    return not person.deceased and born is not None and born[1] <= today < _years_after(born[0], ADULT_YEARS)


def _birth(person: Person) -> tuple[date, date] | None:
    """The first and last day the birth date may mean; None if it cannot be read."""
    try:
        return span(person.birth_date)
    except ValueError:
        return None


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        # 29 February in a year without one: the law counts the next day.
        return date(day.year + years, 3, 1)
