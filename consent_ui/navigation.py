"""Which pages a role has, where its home is, and which roles exist at which kind of participant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Area:
    """The pages of one role: its name in words, its home, and at most seven ways onward."""

    role: str
    words: str
    home: str
    links: tuple[tuple[str, str, str], ...]
    """(address, words, icon)"""

    def current(self, path: str) -> str:
        """The address of the link that the page at `path` belongs to."""
        below = [address for address, _, _ in self.links if address != self.home]
        fitting = [address for address in below if path == address or path.startswith(f"{address}/")]
        if path == self.home:
            return self.home
        return max(fitting, key=len, default="")


AREAS = {
    area.role: area
    for area in (
        Area(
            "patient",
            "your own data",
            "/me",
            (
                ("/me", "Home", "home"),
                ("/me/permissions", "Your permissions", "paper"),
                ("/me/uses", "Who used your data", "eye"),
                ("/me/links", "Places with your data", "building"),
                ("/me/people", "Who acts for you", "person"),
            ),
        ),
        Area("record", "your own record", "/record", (("/record", "Your record", "home"),)),
        Area(
            "researcher",
            "researcher",
            "/research",
            (
                ("/research", "Home", "home"),
                ("/research/catalogue", "Catalogue", "search"),
                ("/research/studies", "Study requests", "paper"),
                ("/research/negotiations", "Negotiations", "talk"),
                ("/research/contracts", "Contracts", "sign"),
                ("/research/withdrawals", "Withdrawals", "stop"),
            ),
        ),
        Area(
            "steward",
            "data steward",
            "/steward",
            (
                ("/steward", "Home", "home"),
                ("/steward/negotiations", "Contract requests", "talk"),
                ("/steward/contracts", "Contracts", "sign"),
                ("/steward/requests", "Study requests", "paper"),
                ("/steward/datasets", "Datasets and offers", "data"),
                ("/steward/sources", "Sources", "source"),
                ("/steward/people", "People and link codes", "person"),
            ),
        ),
        Area(
            "dpo",
            "data protection officer",
            "/dpo",
            (
                ("/dpo", "Home", "home"),
                ("/dpo/contracts", "Contracts", "sign"),
                ("/dpo/withdrawals", "Withdrawals", "stop"),
                ("/dpo/unproven", "Deletion not proven", "alert"),
                ("/dpo/people", "Person file", "person"),
                ("/dpo/register", "Register", "paper"),
                ("/dpo/log", "Log", "log"),
            ),
        ),
    )
}

ROLES_AT = {
    "wallet": ("patient", "dpo"),
    "hospital": ("steward", "dpo", "patient"),
    "vendor": ("steward", "dpo", "patient"),
    "research": ("researcher", "steward", "dpo"),
    "participant": ("researcher", "steward", "dpo"),
}
"""Roles that have pages at a participant of this kind."""


def area(participant_role: str, actor_role: str) -> Area | None:
    """The pages an acting role has here; None when it has none."""
    if actor_role not in ROLES_AT.get(participant_role, ()):
        return None
    # Where a person's record lies they have one page of their own; their questions and answers are in their wallet.
    return AREAS["record" if actor_role == "patient" and participant_role != "wallet" else actor_role]


def role_words(role: str) -> str:
    """A role as people call it."""
    return AREAS[role].words if role in AREAS else role
