"""Where Keycloak comes from: `pom.xml` beside this file names it, Maven fetches it, the user's cache keeps it unpacked.

Unpacked by Python: Maven's own way cuts file names of more than 99 characters, and Keycloak has one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
WANTED = "CONCORD_KEYCLOAK"
"""Set by `make keycloak`: a server of half a gigabyte is nothing to start unasked."""
OLDEST_JAVA = 17
_PROGRAMS = {"java": f"a JDK {OLDEST_JAVA} or later (java)", "mvn": "Maven 3 (mvn)"}


class Missing(Exception):
    """What is needed and is not on this machine, or cannot be had, in one line."""


def present() -> Path | None:
    """The unpacked distribution, if it was fetched here before."""
    return next(iter(_place().glob("keycloak-*/bin/kc.sh")), Path()).parent.parent if _place().is_dir() else None


def built() -> Path:
    """The same, fetched when it is not there yet (170 MB). Raises Missing."""
    absent = [words for program, words in _PROGRAMS.items() if shutil.which(program) is None]
    if absent:
        raise Missing(f"Keycloak cannot run here: {', '.join(absent)} not found on the path")
    if (found := present()) is not None:
        return found
    _fetch(_place())
    found = present()
    if found is None:
        raise Missing("Keycloak's archive holds no Keycloak")
    return found


def _place() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
    return cache / "concord" / "keycloak" / sha256(POM.read_bytes()).hexdigest()[:16]


def _fetch(place: Path) -> None:
    """Into a folder beside, which takes its name only when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as draft:
        got, whole = Path(draft) / "got", Path(draft) / "whole"
        asked = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={got}"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        archives = list(got.glob("*.tar.gz"))
        if done.returncode or len(archives) != 1:
            raise Missing(f"Maven could not fetch Keycloak: {_last_words(done.stdout + done.stderr)}")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(whole, filter="data")
        try:
            whole.rename(place)
        except OSError:
            if not place.is_dir():  # else another run was faster
                raise


def _last_words(said: str) -> str:
    errors = [line for line in said.splitlines() if "ERROR" in line] or said.splitlines() or ["it said nothing"]
    return re.sub(r"\x1b\[[0-9;]*m", "", errors[0]).strip()[:300]
