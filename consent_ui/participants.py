"""Participants that a steward can name in a rule, an offer or an acceptance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consent_ui.choices import Choice
from consent_ui.visit import Visit

if TYPE_CHECKING:
    from connector.services.steward import ParticipantRow


async def known(visit: Visit) -> list[ParticipantRow]:
    """Everybody in the members register but us, by name."""
    return await visit.services.steward.participants(visit.actor)


def options(found: list[ParticipantRow]) -> list[Choice]:
    """Participants as choices of a form; two of one name are told apart by their identifiers."""
    names = [one.name for one in found]
    return [(one.id, one.name if names.count(one.name) == 1 else f"{one.name} ({one.id})") for one in found]
