"""`concord admin replica`: the directory of a further process of a participant, which keeps its records in PostgreSQL.

A copy of settings and vault; what both processes need of files stays where the first one has it (`shared_folder`).
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from connector.founding import VAULT
from connector.problems import Problem, conflict, invalid
from connector.settings import Settings

_SETTINGS = "concord.toml"
_HEADING = "# A further process of a participant whose first process has a directory of its own: its files are shared."
_BESIDE = ("tls_certificate", "tls_key")
"""Settings whose files are looked for in the directory, unless they name one elsewhere."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A further process of a participant: its directory and port, and the folder it shares with the others."""

    participant: str
    directory: str
    port: int
    url: str
    shared_folder: str


def replicate(settings: Settings, to: Path, port: int | None) -> Replica:
    """Make the directory (mode 0700) of a further process; the participant may run. Raises Problem 400, 409.

    The settings are written last: a directory without them serves nothing.
    """
    if not settings.store_url:
        raise invalid(
            "One process keeps its records in a file, and no other may use it", "database_url", "a PostgreSQL database"
        )
    made_by, place = settings.directory.resolve(), to.resolve()
    if place == made_by or made_by in place.parents:
        raise invalid("The new directory lies in the first one", str(to), "a directory of its own")
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise conflict(f"There is something in {to} already", "exists", "a new or empty directory")
    taken = port if port is not None else settings.port + 1
    if taken > 65535:
        raise invalid("There is no next port", "--port", "a port between 1 and 65535")
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    _copy_vault(made_by / VAULT, place / VAULT)
    changed: dict[str, int | str] = {"port": taken, "shared_folder": str(settings.files.resolve()), **_moved(made_by)}
    draft = place / f"{_SETTINGS}.new"
    draft.touch(0o600)
    text = rewritten((made_by / _SETTINGS).read_text("utf-8"), changed)
    draft.write_text(f"{_HEADING}\n{text}", "utf-8")
    draft.replace(place / _SETTINGS)
    return Replica(settings.participant_id, str(place), taken, settings.public_url, str(changed["shared_folder"]))


def replica_in(place: Path, settings: Settings) -> Replica | None:
    """The further process of this participant that a directory is for; None when it is for none. Raises Problem 409."""
    written = _read((place / _SETTINGS).read_text("utf-8")) if (place / _SETTINGS).exists() else {}
    if not written:
        return None
    shared, port = str(settings.files.resolve()), written.get("port")
    if written.get("shared_folder") != shared or not isinstance(port, int):
        raise conflict(f"There is another participant in {place}", "exists", "a new or empty directory")
    return Replica(settings.participant_id, str(place.resolve()), port, settings.public_url, shared)


def rewritten(text: str, changed: dict[str, int | str]) -> str:
    """Settings with these values in place of those that were there: in front, where no table can catch them.

    Raises Problem 400 when what comes out is not what was asked for.
    """
    table = re.search(r"(?m)^[ \t]*\[", text)
    end = table.start() if table else len(text)
    head = text[:end]
    for name in changed:
        head = re.sub(rf"(?m)^[ \t]*{name}[ \t]*=.*\n?", "", head)
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in changed.items())
    made = f"{lines}\n{head.lstrip()}{text[end:]}"
    if _read(made) != _read(text) | changed:
        raise Problem(400, "bad-settings", "concord.toml cannot be rewritten", "", _SETTINGS, "one setting a line")
    return made


def _read(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _moved(directory: Path) -> dict[str, int | str]:
    """Settings that name files in the first directory, as the second has to name them."""
    written = _read((directory / _SETTINGS).read_text("utf-8"))
    return {name: str(directory / str(written[name])) for name in _BESIDE if written.get(name)}


def _copy_vault(source: Path, to: Path) -> None:
    """Files of their owner alone."""
    shutil.copytree(source, to, copy_function=shutil.copy2)
    for one in (to, *to.rglob("*")):
        one.chmod(0o700 if one.is_dir() else 0o600)
