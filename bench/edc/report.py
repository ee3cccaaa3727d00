"""What was found, as a table and as one line of ratios with the bars that were set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.edc.measuring import Figures

ROWS = (
    ("start to the first catalogue answered", "ready_s", "s"),
    ("idle memory of the provider's process tree (PSS)", "memory_mb", "MB"),
    ("one negotiation, request to finalized on both sides", "negotiation_ms", "ms"),
    ("negotiations finalized per second, 16 in flight", "rate", "/s"),
    ("negotiations begun, all rounds", "begun", ""),
    ("negotiations lost, all rounds", "lost", ""),
    ("transfer request to first byte", "first_byte_ms", "ms"),
    ("terminated transfer to first refused pull", "revoke_ms", "ms"),
    ("a page of 1,000 datasets (ours 100, EDC's 50)", "page_1000_ms", "ms"),
    ("one of 1,000 by a filter", "filtered_1000_ms", "ms"),
    ("all of 1,000", "whole_1000_ms", "ms"),
    ("a page of 10,000 datasets (ours 100, EDC's 50)", "page_10000_ms", "ms"),
    ("one of 10,000 by a filter", "filtered_10000_ms", "ms"),
    ("all of 10,000", "whole_10000_ms", "ms"),
    ("processor, idle, with 1,500 finished negotiations", "idle_full_percent", "% of a core"),
    ("memory then", "memory_full_mb", "MB"),
)
SUMMED = frozenset({"begun", "lost"})
OURS, DEFAULT, FAST = "Concord", "EDC, default", "EDC, 50 ms"
Found = Mapping[str, Figures]
"""By side: the median (or sum) over all rounds."""


def merged(rounds: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Medians over rounds; what is counted is added up."""
    sides = {side for one in rounds for side in one}
    return {side: _merged([one[side] for one in rounds if side in one]) for side in sides}


def _merged(rounds: Sequence[Figures]) -> Figures:
    keys = dict.fromkeys(key for one in rounds for key in one)
    said = {key: [one[key] for one in rounds if key in one] for key in keys}
    return {key: sum(values) if key in SUMMED else median(values) for key, values in said.items()}


def table(found: Found) -> str:
    """The figures side by side."""
    sides = [side for side in (OURS, DEFAULT, FAST) if side in found]
    lines = [f"{'':62}" + "".join(f"{side:>16}" for side in sides)]
    for words, key, unit in ROWS:
        if any(key in found[side] for side in sides):
            cells = "".join(f"{_shown(found[side].get(key)):>16}" for side in sides)
            lines.append(f"{f'{words} [{unit}]' if unit else words:62}{cells}")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


@dataclass(frozen=True)
class Bar:
    """A ratio that was asked for: how it is reckoned, and when it is met."""

    says: str
    value: Callable[[Found], float]
    met: Callable[[float], bool]
    asked: str

    def line(self, found: Found) -> tuple[str, bool | None]:
        """The ratio in words; None when something of it was not measured."""
        try:
            value = self.value(found)
        except (KeyError, ValueError, ZeroDivisionError):
            return f"{self.says}: not measured", None
        met = self.met(value)
        return f"{self.says} {value:.3g} ({self.asked}: {'met' if met else 'MISSED'})", met


def _best(found: Found, key: str, best: Callable[..., float] = min) -> float:
    return best(found[side][key] for side in (DEFAULT, FAST) if side in found and key in found[side])


def _faster(says: str, key: str, least: float, against: str | None = None) -> Bar:
    """How many times sooner we are done than EDC in its best setting, or in the one named."""
    return Bar(
        says, lambda found: (found[against][key] if against else _best(found, key)) / found[OURS][key],
        lambda value: value >= least, f"at least {least:g}",
    )  # fmt: skip


def _share(says: str, key: str, most: float) -> Bar:
    return Bar(
        says, lambda found: found[OURS][key] / _best(found, key), lambda value: value <= most, f"at most {most:g}"
    )


BARS = (
    _faster("idle negotiation, times faster than EDC's default", "negotiation_ms", 80, DEFAULT),
    _faster("than EDC at 50 ms", "negotiation_ms", 9, FAST),
    Bar("negotiations/s at 16, times", lambda found: found[OURS]["rate"] / _best(found, "rate", max),
        lambda value: value >= 6, "at least 6"),
    Bar("lost of ours", lambda found: found[OURS]["lost"], lambda value: value == 0, "0"),
    Bar("begun of ours", lambda found: found[OURS]["begun"], lambda value: value >= 1000, "at least 1000"),
    _faster("first byte, times faster", "first_byte_ms", 4),
    _faster("a page of 10,000, times faster", "page_10000_ms", 4),
    _faster("all of 10,000, times faster", "whole_10000_ms", 10),
    _faster("refused after a termination, times sooner", "revoke_ms", 5),
    _share("start to ready, share of EDC's", "ready_s", 0.5),
    _share("idle memory, share of EDC's", "memory_mb", 0.5),
    Bar("idle processor with 1,500 finished, % of a core", lambda found: found[OURS]["idle_full_percent"],
        lambda value: value < 1, "below 1"),
)  # fmt: skip


def ratios(found: Found) -> tuple[str, bool]:
    """The one line at the end, and whether every bar is met."""
    said = [bar.line(found) for bar in BARS]
    return "ratios: " + "; ".join(words for words, _ in said), all(met is not False for _, met in said)
