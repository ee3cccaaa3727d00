"""What is installed is pinned, by hash, and the pins name no place it is downloaded from (docs/decisions/0004)."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.house.tree import FLOORS, REPOSITORY

PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)((?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)
FILES = ("pins.txt", "pins-dev.txt")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: str) -> dict[str, str]:
    return {plain(name): version for name, version, _ in PIN.findall((REPOSITORY / file).read_text())}


@pytest.fixture(scope="module")
def project() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


@pytest.mark.parametrize("file", FILES)
def test_pins_name_no_download_address(file):
    lines = (REPOSITORY / file).read_text().splitlines()
    named = [line for line in lines if re.search(r"://|https?:|--(extra-)?index|--find-links", line)]
    assert not named, f"{file} names a download address; make it with `make pins`: {named[:3]}"


@pytest.mark.parametrize("file", FILES)
def test_every_pin_has_a_version_and_a_hash(file):
    entries = [line for line in (REPOSITORY / file).read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert entries
    assert len(pins(file)) == len(entries), f"{file} has an entry without version or hash; make it with `make pins`"


def test_the_tests_run_on_the_versions_that_ship():
    differing = sorted(set(pins("pins.txt").items()) - set(pins("pins-dev.txt").items()))
    assert not differing, f"pins-dev.txt differs from pins.txt in {differing}; run `make pins`"


def test_every_declared_dependency_is_pinned(project):
    declared = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    missing = {plain(re.split(r"[\[<>=!~; ]", name)[0]) for name in declared} - set(pins("pins.txt"))
    assert not missing, f"pyproject.toml declares {sorted(missing)}, pins.txt lacks them; run `make pins`"


def test_the_build_uses_the_pinned_backend(project):
    pinned = pins("pins.txt")
    assert project["build-system"]["requires"] == [f"hatchling=={pinned['hatchling']}"]


def test_every_library_the_product_imports_ships_with_it(packages):
    distributions, shipped = packages_distributions(), set(pins("pins.txt"))
    known = {*sys.stdlib_module_names, *FLOORS, "tests"}
    missing = {
        f"{module.place}:{found.line} imports `{found.name}`, not in pins.txt: declare it in pyproject.toml"
        for module in packages
        for found in module.imports
        if found.root not in known and not shipped & {plain(name) for name in distributions.get(found.root, ())}
    }
    assert not missing, "\n" + "\n".join(sorted(missing))
