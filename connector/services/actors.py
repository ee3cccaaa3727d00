"""Who acts, in which role, and the one check of roles. Deny by default."""

from __future__ import annotations

from dataclasses import dataclass

from connector.problems import forbidden

ROLES = ("patient", "researcher", "steward", "dpo", "operator")


@dataclass(frozen=True, slots=True)
class Proxy:
    """Who really acts, when somebody acts for another: their own account and name, and the authority's record."""

    account: str
    name: str
    authority: str


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person (or the operator's CLI) in one role at one participant.

    With a `proxy`, `account` and `name` are those of the person who is acted for. `assurance` is that of the sign-in:
    low, substantial or high; empty where the sign-in provider states none.
    """

    account: str
    name: str
    role: str
    participant: str
    assurance: str = ""
    proxy: Proxy | None = None

    @property
    def entry(self) -> dict[str, str]:
        """How the actor stands in log entries: by account and role, never by name."""
        if self.proxy is not None:
            return {"account": self.proxy.account, "role": "proxy", "for": self.account}
        return {"account": self.account, "role": self.role}


def require(actor: Actor, *roles: str) -> None:
    """Raises Problem 403 unless the actor acts in one of these roles."""
    if actor.role not in roles:
        raise forbidden(f"This needs the role {' or '.join(roles)}; you act as {actor.role}", code="wrong-role")
