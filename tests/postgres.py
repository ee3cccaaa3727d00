"""A private PostgreSQL server for tests: in a new directory, on a free port of this machine, gone with the process.

PostgreSQL refuses to run as root, so root starts it as `nobody`. Where there is no server to start, `server` is None
and tests skip visibly.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from psycopg import sql

from connector.storage.postgres import PostgresStore

ROOMS = Path("/usr/lib/postgresql")
NOBODY = 65534
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
WHY = "needs a PostgreSQL server (Debian: postgresql), which is not installed"


def programs() -> Path | None:
    """Where the newest server's programs are."""
    rooms = sorted(ROOMS.glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    if rooms:
        return rooms[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@dataclass
class Server:
    """One running server. `durable` keeps what a crash of the machine would lose."""

    programs: Path
    durable: bool = False
    place: Path = field(default_factory=lambda: Path(mkdtemp(prefix="pg-", dir="/tmp")))
    port: int = 0

    def found(self) -> None:
        """Make the directory, and start."""
        if os.geteuid() == 0:
            os.chown(self.place, NOBODY, NOBODY)
        self.place.chmod(0o755)
        self._run("initdb", "-D", str(self.data), "-U", "concord", "-A", "trust", "--no-sync", "-E", "UTF8",
                  "--locale=C.UTF-8")  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()
        atexit.register(self.remove)

    @property
    def data(self) -> Path:
        return self.place / "data"

    def start(self) -> None:
        """Start, and wait until it answers."""
        quick = () if self.durable else _QUICK
        options = " ".join(
            [f"-p {self.port} -k {self.place}", "-c listen_addresses=127.0.0.1", "-c max_connections=300"]
            + [f"-c {one}" for one in quick]
        )  # fmt: skip
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.place / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """`immediate`: as if it had been killed."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        subprocess.run(self._as_nobody("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop"), capture_output=True)
        shutil.rmtree(self.place, ignore_errors=True)

    def url(self, database: str) -> str:
        """How a database of it is reached."""
        return f"postgresql://concord@127.0.0.1:{self.port}/{database}"

    def created(self, name: str, template: str = "template0") -> str:
        """The address of a database, made (as a copy of `template`) unless it is there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                made = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
                connection.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    @cache  # noqa: B019 - one server lives as long as its process
    def migrated(self) -> str:
        """The name of a database that has been migrated: copying it takes far less time than migrating another."""
        PostgresStore(self.created("migrated")).close()
        return "migrated"

    def belonging_to(self, directory: Path) -> str:
        """The address of the migrated database of this directory: the same every time."""
        name = "d" + hashlib.sha256(str(directory).encode()).hexdigest()[:24]
        return self.created(name, self.migrated())

    def _run(self, program: str, *arguments: str) -> None:
        command = self._as_nobody(program, *arguments)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/tmp")
        assert done.returncode == 0, f"{program}: {done.stdout}"

    def _as_nobody(self, program: str, *arguments: str) -> list[str]:
        command = [str(self.programs / program), *arguments]
        if os.geteuid() != 0:
            return command
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]

    __hash__ = object.__hash__


@cache
def server() -> Server | None:
    """The server of this process, started the first time somebody asks; None where there is none."""
    found = programs()
    if found is None:
        return None
    made = Server(found)
    made.found()
    return made


def needed() -> Server:
    """The same, or the test is skipped."""
    found = server()
    if found is None:
        pytest.skip(WHY)
    return found
