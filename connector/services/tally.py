"""What happened in this process, counted: a few names with a few words each, for whoever watches. No id is ever a word.

Whoever counts passes words of the house only (a message's kind, a code of the table of causes); anything else is
counted as `other`, so that nobody outside can make names here.
"""

from __future__ import annotations

from collections import Counter


class Tally:
    """Counts since the process started."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()

    def add(self, name: str, *words: str) -> None:
        """One more of this."""
        self.counts[(name, *words)] += 1
