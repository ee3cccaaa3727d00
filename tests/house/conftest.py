"""The checkout the house rules look at."""

import pytest

from tests.house.tree import FLOORS, REPOSITORY, Module, modules


@pytest.fixture(scope="session")
def packages() -> list[Module]:
    """Every module of the five import packages."""
    return modules(REPOSITORY, *FLOORS)


@pytest.fixture(scope="session")
def every_module() -> list[Module]:
    """Every Python file of the project: packages, tests and bench programs."""
    return modules(REPOSITORY, *FLOORS, "tests", "bench")
