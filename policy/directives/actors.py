"""Who a rule names, by role: recipients, custodians, authors, authorities (reference S11).

The role decides what an actor means. Only a recipient is compared with whoever asks; a custodian with the holder; an
author with who recorded the item. Whoever had the authority to sign limits nothing. An actor may have several names (a
reference and an identifier): a denial is about whoever has one of them, a permit about nobody whom one of them is not.
"""

from collections.abc import Collection, Sequence
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from policy.directives.asking import Asking
from policy.directives.model import Actor, Coding, Effect
from policy.directives.references import plain
from policy.directives.truth import NO, UNKNOWN, YES

_FHIR = "http://terminology.hl7.org/CodeSystem/"
_V2 = "http://hl7.org/fhir/v3/"


class Part(Enum):
    """What an actor stands for in a rule."""

    RECIPIENT = "recipient"
    CUSTODIAN = "custodian"
    AUTHOR = "author"
    AUTHORITY = "authority"
    UNKNOWN = "unknown"


_CODES = MappingProxyType(
    dict.fromkeys(("IRCP", "PRCP", "RCV", "GRANTEE", "humanuser", "dataprocessor"), Part.RECIPIENT)
    | {"CST": Part.CUSTODIAN, "AUT": Part.AUTHOR}
    | dict.fromkeys(
        ("GUARD", "GUADLTM", "DPOWATT", "HPOWATT", "SPOWATT", "POWATT", "RESPRSN", "GRANTOR", "DELEGATOR", "CONSENTER"),
        Part.AUTHORITY,
    )
)


class Actors(NamedTuple):
    """The actors of one rule, sorted by what they stand for; `unclear` are those whose role nobody knows."""

    recipients: tuple[Actor, ...]
    custodians: tuple[Actor, ...]
    authors: tuple[Actor, ...]
    unclear: tuple[Actor, ...]

    @property
    def any_condition(self) -> bool:
        """Whether somebody in it limits the rule."""
        return bool(self.recipients or self.custodians or self.authors or self.unclear)


@lru_cache(maxsize=4096)
def sorted_by_role(actors: tuple[Actor, ...]) -> Actors:
    """Return the actors of a rule by what their roles make them."""
    parts = [(_plain(one), part_of(one.roles)) for one in actors]
    wanted = (Part.RECIPIENT, Part.CUSTODIAN, Part.AUTHOR, Part.UNKNOWN)
    return Actors(*(tuple(one for one, part in parts if part is each) for each in wanted))


def _plain(one: Actor) -> Actor:
    return Actor(one.roles, plain(one.reference), tuple(map(plain, one.others)))


def part_of(roles: Sequence[Coding]) -> Part:
    """Return what a role makes of an actor; without one it is who the rule controls: the recipient (R5)."""
    if not roles:
        return Part.RECIPIENT
    known = {_CODES[one.code] for one in roles if one.code in _CODES and one.system.startswith((_FHIR, _V2))}
    return known.pop() if len(known) == 1 else Part.UNKNOWN


class Met(NamedTuple):
    """What the request decides of a rule's actors, and what is left to ask of each item.

    `authors` None: nothing is left. `unresolved`: the holder cannot tell whom the rule means (reference S1).
    """

    truth: int
    authors: tuple[str, ...] | None = None
    unresolved: bool = False


def actors_met(actors: Actors, asking: Asking, effect: Effect) -> Met:
    """Return whether a rule with these actors is about this request.

    Where it names several kinds, FHIR leaves open whether all are meant or any: a permit needs all, and a denial
    certainly does not concern the request only if it concerns it by none.
    """
    recipients, custodians, authors, unclear = actors
    if recipients and not (custodians or authors or unclear):  # by far the most
        truth = max([_recipient(one, asking, effect) for one in recipients])
        return _MET[truth]
    if not actors.any_condition:  # nobody, or only who had authority: nobody said whom the rule is for
        return Met(UNKNOWN)
    found = [max([_recipient(one, asking, effect) for one in recipients])] if recipients else []
    unresolved = bool(recipients) and found[0] == UNKNOWN
    if custodians:
        found.append(max([_custodian(one, asking, effect) for one in custodians]))
    if unclear:
        found.append(max([_unclear(one, asking) for one in unclear]))
    if not authors:
        return Met(_joined(found, effect), None, unresolved)
    wrote = _wrote(authors, effect)
    if not found:
        return Met(YES, wrote)
    if effect is Effect.PERMIT:
        return Met(min(found), wrote, unresolved)
    return Met(UNKNOWN, wrote if max(found) == NO else None, unresolved)


_MET = (Met(NO), Met(UNKNOWN, None, True), Met(UNKNOWN), Met(YES))


def _joined(found: list[int], effect: Effect) -> int:
    if effect is Effect.PERMIT or min(found) == max(found):
        return min(found)
    return UNKNOWN


def _recipient(one: Actor, asking: Asking, effect: Effect) -> int:
    if not one.reference:
        return _by_role(one, asking)
    if one.others:
        return _is(one.names, asking.requester, asking.known_actors, effect)
    if one.reference in asking.requester:
        return YES
    return NO if one.reference in asking.known_actors else UNKNOWN


def _is(names: Sequence[str], mine: Collection[str], known: Collection[str], effect: Effect) -> int:
    """Whether somebody of these names is who is meant by `mine`, where `known` are all of whom it can be told."""
    others = [one in known for one in names if one not in mine]
    if effect is Effect.PERMIT:
        another = any(others)
        return (UNKNOWN if another else YES) if len(others) < len(names) else NO if another else UNKNOWN
    return YES if len(others) < len(names) else NO if all(others) else UNKNOWN


def _wrote(authors: Sequence[Actor], effect: Effect) -> tuple[str, ...]:
    """The names by which records tell who wrote them: for a permit the first one of each only."""
    return tuple(name for one in authors for name in (one.names if effect is Effect.DENY else one.names[:1]) or ("",))


def _by_role(one: Actor, asking: Asking) -> int:
    """A rule for all who have a role, without naming anybody."""
    return YES if asking.roles and not asking.roles.isdisjoint(one.roles) else UNKNOWN


def _custodian(one: Actor, asking: Asking, effect: Effect) -> int:
    found = _is(one.names or ("",), asking.custodians, asking.known_actors, effect)
    return found if asking.custodians else UNKNOWN


def _unclear(one: Actor, asking: Asking) -> int:
    """A role we do not know: it can be met by somebody who is named and is known to have it."""
    has = bool(one.roles) and not asking.roles.isdisjoint(one.roles)
    return YES if has and (not one.reference or not asking.requester.isdisjoint(one.names)) else UNKNOWN
