"""Purposes of a rule against those that were declared (reference S10, S16).

A permit needs every declared purpose covered, a denial fires on any. An emergency (break the glass) is one apart: it
counts only while somebody's complete declaration is in force, and then a rule that lists it is met by it alone, while
the other rules are still asked about the ordinary purposes.
"""

from functools import lru_cache
from typing import NamedTuple

from policy.code_systems import system_of
from policy.directives.asking import Asking
from policy.directives.model import Coding, Effect, Emergency
from policy.directives.truth import NO, UNKNOWN, YES
from policy.purposes import ACT_REASON, DPV, PREFIXES, covers, expand, purpose

# Emergency treatment and every kind of it that the vocabulary has.
EMERGENCIES = frozenset({f"{ACT_REASON}ETREAT", f"{ACT_REASON}BTG", f"{ACT_REASON}ERTREAT"})
_BREAK_GLASS = f"{ACT_REASON}BTG"

MOST_PURPOSES = 100
"""How many purposes one request may name: nobody asks for more, and each is compared with each that a rule lists."""

# What every purpose is a kind of: to share these says nothing.
_TOPS = frozenset({f"{DPV}Purpose", f"{ACT_REASON}PurposeOfUse"})


class Declared(NamedTuple):
    """The declared purposes: all of them, those a permit has to cover, and the emergencies that count."""

    every: tuple[str, ...]
    ordinary: tuple[str, ...]
    emergencies: tuple[str, ...]

    @property
    def refused(self) -> bool:
        """Whether an emergency was named and does not count."""
        return not self.emergencies and not EMERGENCIES.isdisjoint(self.every)


def declared(asking: Asking) -> Declared:
    """Return the purposes of a request, the emergencies among them only if the declaration is complete and in force."""
    if not (asking.care and in_force(asking.emergency, asking)):
        return _without_emergency(asking.purposes)
    every, ordinary, _ = _without_emergency(asking.purposes)
    named = tuple(one for one in every if one in EMERGENCIES) or (_BREAK_GLASS,)
    # Somebody who names nothing but the emergency asks for treatment in one: the vocabulary says what that lies within.
    return Declared(tuple(dict.fromkeys((*every, *named))), ordinary or named, named)


@lru_cache(maxsize=1024)
def _without_emergency(purposes: tuple[str, ...]) -> Declared:
    every = tuple(dict.fromkeys(map(one_name, purposes)))
    return Declared(every, tuple(one for one in every if one not in EMERGENCIES), ())


def in_force(emergency: Emergency | None, asking: Asking) -> bool:
    """Whether everything it takes to declare an emergency is there, now (reference S16)."""
    if emergency is None or not (emergency.group and emergency.reason and emergency.second_factor):
        return False
    return emergency.declared_at <= asking.now < emergency.until


@lru_cache(maxsize=4096)
def iris(listed: tuple[Coding, ...]) -> tuple[str, ...]:
    """Return purposes as IRIs; the code of a system is ``system#code``, or the code itself where that is an IRI."""
    return tuple(
        one_name(one.code if "://" in one.code else f"{one.system.removesuffix('#')}#{one.code}") for one in listed
    )


@lru_cache(maxsize=4096)
def one_name(term: str) -> str:
    """Return a purpose by its one IRI, however it was written; one that nobody knows under the name of its system."""
    found = purpose(term)
    if found is None and "#" in term:
        system, _, code = term.rpartition("#")
        term = f"{system_of(system)}#{code}"
        found = purpose(term)
    return expand(term) if found is None else found.iri


@lru_cache(maxsize=8192)
def purposes_met(listed: tuple[str, ...], asked: Declared, effect: Effect) -> int:
    """Return whether a rule that lists these purposes is about what was declared."""
    if not listed or not asked.every:
        return UNKNOWN
    if effect is Effect.DENY:
        return max(_denied(one, other) for one in listed for other in asked.every)
    if _by_emergency(listed, asked):
        return YES
    wide = [one for one in listed if one not in EMERGENCIES]
    if not asked.ordinary or not wide:
        return NO
    return min(max(_covered(one, other) for one in wide) for other in asked.ordinary)


@lru_cache(maxsize=8192)
def touched(listed: tuple[str, ...], asked: Declared) -> bool:
    """Whether a permit that does not cover what was declared is, in part or perhaps, about some of it.

    It permits nothing then. What it forbids within is still forbidden: a denial fires on any purpose.
    """
    pairs = ((one, other) for one in listed for other in asked.every)
    return any(_denied(one, other) != NO for one, other in pairs if one not in EMERGENCIES or other in EMERGENCIES)


def _by_emergency(listed: tuple[str, ...], asked: Declared) -> bool:
    return any(covers(one, other) is True for one in listed if one in EMERGENCIES for other in asked.emergencies)


def _covered(listed: str, asked: str) -> int:
    if listed == asked or covers(listed, asked) is True:
        return YES
    return UNKNOWN if _not_understood(listed) or _not_understood(asked) else NO


def _denied(listed: str, asked: str) -> int:
    """Whether a denial for one purpose is about another: wider ones hold it, and nobody knows whether akin ones do."""
    covered = _covered(listed, asked)
    if covered != NO:
        return covered
    mine, theirs = purpose(listed), purpose(asked)
    if mine is None or theirs is None:
        return UNKNOWN
    if mine.iri in theirs.broader or theirs.iri in mine.broader:
        return UNKNOWN
    # One vocabulary sets its terms apart; between two, only what both say they are kinds of can tell.
    return UNKNOWN if _system(listed) != _system(asked) and (mine.broader & theirs.broader) - _TOPS else NO


def _not_understood(iri: str) -> bool:
    """Whether a term claims to be of a vocabulary that we hold, which does not know it; foreign ones are only equal."""
    return purpose(iri) is None and any(iri.startswith(start) for start in PREFIXES.values())


def _system(iri: str) -> str:
    return next((start for start in PREFIXES.values() if iri.startswith(start)), "")
