"""Where HAPI FHIR comes from: a `*.pom.xml` beside this file names it, Maven fetches it, the user's cache keeps it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
OLDEST_JAVA = 17
_PROGRAMS = {"java": f"a JDK {OLDEST_JAVA} or later (java)", "mvn": "Maven 3 (mvn)"}


class Missing(Exception):
    """What is needed and is not on this machine, or cannot be had, in one line."""


def collected(name: str) -> Path:
    """The folder with the jars of `<name>.pom.xml`, fetched when they are not there yet. Raises Missing."""
    if absent := missing():
        raise Missing(f"HAPI FHIR cannot run here: {', '.join(absent)} not found on the path")
    pom = HERE / f"{name}.pom.xml"
    place = _cache() / f"fhir-{name}" / sha256(pom.read_bytes()).hexdigest()[:16]
    if not place.is_dir():
        _fetch(pom, place)
    return place


def missing() -> tuple[str, ...]:
    """What is not on the path, or is too old; empty when HAPI FHIR can run."""
    absent = tuple(words for program, words in _PROGRAMS.items() if shutil.which(program) is None)
    return absent or _too_old()


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "concord"


def _fetch(pom: Path, place: Path) -> None:
    """Into a folder beside, which takes its name only when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as draft:
        jars = Path(draft) / "jars"
        asked = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run([*asked, f"-DoutputDirectory={jars}"], capture_output=True, text=True, check=False)
        if done.returncode or not any(jars.glob("*.jar")):
            raise Missing(f"Maven could not fetch HAPI FHIR: {_last_words(done.stdout + done.stderr)}")
        try:
            jars.rename(place)
        except OSError:
            if not place.is_dir():  # else another run was faster
                raise


def _too_old() -> tuple[str, ...]:
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    if found and int(found[1]) >= OLDEST_JAVA:
        return ()
    return (f"a JDK {OLDEST_JAVA} or later (java is {found[1] if found else 'not answering'})",)


def _last_words(said: str) -> str:
    errors = [line for line in said.splitlines() if "ERROR" in line] or said.splitlines() or ["it said nothing"]
    return re.sub(r"\x1b\[[0-9;]*m", "", errors[0]).strip()[:300]
