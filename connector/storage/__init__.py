"""Records on disk: tables derived from `connector.records`, SQLite or PostgreSQL, group commit, migrations."""

from connector.storage.opening import open_store
from connector.storage.queues import OpenStore
from connector.storage.sqlite import SqliteStore

__all__ = ["OpenStore", "SqliteStore", "open_store"]
