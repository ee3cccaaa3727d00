"""What verbs print: a value as JSON for programs, or as a short table or sentence for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_DASH = "–"


def out() -> Console:
    """Where answers go."""
    return Console(highlight=False, soft_wrap=True, emoji=False)


def err() -> Console:
    """Where progress and remarks go, so that stdout stays clean."""
    return Console(stderr=True, highlight=False, emoji=False)


def quiet() -> bool:
    """Whether nobody watches: then progress is not shown."""
    return not err().is_terminal


@contextmanager
def working(words: str) -> Iterator[None]:
    """While something takes its time."""
    if quiet():
        yield
        return
    with err().status(words, spinner="dots"):
        yield


def as_json(value: object) -> None:
    """The value on stdout; its keys are its field names."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: object) -> object:
    """What JSON has no word for: a value by its fields, anything else as its text."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def say(sentence: str) -> None:
    """One line for people; text from elsewhere must have gone through `safe`."""
    out().print(sentence)


def safe(text: object) -> str:
    """Text as it is, with nothing in it read as markup."""
    return escape(str(text))


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[tuple[str, str]], empty: str) -> None:
    """Rows as a table of (field, heading); a sentence when there are none."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for _, heading in columns:
        made.add_column(heading, overflow="fold")
    count = 0
    for row in rows:
        made.add_row(*(_cell(row.get(field)) for field, _ in columns))
        count += 1
    out().print(made if count else empty)


def facts(value: Mapping[str, Any], names: Sequence[tuple[str, str]]) -> None:
    """One value as lines of (field, words)."""
    made = Table(box=None, pad_edge=False, show_header=False, show_edge=False)
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for field, words in names:
        made.add_row(words, _cell(value.get(field)))
    out().print(made)


def _cell(value: object) -> str:
    if value is None or value in ("", [], {}):
        return _DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "\n".join(_cell(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{safe(key)}: {_cell(one)}" for key, one in value.items())
    return safe(value)


def segment(id: str) -> str:
    """An id as one step of an address."""
    return quote(id, safe=":")
