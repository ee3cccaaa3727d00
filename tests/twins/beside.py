"""A store used by two versions of Concord at once: every other command and question goes to a process of the older.

The older version is what was released in shape 0005: its code from the history of this repository, or where there is
none the present code cut down to that shape.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from sqlalchemy import create_engine, inspect

from connector.ports import Duplicate, SharedGate, Stale
from connector.records import RECORDS
from connector.storage import migrate
from connector.storage.postgres import PostgresStore
from connector.storage.tables import KEYS
from tests import postgres

T = TypeVar("T")
OLDER = "f937575"
"""The last version of shape 0005."""
REVISION = "0005"
_REPOSITORY = Path(__file__).parents[2]
_KINDS = {kind.__name__: kind for kind in RECORDS}
_FAULTS: dict[str, type[Exception]] = {
    "Duplicate": Duplicate, "Stale": Stale, "ValueError": ValueError, "TypeError": TypeError, "KeyError": KeyError,
}  # fmt: skip


class Unknown(Exception):
    """The older version has no such kind or field."""


@cache
def older_code() -> Path | None:
    """The older version's code, unpacked; None where the history does not reach so far."""
    place = Path(tempfile.mkdtemp(prefix="concord-older-"))
    atexit.register(subprocess.run, ["rm", "-r", str(place)], check=False)
    told = subprocess.run(["git", "archive", OLDER], cwd=_REPOSITORY, capture_output=True, check=False)
    if told.returncode != 0:
        return None
    subprocess.run(["tar", "-x", "-C", str(place)], input=told.stdout, check=True)
    return place


def older_environment() -> dict[str, str]:
    """With which its programs are started."""
    return os.environ | {"PYTHONPATH": str(older_code() or _REPOSITORY)}


@cache
def _cut_down() -> Path:
    """What shape 0005 has, as the neighbour reads it."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        command.upgrade(migrate._config(connection), REVISION)
        seen = inspect(connection)
        tables = {name: [one["name"] for one in seen.get_columns(name)] for name in seen.get_table_names()}
    engine.dispose()
    file = Path(tempfile.mkdtemp(prefix="concord-shape-")) / "shape.json"
    file.write_text(json.dumps({"revision": REVISION, "tables": tables}))
    return file


class Neighbour:
    """The process of the older version."""

    def __init__(self, cut_down: bool = False) -> None:
        code = None if cut_down else older_code()
        arguments = [sys.executable, "-P", str(Path(__file__).with_name("neighbour.py"))]
        self.process = subprocess.Popen(
            arguments if code else [*arguments, str(_cut_down())], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=code or _REPOSITORY, env=os.environ | {"PYTHONPATH": str(code or _REPOSITORY)},
        )  # fmt: skip
        self.lock = threading.RLock()

    def ask(self, *words: Any) -> tuple[str, Any]:
        """Say something; returns what it answers."""
        self.say(*words)
        return self.heard()

    def say(self, *words: Any) -> None:
        assert self.process.stdin is not None
        pickle.dump(words, self.process.stdin)
        self.process.stdin.flush()

    def heard(self) -> tuple[str, Any]:
        assert self.process.stdout is not None
        word, value = pickle.load(self.process.stdout)  # our own process
        return word, value

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait(30)


@cache
def neighbour() -> Neighbour:
    """One for the whole run."""
    made = Neighbour()
    atexit.register(made.end)
    return made


class Told:
    """A transaction in the other process, as commands see it here."""

    def __init__(self, other: Neighbour, mine: PostgresStore) -> None:
        self._other, self._mine = other, mine

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*positional: Any, **named: Any) -> Any:
            sent = {key: _plain(value) for key, value in named.items()}
            word, value = self._other.ask("call", name, [_plain(one) for one in positional], sent)
            if word == "raised":
                kind, text = value
                raise Unknown if kind in ("Unknown", "AttributeError") else _FAULTS.get(kind, RuntimeError)(text)
            return self._record(value)

        return call

    def _record(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._record(one) for one in value]
        if not (isinstance(value, tuple) and value and value[0] == "record"):
            return value
        kind, known = _KINDS[value[1]], value[2]
        if more := {one.name for one in fields(kind)} - known.keys():  # what the older version cannot see
            key = [known[name] for name in KEYS[kind]]
            ours = self._mine.read_now(lambda tx: tx.get(kind, *key))
            known |= {name: getattr(ours, name) for name in more} if ours is not None else {}
        return kind(**known)


def _plain(value: Any) -> Any:
    if isinstance(value, type) and value.__name__ in _KINDS:
        return ("kind", value.__name__)
    if is_dataclass(value) and type(value).__name__ in _KINDS:
        given = {one.name: getattr(value, one.name) for one in fields(value)}
        as_ever = [one.name for one in fields(value) if one.default is not MISSING and given[one.name] == one.default]
        return ("record", type(value).__name__, given, as_ever)
    return value


class BesideStore:
    """Implements `connector.storage.OpenStore`: every other thing asked of it is done by the older version."""

    shared_gate: SharedGate | None = None

    def __init__(self, url: str, on_commit: Callable[[set[str]], None] = lambda _bells: None) -> None:
        self._url, self._other = url, neighbour()
        self._mine = PostgresStore(url, on_commit)
        self._turn = 0
        self.by_the_other = 0

    def _theirs(self) -> bool:
        self._turn += 1
        return self._turn % 2 == 0

    def _told(self, word: str, what: Callable[[Any], T]) -> T:
        """Have the other do it. Raises Unknown when it does not know what this is about: then nothing was done."""
        with self._other.lock:
            begun = self._other.ask(word, self._url)
            assert begun[0] == "begun", begun
            try:
                result = what(Told(self._other, self._mine))
            except BaseException:
                assert self._other.ask("undo", "", (), {})[0] == "undone"
                raise
            assert self._other.ask("end", "", (), {})[0] == "done"
        self.by_the_other += 1
        return result

    async def write(self, command: Callable[[Any], T]) -> T:
        if self._theirs():
            try:
                return await asyncio.to_thread(self._told, "write", command)
            except Unknown:
                pass
        return await self._mine.write(command)

    async def read(self, query: Callable[[Any], T]) -> T:
        if self._theirs():
            try:
                return await asyncio.to_thread(self._told, "read", query)
            except Unknown:
                pass
        return await self._mine.read(query)

    look = read

    def submit(self, command: Callable[[Any], T]) -> Future[T]:
        if not self._theirs():
            return self._mine.submit(command)
        done: Future[T] = Future()
        try:
            done.set_result(self._told("write", command))
        except Unknown:
            return self._mine.submit(command)
        except BaseException as fault:
            done.set_exception(fault)
        return done

    def read_now(self, query: Callable[[Any], T]) -> T:
        if self._theirs():
            try:
                return self._told("read", query)
            except Unknown:
                pass
        return self._mine.read_now(query)

    def close(self) -> None:
        with self._other.lock:
            self._other.ask("close", self._url)
        self._mine.close()


def beside(directory: Path, *rest: Any) -> BesideStore:
    """Open it, on the server of this process."""
    return BesideStore(postgres.needed().belonging_to(directory), *rest)
