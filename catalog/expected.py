"""How many people a dataset is expected to yield, now and later, as it stands in a catalogue: small numbers hidden.

Consents end. Whoever plans a study wants to know how many of today's people will still be there in half a year if
nobody renews. Those numbers are told in bands only: beside today's number, an exact one would tell how many end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.smallnumbers import THRESHOLD, at_least_ten, band_words, is_band, people_band

HORIZONS = (30, 90, 180, 365)
"""Days from now for which it is told how many consents will still count."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Expected:
    """People expected in a release (exact): `people` now, `later` at each of :data:`HORIZONS` (empty: not counted)."""

    people: int = 0
    later: tuple[int, ...] = ()

    def wire(self) -> Json:
        """What is told: the number from ten upwards, and bands for later."""
        bands = [
            {"days": days, "people": people_band(count)} for days, count in zip(HORIZONS, self.later, strict=False)
        ]
        return {"people": at_least_ten(self.people), "later": bands}


@dataclass(frozen=True, slots=True)
class Told:
    """What another's catalogue told: `people` in words (empty: nothing), `later` as (days, words)."""

    people: str = ""
    later: tuple[tuple[int, str], ...] = ()


def read_told(value: object) -> Told:
    """Read what a catalogue says of the expected yield; what is not of a known shape is left out."""
    if isinstance(value, str):
        return Told(value[:40])
    if not isinstance(value, Mapping):
        return Told()
    people, later = value.get("people"), value.get("later")
    found = [_band(one) for one in later[: len(HORIZONS)]] if isinstance(later, list) else []
    return Told(people[:40] if isinstance(people, str) else "", tuple(one for one in found if one is not None))


def _band(value: object) -> tuple[int, str] | None:
    days, people = (value.get("days"), value.get("people")) if isinstance(value, Mapping) else (None, None)
    if type(days) is not int or type(people) is not int or days not in HORIZONS:
        return None
    return (days, band_words(people)) if is_band(people) and (people == 0 or people >= THRESHOLD) else None
