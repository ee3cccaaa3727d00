"""What an examination finds: one line for each thing looked at. No finding holds a secret or a value about a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["well", "change", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `verdict`: well, change (then `remedy` says what), or skipped (`words` say why)."""

    area: str
    code: str
    verdict: Verdict
    words: str
    remedy: str = ""


def well(area: str, code: str, words: str) -> Finding:
    """It is as it should be."""
    return Finding(area, code, "well", words)


def change(area: str, code: str, words: str, remedy: str) -> Finding:
    """Something is to be changed."""
    return Finding(area, code, "change", words, remedy)


def skipped(area: str, code: str, words: str) -> Finding:
    """It could not be looked at, or needs no look."""
    return Finding(area, code, "skipped", words)
