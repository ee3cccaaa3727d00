"""Where a source's server is and how it is read, and how the last reading went: what stands in `Source.reach`.

A token never stands there, only the file it is in, which nobody but the owner of this process may read.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from connector.outbound.faults import OutboundRefused
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin, Origin
from connector.problems import invalid
from connector.services.context import Context
from connector.sources.fhir_server import FhirServer, Pace

Wait = Callable[[float], Awaitable[None]]
WAYS = ("search", "export")
READING, COMPLETE, STOPPED, NEVER = "reading", "complete", "stopped", "never read"
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)
_LONGEST_TOKEN = 16 * 1024
_LONGEST_ADDRESS = 1024


@dataclass(frozen=True, slots=True)
class State:
    """How a reading went, or goes: since when it reads, what came (counts), what was being read when it stopped, why.

    `begun_at` is when the first of several attempts began that have not come to an end.
    `deletions`: by history, by absence, not seen (the server keeps no history), or empty where none were looked for.
    """

    standing: str = NEVER
    why: str = ""
    started_at: str = ""
    begun_at: str = ""
    ended_at: str = ""
    since: str = ""
    whole: bool = False
    reading: str = ""
    people: int = 0
    records: int = 0
    changed: int = 0
    deleted: int = 0
    refused: int = 0
    refusals: tuple[str, ...] = ()
    deletions: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """A server, the way it is read, and the file its token is in (empty: it needs none)."""

    server: str
    how: str = "search"
    token_file: str = ""
    state: State = field(default=State(), compare=False)

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Self | None:
        """From what a source keeps; None where it is not read from a server."""
        if not kept or "server" not in kept:
            return None
        names = {one.name for one in fields(State)}
        state = State(**{name: value for name, value in kept.get("state", {}).items() if name in names})
        return cls(kept["server"], kept.get("how", "search"), kept.get("token_file", ""), state)

    def noted(self, state: State) -> dict[str, Any]:
        """As a source keeps it."""
        return asdict(replace(self, state=state))


def server_of(context: Context, reach: Reach, pace: Pace, token: str, wait: Wait = asyncio.sleep) -> FhirServer:
    """The server; `wait` passes the time. Raises Problem 400 for an address or a way that cannot be used."""
    if reach.how not in WAYS:
        raise invalid("This is no way to read a server", "how", " or ".join(WAYS))
    base = reach.server.rstrip("/")
    try:
        origin = Origin.parse(base)
    except OutboundRefused as refused:
        raise invalid(f"This address cannot be used: {refused}", "server", "https://ehr.example/fhir") from None
    if "?" in base or len(base) > _LONGEST_ADDRESS:
        raise invalid("This address cannot be used", "server", "an address without a query: https://ehr.example/fhir")
    plain = context.settings.environment == "development" or origin.is_loopback
    if origin.scheme == "http" and not plain:
        raise invalid("A server is asked over https", "server", "an https address, or one on this machine")
    to = Destination.of_operator(NamedOrigin(origin, allow_http=plain))
    return FhirServer(base, context.outbound, to, wait, asyncio.to_thread, token, pace)


def token_of(reach: Reach) -> str:
    """The bearer token from its file, read anew for each reading. Raises Problem 400 when others can read it too."""
    if not reach.token_file:
        return ""
    path = Path(reach.token_file)
    right = "a full path to a file of ours with mode 0600 that holds one token and nothing else"
    if not path.is_absolute():
        raise invalid("This is not a full path", "token_file", right)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid()):
                raise invalid("Others can read the token", "token_file", right)
            text = file.read(_LONGEST_TOKEN + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise invalid("The token file cannot be read", "token_file", right) from None
    if len(text) > _LONGEST_TOKEN or not _TOKEN.fullmatch(text):
        raise invalid("This is not a bearer token (RFC 6750 2.1)", "token_file", right)
    return text
