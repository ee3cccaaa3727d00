"""The times of a withdrawal as they count here: fixed with each agreement, by default those of the settings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from connector.records import Agreement
from connector.services.context import Context
from contracts.deadlines import Deadlines, deadlines_of

if TYPE_CHECKING:
    from connector.settings import Settings

LOOK = timedelta(seconds=60)
"""How often contracts are looked at for their own end: only one with a nearer end is worth waking for."""


def usual(settings: Settings) -> Deadlines:
    """What counts where a contract says nothing."""
    return Deadlines(
        stop=timedelta(hours=settings.stop_hours), erase=timedelta(days=settings.erase_days),
        backups=timedelta(days=settings.backups_days), freshness=timedelta(hours=settings.freshness_hours),
    )  # fmt: skip


def fixed(settings: Settings, agreement: Agreement) -> Deadlines:
    """The times of one contract. One made before they were kept has those its terms state."""
    default = usual(settings)
    if agreement.deadlines is None:
        return deadlines_of(agreement.policy, default)
    return Deadlines.read(agreement.deadlines, default)


def freshness_of(context: Context, agreement: Agreement) -> timedelta:
    """How long a wallet may be silent while consents that came through it still count under this contract."""
    return fixed(context.settings, agreement).freshness


def deadlines_named(context: Context, agreement: Agreement | None) -> Deadlines:
    """The same, for an agreement that may be gone."""
    return fixed(context.settings, agreement) if agreement is not None else usual(context.settings)
