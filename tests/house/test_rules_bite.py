"""The house rules themselves: each one finds what it is there to find, and nothing in what is allowed."""

import pytest

from tests.house import floors, shape
from tests.house.tree import REPOSITORY, Module, third_party, tracked


@pytest.fixture
def module(tmp_path):
    """Write one module of a small checkout and hand it back."""

    def write(place: str, text: str) -> Module:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return Module(tmp_path, path)

    return write


BROKEN = [
    (floors.upward_imports, "policy/a.py", "from contracts import study"),
    (floors.upward_imports, "contracts/a.py", "def f():\n    import connector.storage"),
    (floors.upward_imports, "connector/a.py", "from importlib import import_module\nimport_module('consent_ui.app')"),
    (floors.window_imports, "consent_ui/pages.py", "from connector.vault import Vault"),
    (floors.window_imports, "consent_ui/pages.py", "from connector.app import create"),
    (floors.window_imports, "consent_ui/pages.py", "if TYPE_CHECKING:\n    from connector.vault import Vault"),
    (floors.room_imports, "connector/services/a.py", "from connector.storage import store"),
    (floors.room_imports, "connector/services/a.py", "from ..storage import store"),
    (floors.room_imports, "connector/services/a.py", "from connector.provenance import log"),
    (floors.room_imports, "connector/vault/a.py", "import connector.storage.tables"),
    (floors.room_imports, "connector/ports/a.py", "from connector.services import release"),
    (floors.room_imports, "connector/storage/a.py", "from connector.settings import Settings"),
    (floors.room_imports, "connector/api/a.py", "from connector.vault import Vault"),
    (floors.door_imports, "connector/services/a.py", "import httpx2"),
    (floors.door_imports, "connector/cli/a.py", "from urllib.request import urlopen"),
    (floors.door_imports, "connector/services/a.py", "from sqlalchemy.orm import Session"),
    (floors.door_imports, "connector/identity_card.py", "import jwt"),
    (floors.door_imports, "connector/storage/a.py", "from cryptography.fernet import Fernet"),
    (floors.impurities, "policy/a.py", "import httpx2"),
    (floors.impurities, "policy/a.py", "import pyshacl"),
    (floors.impurities, "policy/a.py", "import random"),
    (floors.impurities, "contracts/a.py", "import datetime as dt\nx = dt.datetime.now(dt.UTC)"),
    (floors.impurities, "contracts/a.py", "import uuid\nx = uuid.uuid4()"),
    (floors.impurities, "catalog/a.py", "x = open('a')"),
    (floors.impurities, "catalog/a.py", "from time import monotonic"),
    (shape.length, "policy/a.py", "x = 1\n" * 401),
    (shape.length, "tests/a.py", "x = 1\n" * 601),
    (shape.length, "policy/a.py", "def f():\n" + "    x = 1\n" * 50),
    (shape.missing_docstring, "policy/__init__.py", ""),
    (shape.unfinished, "policy/a.py", "def f():\n    raise NotImplementedError"),
    (shape.unfinished, "policy/a.py", "def f():\n    '''Later.'''\n    ..."),
]

SOUND = [
    (floors.upward_imports, "connector/a.py", "from policy.decide import decide"),
    (floors.window_imports, "consent_ui/app.py", "from connector.app import create"),
    (
        floors.window_imports,
        "consent_ui/pages.py",
        "from connector.services import answers\nfrom policy import decision",
    ),
    (
        floors.room_imports,
        "connector/services/a.py",
        "from connector.ports import Store\nfrom connector import problems",
    ),
    (floors.room_imports, "connector/services/a.py", "from connector.provenance import merkle"),
    (floors.room_imports, "connector/services/a.py", "if TYPE_CHECKING:\n    from connector.storage import store"),
    (floors.room_imports, "connector/wiring.py", "from connector.storage import store"),
    (floors.room_imports, "connector/storage/a.py", "from connector.storage import tables\nfrom . import tables"),
    (floors.door_imports, "connector/storage/a.py", "import sqlite3"),
    (floors.door_imports, "consent_ui/pages.py", "import fastapi"),
    (floors.impurities, "catalog/a.py", "import json\nimport pyshacl\nfrom importlib import resources"),
    (floors.impurities, "policy/a.py", "def f(now):\n    return now.date(), self.now()"),
    (shape.length, "policy/a.py", "def f():\n    '''" + "Long.\n" * 60 + "'''\n    return 1\n"),
    (shape.length, "connector/storage/migrations/a.py", "x = 1\n" * 401),
    (
        shape.unfinished,
        "policy/a.py",
        "class P(Protocol):\n    def f(self) -> int:\n        '''Say it.'''\n        ...",
    ),
    (shape.unfinished, "policy/a.py", "@overload\ndef f(x: int) -> int: ...\ndef f(x):\n    return x"),
]


def labels(cases):
    return [f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(cases)]


@pytest.mark.parametrize(("rule", "place", "text"), BROKEN, ids=labels(BROKEN))
def test_what_breaks_a_rule_is_found_and_placed(rule, place, text, module):
    module("connector/storage/store.py", "import sqlite3")
    module("connector/provenance/log.py", "from connector.provenance import merkle, disk")
    module("connector/provenance/disk.py", "import os")
    problems = list(rule(module(place, text)))
    assert problems
    assert all(problem.startswith(place) for problem in problems)


@pytest.mark.parametrize(("rule", "place", "text"), SOUND, ids=labels(SOUND))
def test_what_is_allowed_passes(rule, place, text, module):
    module("connector/storage/store.py", "import sqlite3")
    module("connector/provenance/merkle.py", "import hashlib\nfrom connector.provenance import tree")
    module("connector/provenance/tree.py", "")
    assert list(rule(module(place, text))) == []


@pytest.mark.parametrize("name", ["policy/utils.py", "connector/core/a.py", "consent_ui/templates/base.html"])
def test_a_name_that_says_nothing_is_found(name, tmp_path):
    assert list(shape.barred_names((tmp_path / name).relative_to(tmp_path)))


def test_a_mark_of_unfinished_work_is_found():
    assert list(shape.marks("policy/a.py", "x = 1  # TO" + "DO: more"))


def test_the_listing_of_files_sees_ours_and_knows_what_others_wrote():
    listed = tracked(REPOSITORY)
    here = [path for path in listed if path.as_posix() == "tests/house/tree.py"]
    assert here
    assert not third_party(here[0])
    assert not any(".venv" in path.parts for path in listed)
