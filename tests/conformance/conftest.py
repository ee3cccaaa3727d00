"""One connector under test for the whole suite, and a counter-party for each test that examines what it heard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.peer import Peer
from tests.conformance.served import Served


@pytest.fixture(scope="session")
def connector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The fixture as a process of its own, quick to move, and with more datasets than go on a page."""
    directory = tmp_path_factory.mktemp("conformance") / "connector"
    with Served(directory, delay=0, more_datasets=250) as served:
        yield served


@pytest.fixture
def peer(connector: Served) -> Iterator[Peer]:
    """A counter-party. All it heard from the connector must have been as it must be."""
    with Peer(connector.url) as made:
        yield made
    assert not made.faults, "\n".join(made.faults)
