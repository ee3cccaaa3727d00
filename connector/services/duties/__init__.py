"""Duties of agreements: who carries out which, what is owed, what was done, and what proves it."""

from connector.services.duties.executors import ALL, Executor, Executors

__all__ = ["ALL", "Executor", "Executors"]
