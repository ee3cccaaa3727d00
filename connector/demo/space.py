"""The four participants of the demonstration as directories: founded once, found again, on ports that are free."""

from __future__ import annotations

import re
import socket
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from connector.founding import STORE_FILE, found
from connector.lock import DirectoryLock, running
from connector.problems import Problem
from connector.records import Account
from connector.settings import Role
from connector.storage import SqliteStore


@dataclass(frozen=True, slots=True)
class Character:
    """One participant of the story: the folder it has below the space's, what it is, and its name."""

    folder: str
    role: Role
    name: str


HOSPITAL = Character("hospital", "hospital", "St. Elisabeth Hospital")
VENDOR = Character("vendor", "vendor", "Lumen Wearables")
WALLET = Character("wallet", "wallet", "Harbour Patients' Wallet")
RESEARCH = Character("research", "research", "Northgate Heart Study Group")
CHARACTERS = (HOSPITAL, VENDOR, WALLET, RESEARCH)


@dataclass(frozen=True, slots=True)
class Home:
    """A participant's directory with what its settings say."""

    character: Character
    directory: Path
    participant_id: str
    url: str
    port: int

    @property
    def log(self) -> Path:
        """Where its process writes what happens."""
        return self.directory / "process.log"


async def prepare(space: Path) -> list[Home]:
    """Found the participants that are missing, and give a new port to those whose old one is taken.

    Raises Problem 409 when the participants are being served already.
    """
    used = _written_ports(space)
    homes, taken = [], set[int]()
    for character in CHARACTERS:
        home = await _home(space / character.folder, character, used, taken)
        used.add(home.port)
        taken.add(home.port)
        homes.append(home)
    return homes


def _written_ports(space: Path) -> set[int]:
    space.mkdir(parents=True, exist_ok=True)
    known = [space / one.folder for one in CHARACTERS if (space / one.folder / "concord.toml").exists()]
    if any(running(directory) is not None for directory in known):
        raise Problem(409, "in-use", f"A demonstration is running in {space} already", accepted="another --directory")
    return {int(_settings(directory)["port"]) for directory in known}


async def _home(directory: Path, character: Character, used: set[int], taken: set[int]) -> Home:
    """`used` are ports written anywhere, `taken` those given away in this run."""
    if not (directory / "concord.toml").exists():
        found(directory, character.name, character.role, _free_port(used))
    written = _settings(directory)
    if int(written["port"]) in taken or not _is_free(int(written["port"])):
        await _move(directory, str(written["public_url"]), _free_port(used))
        written = _settings(directory)
    return Home(character, directory, str(written["participant_id"]), str(written["public_url"]), int(written["port"]))


def _settings(directory: Path) -> dict[str, int | str]:
    written: dict[str, int | str] = tomllib.loads((directory / "concord.toml").read_text("utf-8"))
    return written


async def _move(directory: Path, old_url: str, port: int) -> None:
    """Rewrite port and public_url where they stand; who signed in at the old address still signs in at the new one."""
    lock = DirectoryLock(directory).take()
    file, url = directory / "concord.toml", f"http://127.0.0.1:{port}"
    text = re.sub(r"(?m)^port = .*$", f"port = {port}", file.read_text("utf-8"))
    file.write_text(re.sub(r"(?m)^public_url = .*$", f'public_url = "{url}"', text), "utf-8")
    store = SqliteStore(directory / STORE_FILE)
    try:
        await store.write(lambda tx: tx.alter(Account, {"issuer": f"{url}/idp"}, issuer=f"{old_url}/idp"))
    finally:
        store.close()
        lock.release()


def _free_port(used: Iterable[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in used:
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
