"""In-memory quarantine: enough for its pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from connector.problems import missing
from connector.services.releasing.quarantine import FoundAt, QuarantineRow
from tests.unit.consent_ui.fakes.people import NOW
from tests.unit.consent_ui.fakes.staff import AGREEMENT

PLACES = [FoundAt("number", "Observation", "valueQuantity.value", 3), FoundAt("name", "?", "?.note[0].text", 1)]


def row(id: str, **changes) -> QuarantineRow:
    held = QuarantineRow(
        id, "urn:uuid:release-1", AGREEMENT, NOW, NOW + timedelta(days=30), "held", 218, 4, PLACES, None, "", ""
    )
    return replace(held, **changes)


class Quarantine:
    """One held and one cleared, unless it is the first day."""

    def __init__(self, empty: bool) -> None:
        cleared = {
            "standing": "cleared",
            "cleared_at": NOW,
            "cleared_by": "a1",
            "cleared_why": "Taken out of the profile",
        }
        self._rows = [] if empty else [row("urn:uuid:q1"), row("urn:uuid:q2", **cleared)]
        self.done: list[tuple[str, str]] = []

    async def rows(self, actor) -> list[QuarantineRow]:
        return self._rows

    async def row(self, actor, id) -> QuarantineRow:
        found = next((one for one in self._rows if one.id == id), None)
        if found is None:
            raise missing("There is no such quarantine here")
        return found

    async def clear(self, actor, id, reason) -> QuarantineRow:
        self.done.append((id, reason))
        return await self.row(actor, id)
