"""Which faults befall one schedule: drawn from its seed, counted, and each of them can be taken out again.

The n-th draw of a kind depends on seed, kind and n alone, so that muting one fault leaves the others where they are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

Fault = tuple[str, int]


@dataclass
class Faults:
    """`chances` says how likely each kind is; `muted` faults (or whole kinds) do not happen."""

    seed: str
    chances: dict[str, float] = field(default_factory=dict)
    muted: frozenset[Fault | str] = frozenset()
    healed: bool = False
    happened: list[Fault] = field(default_factory=list)
    _drawn: Counter[str] = field(default_factory=Counter)

    def number(self, kind: str) -> float:
        """The next number of this kind, in [0, 1)."""
        self._drawn[kind] += 1
        drawn = f"{self.seed}:{kind}:{self._drawn[kind]}".encode()
        return int.from_bytes(blake2b(drawn, digest_size=6).digest()) / 2**48

    def strikes(self, kind: str) -> bool:
        """Whether this fault happens now."""
        if self.number(kind) >= self.chances.get(kind, 0.0) or self.healed:
            return False
        fault = (kind, self._drawn[kind])
        if fault in self.muted or kind in self.muted:
            return False
        self.happened.append(fault)
        return True

    def between(self, kind: str, low: float, high: float) -> float:
        """A number between two bounds, the smaller ones more often."""
        return low + (high - low) * self.number(kind) ** 3
