"""Data use codes (GA4GH DUO) in the form of a dataset: those that an offer here can hold, and their words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from typing import NamedTuple

from policy.duo import Kind, MissingPlaceholderError, UnknownCodeError, codes, meant, narrowed
from policy.odrl import PolicyError, compiled
from policy.offers import research_offer
from policy.purposes import DPV

AT_MOST = 20
"""How many codes one offer can have: there are not many more."""

_EXAMPLES = {
    "DS": "obo:MONDO_0005015", "RS": "dpv:AcademicResearch", "GS": "EU", "IS": "urn:concord:research:1a2b3c4d",
    "PS": "urn:uuid:project", "US": "urn:uuid:person", "MOR": "2027-06-30",
}  # fmt: skip
_SOME_DAY = date(2030, 1, 1)


class UseCode(NamedTuple):
    """A code as one writes it, with an example of its value, what it means, and whether it names purposes."""

    written: str
    means: str
    grants: bool


@cache
def use_codes() -> tuple[UseCode, ...]:
    """The codes an offer can hold, those that name purposes first."""
    names = [one.name for one in codes().values() if one.shorthand and one.kind is not Kind.HEADING]
    written = [f"{name}:{_EXAMPLES[name]}" if name in _EXAMPLES else name for name in names]
    kept = [_read(text, _SOME_DAY) for text in written if _can_be_kept(text, _SOME_DAY)]
    return tuple(sorted(kept, key=lambda one: not one.grants))


def chosen_codes(written: Sequence[str], until: date) -> tuple[list[str], list[str]]:
    """What the codes grant, and a sentence for each other one. Raises ValueError: one sentence for people."""
    if len(written) > AT_MOST:
        raise ValueError(f"Write at most {AT_MOST} codes")
    found = [_checked(text, until) for text in written]
    return (
        [one.means for one in found if one.grants],
        [f"{one.means.capitalize()} ({one.written})." for one in found if not one.grants],
    )


def _checked(text: str, until: date) -> UseCode:
    name = text.partition(":")[0]
    try:
        found = _read(text, until)
        kept = _can_be_kept(text, until)
    except UnknownCodeError:
        raise ValueError(f"{text[:40]} is none of the codes in the list{_meaning(text)}") from None
    except MissingPlaceholderError:
        raise ValueError(f"{name} needs a value, for example {name}:{_EXAMPLES.get(name, '')}") from None
    except ValueError as fault:
        raise ValueError(f"{text[:40]} cannot be read: {fault}") from None
    if not kept:
        raise ValueError(f"{name} cannot be kept here yet. Leave this code out")
    return found


def _meaning(text: str) -> str:
    near = next((one.written for one in use_codes() if one.written.partition(":")[0] == text.upper()), "")
    return f". Do you mean {near}?" if near else ""


def _read(text: str, until: date) -> UseCode:
    code, part = meant(text, _end(until))
    return UseCode(text, code.label, part.grants)


def _can_be_kept(text: str, until: date) -> bool:
    """Whether an offer with this code holds only terms that are understood here."""
    offer = research_offer("urn:concord:offer:looked-at", [f"{DPV}AcademicResearch"], _end(until))
    try:
        return not compiled(narrowed(offer, [text], _end(until))).unknown
    except PolicyError:
        return False


def _end(until: date) -> datetime:
    return datetime.combine(until, time(23, 59, 59), UTC)
