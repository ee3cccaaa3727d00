"""The papers agree with the house: links lead somewhere, named files exist, commands shown can be given."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.house.tree import FLOORS, REPOSITORY, tracked

DOCS = REPOSITORY / "docs"
PAPERS = [path for path in tracked(REPOSITORY) if path.suffix == ".md" and path.parts[0] in {"docs", "README.md"}]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`([A-Za-z0-9_.*-]+(?:/[A-Za-z0-9_.*-]+)+/?)`")


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def top_folders() -> set[str]:
    return {path.parts[0] for path in tracked(REPOSITORY) if len(path.parts) > 1}


@pytest.mark.parametrize("paper", PAPERS, ids=str)
def test_every_link_of_a_paper_leads_somewhere(paper):
    text = FENCE.sub("", (REPOSITORY / paper).read_text(encoding="utf-8"))
    targets = [link.partition("#")[0] for link in LINK.findall(text)]
    local = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    broken = [target for target in local if not (REPOSITORY / paper.parent / target).exists()]
    assert not broken, f"{paper} links to {broken}, which do not exist"


@pytest.mark.parametrize("paper", PAPERS, ids=str)
def test_every_file_a_paper_names_exists(paper):
    named = PATH.findall((REPOSITORY / paper).read_text(encoding="utf-8"))
    ours = [name for name in named if name.partition("/")[0] in top_folders()]
    missing = sorted({name for name in ours if not any(REPOSITORY.glob(name.rstrip("/")))})
    assert not missing, f"{paper} names {missing}, which do not exist: name what is there"


@pytest.mark.parametrize("folder", sorted(top_folders()))
def test_the_map_shows_every_top_folder(folder):
    assert f"`{folder}/`" in read("map.md"), f"docs/map.md says nothing of `{folder}/`: add a line"


def test_the_map_shows_every_room_of_the_connector():
    rooms = {path.parts[1] for path in tracked(REPOSITORY) if path.parts[0] == "connector" and len(path.parts) > 2}
    missing = sorted(room for room in rooms if f"`{room}/`" not in read("map.md"))
    assert not missing, f"docs/map.md says nothing of connector's {missing}: add a line each"


def test_every_security_property_names_what_keeps_it():
    properties = re.split(r"^## ", read("security-properties.md"), flags=re.MULTILINE)[1:]
    assert properties
    bare = [text.splitlines()[0] for text in properties if not PATH.search(text)]
    assert not bare, f"these promises name no file that keeps them: {bare}"


def test_decisions_are_numbered_short_and_say_what_was_given_up():
    records = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [path.name[:4] for path in records]
    assert numbers == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert 20 <= len(text.splitlines()) <= 60, f"{path.name} has {len(text.splitlines())} lines, aim for 30 to 60"
        assert re.findall(r"^## (.*)$", text, re.MULTILINE)[:3] == ["Decision", "Why", "What we gave up"], path.name


def commands(program: str) -> list[tuple[Path, list[str]]]:
    """Every call of `program` that a paper shows in a block of shell commands, as its words."""
    pattern = re.compile(rf"^(?:\$ )?(?:\.venv/bin/)?{program} +([^\n#]*)", re.MULTILINE)
    blocks = [
        (paper, block)
        for paper in PAPERS
        for language, block in FENCE.findall((REPOSITORY / paper).read_text(encoding="utf-8"))
        if language in {"sh", "console"}
    ]
    return [(paper, call.split()) for paper, block in blocks for call in pattern.findall(block)]


def test_every_make_target_a_paper_shows_exists():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    shown = {word for _, words in commands("make") for word in words if "=" not in word}
    assert shown
    assert shown <= targets


@cache
def helps(*words: str) -> str:
    """What `concord WORDS --help` prints, or nothing when there is no such verb."""
    script = "import sys; from connector.cli import main; sys.exit(main())"
    answer = subprocess.run(
        [sys.executable, "-c", script, *words, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return answer.stdout if answer.returncode == 0 else ""


def test_every_concord_verb_a_paper_shows_exists():
    if not any(REPOSITORY.glob("connector/cli*/*.py")):
        pytest.skip("connector.cli is not built yet")
    unknown = []
    for paper, words in commands("concord"):
        depth = 2 if "COMMAND" in helps(*words[:1]) else 1
        if not helps(*words[:depth]):
            unknown.append(f"{paper}: concord {' '.join(words[:depth])}")
    assert not unknown, "\n" + "\n".join(unknown)


def test_floors_are_the_packages_that_ship():
    wheel = (REPOSITORY / "pyproject.toml").read_text().partition("[tool.hatch.build.targets.wheel]")[2]
    assert set(re.findall(r'"(\w+)"', wheel.partition("\n\n")[0])) == set(FLOORS)


def test_the_notice_names_every_folder_of_others_data():
    notice = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
    sources = [path.parent.as_posix() for path in tracked(REPOSITORY) if path.name == "SOURCE.md"]
    missing = [folder for folder in sources if f"{folder}/" not in notice]
    assert not missing, f"NOTICE says nothing of {missing}: add whose it is and under which licence"
