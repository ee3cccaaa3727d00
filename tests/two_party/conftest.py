"""The space of a test: empty, or with a hospital, a research group and a wallet that know each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.services.releasing import planning
from tests.two_party.puppet import Puppet
from tests.two_party.space import Party, Space, make_empty_store, opened


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_empty_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
async def space(tmp_path: Path, empty_store: Path) -> AsyncIterator[Space]:
    async with opened(tmp_path, empty_store) as made:
        yield made


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are cut into segments of 64 KiB, so that nobody shares one with everybody else."""
    monkeypatch.setattr(planning, "TARGET", 64 * 1024)


@dataclass
class Trio:
    """The parties of most tests."""

    hospital: Party
    research: Party
    wallet: Party
    space: Space


@pytest.fixture
async def hospital(space: Space) -> Party:
    return await space.add("hospital", "hospital")


@pytest.fixture
async def trio(space: Space, hospital: Party) -> Trio:
    """A hospital, a research group and a wallet that know each other."""
    made = Trio(hospital, await space.add("research", "research"), await space.add("wallet", "wallet"), space)
    await space.introduce()
    return made


@pytest.fixture
async def relayed_trio(space: Space) -> Trio:
    """The same, each hospital and research group reached through a relay that can lose what passes."""
    made = Trio(
        await space.add("hospital", "hospital", relayed=True), await space.add("research", "research", relayed=True),
        await space.add("wallet", "wallet"), space,
    )  # fmt: skip
    await space.introduce()
    return made


@pytest.fixture
async def puppet(space: Space, hospital: Party) -> AsyncIterator[Puppet]:
    """A research group played by hand, known to the hospital."""
    made = await Puppet.raised(space.client)
    await made.join(hospital)
    yield made
    await made.close()
