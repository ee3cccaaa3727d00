"""A database of PostgreSQL for the tests that need a real one."""

from pathlib import Path

import pytest

from tests import postgres


@pytest.fixture
def url(tmp_path: Path) -> str:
    """One that is new and has the tables; skips where there is no server."""
    return postgres.needed().belonging_to(tmp_path)
