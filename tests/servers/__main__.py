"""`python -m tests.servers s3 TEST...`: build a server that is pinned here, then run tests that speak to it."""

from __future__ import annotations

import sys

import pytest

from tests.servers.built import Missing, built


def main(name: str, *tests: str) -> int:
    """The exit code of the tests; 2 when the server cannot be had."""
    try:
        built(name)
    except Missing as fault:
        print(f"make {name}: {fault}", file=sys.stderr)
        return 2
    return int(pytest.main(["-rs", "-q", *tests]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
