"""What researchers made of received data: files below one folder that the connector may rewrite.

NDJSON and CSV, in UTF-8, each of whose lines or rows carries the code of somebody in it, are rewritten without one.
Everything else is told as not readable by row, which is for people to rebuild or erase. Rows are kept byte for byte; a
draft takes the file's place only when it is whole and durable. All of this blocks: call it from a thread.
"""

from __future__ import annotations

import csv
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import orjson

from connector.dataplane.private import sync_directory
from connector.dataplane.tally import Contents, NotByRow, Removed

LONGEST_RECORD = 1024 * 1024
_SHARE = 1024 * 1024
_REFERENCE = "Patient/"
_DELIMITERS = ",;\t|"
_FORMATS = {".ndjson": "lines", ".jsonl": "lines", ".csv": "rows", ".tsv": "rows"}
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Record:
    """One line or row as it stands in the file, with the texts in it; of a CSV's header `texts` is empty."""

    raw: bytes
    text: str
    texts: Callable[[], Iterator[str]]
    header: bool = False

    def codes(self, known: Collection[str]) -> set[str]:
        """Whose it is, of those who are known."""
        return {one for text in self.texts() if (one := text.strip().removeprefix(_REFERENCE)) in known}

    def carries(self, wanted: re.Pattern[str], codes: Collection[str]) -> bool:
        """Whether a code stands anywhere in it, also beside others in one cell, or behind an escape."""
        return bool(wanted.search(self.text)) or ("\\u" in self.text and bool(self.codes(codes)))


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file is: its contents, whether each row carries a known code, and which codes were seen."""

    contents: Contents
    by_row: bool
    codes: frozenset[str]


class DerivedFiles:
    """Everything below one folder. Paths that lead out of it, also by a link, are not ours to rewrite."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def inside(self, path: str) -> bool:
        """Whether this is a regular file below the folder, under its own name: what we may rewrite."""
        place = Path(path)
        try:
            real = place.resolve(strict=True)
            return real == place and real.is_relative_to(self._folder.resolve()) and _is_plain(real)
        except (OSError, RuntimeError, ValueError):
            return False

    def would_be_inside(self, path: str) -> bool:
        """The same for a file that is about to be put there."""
        place = Path(path)
        try:
            return place.parent.resolve(strict=True) == place.parent and place.parent.is_relative_to(
                self._folder.resolve()
            )
        except (OSError, RuntimeError, ValueError):
            return False

    def contents(self, path: str) -> Contents | None:
        """A file as it is now, wherever it lies; None when there is none. Raises OSError when it cannot be read."""
        try:
            with _opened(Path(path)) as file:
                return _digested(file)
        except FileNotFoundError:
            return None

    def survey(self, path: str, known: Collection[str]) -> Survey:
        """Look through a file for people. Raises OSError when it cannot be read."""
        contents = self.contents(path)
        if contents is None:
            raise FileNotFoundError(path)
        try:
            seen = _people(Path(path), known)
        except NotByRow:
            return Survey(contents, by_row=False, codes=frozenset())
        return Survey(contents, by_row=bool(seen), codes=frozenset(seen))

    def holds(self, path: str, codes: Collection[str]) -> bool:
        """Whether a row of anybody of these is in it now; a file that is gone has none. Raises NotByRow, OSError."""
        wanted = _pattern(codes)
        with suppress(FileNotFoundError), _opened(Path(path)) as file:
            return any(one.carries(wanted, codes) for one in _records(file, Path(path)))
        return False

    def count(self, path: str, codes: Collection[str]) -> Removed:
        """What erasing these codes would take out. Raises NotByRow, OSError."""
        wanted, lines, size = _pattern(codes), 0, 0
        with suppress(FileNotFoundError), _opened(Path(path)) as file:
            for one in _records(file, Path(path)):
                if one.carries(wanted, codes):
                    lines, size = lines + 1, size + len(one.raw)
        return Removed(lines, size, 0)

    def erase(self, path: str, codes: Collection[str], known: Collection[str]) -> Removed:
        """Rewrite a file without these codes; every row left must be of somebody known. Raises NotByRow, OSError."""
        if not Path(path).exists():
            return Removed(0, 0, 0)
        if not self.inside(path):
            raise NotByRow("it is not below the folder that may be rewritten")
        for _ in range(_TRIES):
            removed = _rewritten(Path(path), codes, known)
            if removed is not None:
                return removed
        raise NotByRow("it is being written to")

    def delete(self, path: str) -> Removed:
        """Delete a file of ours whole. Raises NotByRow when it is not below the folder, OSError."""
        place = Path(path)
        if not place.exists():
            return Removed(0, 0, 0)
        if not self.inside(path):
            raise NotByRow("it is not below the folder that may be rewritten")
        size = place.stat().st_size
        place.unlink()
        sync_directory(place.parent)
        return Removed(0, size, 0)


