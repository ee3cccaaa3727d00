"""Participants that a steward can name in a rule, an offer or an acceptance."""

from __future__ import annotations

from dataclasses import dataclass

from consent_ui.choices import Choice
from consent_ui.visit import Visit


@dataclass(frozen=True, slots=True)
class Known:
    """An active member of the data space; `proves` is whether it can prove that it deleted something."""

    id: str
    name: str
    proves: bool


def known(visit: Visit) -> list[Known]:
    """Everybody in the members register but us, by name."""
    others = visit.services.context.members.others()
    return sorted((Known(one.id, one.name, one.consent is not None) for one in others), key=lambda one: one.name)


def options(found: list[Known]) -> list[Choice]:
    """Participants as choices of a form; two of one name are told apart by their identifiers."""
    names = [one.name for one in found]
    return [(one.id, one.name if names.count(one.name) == 1 else f"{one.name} ({one.id})") for one in found]
