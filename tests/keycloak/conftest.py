"""One Keycloak for all tests here, with the people of every role; the participants are new for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.keycloak.server import Keycloak, running
from tests.keycloak.stage import Stage, distribution, environment, free_ports, opened_stage
from tests.two_party.space import make_empty_store


@pytest.fixture(scope="session")
def ports() -> dict[str, int]:
    return free_ports()


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory, ports: dict[str, int]) -> Iterator[Keycloak]:
    place = tmp_path_factory.mktemp("keycloak") / "home"
    with running(distribution(), place, environment(ports)) as server:
        yield server


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_empty_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
async def stage(keycloak: Keycloak, ports: dict[str, int], tmp_path: Path, empty_store: Path) -> AsyncIterator[Stage]:
    async with opened_stage(keycloak, ports, tmp_path, empty_store) as made:
        yield made
