"""Where the compatibility kit comes from: `pom.xml` names it, Maven fetches it, a folder outside keeps it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17
_NEEDED = {"java": "a JDK 17 or later (java)", "javac": "a JDK 17 or later (javac)", "mvn": "Maven 3 (mvn)"}


class Missing(Exception):
    """What the kit needs and this machine does not have, in one line."""


def missing() -> tuple[str, ...]:
    """What is not on the path, or is too old; empty when the kit can be run."""
    absent = tuple(words for program, words in _NEEDED.items() if shutil.which(program) is None)
    return absent or _too_old()


def require() -> None:
    """Raises Missing, with one line that names everything that is not there."""
    if absent := missing():
        raise Missing(f"the compatibility kit cannot run here: {', '.join(absent)} not found on the path")


def collected() -> Path:
    """The folder with the kit's jars, fetched when they are not there yet. Raises Missing."""
    require()
    place = _cache() / sha256(POM.read_bytes()).hexdigest()[:16]
    if not place.is_dir():
        _fetch(place)
    return place


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "concord" / "dsp-kit"


def _fetch(place: Path) -> None:
    """Into a folder beside, which takes its name only when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as draft:
        jars = Path(draft) / "jars"
        asked = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run([*asked, f"-DoutputDirectory={jars}"], capture_output=True, text=True, check=False)
        if done.returncode or not any(jars.glob("*.jar")):
            raise Missing(f"Maven could not fetch the compatibility kit: {_last_words(done.stdout + done.stderr)}")
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
