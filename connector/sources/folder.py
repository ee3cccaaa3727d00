"""A folder of FHIR files, one piece after the other: each read whole, or refused with one clear line.

Of NDJSON only the lines that are wrong are refused, each by its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from connector.sources.fhir import SourceError, prepare, read_bundles
from connector.sources.fhir_pieces import TURNS, Piece, SourceFile
from connector.sources.fhir_portions import file_pieces

__all__ = ["Piece", "pieces"]

_ENDINGS = (".json", ".json.gz", ".ndjson", ".ndjson.gz")


def pieces(path: Path, known: Callable[[str], bool]) -> Iterator[Piece]:
    """Every piece of a file or folder; a file that is refused does not spoil the next. Blocks: call it from a thread.

    NDJSON comes first, files of Patients before others, then those of consents, so that a record can find the person it
    is about. Raises SourceError when there is nothing to read.
    """
    for file in _files(path):
        try:
            for source in read_bundles(file):
                yield from _read(source, known)
        except SourceError as fault:
            yield Piece(file.name, None, str(fault))


def _read(source: SourceFile, known: Callable[[str], bool]) -> list[Piece]:
    """A document is taken in or refused whole; of lines that only happen to stand together, each by itself."""
    if any(part.line is not None for part in source.parts):
        return file_pieces(source, known)
    try:
        return [Piece(source.name, prepare(source, known))]
    except SourceError as fault:
        return [Piece(source.name, None, str(fault))]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = [file for file in path.rglob("*") if file.name.endswith(_ENDINGS) and file.is_file()]
    if not found:
        raise SourceError(
            path.name, "", "nothing to read", "a file or folder with FHIR as JSON or NDJSON, plain or gzip"
        )
    return sorted(found, key=lambda file: (".ndjson" not in file.suffixes, _turn(file.name.lower()), file))


def _turn(name: str) -> int:
    return min((turn for kind, turn in TURNS.items() if kind.lower() in name), default=len(TURNS))
