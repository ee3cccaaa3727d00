"""Chapter 1: four participants get to know each other, and the people who work there get accounts."""

from __future__ import annotations

from connector.demo.stage import Stage

STAFF: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "hospital": (
        ("steward-hospital", "Ingrid Solberg", ("steward",)),
        ("dpo-hospital", "Tomas Lindqvist", ("dpo",)),
    ),
    "vendor": (
        ("steward-vendor", "Amara Diallo", ("steward",)),
        ("dpo-vendor", "Jonas Weber", ("dpo",)),
    ),
    "wallet": (("dpo-wallet", "Helena Costa", ("dpo",)),),
    "research": (
        ("researcher", "Dr Noor Haddad", ("researcher",)),
        ("dpo-research", "Pieter de Vries", ("dpo",)),
    ),
}
"""Per role of participant: (subject at the sign-in provider, name, roles)."""

LOOK = {
    "researcher": ("Researcher", "Catalogue; Contracts: what came, and how many were withheld and why"),
    "steward": ("Data steward", "Study requests; Datasets and offers; People and link codes"),
    "dpo": ("Data protection officer", "Contracts: history, one decision and its replay; Log"),
}
"""Per role: its name, and what to look at."""


async def play(stage: Stage) -> None:
    """Trust between all four, by fingerprint; staff accounts."""
    stage.narrator.chapter("Four participants get to know each other")
    for office in stage.offices:
        others = [other for other in stage.offices if other is not office]
        for other in others:
            await office.trust(other)
        for subject, name, roles in STAFF[office.role]:
            await office.open_account(subject, name, roles)
        stage.narrator.done(office.name, office.url)
    stage.narrator.remark("Each knows the other three by the fingerprint of their key.")
