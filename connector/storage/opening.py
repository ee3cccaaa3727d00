"""Where a participant keeps its records: a file in its directory, or a database that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from connector.storage.queues import OpenStore
from connector.storage.sqlite import SqliteStore

STORE_FILE = "store.db"
"""In a participant's directory, unless the settings name a database."""


def open_store(file: Path, on_commit: Callable[[set[str]], None] = lambda _bells: None, *, url: str = "") -> OpenStore:
    """The store at `url`, or in `file` when there is none. `on_commit` hears which bells to ring, on any thread.

    Raises Problem 400 or 503 for a database that cannot be used.
    """
    if not url:
        return SqliteStore(file, on_commit)
    from connector.storage.postgres import PostgresStore

    return PostgresStore(url, on_commit)
