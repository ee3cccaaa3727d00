"""The files a recipient keeps of what it received: one per transfer, NDJSON, lines of a person found by their code.

Beside `<transfer>.ndjson` lies `<transfer>.offsets`: for each line, 8 bytes little-endian, where it ended in the
sender's count (bytes of a release, event number of a stream). It tells what came in after a cut, and where a stream
goes on. A code that is barred is dropped on arrival; erasing bars first, under the same lock that appending takes, so
nothing slips back in. All of this blocks: call it from a thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from connector.dataplane import opaque
from connector.dataplane.lines import code_of
from connector.dataplane.opaque import OpaqueFile
from connector.dataplane.parts import Parts
from connector.dataplane.private import open_private, sync_directory
from connector.dataplane.shares import ENTRY, counted, digested, is_of, line_ends, of_code, shares_of, slices
from connector.dataplane.tally import Barred, Contents, Removed, Taken, Tally


class ReceivedFile:
    """One transfer's file. Made by `ReceivedFiles`; one object per file, shared by whoever writes and erases."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._index_path = path.with_suffix(".offsets")
        self._lock = threading.Lock()
        self._barred: dict[str, Barred] = {}
        self._data: BinaryIO | None = None
        self._index: BinaryIO | None = None
        self._shut = False

    @property
    def transfer(self) -> str:
        """Our id of the transfer, as it stands in the file's name."""
        return f"urn:uuid:{self.path.stem}"

    def bar(self, barred: Mapping[str, Barred]) -> None:
        """From now on drop these codes on arrival."""
        with self._lock:
            self._barred.update(barred)

    def unbar(self, codes: Collection[str]) -> None:
        """Take these codes in again: a pause is over."""
        with self._lock:
            for code in codes:
                self._barred.pop(code, None)

    def begin(self) -> None:
        """Start from nothing: a release that is pulled again comes whole."""
        with self._lock:
            for file in () if self._shut else self._opened():
                file.truncate(0)

    def resume(self) -> int:
        """Go on where both files agree; returns the sender's number of the last line, 0 when there is none."""
        with self._lock:
            if self._shut:
                return 0
            data, index = self._opened()
            entries = index.seek(0, os.SEEK_END) // ENTRY
            ends = [end for _, end in zip(range(entries), line_ends(data), strict=False)]
            data.truncate(ends[-1] if ends else 0)
            index.truncate(len(ends) * ENTRY)
            return self._last(index, len(ends))

    def go_on(self, end: int) -> int:
        """Keep what ends by `end` in the sender's count, nothing that came after; returns how many lines that is."""
        with self._lock:
            if self._shut:
                return 0
            data, index = self._opened()
            kept = position = 0
            index.seek(0)
            for position_after in line_ends(data):
                entry = index.read(ENTRY)
                if len(entry) < ENTRY or int.from_bytes(entry, "little") > end:
                    break
                kept, position = kept + 1, position_after
            data.truncate(position)
            index.truncate(kept * ENTRY)
            return kept

    def append(self, lines: Iterable[tuple[bytes, int]]) -> Taken:
        """Store lines with the sender's count at their end; barred codes and lines about nobody are not stored."""
        taken = Taken()
        with self._lock:
            kept: list[tuple[bytes, int]] = []
            for line, offset in lines:
                code = code_of(line)
                if code is None:
                    taken.nameless += 1
                    continue
                taken.people.setdefault(code, Tally()).add(len(line), offset)
                barred = self._barred.get(code)
                if barred is None:
                    kept.append((line, offset))
                else:
                    taken.late[code] = taken.late.get(code, 0) + barred.after(len(line), offset)
            if not self._shut:
                _store(*self._opened(), kept)
        return taken

    def count(self, code: str, barred: Barred) -> Removed:
        """Bar a code, and count what erasing it would take out: noted before, it survives a crash after."""
        with self._lock:
            self._barred[code] = barred
            if self._shut or not self.path.exists():
                return Removed(0, 0, 0)
            lines = size = after = 0
            for line, offset in of_code(shares_of(*self._opened()), code):
                lines, size, after = lines + 1, size + len(line), after + barred.after(len(line), offset)
            return Removed(lines, size, after)

    def holds(self, codes: Collection[str]) -> bool:
        """Whether the file has a line of one of these codes now; reads until the first one."""
        with self._lock:
            if not codes or self._shut or not self.path.exists():
                return False
            shares = shares_of(*self._opened())
            if len(codes) == 1:
                return any(True for _ in of_code(shares, *codes))
            wanted = frozenset(codes)
            return any(code_of(line) in wanted for share in shares for line, _ in share)

    def contents(self, size: int | None = None) -> Contents | None:
        """What the file is now, or its first bytes are; None when there is none."""
        with self._lock:
            if self._shut or not self.path.exists():
                return None
            self._opened()
            return digested(self.path, size)

    def slices(self, sizes: Sequence[int]) -> list[Contents] | None:
        """What the pieces of the file are, cut at these sizes; None when it is of another length, or there is none."""
        with self._lock:
            if self._shut or not self.path.exists():
                return None
            self._opened()
            return slices(self.path, sizes)

    def erase(self, code: str, barred: Barred) -> Removed:
        """Bar a code and rewrite the file without it; returns when the new file is durable."""
        with self._lock:
            self._barred[code] = barred
            if self._shut or not self.path.exists():
                return Removed(0, 0, 0)
            return self._rewrite(code, barred)

    def delete(self) -> Removed:
        """Delete the file, and store nothing in it any more; returns once that is durable."""
        with self._lock:
            self._shut = True
            self._release()
            if not self.path.exists():
                return Removed(0, 0, 0)
            lines, size = counted(self.path)
            for path in (self.path, self._index_path, *self._drafts, self._decided):
                path.unlink(missing_ok=True)
            sync_directory(self.path.parent)
            return Removed(lines, size, 0)

    def sync(self) -> None:
        """Make durable what was stored."""
        with self._lock:
            for file in () if self._shut else self._opened():
                os.fsync(file.fileno())

    def close(self) -> None:
        """Let go of the open files; they are opened again when needed."""
        with self._lock:
            self._release()

    def _rewrite(self, code: str, barred: Barred) -> Removed:
        data, index = self._opened()
        lines = size = after = left = whole = 0
        needle, digest = code.encode(), sha256()
        drafts = [open_private(path) for path in self._drafts]
        for draft in drafts:
            draft.truncate(0)
        with drafts[0] as new_data, drafts[1] as new_index:
            for share in shares_of(data, index):
                kept = []
                for line, offset in share:
                    if not is_of(line, needle, code):
                        kept.append((line, offset))
                        continue
                    lines, size, after = lines + 1, size + len(line), after + barred.after(len(line), offset)
                _store(new_data, new_index, kept)
                for line, _ in kept:
                    left, whole = left + 1, whole + len(line)
                    digest.update(line)
            for file in (new_data, new_index):
                os.fsync(file.fileno())
        if lines:
            self._decided.touch(mode=0o600)
            sync_directory(self.path.parent)
        self._release()
        self._settle()
        return Removed(lines, size, after, Contents(left, whole, digest.hexdigest()))

    @property
    def _drafts(self) -> list[Path]:
        return [path.with_name(path.name + ".draft") for path in (self.path, self._index_path)]

    @property
    def _decided(self) -> Path:
        """Exists from the moment both drafts are whole until both have taken their places."""
        return self.path.with_suffix(".decided")

    def _settle(self) -> None:
        """Finish a rewriting that was decided, or forget one that was not: also after a crash."""
        decided = self._decided.exists()
        for draft, place in zip(self._drafts, (self.path, self._index_path), strict=True):
            if decided and draft.exists():
                draft.replace(place)
            draft.unlink(missing_ok=True)
        self._decided.unlink(missing_ok=True)
        sync_directory(self.path.parent)

    def _opened(self) -> tuple[BinaryIO, BinaryIO]:
        if self._data is None or self._index is None:
            if self._decided.exists() or any(draft.exists() for draft in self._drafts):
                self._settle()
            self._data, self._index = open_private(self.path), open_private(self._index_path)
        return self._data, self._index

    def _release(self) -> None:
        for file in (self._data, self._index):
            if file is not None:
                file.close()
        self._data = self._index = None

    @staticmethod
    def _last(index: BinaryIO, entries: int) -> int:
        if not entries:
            return 0
        index.seek((entries - 1) * ENTRY)
        return int.from_bytes(index.read(ENTRY), "little")


