"""Which days the policies of several consents leave, by interval algebra (reference S9, S12, S13).

Two behaviours, by name. ``concord``: a no takes its days from every yes, whichever consent it stands in, and also from
the days before a consent that a retrospective policy adds. ``torch`` is that of the TORCH extraction engine as of its
vectors: days that a retrospective policy has extended are out of reach of every no, except that of a retrospective
policy in the same consent.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from policy.directives.windows import Window, Windows, merge, overlaps, subtract


class Behaviour(StrEnum):
    """How several consents are taken together."""

    CONCORD = "concord"
    TORCH = "torch"


class Said(NamedTuple):
    """One provision of a consent: yes or no to one policy, for these days."""

    code: str
    window: Window
    permits: bool


@dataclass(frozen=True, slots=True)
class Retrospective:
    """What lets a window begin before the consent: a yes to one of `modifiers`, then from `lookback` on."""

    modifiers: tuple[str, ...]
    lookback: date


Consents = Sequence[Sequence[Said]]


def days_by_code(
    consents: Consents,
    required: Collection[str],
    retrospective: Mapping[str, Retrospective],
    behaviour: Behaviour = Behaviour.CONCORD,
) -> dict[str, Windows]:
    """Return the days left for each required policy; a policy without any is left out.

    A yes counts only from a consent that says yes to every required policy, a no from any (the package rule).
    """
    complete = [one for one in consents if set(required) <= {said.code for said in one if said.permits}]
    left = {
        code: _left(code, consents, complete, retrospective.get(code), behaviour) for code in dict.fromkeys(required)
    }
    return {code: windows for code, windows in left.items() if windows}


def _left(
    code: str, consents: Consents, complete: Consents, back: Retrospective | None, behaviour: Behaviour
) -> Windows:
    every = [said for one in consents for said in one]
    noes, against = _windows(every, {code}, permits=False), _windows(every, _modifiers(back), permits=False)
    plain, extended = list[Window](), list[Window]()
    for one in complete:
        for days in _windows(one, {code}, permits=True):
            if back and _extends(one, back, days):
                extended += _extended(one, back, days, against if behaviour is Behaviour.CONCORD else ())
            else:
                plain.append(days)
    if behaviour is Behaviour.TORCH:
        return merge([*subtract(plain, noes), *extended])
    return subtract([*plain, *extended], noes)


def _extended(
    consent: Sequence[Said], back: Retrospective, days: Window, against: Collection[Window]
) -> Iterator[Window]:
    """The days with those before them: without what the same consent refuses to look back to, and, of those before,
    what is `against` it anywhere.
    """
    refused = _windows(consent, _modifiers(back), permits=False)
    yield from subtract([days], refused)
    if back.lookback < days.start:
        yield from subtract([Window(back.lookback, days.start - timedelta(days=1))], [*refused, *against])


def _extends(consent: Sequence[Said], back: Retrospective, days: Window) -> bool:
    """Whether the consent itself says yes to a retrospective policy, at a time that overlaps these days."""
    return any(overlaps(one, days) for one in _windows(consent, _modifiers(back), permits=True))


def _windows(said: Iterable[Said], codes: set[str], *, permits: bool) -> list[Window]:
    return [one.window for one in said if one.code in codes and one.permits is permits]


def _modifiers(back: Retrospective | None) -> set[str]:
    return set(back.modifiers) if back else set()
