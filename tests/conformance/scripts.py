"""What the connector under test does of itself in each of the kit's tests, as data: at which state, which move.

One line for each dataset or agreement. `REQUESTED#2 terminate` is what to do the second time that state is entered. How
often it was is counted in the process's own history: a second run of the kit begins every script anew, and a restart in
the middle of a script goes on where it was. What stands in no line is left to the kit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

Script = Mapping[tuple[str, int], str]

_NEGOTIATIONS: Final = """
ACN0101   REQUESTED offer
ACN0102   REQUESTED offer, REQUESTED#2 terminate
ACN0103   REQUESTED offer, ACCEPTED agree, VERIFIED finalize
ACN0104   REQUESTED agree, VERIFIED finalize
ACN0201   REQUESTED terminate
ACN0202
ACN0203   REQUESTED agree
ACN0204   REQUESTED offer
ACN0205   REQUESTED offer, OFFERED terminate
ACN0206   REQUESTED offer, ACCEPTED terminate
ACN0207   REQUESTED agree, VERIFIED terminate
ACN0301   REQUESTED agree, VERIFIED finalize
ACN0302   REQUESTED offer
ACN0303   REQUESTED offer
ACN0304   REQUESTED offer

ACNC0101  OFFERED accept, AGREED verify
ACNC0102  OFFERED request
ACNC0103  OFFERED terminate
ACNC0104  AGREED verify
ACNC0201
ACNC0202  REQUESTED terminate
ACNC0203  AGREED terminate
ACNC0204
ACNC0205  OFFERED accept
ACNC0206  AGREED verify
ACNC0301
ACNC0302
ACNC0303
ACNC0304  OFFERED accept
ACNC0305  OFFERED accept
ACNC0306  OFFERED accept
"""

_TRANSFERS: Final = """
ATP0101   REQUESTED start, STARTED terminate
ATP0102   REQUESTED start, STARTED complete
ATP0103   REQUESTED start, STARTED suspend, SUSPENDED terminate
ATP0104   REQUESTED start, STARTED suspend, SUSPENDED start, STARTED#2 complete
ATP0105   REQUESTED terminate
ATP0201   REQUESTED start
ATP0202   REQUESTED start
ATP0203   REQUESTED start
ATP0204   REQUESTED start
ATP0205
ATP0301
ATP0302
ATP0303   REQUESTED start
ATP0304   REQUESTED start
ATP0305   REQUESTED start
ATP0306   REQUESTED start
ATP0901   REQUESTED start, STARTED suspend

ATPC0101
ATPC0102
ATPC0103
ATPC0104
ATPC0105
ATPC0201  STARTED terminate
ATPC0202  STARTED complete
ATPC0203  STARTED suspend, SUSPENDED terminate
ATPC0204  STARTED suspend, SUSPENDED start, STARTED#2 complete
ATPC0205  REQUESTED terminate
ATPC0301
ATPC0302
ATPC0303
ATPC0304
ATPC0305
ATPC0306
ATPC0901  STARTED suspend
"""


def _read(text: str) -> dict[str, Script]:
    lines = (line.split(maxsplit=1) for line in text.splitlines() if line)
    return {line[0]: dict(map(_cue, line[1].split(", "))) if len(line) > 1 else {} for line in lines}


def _cue(text: str) -> tuple[tuple[str, int], str]:
    at, move = text.split()
    state, _, time = at.partition("#")
    return (state, int(time or "1")), move


NEGOTIATIONS: Final = _read(_NEGOTIATIONS)
"""By dataset."""
TRANSFERS: Final = _read(_TRANSFERS)
"""By agreement."""


def cue(script: Script, history: Iterable[str]) -> str | None:
    """The move to make now, by a process's states from the first to the present one; None: wait for the other side."""
    states = list(history)
    return script.get((states[-1], states.count(states[-1]))) if states else None
