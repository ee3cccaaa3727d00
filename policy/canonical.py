"""Canonical JSON (RFC 8785) and digests over it, for the values that parties sign and compare.

Numbers with a fraction are refused on purpose: no value of ours needs one, and their text form is the only hard part
of RFC 8785. Integers stay within what every JSON reader holds exactly (up to 2**53 - 1).
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

LARGEST_INTEGER = 2**53 - 1


class NotCanonicalError(ValueError):
    """The value has no canonical form here: a float, a foreign type, a lone surrogate, or nesting without end."""


def canonical(value: Json) -> bytes:
    """Return the RFC 8785 bytes of a value made of dict, list, str, int, bool and None.

    Raises :class:`NotCanonicalError` for anything else; the message names the type, never the value.
    """
    try:
        return _ENCODER.encode(_ordered(value)).encode("utf-8")
    except RecursionError:
        raise NotCanonicalError("nested too deeply") from None
    except UnicodeEncodeError:
        raise NotCanonicalError("text holds a lone surrogate") from None


def digest(value: Json) -> str:
    """Return the SHA-256 of :func:`canonical` as 64 lower-case hexadecimal digits."""
    return sha256(canonical(value)).hexdigest()


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False)


def _ordered(value: object) -> object:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is dict:
        return {name: _ordered(value[name]) for name in _names(value)}  # type: ignore[index,arg-type]
    if kind is list:
        return [_ordered(item) for item in value]  # type: ignore[attr-defined]
    return _ordered_subclass(value)


def _names(value: Mapping[str, object]) -> list[str]:
    """Names in order; those in ASCII, nearly all, have the same order in every encoding."""
    try:
        plain = "".join(value).isascii()
    except TypeError:
        plain = False
    return sorted(value) if plain else sorted(value, key=_utf16)


def _ordered_subclass(value: object) -> object:
    """Integers, and what is written as one of the plain types because it derives from it."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in _names(value)}
    raise NotCanonicalError(f"a {type(value).__name__} has no canonical form")


def _whole(value: int) -> int:
    if abs(value) > LARGEST_INTEGER:
        raise NotCanonicalError("an integer is larger than every reader can hold")
    return int(value)


def _utf16(name: object) -> bytes:
    # RFC 8785 3.2.3 orders names by UTF-16 code units, which differs from Python's code points beyond U+FFFF.
    if not isinstance(name, str):
        raise NotCanonicalError(f"a name of type {type(name).__name__}")
    return name.encode("utf-16-be")
