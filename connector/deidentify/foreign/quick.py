"""The same plan at the decoder's speed: what no rule touches is checked and passed on by msgspec, without a visit.

For each kind of resource classes are made of the plan's nodes (`quick_shapes`). A member that a rule touches is of a
type of ours, whose values the decoder hands over as it meets them; a node whose rules hang on a condition asks it
when it has been read. All the rest is FHIR as the tables know it, as far as records have shown it: a class has the
members that were met, and is made anew when enough records had others. Whatever does not fit (an empty list, a null,
siblings of a list, a refusal) goes the plan's own way, from the start: this way only ever gives what that one would
give, and a property test holds them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from connector.deidentify.foreign.fhirpath import PathError
from connector.deidentify.foreign.quick_shapes import Maker, Slow, Value
from connector.deidentify.foreign.report import Refused
from connector.deidentify.foreign.turn import Turn

if TYPE_CHECKING:
    from connector.deidentify.foreign.plan import Plan

_KIND = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]+)"').match
_EMPTY = re.compile(rb"\{\}").search
"""Three times as fast as `in`, where so many braces stand."""
_encode = msgspec.json.Encoder().encode
Decode = Callable[[bytes], Value]


class Quick:
    """A plan's quick way. Use it in one thread at a time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._decoders: dict[bytes, Decode | None] = {}
        """By kind of resource. None: none of it was met yet, or only the plan's own way goes."""
        self._seen: dict[str, set[str]] = {}
        self._missed, self._patience = 0, 1
        self.turn: Turn
        """The turn of the record that is being read."""

    def apply(self, body: bytes, turn: Turn) -> bytes:
        """A resource as it may leave. Raises Slow for whatever it is not made for."""
        match = _KIND(body)
        if match is None:
            raise Slow
        kind = match[1]
        decode = self._decoders[kind] if kind in self._decoders else self._decoder(kind)
        if decode is None:
            raise Slow
        self.turn = turn
        turn.depth = 1 if kind == b"Bundle" else 0
        try:
            found = _encode(decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Slow from None
        if turn.took and _EMPTY(found) is not None:  # something was left empty, and has to go
            raise Slow
        return found

    def learn(self, value: Value) -> None:
        """Look at a record that had to go the plan's own way, and is fine: what members do records have?"""
        if not self._look(value, value["resourceType"]):
            return
        self._missed += 1
        if self._missed >= self._patience:
            self._missed, self._patience = 0, self._patience * 2
            self._decoders.clear()

    def _look(self, value: Value, kind: str) -> bool:
        """Whether there is a member that was not met before."""
        seen = self._seen.setdefault(kind, set())
        new = not seen.issuperset(value)
        seen.update(value)
        for key, member in self._plan.types.members(kind).items():
            if not member.primitive and member.type != "Extension" and key in value:
                parts = value[key]
                listed = parts if parts.__class__ is list else (parts,)
                for part in (one for one in listed if one.__class__ is dict):
                    new |= self._look(part, part.get("resourceType", member.type))
        return new

    def _decoder(self, kind: bytes) -> Decode | None:
        made: Decode | None = None
        try:
            root = Maker(self._plan, self, self._seen).root(kind.decode())
        except (PathError, Refused):
            root = None
        if root is not None:
            made = msgspec.json.Decoder(root, dec_hook=self.changed, float_hook=_digits).decode
        self._decoders[kind] = made
        return made

    def changed(self, touched: Any, value: Value) -> Value:
        """What a touched member turns into."""
        return touched.act(value, self.turn)


def _digits(text: str) -> Raw:
    return Raw(text.encode())
