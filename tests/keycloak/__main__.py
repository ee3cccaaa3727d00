"""`python -m tests.keycloak` (`make keycloak`): people sign in at a real Keycloak, fetched by Maven the first time."""

from __future__ import annotations

import os
import sys

import pytest

from tests.keycloak.built import HERE, WANTED, Missing, built

NONE = 75
"""Nothing was tested: the exit code that `.ci/run` takes for "skipped"."""


def main() -> int:
    """The exit code of the tests; 75 when there is no Keycloak to be had."""
    try:
        built()
    except Missing as fault:
        print(f"make keycloak: {fault}", file=sys.stderr)
        return NONE
    os.environ[WANTED] = "1"
    return int(pytest.main(["-rs", "-q", str(HERE), *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
