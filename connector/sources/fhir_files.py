"""Files of FHIR resources: bundles and single resources as JSON, bulk exports as NDJSON, each plain or gzipped.

Everything is read within limits, so that neither a huge file nor a gzip bomb takes the process along. NDJSON is read in
portions, Patients first, then consents, whatever the order of lines and files: a record can then always find the person
it is about, and is never there before what that person's consents say of it.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from connector.sources.fhir_error import SourceError
from connector.sources.fhir_pieces import OTHERS, TURNS, Part, SourceFile, turn_of

_ENDINGS = (".json", ".json.gz", ".ndjson", ".ndjson.gz")
_ACCEPTED = "a .json, .json.gz, .ndjson or .ndjson.gz file, or a folder with such files"
_GZIP = b"\x1f\x8b"
# What FHIR bulk-export clients write beside the data: what they did, not resources.
_LOG = "log.ndjson"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is read: bytes of one JSON document, bytes of one NDJSON line, lines that are taken in together."""

    document_bytes: int = 128 * 1024 * 1024
    line_bytes: int = 16 * 1024 * 1024
    portion: int = 500


def read_bundles(path: Path, limits: Limits = Limits()) -> Iterator[SourceFile]:
    """All FHIR input at `path`, a file or a folder (read with its sub-folders, in the order of names).

    Raises `SourceError` when there is none, or when a file is too large or not what its name says.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    wanted = [file for file in files if file.name.endswith(_ENDINGS) and file.name != _LOG and file.is_file()]
    if not wanted:
        raise SourceError(path.name, "", "nothing to read", _ACCEPTED)
    lines = [file for file in wanted if ".ndjson" in file.suffixes]
    for turn in (*sorted(set(TURNS.values())), OTHERS):
        for file in lines:
            yield from _portions(file, limits, turn)
    for file in wanted:
        if file not in lines:
            yield SourceFile(file.name, (Part(_document(file, limits)),))


def _document(file: Path, limits: Limits) -> bytes:
    with _opened(file) as stream:
        data = _read(stream, limits.document_bytes, file.name)
    if len(data) > limits.document_bytes:
        raise SourceError(file.name, "", "the document is too large", f"at most {limits.document_bytes} bytes unpacked")
    return data


def _portions(file: Path, limits: Limits, turn: int) -> Iterator[SourceFile]:
    with _opened(file) as stream:
        chosen = (part for part in _lines(stream, limits, file.name) if turn_of(part.data) == turn)
        while portion := tuple(islice(chosen, limits.portion)):
            yield SourceFile(file.name, portion)


def _lines(stream: BinaryIO, limits: Limits, name: str) -> Iterator[Part]:
    number = 0
    while line := _readline(stream, limits.line_bytes, name):
        number += 1
        if len(line) > limits.line_bytes:
            raise SourceError(name, f"line {number}", "the line is too long", f"at most {limits.line_bytes} bytes")
        if line.strip():
            yield Part(line, number)


def _opened(file: Path) -> BinaryIO:
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == _GZIP
        return cast("BinaryIO", gzip.open(file)) if packed else file.open("rb")
    except OSError as problem:
        raise SourceError(file.name, "", f"cannot be opened ({type(problem).__name__})", "a readable file") from None


def _read(stream: BinaryIO, most: int, name: str) -> bytes:
    try:
        return stream.read(most + 1)
    except (OSError, EOFError, zlib.error):
        raise _broken(name) from None


def _readline(stream: BinaryIO, most: int, name: str) -> bytes:
    try:
        return stream.readline(most + 1)
    except (OSError, EOFError, zlib.error):
        raise _broken(name) from None


def _broken(name: str) -> SourceError:
    return SourceError(name, "", "cannot be read to its end (damaged or cut off)", "a whole file, plain or gzip")
