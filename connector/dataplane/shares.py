"""A received file with its offsets, read some megabytes at a time: its lines, whose they are, and its digests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from connector.dataplane.lines import code_of
from connector.dataplane.tally import Contents

ENTRY = 8
"""Bytes of one offset."""
_SHARE = 4 * 1024 * 1024


def counted(path: Path) -> tuple[int, int]:
    """How many lines and bytes a file holds."""
    lines = size = 0
    with path.open("rb") as data:
        while share := data.read(_SHARE):
            lines, size = lines + share.count(b"\n"), size + len(share)
    return lines, size


def digested(path: Path, size: int | None = None) -> Contents:
    """The lines, bytes and SHA-256 of a file, or of its first `size` bytes."""
    lines, seen, digest = 0, 0, sha256()
    with path.open("rb") as data:
        while share := data.read(_SHARE if size is None else min(_SHARE, size - seen)):
            lines, seen = lines + share.count(b"\n"), seen + len(share)
            digest.update(share)
    return Contents(lines, seen, digest.hexdigest())


def slices(path: Path, sizes: Sequence[int]) -> list[Contents] | None:
    """The same for each of the pieces a file is cut into; None when it is not exactly as long as they are together."""
    if path.stat().st_size != sum(sizes):
        return None
    found = []
    with path.open("rb") as data:
        for size in sizes:
            lines, left, digest = 0, size, sha256()
            while left and (share := data.read(min(_SHARE, left))):
                lines, left = lines + share.count(b"\n"), left - len(share)
                digest.update(share)
            found.append(Contents(lines, size - left, digest.hexdigest()))
    return found


def of_code(shares: Iterable[list[tuple[bytes, int]]], code: str) -> Iterator[tuple[bytes, int]]:
    """The lines of one person."""
    needle = code.encode()
    for share in shares:
        yield from ((line, offset) for line, offset in share if is_of(line, needle, code))


def is_of(line: bytes, needle: bytes, code: str) -> bool:
    """Whether a line is about somebody; it is read only where the code is seen, or may hide behind an escape."""
    return (needle in line or b"\\u" in line) and code_of(line) == code


def line_ends(data: BinaryIO) -> Iterator[int]:
    """Where each whole line ends in the file."""
    data.seek(0)
    position = 0
    while share := data.read(_SHARE):
        start = 0
        while (found := share.find(b"\n", start)) >= 0:
            start = found + 1
            yield position + start
        position += len(share)


def shares_of(data: BinaryIO, index: BinaryIO) -> Iterator[list[tuple[bytes, int]]]:
    """The lines with their offsets, some megabytes at a time; a half line at the end is left out."""
    data.seek(0)
    index.seek(0)
    rest = b""
    while share := data.read(_SHARE):
        *lines, rest = (rest + share).split(b"\n")
        offsets = index.read(len(lines) * ENTRY)
        yield [
            (line + b"\n", int.from_bytes(offsets[place * ENTRY : (place + 1) * ENTRY], "little"))
            for place, line in enumerate(lines)
        ]
