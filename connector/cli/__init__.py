"""The `concord` command. Exit code 0: done, yes, valid; 1: asked, and the answer is no; 2: usage or input error."""

from __future__ import annotations

import sys

from connector.rootnames import ForeignPackageError, require_own_packages


def main() -> None:
    """Run the command line, after making sure that our own packages would run and nobody else's."""
    try:
        require_own_packages()
    except ForeignPackageError as foreign:
        sys.stderr.write(f"concord: {foreign}\n")
        sys.exit(2)
    from connector.pace import loading

    if "serve" in sys.argv[1:2]:
        loading()
    from connector.cli.program import run

    sys.exit(run(sys.argv[1:]))
