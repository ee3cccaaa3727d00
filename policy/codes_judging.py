"""Codes and security labels of an item against those of a rule (reference S3, S8).

Two codes are compared where both systems are known. The same code in a system that nobody knows may be the same; a
code of which only the system is strange can be nothing that a permit asks, and anything that a denial means.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from policy.code_systems import CONFIDENTIALITY, codings_of, is_clinical, is_known
from policy.directives.model import Coding
from policy.directives.truth import NO, UNKNOWN, UNLABELLED, YES

# How confidential, in order (v3-Confidentiality): unrestricted, low, moderate, normal, restricted, very restricted.
LEVELS = {code: level for level, code in enumerate("ULMNRV")}
_BEYOND = len(LEVELS)


def unread(label: Coding) -> Coding:
    """Return the mark of what a labeller could not read: nobody knows whether it ought to bear this label."""
    return Coding(f"urn:concord:unread:{label.system}", label.code)


@lru_cache(maxsize=16384)
def codes_met(listed: tuple[Coding, ...], codes: frozenset[Coding]) -> int:
    """Return whether one of these codes is among those of an item, by the one names of their systems.

    UNLABELLED stands for an item without a code that says what it is about: its status or a unit is none.
    """
    if not codes.isdisjoint(listed):
        return YES
    systems = {one.system for one in listed}
    if not any(is_clinical(one.system) or one.system in systems for one in codes):
        return UNLABELLED
    return UNKNOWN if _perhaps(listed, codes) else NO


@lru_cache(maxsize=65536)
def labels_met(listed: tuple[Coding, ...], labels: frozenset[Coding], denies: bool) -> int:
    """Return whether an item with these labels is what a rule means by those it lists.

    Of several levels of confidentiality the highest counts. A denial means its level and all above; a permit those that
    it lists, and no other.
    """
    mine = codings_of(labels)
    if any(not _level_of(one) for one in mine.intersection(listed)):
        return YES
    asked = [LEVELS[one.code] for one in listed if _level_of(one)]
    levels = [LEVELS[one.code] for one in mine if _level_of(one)]
    perhaps = [level for level in map(_may_be_level, mine) if level is not None]
    highest, most = max(levels, default=-1), max([*levels, *perhaps], default=-1)
    if asked and denies:
        if highest >= min(asked):
            return YES
        if most >= min(asked):
            return UNKNOWN
    elif highest in asked:
        return YES if most == highest else UNKNOWN
    if denies and any(unread(one) in labels for one in listed):
        return UNLABELLED
    return UNKNOWN if _perhaps(listed, mine) else NO


def meant(listed: Iterable[Coding]) -> tuple[Coding, ...]:
    """Return the labels that a denial of these means: of a level of confidentiality also every level above."""
    listed = tuple(listed)
    lowest = min((LEVELS[one.code] for one in listed if _level_of(one)), default=_BEYOND)
    above = (Coding(CONFIDENTIALITY, code) for code, level in LEVELS.items() if level > lowest)
    return tuple(dict.fromkeys((*listed, *above)))


def _level_of(one: Coding) -> bool:
    return one.system == CONFIDENTIALITY and one.code in LEVELS


def _may_be_level(one: Coding) -> int | None:
    """The level that a label may stand for, though nobody knows its system, or its code in the system of levels."""
    if one.system == CONFIDENTIALITY:
        return None if one.code in LEVELS else _BEYOND
    return None if is_known(one.system) else LEVELS.get(one.code)


def _perhaps(listed: Sequence[Coding], mine: frozenset[Coding]) -> bool:
    """Whether the same code stands on both sides, of which one is in a system that nobody knows."""
    strange = {one.code for one in mine if not is_known(one.system)}
    codes = {one.code for one in mine}
    return any(one.code in (strange if is_known(one.system) else codes) for one in listed)
