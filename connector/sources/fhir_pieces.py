"""Pieces of input: what is understood, and taken in or refused, as a whole; and in which turn resources come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from connector.sources.fhir_reading import Prepared

_PEOPLE, _CONSENTS, OTHERS = range(3)
TURNS = {"Patient": _PEOPLE, "Consent": _CONSENTS, "Permission": _CONSENTS}
"""Which kinds of resource come before all others, and in which order."""


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of one JSON document; `line` is its number in an NDJSON file, from 1."""

    data: bytes
    line: int | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What is taken in or refused as a whole: a JSON file, or some lines of NDJSON. `name` is without folders."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """What came of one: exactly one of `prepared` and `refused` is there."""

    file: str
    prepared: Prepared | None
    refused: str = ""


class _Typed(msgspec.Struct):
    resource_type: str = msgspec.field(name="resourceType")


_typed = msgspec.json.Decoder(_Typed)


def turn_of(line: bytes) -> int:
    """When a resource, as a line of JSON, is taken in: 0 people, 1 what they allow, 2 everything else."""
    try:
        return TURNS.get(_typed.decode(line).resource_type, OTHERS)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return OTHERS
