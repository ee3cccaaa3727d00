"""Where a participant keeps its records: a file in its directory, or a database that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from connector.problems import Problem
from connector.storage.queues import OpenStore
from connector.storage.sqlite import SqliteStore

STORE_FILE = "store.db"
"""In a participant's directory, unless the settings name a database."""


def existing_store(directory: Path) -> Path:
    """The file of a participant that keeps its records in one. Raises Problem 404 when there is none."""
    file = directory / STORE_FILE
    if not file.exists():
        raise Problem(404, "no-store", "There is no store here", "", str(file), "a directory made by `concord init`")
    return file


def open_store(file: Path, on_commit: Callable[[set[str]], None] = lambda _bells: None, *, url: str = "") -> OpenStore:
    """The store at `url`, or in `file` when there is none. `on_commit` hears which bells to ring, on any thread.

    Raises Problem 400 or 503 for a database that cannot be used.
    """
    if not url:
        return SqliteStore(file, on_commit)
    from connector.storage.postgres import PostgresStore

    return PostgresStore(url, on_commit)
