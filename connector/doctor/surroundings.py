"""Whom the participant listens to, asked of its running process, or read in its store when none runs."""

from __future__ import annotations

from datetime import datetime

from connector.cli.desk import desk
from connector.founding import STORE_FILE
from connector.lock import DirectoryLock, running
from connector.services.why.surroundings import MemberSeen, Surroundings, seen_in
from connector.settings import Settings
from connector.storage import open_store


def surroundings(settings: Settings) -> Surroundings:
    """See the module. Raises Problem, and OSError where the running process does not answer."""
    return _asked(settings) if running(settings.directory) else _read(settings)


def _asked(settings: Settings) -> Surroundings:
    with desk(settings.directory) as reached:
        told = reached.get("/api/surroundings")
    last = datetime.fromisoformat(told["last_at"]) if told["last_at"] else None
    return Surroundings([MemberSeen(**one) for one in told["members"]], last)


def _read(settings: Settings) -> Surroundings:
    lock = DirectoryLock(settings.directory).take()
    try:
        store = open_store(settings.directory / STORE_FILE, url=settings.store_url)
        try:
            return store.read_now(seen_in)
        finally:
            store.close()
    finally:
        lock.release()
