"""Third-party vectors, scored: one `Case` each, found by its file, its expectation read from the set's own files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    """One vector. `check` raises whatever it likes when ours does not agree; an AssertionError says how."""

    name: str
    check: Callable[[], None]


@dataclass
class Score:
    """How one set went: the names of those that failed, each with why."""

    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many cases there were."""
        return self.passed + len(self.failed)

    @property
    def share(self) -> float:
        """Which share of them passed."""
        return self.passed / self.total

    def add(self, case: Case) -> None:
        """Run one case and count it."""
        try:
            case.check()
        except Exception as error:  # whatever goes wrong in a case is that case's failure
            self.failed[case.name] = f"{type(error).__name__}: {error}"[:500]
        else:
            self.passed += 1


def score(roots: Iterable[Path], sets: Iterable[tuple[str, Callable[[Path], Iterator[Case]]]]) -> dict[str, Score]:
    """Run every set under every root; a set that no root holds is left out."""
    found: dict[str, Score] = {}
    places = list(roots)
    for name, cases in sets:
        for root in places:
            for case in cases(root):
                found.setdefault(name, Score()).add(case)
    return found
