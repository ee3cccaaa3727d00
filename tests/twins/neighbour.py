"""A store opened by another version of Concord, in a process of its own: it does what it is told, call by call.

Started as `python -P neighbour.py [SHAPE]` with the other version first on PYTHONPATH; it imports nothing of the tests.
SHAPE (a JSON file: columns by table) makes it the present version cut down to an earlier shape, for where the history
of this repository is not there. Both ends write pickles of plain values: a record is ("record", kind, fields).
"""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import sys
from pathlib import Path
from typing import Any, BinaryIO

Plain = Any
"""Something to be pickled: numbers, texts, times, lists, dicts, and tuples that name a record or a kind."""


class Undo(Exception):
    """Take the transaction back."""


class Unknown(Exception):
    """This version has no such kind or field."""


class Neighbour:
    """One store at a time, and the transaction that is open in it."""

    def __init__(self, asked: BinaryIO, answers: BinaryIO) -> None:
        from connector.records import RECORDS

        self._kinds = {kind.__name__: kind for kind in RECORDS}
        self._asked, self._answers = asked, answers
        self._stores: dict[str, Any] = {}

    def run(self) -> None:
        """Until nothing more is asked."""
        while True:
            try:
                word, url = pickle.load(self._asked)
            except EOFError:
                break
            if word == "close":
                store = self._stores.pop(url, None)
                if store is not None:
                    store.close()
                self._say("done", None)
                continue
            try:
                store = self._opened(url)
                if word == "write":
                    store.submit(self._served).result()
                else:
                    store.read_now(self._served)
            except Undo:
                self._say("undone", None)
            else:
                self._say("done", None)

    def _opened(self, url: str) -> Any:
        from connector.storage.postgres import PostgresStore

        if url not in self._stores:
            self._stores[url] = PostgresStore(url)
        return self._stores[url]

    def _served(self, tx: Any) -> None:
        self._say("begun", None)
        while True:
            word, name, positional, named = pickle.load(self._asked)
            if word == "end":
                return
            if word == "undo":
                raise Undo
            try:
                result = getattr(tx, name)(*map(self._ours, positional), **{k: self._ours(v) for k, v in named.items()})
                self._say("result", self._theirs(result))
            except Exception as fault:
                self._say("raised", (type(fault).__name__, str(fault)))

    def _say(self, word: str, value: Plain) -> None:
        pickle.dump((word, value), self._answers)
        self._answers.flush()

    def _ours(self, value: Plain) -> Any:
        if isinstance(value, tuple) and value and value[0] == "kind":
            return self._kind(value[1])
        if isinstance(value, tuple) and value and value[0] == "record":
            kind = self._kind(value[1])
            known = {one.name for one in dataclasses.fields(kind)}
            if set(value[2]) - known - set(value[3]):
                raise Unknown
            return kind(**{name: one for name, one in value[2].items() if name in known})
        return value

    def _kind(self, name: str) -> Any:
        if name not in self._kinds:
            raise Unknown
        return self._kinds[name]

    def _theirs(self, value: Any) -> Plain:
        if isinstance(value, list):
            return [self._theirs(one) for one in value]
        if type(value).__name__ in self._kinds and dataclasses.is_dataclass(value):
            fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
            return ("record", type(value).__name__, fields)
        return value


def cut_down(shape: dict[str, list[str]]) -> None:
    """Have records only as far as an earlier shape knew them; called before any table is made of them."""
    import connector.records as records

    made = []
    for kind in records.RECORDS:
        columns = shape.get(re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower())
        if columns is None:
            continue
        fields = [one for one in dataclasses.fields(kind) if one.name in columns]
        if len(fields) < len(dataclasses.fields(kind)):
            kind = _without(kind, fields)
        made.append(kind)
    records.RECORDS = tuple(made)


def _without(kind: Any, fields: list[Any]) -> Any:
    from typing import get_type_hints

    hints = get_type_hints(kind, include_extras=True)
    spelled = [
        (one.name, hints[one.name], dataclasses.field(default=one.default, default_factory=one.default_factory))
        for one in fields
    ]
    names = {name: getattr(kind, name) for name in ("key_width", "indexes") if hasattr(kind, name)}
    return dataclasses.make_dataclass(kind.__name__, spelled, namespace=names, frozen=True, slots=True, kw_only=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
        cut_down(given["tables"])
        from connector.storage import migrate

        migrate.HEAD = given["revision"]
    Neighbour(sys.stdin.buffer, sys.stdout.buffer).run()
