"""EDC's class path: collected by Maven once, kept in the user's cache, never in the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")


class Missing(Exception):
    """A program this needs is not there, or the jars cannot be had; the text says what, and what would help."""


def class_path() -> Path:
    """The folder with EDC's jars. Raises Missing."""
    absent = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if absent:
        named = {"java": "a JDK (Java 17 or newer)", "mvn": "Maven"}
        raise Missing(f"missing: {' and '.join(named[one] for one in absent)}; install it and run this again")
    folder = cache() / "edc" / sha256(POM.read_bytes()).hexdigest()[:16]
    if not folder.is_dir():
        _collect(folder)
    return folder


def cache() -> Path:
    """Where what was fetched is kept from run to run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "concord"


def _collect(folder: Path) -> None:
    """Beside its place first: a run that was cut off leaves nothing that looks complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        place = Path(scratch) / "jars"
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime",
                   f"-DoutputDirectory={place}"]  # fmt: skip
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode != 0 or not any(place.glob("*.jar")):
            raise Missing(f"Maven could not collect EDC's jars:\n{(ended.stdout + ended.stderr)[-1500:]}")
        place.rename(folder)
