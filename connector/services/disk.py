"""How much room the disk has: below the low watermark nothing new is taken in, while stops and erasures go on.

What is kept free is what those need: an erasure writes a file anew before it deletes the old one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connector.problems import Problem

MIB = 1024 * 1024
CODE = "disk-low"


def _endless() -> int:
    return 1 << 62


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk the participant's directory is on. `free` gives the bytes free now; `watermark` (bytes): 0 never low."""

    free: Callable[[], int] = _endless
    watermark: int = 0

    def low(self) -> bool:
        """Whether less is free than the watermark. A disk that cannot be asked counts as low: nobody knows."""
        if not self.watermark:
            return False
        try:
            return self.free() < self.watermark
        except OSError:
            return True

    def require(self) -> None:
        """Raises Problem 507 while it is low: nothing new is taken in."""
        if self.low():
            raise Problem(
                507, CODE, "There is too little room left here",
                "Nothing new is taken in until there is more; withdrawals and erasures go on",
                accepted=f"at least {self.watermark // MIB} MB free (`disk_low_mb`)",
            )  # fmt: skip
