"""The evidence log read as a whole: verified row by row, proved entry by entry, written out for others to verify.

Rows come from the store in pages and memory stays flat. Reading happens in one of the store's threads, on one
consistent state.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from connector.identity.keys import jwk_of_ed25519
from connector.ports import Transaction
from connector.problems import Problem, invalid, missing
from connector.provenance.checkpoint import parse_checkpoint
from connector.provenance.entry import LogRow, instant
from connector.provenance.export import (
    CHECKPOINT_NAME,
    KEY_NAME,
    LOG_NAME,
    VERIFIER_NAME,
    export_lines,
    verifier_script,
)
from connector.provenance.merkle import inclusion_proof
from connector.provenance.note import NoteVerifier
from connector.provenance.verify import LogVerdict, Tail, verify_log
from connector.records import LogCheckpoint, LogEntry, LogNode
from connector.services.committed import records_differ
from connector.services.context import Context
from connector.vault.errors import VaultError
from connector.vault.keys import verify_signature

_PAGE = 1000
_LOG_KEY = "log"
"""The name of the log's key in the vault."""
_SIGNED_WITHIN = timedelta(seconds=10)
"""How long an entry may wait for its signature while the process runs; mostly it is 250 ms."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Why an entry is in the signed log: hashes in hexadecimal, the newest checkpoint as signed."""

    entry: LogEntry
    path: list[str]
    root: str
    size: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: where, how many entries, how many of them stand under the checkpoint."""

    directory: str
    entries: int
    signed: int
    files: list[str]


class Evidence:
    """One participant's log. `running` says whether somebody signs what is written to it now."""

    def __init__(self, context: Context, *, running: bool = True) -> None:
        self._context = context
        self._running = running

    @property
    def public_key(self) -> dict[str, str]:
        """The log's key as a JWK, with its thumbprint as `kid`."""
        return jwk_of_ed25519(self._context.vault.keys.public(_LOG_KEY))

    async def verify(self, kept: Iterable[str] = ()) -> LogVerdict:
        """Check every row, checkpoint and node, the head kept in the vault, and the records that the log speaks about.

        `kept` are checkpoints somebody kept elsewhere: they must fit too. `what` says against what was checked.
        """
        elsewhere = list(kept)
        try:
            # Before the store: the store may be ahead of the head, never behind it.
            head = await asyncio.to_thread(self._context.log_head.read)
        except (OSError, VaultError):
            return LogVerdict(False, 0, None, "the head kept in the vault cannot be read")
        return await self.verify_from(head, elsewhere)

    async def verify_from(self, head: str | None, elsewhere: list[str]) -> LogVerdict:
        """The same with a head that was read in the vault before (None: there is none)."""

        def query(tx: Transaction) -> LogVerdict:
            try:
                return self._verify(tx, head, elsewhere)
            except Exception as fault:
                # Whatever keeps the store from being read keeps the log from being believed.
                return _unreadable(tx, type(fault).__name__)

        verdict = await self._context.store.read(query)
        return replace(verdict, what=verdict.what + _against(head, elsewhere)) if verdict.ok else verdict

    def _verify(self, tx: Transaction, head: str | None, elsewhere: list[str]) -> LogVerdict:
        verifier = NoteVerifier(self._context.me.id, self._context.vault.keys.public(_LOG_KEY), verify_signature)
        tail = Tail(instant(self._context.clock() - _SIGNED_WITHIN) if self._running else None)
        stored = tx.find(LogCheckpoint, order="size")
        notes = [*(one.note for one in stored), *([] if head is None else [head]), *elsewhere]
        verdict = verify_log(_rows(tx, stored[-1].size if stored else 0), notes, verifier, _Nodes(tx).read, tail)
        wrong = (_wrong_checkpoints(stored, head) or records_differ(tx)) if verdict.ok else ""
        return replace(verdict, ok=False, what=wrong) if wrong else verdict

    async def proof(self, index: int) -> Proof:
        """The proof of one integrated entry. Raises Problem 404."""
        return await self._context.store.read(lambda tx: self._proof(tx, index))

    @staticmethod
    def _proof(tx: Transaction, index: int) -> Proof:
        newest = tx.find(LogCheckpoint, order="-size", limit=1)
        found = tx.find(LogEntry, position=index, limit=1)
        if not found or not newest or index >= newest[0].size:
            raise missing("The log has no such entry yet")
        path = inclusion_proof(index, newest[0].size, _Nodes(tx, page=1).read)
        return Proof(found[0], [one.hex() for one in path], newest[0].root.hex(), newest[0].size, newest[0].note)

    async def export(self, directory: Path) -> Exported:
        """Write log, newest checkpoint, public key and verifier into a new or empty directory. Raises Problem 400."""
        if not directory.is_absolute():
            raise invalid("This is not a full path", "directory", "a path that starts at the root")
        return await self._context.store.read(lambda tx: self._export(tx, directory))

    def _export(self, tx: Transaction, directory: Path) -> Exported:
        newest = tx.find(LogCheckpoint, order="-size", limit=1)
        if not newest:
            raise Problem(409, "log-empty", "There is nothing in the log yet")
        try:
            _make_empty(directory)
            count = _write_lines(directory / LOG_NAME, export_lines(_rows(tx)))
            (directory / CHECKPOINT_NAME).write_text(newest[0].note, encoding="utf-8")
            (directory / KEY_NAME).write_text(json.dumps(self.public_key), encoding="utf-8")
            (directory / VERIFIER_NAME).write_bytes(verifier_script())
        except OSError as fault:
            raise invalid(f"The directory cannot be written: {fault.strerror}", "directory") from None
        except ValueError:
            raise Problem(
                409, "log-damaged", "A row of the log cannot be written out", "Verify the log first"
            ) from None
        files = [LOG_NAME, CHECKPOINT_NAME, KEY_NAME, VERIFIER_NAME]
        return Exported(str(directory), count, newest[0].size, files)


