"""Three participants with portals, in this process, whose people sign in at a real Keycloak."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.founding import STORE_FILE, found
from connector.outbound.browse import Browser, PageSeen
from connector.outbound.client import Outbound
from connector.outbound.origins import NamedOrigin
from connector.records import Account, LogEntry, Session
from connector.wiring import Plugs
from tests.browser.neighbourhood import PortalParty
from tests.keycloak.built import WANTED, present
from tests.keycloak.server import Keycloak, free_port
from tests.two_party.space import Party

ROLES = ("hospital", "wallet", "research")
CHECK = timedelta(seconds=61)
"""A little more than the minute after which these participants ask whether a sign-in still stands."""
_SETTINGS = """
oidc_issuer = "{issuer}"
oidc_client_id = "concord-{role}"
oidc_roles_claim = "concord_roles"
oidc_check_minutes = 1
oidc_roles = {{ data-steward = "steward", data-protection-officer = "dpo", researcher = "researcher" }}
"""


def distribution() -> Path:
    """Keycloak as it was fetched, or the test is skipped."""
    found_here = present()
    if found_here is None or not os.environ.get(WANTED):
        pytest.skip("needs a real Keycloak: `make keycloak` fetches it and runs this (JDK 17, Maven)")
    return found_here


class Clock:
    """Real time, plus what a test adds."""

    def __init__(self) -> None:
        self.added = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.added


@dataclass
class Stage:
    """What is running."""

    keycloak: Keycloak
    parties: dict[str, Party]
    outbound: Outbound
    clock: Clock
    people: dict[str, str] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def browser(self) -> Browser:
        """Somebody's browser."""
        places = [self.keycloak.base, *(party.url for party in self.parties.values())]
        named = [NamedOrigin.parse(place, allow_http=True) for place in places]
        return await self._stack.enter_async_context(Browser(self.outbound, named))

    async def sign_in(self, role: str, name: str, browser: Browser | None = None) -> tuple[Browser, PageSeen]:
        """Through Keycloak's own page; returns the browser and where it ended."""
        mine = browser or await self.browser()
        page = await mine.get(f"{self.parties[role].url}/sign-in")
        assert page.url.startswith(self.keycloak.base), (page.url, page.status)
        given = {"username": name, "password": self.keycloak.secret}
        return mine, await mine.submit(page, page.form("login-actions/authenticate"), given)

    async def home(self, role: str, browser: Browser) -> PageSeen:
        """What somebody sees who comes again."""
        return await browser.get(f"{self.parties[role].url}/")

    async def sessions(self, role: str) -> list[Session]:
        return await self.parties[role].find(Session)

    async def accounts(self, role: str) -> list[Account]:
        return await self.parties[role].find(Account)

    async def entries(self, role: str, kind: str) -> list[dict[str, Any]]:
        """The bodies of log entries of one kind."""
        found = await self.parties[role].find(LogEntry, kind=kind, order="sequence")
        return [json.loads(entry.body) for entry in found]


@asynccontextmanager
async def opened_stage(
    keycloak: Keycloak, ports: dict[str, int], directory: Path, empty_store: Path
) -> AsyncIterator[Stage]:
    """Three participants at the ports that Keycloak knows."""
    clock = Clock()
    async with AsyncExitStack() as stack, Outbound() as outbound:
        stage = Stage(keycloak, {}, outbound, clock, _stack=stack)
        try:
            for role in ROLES:
                stage.parties[role] = await _serve(directory, empty_store, role, ports[role], keycloak, clock)
            yield stage
        finally:
            await asyncio.gather(*(party.stop() for party in stage.parties.values()))


async def _serve(directory: Path, empty_store: Path, role: str, port: int, keycloak: Keycloak, clock: Clock) -> Party:
    place = directory / role
    place.mkdir()
    shutil.copy(empty_store, place / STORE_FILE)
    founded = found(place, f"{role.capitalize()} One", role, port, None)
    with (place / "concord.toml").open("a", encoding="utf-8") as settings:
        settings.write(_SETTINGS.format(issuer=keycloak.issuer, role=role))
    party = PortalParty(founded, port, plugs=Plugs(clock=clock))
    await party.start()
    return party


def free_ports() -> dict[str, int]:
    """A port for each participant."""
    return {role: free_port() for role in ROLES}


def environment(ports: dict[str, int]) -> dict[str, str]:
    """What Keycloak's realm file is told of them."""
    origins = {role: f"http://127.0.0.1:{port}" for role, port in ports.items()}
    return {
        f"CONCORD_{role.upper()}_{what}": origin for role, origin in origins.items() for what in ("ORIGIN", "INSIDE")
    }