class ReceivedFiles:
    """All files below `received/`, by agreement and transfer (`received/<agreement uuid>/<transfer uuid>.ndjson`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[Path, ReceivedFile] = {}
        self._parts: dict[Path, Parts] = {}

    def path(self, agreement: str, transfer: str) -> Path:
        """Where the file of a transfer lies."""
        return self._folder / _name(agreement) / f"{_name(transfer)}.ndjson"

    def open(self, agreement: str, transfer: str) -> ReceivedFile:
        """The one object for this file."""
        path = self.path(agreement, transfer)
        with self._lock:
            return self._files.setdefault(path, ReceivedFile(path))

    def parts(self, agreement: str, transfer: str) -> Parts:
        """The one object for what has come of a transfer's next segment."""
        path = self.path(agreement, transfer).with_suffix(".part")
        with self._lock:
            return self._parts.setdefault(path, Parts(path))

    def drop_parts(self, agreement: str) -> None:
        """Forget what has come of segments that are not whole: nobody can tell whose bytes they are."""
        folder = self._folder / _name(agreement)
        with self._lock:
            paths = {*folder.glob("*.part"), *(path for path in self._parts if path.parent == folder)}
            parts = [self._parts.setdefault(path, Parts(path)) for path in sorted(paths)]
        for one in parts:
            one.drop()

    def opaque(self, agreement: str, transfer: str) -> OpaqueFile:
        """A file for what a foreign connector sends, beside the others of its agreement."""
        return OpaqueFile(self.path(agreement, transfer).with_suffix(".bytes"))

    def opaque_size(self, agreement: str, transfer: str) -> int | None:
        """The bytes of a foreign connector's file; None when there is none (any more)."""
        path = self.path(agreement, transfer).with_suffix(".bytes")
        return path.stat().st_size if path.exists() else None

    def of_agreement(self, agreement: str) -> list[ReceivedFile]:
        """Every file there is of an agreement, also those of transfers that ended long ago."""
        with self._lock:
            folder = self._folder / _name(agreement)
            open_ones = [path for path in self._files if path.parent == folder]
            paths = sorted({*folder.glob("*.ndjson"), *open_ones})
            return [self._files.setdefault(path, ReceivedFile(path)) for path in paths]

    def delete(self, agreement: str) -> list[Removed]:
        """Delete everything received under an agreement, and store nothing under it any more: what each file held."""
        removed = [file.delete() for file in self.of_agreement(agreement)]
        self.drop_parts(agreement)
        return removed + [opaque.delete(path) for path in sorted((self._folder / _name(agreement)).glob("*.bytes"))]

    def delete_one(self, agreement: str, transfer: str) -> list[Removed]:
        """The same for what one transfer brought; empty when there is nothing of it."""
        path = self.path(agreement, transfer)
        with self._lock:
            held = path in self._files or path.exists()
        removed = [self.open(agreement, transfer).delete()] if held else []
        self.parts(agreement, transfer).drop()
        loose = path.with_suffix(".bytes")
        return removed + ([opaque.delete(loose)] if loose.exists() else [])

    def close(self) -> None:
        """Let go of every open file."""
        with self._lock:
            for file in self._files.values():
                file.close()
            for parts in self._parts.values():
                parts.close()


def _name(id: str) -> str:
    """A file name made of an id that another participant may have chosen: its UUID, or a digest of what it is."""
    try:
        return str(UUID(id.removeprefix("urn:uuid:")))
    except ValueError:
        return sha256(id.encode()).hexdigest()[:32]


def _store(data: BinaryIO, index: BinaryIO, kept: list[tuple[bytes, int]]) -> None:
    """Lines first, their offsets after: what has an offset is there."""
    _write(data, b"".join(line for line, _ in kept))
    _write(index, b"".join(offset.to_bytes(ENTRY, "little") for _, offset in kept))


def _write(file: BinaryIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
