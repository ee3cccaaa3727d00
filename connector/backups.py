"""A participant's backup: its records, files and settings in one directory, its vault in another. Checked when used.

What lies in a `shared_folder` elsewhere is copied too, and restored to where the settings say.

Whoever has both can turn every code back into a person, so they are never written into one place unasked.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

from connector.founding import STORE_FILE, VAULT
from connector.lock import DirectoryLock
from connector.problems import Problem, invalid
from connector.services.exchange.restored import forget
from connector.settings import Settings, load
from connector.storage import open_store
from connector.storage.checking import check_store
from connector.storage.copying import copy_store, restore_store

SETTINGS, FILES, SHARED, LIST = "concord.toml", "files", "shared", "backup.json"
_OF_THE_PROCESS = ("process.lock", "process.json", "process.new")
_PASSING = ("segments", "exports")
"""Copies of people's data on their way out, gone within minutes: a backup would keep them beyond a withdrawal."""
_IN_SHARED = ("derived", "provenance", "received")
"""What is ours in the shared folder, which may be the directory of another process, with a vault and settings."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup is of: engine and revision of the store, when it was made, and the SHA-256 of every file in it."""

    participant: str
    made_at: str
    engine: str
    revision: str
    store: str
    files: dict[str, str]


def back_up(settings: Settings, to: Path, vault: Path | None, now: datetime) -> Backup:
    """Copy a participant, running or not, into new or empty directories. Raises Problem.

    A shared folder that is not there is a Problem 400: its files would be missed only after a restore.

    The vault goes first: the head of the log that it keeps may be older than the records, never newer.
    """
    settings.require_files()
    places = [to] if vault is None else [to, vault]
    if len(places) == 2 and (to.resolve() in (vault, *vault.resolve().parents) if vault else False):
        raise invalid("Vault and records would lie in one place", "--vault", "another directory, kept elsewhere")
    for place in places:
        _emptied(place)
    if vault is not None:
        _copy(settings.directory / VAULT, vault)
    check = check_store(settings.directory, settings.store_url)
    store = copy_store(settings.directory, settings.store_url, to)
    _copy_files(settings, to)
    _copy(settings.directory / SETTINGS, to / SETTINGS)
    listed = {str(file.relative_to(to)): _digest(file) for file in _files(to)}
    made = Backup(
        settings.participant_id, now.isoformat(), check.engine, check.revision, store.name, dict(sorted(listed.items()))
    )
    (to / LIST).write_text(json.dumps(asdict(made), indent=1), "utf-8")
    return made


def restore(backup: Path, directory: Path, vault: Path) -> Backup:
    """Make a participant's directory from a backup and its vault. The store must be empty, the directory too.

    Raises Problem: 400 for what is no backup, or was changed since; 409 for what is there already, also in a shared
    folder elsewhere.
    """
    made = _listed(backup)
    if not vault.is_dir() or not any(vault.iterdir()):
        raise invalid("There is no vault", "--vault", "the directory that `concord admin backup --vault` wrote")
    _emptied(directory)
    directory.chmod(0o700)
    _copy(backup / SETTINGS, directory / SETTINGS)
    try:
        settings = load(directory)
        shared = _shared_place(settings)
        lock = DirectoryLock(directory).take()
        try:
            restore_store(backup / made.store, directory, settings.store_url)
            asyncio.run(_forget(settings))
        finally:
            lock.release()
    except Problem:
        (directory / SETTINGS).unlink()  # without settings it is no participant, and can be restored again
        raise
    _copy(vault, directory / VAULT)
    for kept in sorted((backup / FILES).iterdir()) if (backup / FILES).is_dir() else ():
        _copy(kept, directory / kept.name)
    for name in _IN_SHARED:
        _copy(backup / SHARED / name, shared / name)
    return made


async def _forget(settings: Settings) -> None:
    """What was heard since the backup is lost: nothing is released on what a wallet said until it has said it again."""
    store = open_store(settings.directory / STORE_FILE, url=settings.store_url)
    try:
        await store.write(lambda tx: forget(tx, datetime.now(UTC)))
    finally:
        store.close()


def _copy_files(settings: Settings, to: Path) -> None:
    """The directory's files and, where the shared folder is another one, apart from them those that lie there."""
    shared = settings.files.resolve()
    elsewhere = shared != settings.directory.resolve()
    for kept in sorted(settings.directory.iterdir()):
        if kept.name not in (VAULT, SETTINGS, *_OF_THE_PROCESS, *_PASSING) and not kept.name.startswith(STORE_FILE):
            _copy(kept, to / FILES / kept.name, spared=shared if elsewhere else None)
    for name in _IN_SHARED if elsewhere else ():
        _copy(shared / name, to / SHARED / name)


def _shared_place(settings: Settings) -> Path:
    """The folder for shared files, made where it is missing. Raises Problem 400; 409 when files lie there already."""
    place = settings.files
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        left = [name for name in _IN_SHARED if (place / name).exists() and any((place / name).iterdir())]
    except OSError:
        raise invalid("The shared folder cannot be made", "shared_folder", "a folder this account may write") from None
    if left:
        raise Problem(
            409, "exists", f"There is something in {place / left[0]} already", accepted="a shared folder without it"
        )
    return place


def _listed(backup: Path) -> Backup:
    try:
        made = Backup(**json.loads((backup / LIST).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise invalid("This is no backup", str(backup), "a directory that `concord admin backup` wrote") from None
    for name, digest in made.files.items():
        file = backup / name
        if not file.is_file() or _digest(file) != digest:
            raise invalid("The backup is not as it was made", name, "an unchanged copy", code="backup-changed")
    if made.store not in made.files:
        raise invalid("The backup holds no records", str(backup), "a whole backup", code="backup-changed")
    return made


def _emptied(place: Path) -> None:
    """Raises Problem 409 for a directory with something in it."""
    left = [one.name for one in place.iterdir()] if place.is_dir() else []
    if place.exists() and (not place.is_dir() or any(name not in _OF_THE_PROCESS for name in left)):
        raise Problem(409, "exists", f"There is something in {place} already", accepted="a new or empty directory")
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)


def _copy(source: Path, to: Path, spared: Path | None = None) -> None:
    """Files and modes, without the folder to be spared; what a running participant takes away is not missed."""
    if spared is not None and source.resolve() == spared:
        return
    if source.is_dir():
        to.mkdir(parents=True, exist_ok=True)
        to.chmod(source.stat().st_mode & 0o777)
        for inner in sorted(source.iterdir()):
            _copy(inner, to / inner.name, spared)
    elif source.is_file() and not source.is_symlink():
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(source, to)
        except FileNotFoundError:
            to.unlink(missing_ok=True)


def _files(place: Path) -> Iterator[Path]:
    yield from (one for one in place.rglob("*") if one.is_file())


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()