def _wrong_checkpoints(stored: Sequence[LogCheckpoint], head: str | None) -> str:
    """How the stored checkpoints, each valid in itself, belie their notes or the head; empty when they do not."""
    for one in stored:
        said = parse_checkpoint(one.note)
        if (said.size, said.root) != (one.size, one.root):
            return f"the stored checkpoint at {one.size} entries differs from its signed note"
    newest = stored[-1].size if stored else 0
    if head is None:
        # A process may end between its very first checkpoint and the first head.
        return "no head is kept in the vault, although the log was signed" if len(stored) > 1 else ""
    signed = parse_checkpoint(head).size
    return f"{signed} entries were signed, the newest stored checkpoint states {newest}" if newest < signed else ""


def _against(head: str | None, elsewhere: list[str]) -> str:
    own = "this store's own checkpoints" + (" and the head kept in the vault" if head is not None else " only")
    if elsewhere:
        return f"; checked against {own}, and the {len(elsewhere)} you gave"
    return f"; checked against {own}; give --checkpoint FILE to check against one you kept"


def _make_empty(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise invalid("The directory holds something already", "directory", "a new or empty directory")


def _write_lines(path: Path, lines: Iterable[bytes]) -> int:
    count = 0
    with path.open("xb") as file:
        for line in lines:
            file.write(line)
            count += 1
    return count


def _rows(tx: Transaction, placed: int = 0) -> Iterator[LogRow]:
    """All rows in the order they were written; those not integrated yet get the places they will have.

    The first `placed` were given their places, so one of them without a place has none.
    """
    after, index = 0, 0
    while page := tx.find(LogEntry, sequence__gt=after, order="sequence", limit=_PAGE):
        for one in page:
            coming = index if index >= placed else -1
            place = coming if one.position is None else one.position
            yield LogRow(place, one.at, one.kind, one.subject, one.commitment, one.salt, one.body, one.leaf_hash)
            index += 1
        after = page[-1].sequence


def _unreadable(tx: Transaction, fault: str) -> LogVerdict:
    """The verdict about a damaged store: the first entry that cannot be read, found by reading one after the other."""
    after, index = 0, 0
    try:
        while found := tx.find(LogEntry, sequence__gt=after, order="sequence", limit=1):
            after, index = found[0].sequence, index + 1
    except Exception:
        return LogVerdict(False, index, index, f"entry {index} cannot be read from the store ({fault})")
    return LogVerdict(False, index, None, f"the signed tree cannot be read from the store ({fault})")


class _Nodes:
    """Reads stored tree nodes, a page of neighbours at a time, since a walk asks for them in order."""

    def __init__(self, tx: Transaction, page: int = _PAGE) -> None:
        self._tx = tx
        self._page = page
        self._near: dict[int, dict[int, bytes]] = {}

    def read(self, level: int, position: int) -> bytes:
        """See `connector.provenance.merkle.NodeReader`. Raises LookupError."""
        if position not in self._near.get(level, {}):
            wanted: dict[str, Any] = {"level": level, "position__ge": position}
            found = self._tx.find(LogNode, order="position", limit=self._page, **wanted)
            self._near[level] = {one.position: one.hash for one in found}
        return self._near[level][position]
