"""No file names a folder of somebody's machine, or the place packages are downloaded from."""

import re

import pytest

from tests.house.tree import REPOSITORY, text_of, third_party, tracked

FOLDERS = re.compile(r"(?<![\w.~)}-])/(?:work|root|home|Users|opt/wheels)/(?=\w)")
REGISTRIES = re.compile(
    "|".join(
        re.escape(f"{name}.{domain}")
        for name, domain in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("registry.npmjs", "org"),
            ("crates", "io"),
            ("proxy.golang", "org"),
            ("repo.maven.apache", "org"),
            ("repo1.maven", "org"),
            ("deb.debian", "org"),
        )
    )
)


def mentions(pattern: re.Pattern[str]) -> list[str]:
    ours = [path for path in tracked(REPOSITORY) if path.name == "SOURCE.md" or not third_party(path)]
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in ours
        for number, line in enumerate(text_of(REPOSITORY / path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_folder_of_a_machine():
    found = mentions(FOLDERS)
    assert not found, "write the path relative to the checkout, or as DIR:\n" + "\n".join(found)


def test_no_file_names_a_package_registry():
    found = mentions(REGISTRIES)
    assert not found, "the pins carry hashes, the machine knows its registry:\n" + "\n".join(found)


@pytest.mark.parametrize(("root", "rest"), [("/work", "main/x.py"), ("/home", "ada/x"), ("/root", ".cache")])
def test_a_machine_path_is_recognised(root, rest):
    rest = rest.lstrip(".")
    assert FOLDERS.search(f"see {root}/{rest}")
    assert FOLDERS.search(f'path = "{root}/{rest}"')


@pytest.mark.parametrize(
    "line",
    [
        *("/".join((above, "work", "a.py")) for above in ("tests", "..")),  # joined, so that this line names no place
        "https://example.org/home/x", '@get("/home")',
    ],
)  # fmt: skip
def test_a_relative_path_or_address_is_no_machine_path(line):
    assert not FOLDERS.search(line)
