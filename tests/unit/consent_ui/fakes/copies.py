"""Derived copies in memory: one of each standing, one of them late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from connector.problems import conflict, missing
from connector.services.received.views import DerivationRow
from tests.unit.consent_ui.fakes import people

MODEL, RESULT = "urn:uuid:00000000-0000-4000-8000-0000000000d1", "urn:uuid:00000000-0000-4000-8000-0000000000d2"


class Derivations:
    """What the researcher registered."""

    def __init__(self, empty: bool) -> None:
        self.empty = empty
        self.said: list[tuple[str, ...]] = []

    async def all(self, actor):
        return [] if self.empty else self.rows

    async def tasks(self, actor):
        return [row for row in await self.all(actor) if row.task]

    async def get(self, actor, id):
        found = [row for row in self.rows if row.id == id]
        if not found:
            raise missing("There is no such derivation here")
        return found[0]

    async def rebuilt(self, actor, id, path=""):
        raise conflict("Somebody who stopped is still in the file", "still-in-it")

    async def erased(self, actor, id):
        self.said.append((id, "erased"))

    async def stays(self, actor, id, reason, ground):
        self.said.append((id, reason, ground))

    @property
    def rows(self) -> list[DerivationRow]:
        day = timedelta(days=1)
        model = DerivationRow(
            MODEL, "model", "risk-net-7", "", "urn:uuid:a", ["urn:uuid:t"], [], False, "kept", "", "", people.NOW, True,
            people.NOW - day, people.NOW + 20 * day, False,
        )  # fmt: skip
        return [
            replace(model, id=RESULT, kind="result", name="Table 2", deadline=people.NOW - day, overdue=True),
            model,
            replace(model, id="urn:uuid:d3", kind="file", name="means.csv", by_row=True, task=False,
                    standing="rebuilt"),
            replace(model, id="urn:uuid:d4", kind="result", name="Figure 1", task=False, standing="stays",
                    why="Published: in print since May."),
            replace(model, id="urn:uuid:d5", kind="table", name="cohort", task=False, standing="erased"),
        ]  # fmt: skip
