"""The servers `concord demo --engine production` plays on: they run already, and files or the environment name them.

Every participant gets a database of its own there, named after the space; the broker is shared, since every queue
carries its participant's name.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from connector.problems import Problem
from connector.settings import database_in

_BROKERS = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of a PostgreSQL server (a database whose user may create others) and of a Redis server."""

    database: str
    broker: str

    def create(self, space: Path, folder: str) -> str:
        """An empty database for one participant; returns its address. Raises Problem 503."""
        from connector.storage.databases import create_database

        return create_database(self.database, name_of(space, folder))

    def drop(self, space: Path, folder: str) -> None:
        """Let go of it. Raises Problem 503."""
        from connector.storage.databases import drop_database

        drop_database(self.database, name_of(space, folder))


def name_of(space: Path, folder: str) -> str:
    """What a participant's database is called: the same every time the story is played in this space."""
    return f"concord_demo_{hashlib.sha256(str(space.resolve()).encode()).hexdigest()[:12]}_{folder.replace('-', '_')}"


def named(database_url_file: Path | None, broker_url_file: Path | None) -> Servers:
    """From the files, else from the environment, as a participant's own settings name them. Raises Problem 400."""
    database_file = database_url_file or _path("CONCORD_DATABASE_URL_FILE")
    broker_file = broker_url_file or _path("CONCORD_BROKER_URL_FILE")
    database = database_in(database_file) if database_file else os.environ.get("CONCORD_DATABASE_URL", "")
    broker = _line(broker_file) if broker_file else os.environ.get("CONCORD_BROKER_URL", "")
    if not database:
        raise _missing(
            "PostgreSQL", "--database-url-file", "postgresql://user@host/name, whose user may create databases"
        )
    if not broker.startswith(_BROKERS):
        raise _missing("Redis", "--broker-url-file", "redis://host:6379/0")
    return Servers(database, broker)


def _path(name: str) -> Path | None:
    found = os.environ.get(name, "")
    return Path(found) if found else None


def _line(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise Problem(
            400, "bad-settings", "The file with the broker's address cannot be read", type(fault).__name__,
            "--broker-url-file", "a file with one line, redis://...",
        ) from None  # fmt: skip


def _missing(what: str, option: str, form: str) -> Problem:
    return Problem(
        400, "no-servers", f"The production engine needs a {what} server that runs, and none was named", "", option,
        f"a file with one line, {form}, or the same in the environment",
    )  # fmt: skip
