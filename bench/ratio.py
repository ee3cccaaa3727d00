"""How one thing compares with its floor: timed in turns, in the same run, as a ratio with a bar."""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import NamedTuple


class Ratio(NamedTuple):
    """How one thing compares with its floor: `value` must be at least (or at most) `bar`."""

    name: str
    value: float
    bar: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        return f"{self.name} {self.value:.2f} ({'>=' if self.at_least else '<='} {self.bar:g})"


def rate(act: Callable[[], object], window: float) -> float:
    """Runs per second within `window` seconds, after three runs that warm up."""
    for _ in range(3):
        act()
    count, step, began = 0, 1, perf_counter()
    while (taken := perf_counter() - began) < window:
        for _ in range(step):
            act()
        count += step
        step = min(step * 2, 256)
    return count / taken


def turns(rounds: int, ours: Callable[[], float], floor: Callable[[], float]) -> tuple[float, float]:
    """The medians of both, measured in turns."""
    pairs = [(ours(), floor()) for _ in range(rounds)]
    return median(one for one, _ in pairs), median(other for _, other in pairs)


def show(name: str, ours: str, floor: str, ratio: Ratio) -> Ratio:
    """Print one line of the table."""
    print(f"{name:<42}{ours:>18}{floor:>20}{ratio.value:>10.2f}   {'met' if ratio.met else 'MISSED'}")
    return ratio


def seconds_of(act: Callable[[], object]) -> float:
    """How long one run takes."""
    began = perf_counter()
    act()
    return perf_counter() - began
