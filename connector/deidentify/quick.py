"""The quick way at work: a record decoded and written from ready pieces, or None if it has to go the careful way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from connector.deidentify.hand import Contained, Hand
from connector.deidentify.pieces import Alone, Named, Unusual, Vocabulary
from connector.deidentify.profile import Profile
from connector.deidentify.rules import Changes
from connector.deidentify.wearer import Wearer
from connector.deidentify.writing import written_out

# What says that a record is unusual: the careful way finds out what it is. (KeyError: a code that is not listed.)
_SIGNS = (Unusual, KeyError, ValueError, RecursionError, msgspec.MsgspecError)
PORTION = 256
"""Records done together: few enough to stay near the processor."""


class Quick:
    """The quick way of one profile of FHIR records. Use it in one thread. `passed` counts the records it passed on."""

    def __init__(self, profile: Profile, release: str) -> None:
        writing = written_out(profile, release)
        self.passed = 0
        self._functions = writing.functions
        self._kinds = writing.kinds
        self._decode = msgspec.json.Decoder(writing.record).decode
        self._vocabulary = Vocabulary(writing.plan, writing.shared)
        self._own = Alone(writing.plan, writing.own)
        self._contained = Contained(writing)

    def hand(self, wearer: Wearer, changes: Changes) -> Hand:
        """What writes the records of a person."""
        return Hand(wearer, changes, self._vocabulary, self._own, self._contained)

    def lines(
        self, bodies: Sequence[bytes], hand: Hand, carefully: Callable[[bytes], bytes | str]
    ) -> list[bytes | str]:
        """Every record as a line with its line end; `carefully` does those that are unusual."""
        lines: list[bytes | str] = []
        for start in range(0, len(bodies), PORTION):
            portion = bodies[start : start + PORTION]
            values = self._decoded(portion)
            functions = self._functions
            for body, value, code in zip(portion, values, self._codes(values, hand), strict=True):
                try:
                    lines.append(functions[type(value)](value, hand, code))
                except Named:
                    hand.withdraw()
                    lines += self.lines((body,), hand, carefully)
                except _SIGNS:
                    self.passed += 1
                    lines.append(carefully(body))
        return lines

    def _decoded(self, bodies: Sequence[bytes]) -> list[Any]:
        """Every record as it was read, None if it is unusual."""
        try:
            return list(map(self._decode, bodies))
        except _SIGNS:
            return list(map(self._decoded_or_none, bodies))

    def _decoded_or_none(self, body: bytes) -> Any:
        try:
            return self._decode(body)
        except _SIGNS:
            return None

    def _codes(self, values: Iterable[Any], hand: Hand) -> list[bytes]:
        """The codes that the records get as their ids; b"" where there is none to be worked out here."""
        kinds = self._kinds
        return hand.codes.known(
            [f"{kinds[type(value)]}/{value.id}" if type(value) in kinds else "" for value in values]
        )
