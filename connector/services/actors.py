"""Who acts, in which role, and the one check of roles. Deny by default."""

from __future__ import annotations

from dataclasses import dataclass

from connector.problems import forbidden

ROLES = ("patient", "researcher", "steward", "dpo", "operator")


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person (or the operator's CLI) in one role at one participant."""

    account: str
    name: str
    role: str
    participant: str

    @property
    def entry(self) -> dict[str, str]:
        """How the actor stands in log entries: by account and role, never by name."""
        return {"account": self.account, "role": self.role}


def require(actor: Actor, *roles: str) -> None:
    """Raises Problem 403 unless the actor acts in one of these roles."""
    if actor.role not in roles:
        raise forbidden(f"This needs the role {' or '.join(roles)}; you act as {actor.role}", code="wrong-role")
