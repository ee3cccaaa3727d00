"""The demonstration's last check: does anything that identifies a person stand where it must not?

The identifiers of the whole input (`connector.demo.bundles`) are searched in all bytes that were released, in the logs
of all participants, and in every file the research group has, its database included. A find says how and where, never
what.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connector.deidentify.leaks import LeakScanner

_PIECE = 4 * 1024 * 1024
_OVERLAP = 4 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """One find: the file, the byte, and the disguise it wore. Never the value."""

    file: str
    offset: int
    kind: str


def scan(known: Iterable[str], files: Iterable[Path]) -> list[Place]:
    """Every known identifier found in these files."""
    scanner = LeakScanner(known)
    return [place for path in files for place in _scan_file(scanner, path)]


def files_of(*roots: Path) -> Iterator[Path]:
    """The regular files below these folders, and those that are files themselves, in a fixed order."""
    for root in roots:
        if root.is_file():
            yield root
        else:
            yield from (path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink())


def _scan_file(scanner: LeakScanner, path: Path) -> Iterator[Place]:
    seen: set[int] = set()
    for start, piece in _pieces(path):
        for leak in scanner.scan(piece, path.name):
            if start + leak.offset not in seen:
                seen.add(start + leak.offset)
                yield Place(path.name, start + leak.offset, leak.kind)


def _pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """The file in pieces that overlap, so that nothing hides across a border. A packed file is unpacked first."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        start, kept = 0, b""
        while read := file.read(_PIECE):
            piece = kept + read
            yield start, piece
            kept = piece[-_OVERLAP:]
            start += len(piece) - len(kept)
