"""A process that starts to serve has imported nothing heavy that it does not use."""

import subprocess
import sys

import pytest

from tests.house.tree import REPOSITORY

HEAVY = ("pyshacl", "celery", "duckdb", "pyarrow", "fhir", "numpy", "rdflib")


@pytest.mark.parametrize("module", ["connector.app", "consent_ui.app", "connector.cli.program"])
def test_starting_to_serve_imports_nothing_heavy(module):
    for needed in (module, "connector.app"):
        if not (REPOSITORY / needed.replace(".", "/")).with_suffix(".py").exists():
            pytest.skip(f"{needed} is not built yet")
    script = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    found = answer.stdout.split()
    assert not found, (
        f"`import {module}` brings in {', '.join(found)}: import it inside the function that needs it; "
        f"`python -X importtime -c 'import {module}'` shows who asked for it"
    )
