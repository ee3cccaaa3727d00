"""Times that add up: phases in a sequence, and use within the time elapsed, take together no longer than the whole."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TypeAlias

from policy.odrl.compatibility.sets.bands import Band
from policy.odrl.compatibility.sets.lines import FREE, End, Line, all_lines, line, sample
from policy.odrl.compatibility.sheets import Chain

Axes: TypeAlias = Mapping[str, Band]
Spots: TypeAlias = Mapping[str, Fraction]


def fits(chains: Iterable[Chain], axes: Axes) -> bool:
    """Whether the shortest times that may be are not longer than the longest whole that may be."""
    return all(_fits([axes[name].may for name in chain.parts], axes[chain.total].may) for chain in _bound(chains, axes))


def _bound(chains: Iterable[Chain], axes: Axes) -> list[Chain]:
    return [one for one in chains if one.total in axes and all(name in axes for name in one.parts)]


def _fits(parts: list[Line], total: Line) -> bool:
    lows = [part.low for part in parts]
    if total.high.at is None or any(low.at is None for low in lows):
        return True
    least = sum((low.at or Fraction(0) for low in lows), Fraction(0))
    closed = total.high.closed and all(low.closed for low in lows)
    return least < total.high.at or (closed and least == total.high.at)


def spots(chains: Iterable[Chain], axes: Axes) -> Spots | None:
    """Return a point of every axis that surely belongs, with all sums kept; None if there may be none."""
    if any(band.must.empty for band in axes.values()):
        return None
    bound = _bound(chains, axes)
    if not all(_fits([axes[name].must for name in one.parts], axes[one.total].must) for one in bound):
        return None
    found: dict[str, Fraction] = {}
    for chain in bound:
        found.update(_small(chain, axes))
    for name, band in axes.items():
        if name not in found:
            left = _from([sum((found[part] for part in one.parts), Fraction(0)) for one in bound if one.total == name])
            rest = all_lines((band.must, left))
            if rest.empty:
                return None
            found[name] = sample(rest)
    return found


def _from(least: list[Fraction]) -> Line:
    return line(End(max(least), True), FREE) if least else line()


def _small(chain: Chain, axes: Axes) -> dict[str, Fraction]:
    """A point of each part near its beginning, so that together they stay under the longest whole."""
    lows = {name: axes[name].must for name in chain.parts}
    high = axes[chain.total].must.high.at
    least = sum((one.low.at or Fraction(0) for one in lows.values()), Fraction(0))
    share = Fraction(1) if high is None else (high - least) / 2 ** (len(lows) + 1).bit_length()
    return {name: _near(one, share) for name, one in lows.items()}


def _near(found: Line, share: Fraction) -> Fraction:
    first = found.intervals[0]
    if first.low.at is None or first.low.closed:
        return sample(Line((first,))) if first.low.at is None else first.low.at
    reach = share if first.high.at is None else min(share, first.high.at - first.low.at)
    return first.low.at + reach / 2
