"""Records on disk: tables derived from `connector.records`, one writer with group commit, migrations."""

from connector.storage.sqlite import SqliteStore

__all__ = ["SqliteStore"]