def _rewritten(path: Path, codes: Collection[str], known: Collection[str]) -> Removed | None:
    """One attempt; None when somebody wrote to the file meanwhile."""
    wanted, draft = _pattern(codes), path.with_name(f".{path.name}.draft")
    lines = size = left = whole = 0
    digest = sha256()
    try:
        with _opened(path) as file, _drafted(draft, file) as new:
            before = os.fstat(file.fileno())
            for one in _records(file, path):
                if one.carries(wanted, codes) and not one.header:
                    lines, size = lines + 1, size + len(one.raw)
                    continue
                if one.header == bool(one.codes(known)) or (one.header and one.carries(wanted, codes)):
                    raise NotByRow("it has a row that is of nobody known, or no header")
                left, whole = left + 1, whole + len(one.raw)
                digest.update(one.raw)
                new.write(one.raw)
            new.flush()
            os.fsync(new.fileno())
        if _changed(before, path.stat()):
            return None
        if lines:
            draft.replace(path)
            sync_directory(path.parent)
        return Removed(lines, size, 0, Contents(left, whole, digest.hexdigest()))
    finally:
        draft.unlink(missing_ok=True)


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    facts = [(one.st_ino, one.st_size, one.st_mtime_ns) for one in (before, after)]
    return facts[0] != facts[1]


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, read; never through a link or a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("this is not a file")
        yield file


@contextmanager
def _drafted(draft: Path, original: BinaryIO) -> Iterator[BinaryIO]:
    """A new file beside the old one, for the same readers."""
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(original.fileno()).st_mode))
        yield file


def _is_plain(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _digested(file: BinaryIO) -> Contents:
    lines, size, digest = 0, 0, sha256()
    while share := file.read(_SHARE):
        lines, size = lines + share.count(b"\n"), size + len(share)
        digest.update(share)
    return Contents(lines, size, digest.hexdigest())


def _pattern(codes: Collection[str]) -> re.Pattern[str]:
    """Any of these codes as a word of its own."""
    any_of = "|".join(re.escape(code) for code in sorted(codes))
    return re.compile(rf"(?<![\w-])(?:{any_of})(?![\w-])" if any_of else r"(?!)")


def _people(path: Path, known: Collection[str]) -> set[str]:
    """Whose rows they are. Raises NotByRow when one is of nobody known."""
    seen = set[str]()
    with _opened(path) as file:
        for one in _records(file, path):
            codes = one.codes(known)
            if one.header == bool(codes):
                raise NotByRow("it has a row that is of nobody known, or no header")
            seen |= codes
    return seen


def _records(file: BinaryIO, path: Path) -> Iterator[Record]:
    """Every line or row. Raises NotByRow for what is not UTF-8, no NDJSON, no CSV, or has no end to a row."""
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise NotByRow("it is neither NDJSON nor CSV")
    file.seek(0)
    if form == "lines":
        yield from (_line(raw) for raw in _pieces(file, quoted=False) if raw.strip())
        return
    delimiter = ""
    for raw in _pieces(file, quoted=True):
        if not raw.strip():
            continue
        text = _text(raw)
        header = not delimiter
        delimiter = delimiter or _delimiter(text)
        yield Record(raw, text, _cells(text, delimiter), header)


def _pieces(file: BinaryIO, *, quoted: bool) -> Iterator[bytes]:
    """The file cut at its line ends; in CSV not at those inside quotes."""
    held = b""
    while line := file.readline(LONGEST_RECORD + 1):
        held += line
        if len(held) > LONGEST_RECORD:
            raise NotByRow("a row of it is too long, or never ends")
        if quoted and held.count(b'"') % 2:
            continue
        yield held
        held = b""
    if held:
        raise NotByRow("a quote in it is never closed")


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotByRow("it is not UTF-8") from None
    if "\0" in text:
        raise NotByRow("it is not text")
    return text


def _line(raw: bytes) -> Record:
    text = _text(raw)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise NotByRow("a line of it is not JSON") from None
    return Record(raw, text, lambda: _texts(value))


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, keys too."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def _cells(text: str, delimiter: str) -> Callable[[], Iterator[str]]:
    def read() -> Iterator[str]:
        try:
            for row in csv.reader([text], delimiter=delimiter, strict=True):
                yield from row
        except csv.Error:
            raise NotByRow("a row of it is not CSV") from None

    return read
