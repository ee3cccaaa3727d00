"""Have the participants in these directories know each other: run once, when all of them serve.

Standard library only; it calls the command line for each. Compares fingerprints read from the directories themselves,
which is what an operator does by another way than the network.
"""

import json
import subprocess
import sys
from typing import Any


def asked(directory: str, *arguments: str) -> Any:
    """What a verb prints as JSON. Raises CalledProcessError when it fails."""
    command = ["concord", *arguments, "--directory", directory, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)  # noqa: S603


def introduce(directories: list[str]) -> int:
    """Every participant adds every other that it does not know; returns how many were added."""
    known = {directory: asked(directory, "show") for directory in directories}
    added = 0
    for directory in directories:
        members = {one["id"] for one in asked(directory, "trust", "list")}
        for other, who in known.items():
            if other != directory and who["id"] not in members:
                asked(directory, "trust", "add", who["url"], "--fingerprint", who["fingerprint"], "--allow-http")
                added += 1
    return added


if __name__ == "__main__":
    sys.stdout.write(f"{introduce(sys.argv[1:])} introductions\n")
