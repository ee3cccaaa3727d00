"""Real servers that tests speak to, built of Go modules: `<name>/go.mod` pins one, `go.sum` all it is made of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
_LINKING = "-checklinkname=0 -s -w"
"""A library of an older server names what newer Go keeps to itself."""


class Missing(Exception):
    """What is needed and is not on this machine, or cannot be had, in one line."""


def present(name: str) -> Path | None:
    """The program of a server, if it was built here before."""
    place = _place(name)
    return place if place.is_file() else None


def built(name: str) -> Path:
    """The program, built when it is not there yet (some minutes). Raises Missing."""
    place = _place(name)
    if not place.is_file():
        _build(HERE / name, place)
    return place


def _place(name: str) -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
    pins = b"".join((HERE / name / file).read_bytes() for file in ("go.mod", "go.sum"))
    return cache / "concord" / "servers" / f"{name}-{sha256(pins).hexdigest()[:16]}"


def _build(module: Path, place: Path) -> None:
    """Into a folder beside, whose program takes its name only when it is whole."""
    if shutil.which("go") is None:
        raise Missing("Go is not on the path, and the server is built with it")
    tool = re.search(r"^tool (\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as draft:
        program = Path(draft) / "program"
        asked = ["go", "build", "-trimpath", "-buildvcs=false", f"-ldflags={_LINKING}", "-o", str(program)]
        asked.append(tool[1] if tool else ".")
        done = subprocess.run(asked, cwd=module, capture_output=True, text=True, check=False)
        if done.returncode:
            words = done.stderr.strip().splitlines()
            raise Missing(f"Go could not build the server: {words[-1] if words else 'it said nothing'}")
        program.rename(place)
