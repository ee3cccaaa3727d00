"""Participants for the doors' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.connector.services.participant_factory import Running, Space


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("founded")


@pytest.fixture
async def space(tmp_path: Path, founded: Path) -> AsyncIterator[Space]:
    async with Space(tmp_path, founded) as made:
        yield made


@pytest.fixture
async def hospital(space: Space) -> Running:
    return await space.add("St. Elisabeth Hospital", "hospital")
