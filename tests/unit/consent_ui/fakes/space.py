"""A connector's app with in-memory services, and its stand-in for the sign-in provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

from fastapi import FastAPI

from connector.problems import Problem
from connector.services.actors import Actor
from consent_ui.app import with_portal
from tests.unit.consent_ui.fakes import (
    copies,
    negotiating,
    people,
    profiling,
    relating,
    rights,
    sourcing,
    staff,
    views,
    withdrawing,
)
from tests.unit.consent_ui.fakes.simulating import Simulator


@dataclass
class Accounts:
    """Sessions of one portal. A cookie value is `<role> of <name>`."""

    participant: str
    roles: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        self.sessions: dict[str, views.Session] = {}

    def open(self, role: str) -> str:
        value = f"cookie-{len(self.sessions)}-{role}"
        actor = Actor(f"account-{role}", self.name, role, self.participant)
        roles = self.roles if role in self.roles else (role,)
        self.sessions[value] = views.Session(
            value, actor, f"token-{value}", roles, people.NOW, people.NOW + timedelta(hours=8)
        )
        return value

    async def session(self, cookie: str | None, path: str = "") -> views.Session | None:
        return self.sessions.get(cookie or "")

    async def sign_out(self, session: str) -> None:
        self.sessions.pop(session, None)

    async def choose_role(self, session: str, role: str) -> views.Session:
        if role not in self.roles:
            raise Problem(403, "not-your-role", "This is not allowed", "This is not one of your roles.")
        old = self.sessions[session]
        actor = Actor(old.actor.account, old.actor.name, role, old.actor.participant)
        self.sessions[session] = views.Session(old.id, actor, old.csrf, old.roles, old.created_at, old.expires_at)
        return self.sessions[session]

    async def begin_sign_in(self, onward: str, hint: str | None) -> tuple[str, str]:
        return f"/sign-in/callback?code=1&state=s&role={hint or self.roles[0]}", onward

    async def finish_sign_in(self, state: str, query: dict[str, str], before: str | None = None):
        if query.get("state") != "s":
            raise Problem(400, "sign-in", "Sign-in failed", "The answer of the sign-in provider does not fit.")
        self.sessions.pop(before, None)
        value = self.open(query["role"])
        return self.sessions[value], value, state


NAMES = {
    "wallet": "Vault Wallet",
    "hospital": "St Elisabeth Hospital",
    "vendor": "Lumen Watches",
    "research": staff.GROUP,
}
PEOPLE = {
    "wallet": ("Maria Jansen", ("patient",)),
    "hospital": ("An De Smet", ("steward", "dpo")),
    "vendor": ("Bo Lund", ("steward",)),
    "research": ("Lies Van Damme", ("researcher", "dpo")),
}


def participant(role: str, empty: bool = False) -> SimpleNamespace:
    """A running participant of one role."""
    name, roles = PEOPLE[role]
    services = SimpleNamespace(
        accounts=Accounts(NAMES[role], roles, name), wallet=people.Wallet(empty), research=staff.Research(empty),
        steward=staff.Steward(empty), dpo=staff.Dpo(empty),
        simulator=Simulator(empty),
    )  # fmt: skip
    negotiating.add(services, role, empty)
    rights.add(services, empty)
    relating.add(services, empty)
    sourcing.add(services, empty)
    services.derivations = copies.Derivations(empty)
    services.profiles = profiling.Profiles(empty)
    withdrawing.add(services, empty)
    return SimpleNamespace(
        services=services,
        identity=SimpleNamespace(id=f"urn:concord:{role}:00000000", name=NAMES[role], role=role),
        settings=SimpleNamespace(public_url="http://testserver", environment="development", erase_days=30),
    )


def portal(role: str, empty: bool = False) -> FastAPI:
    """A portal over in-memory services."""
    outer = FastAPI(openapi_url=None)
    outer.state.participant = participant(role, empty)
    return with_portal(outer)
