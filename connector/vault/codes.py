"""Code names people can read aloud: 25 letters and digits (125 bits) and a check character.

The alphabet is base32 of RFC 4648 in lower case: no 0, 1, 8 or 9, so nothing is confused with a letter. The check
character is of ISO 7064's hybrid systems (MOD 11,10; 27,26; 37,36) with modulus 33,32: it finds every wrong character
and nearly every swap of neighbours.
"""

from __future__ import annotations

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
CODE_LENGTH = 26

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_PAYLOAD = CODE_LENGTH - 1
_PAYLOAD_BITS = 5 * _PAYLOAD


def check_value(values: list[int], modulus: int) -> int:
    """The check value of ISO 7064 MOD (modulus + 1, modulus) for values below `modulus`."""
    product = modulus
    for value in values:
        total = (product + value) % modulus or modulus
        product = 2 * total % (modulus + 1)
    return (1 - product) % modulus


def encode(digest: bytes) -> str:
    """The code made of the first 125 bits of a digest (at least 16 bytes)."""
    bits = int.from_bytes(digest[:16], "big") >> (128 - _PAYLOAD_BITS)
    values = [bits >> shift & 31 for shift in range(_PAYLOAD_BITS - 5, -1, -5)]
    return "".join([ALPHABET[value] for value in [*values, check_value(values, len(ALPHABET))]])


def is_code(text: str) -> bool:
    """Whether a text is a well-formed code with the right check character: typing errors show before a look-up."""
    values = [_VALUES.get(character, -1) for character in text]
    if len(values) != CODE_LENGTH or min(values) < 0:
        return False
    return check_value(values[:-1], len(ALPHABET)) == values[-1]
