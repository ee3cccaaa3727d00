"""The four participants of the demonstration as directories: founded once, found again, on ports that are free.

On servers (`Servers`) each keeps its records in a database and has a worker, and one of them is served by two
processes behind one address.
"""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from connector.demo.servers import Servers
from connector.founding import STORE_FILE, found
from connector.lock import DirectoryLock, running
from connector.problems import Problem
from connector.records import Account
from connector.replicas import replicate, rewritten
from connector.settings import Role, database_in, load
from connector.storage import open_store


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
TWICE = HOSPITAL
"""Served by two processes, where servers keep its records."""
_DATABASE, _BROKER = "database-url", "broker-url"


@dataclass(frozen=True, slots=True)
class Home:
    """A participant's directory with what its settings say; `port` is the one others reach it at.

    `serving` are the directories and ports of the processes that serve it, `worker` whether one works beside them.
    """

    character: Character
    directory: Path
    participant_id: str
    url: str
    port: int
    serving: tuple[tuple[Path, int], ...]
    worker: bool = False

    @property
    def database(self) -> str:
        """The address of the database with its records; empty: a file in its directory."""
        return database_in(self.directory / _DATABASE) if self.worker else ""


async def prepare(space: Path, servers: Servers | None = None) -> list[Home]:
    """Found the participants that are missing, and give a new port to those whose old one is taken.

    Raises Problem 409 when the participants are being served already, or keep their records elsewhere.
    """
    used = _written_ports(space)
    homes, taken = [], set[int]()
    for character in CHARACTERS:
        home = await _home(space / character.folder, character, used, taken, servers)
        ports = {home.port, *(port for _, port in home.serving)}
        used |= ports
        taken |= ports
        homes.append(home)
    return homes


def _written_ports(space: Path) -> set[int]:
    space.mkdir(parents=True, exist_ok=True)
    known = [one.parent for one in space.glob("*/concord.toml")]
    if any(running(directory) is not None for directory in known):
        raise Problem(409, "in-use", f"A demonstration is running in {space} already", accepted="another --directory")
    return {port for directory in known for port in (_public_port(directory), int(_settings(directory)["port"]))}


async def _home(
    directory: Path, character: Character, used: set[int], taken: set[int], servers: Servers | None
) -> Home:
    """`used` are ports written anywhere, `taken` those given away in this run."""
    if not (directory / "concord.toml").exists():
        _found(directory, character, _free_port(used), servers)
    if (servers is not None) != ("database_url_file" in _settings(directory)):
        raise Problem(
            409, "other-engine", "These participants were founded for the other engine", accepted="another --directory"
        )
    if (port := _public_port(directory)) in taken or not _is_free(port):
        await _move(directory, _free_port(used))
    written, port = _settings(directory), _public_port(directory)
    alone = ((directory, port),)
    serving = _spread(directory, used | {port}) if servers is not None and character is TWICE else alone
    return Home(
        character, directory, str(written["participant_id"]), str(written["public_url"]), port, serving,
        servers is not None,
    )  # fmt: skip


def _found(directory: Path, character: Character, port: int, servers: Servers | None) -> None:
    if servers is None:
        found(directory, character.name, character.role, port)
        return
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    database, broker = directory / _DATABASE, directory / _BROKER
    _write_secret(database, servers.create(directory.parent, directory.name))
    _write_secret(broker, servers.broker)
    found(directory, character.name, character.role, port, database_url_file=database)
    _change(directory, {"jobs": "celery", "broker_url_file": str(broker)})


def _spread(directory: Path, used: set[int]) -> tuple[tuple[Path, int], ...]:
    """Two processes, each on a port that nobody else is told of."""
    first, second = _free_port(used), 0
    second = _free_port(used | {first})
    beside = directory.with_name(f"{directory.name}-2")
    _change(directory, {"port": first})
    if not (beside / "concord.toml").exists():
        replicate(load(directory), beside, second)
    _change(beside, {"port": second, "public_url": str(_settings(directory)["public_url"])})
    return (directory, first), (beside, second)


def _write_secret(file: Path, text: str) -> None:
    file.touch(0o600)
    file.write_text(f"{text}\n", "utf-8")


def _change(directory: Path, changed: dict[str, int | str]) -> None:
    file = directory / "concord.toml"
    file.write_text(rewritten(file.read_text("utf-8"), changed), "utf-8")


def _settings(directory: Path) -> dict[str, int | str]:
    written: dict[str, int | str] = tomllib.loads((directory / "concord.toml").read_text("utf-8"))
    return written


def _public_port(directory: Path) -> int:
    return int(str(_settings(directory)["public_url"]).rpartition(":")[2])


async def _move(directory: Path, port: int) -> None:
    """Rewrite port and public_url where they stand; who signed in at the old address still signs in at the new one."""
    lock = DirectoryLock(directory).take()
    old_url, url = str(_settings(directory)["public_url"]), f"http://127.0.0.1:{port}"
    _change(directory, {"port": port, "public_url": url})
    database = _settings(directory).get("database_url_file")
    store = open_store(directory / STORE_FILE, url=database_in(Path(str(database))) if database else "")
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
