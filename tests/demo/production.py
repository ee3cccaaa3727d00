"""`python -m tests.demo.production DIR`: play the story on PostgreSQL and Redis that are started for it, and ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import brokers, postgres
from tests.demo.conftest import CONCORD, surroundings


def main(space: Path) -> int:
    """The exit code of the demonstration; 0 with a word where the servers are not installed. Writes DIR.json."""
    database, broker = postgres.server(), brokers.broker()
    if database is None or broker is None:
        print("skipped: needs PostgreSQL and Redis (Debian: postgresql, redis-server)")
        return 0
    files = {"database": database.url("postgres"), "broker": broker.url}
    for name, address in files.items():
        space.with_name(f"{space.name}.{name}").write_text(address)
    named = [text for name in files for text in (f"--{name}-url-file", str(space.with_name(f"{space.name}.{name}")))]
    command = [*CONCORD, "demo", "--once", "--engine", "production", *named, "--directory", str(space)]
    done = subprocess.run([*command, "--json", f"{space}.json"], env=surroundings(), check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
