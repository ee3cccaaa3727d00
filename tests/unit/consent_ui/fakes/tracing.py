"""In-memory cases of codes to trace back: enough for their pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from connector.problems import Problem
from connector.services.reidentifying import Approval, CaseRow, Found
from tests.unit.consent_ui.fakes.people import NOW
from tests.unit.consent_ui.fakes.staff import AGREEMENT

CODE = "k5fzq3d2xw7ab4mnpt6yhcjl2e"


class Reidentifying:
    """One case of each kind, unless it is the first day."""

    def __init__(self, empty: bool) -> None:
        asked = CaseRow(
            "urn:uuid:r1", AGREEMENT, CODE, "finding", "The receiver saw a shadow that nobody had noticed.", "someone",
            "An De Smet", NOW, NOW + timedelta(days=7), "asked", [], 2, "", None, "", False,
        )  # fmt: skip
        given = [
            Approval("first", "Dr. Bea Moss", NOW, "Spoke with the ward."),
            Approval("", "You yourself", NOW, ""),
        ]
        approved = replace(asked, id="urn:uuid:r2", standing="approved", approvals=given, missing=0)
        opened = replace(approved, id="urn:uuid:r3", standing="opened", opened_at=NOW, opened_by="Dr. Bea Moss")
        refused = replace(asked, id="urn:uuid:r4", standing="refused", settled_why="It is known already.")
        lapsed = replace(asked, id="urn:uuid:r5", standing="lapsed")
        self._rows = [] if empty else [asked, approved, opened, refused, lapsed]
        self.done: list[tuple[str, ...]] = []

    async def rows(self, actor) -> list[CaseRow]:
        mine = Approval(actor.account, actor.name, NOW, "")
        return [
            replace(row, approvals=[row.approvals[0], mine]) if row.standing == "approved" else row
            for row in self._rows
        ]

    async def contracts(self, actor) -> list[tuple[str, str]]:
        return [(AGREEMENT, "Lyme Research, All records")] if self._rows else []

    async def ask(self, actor, asked) -> CaseRow:
        if asked.code != CODE:
            raise Problem(400, "invalid", "The input cannot be accepted", "This is no code of ours", "code")
        self.done.append(("ask", asked.code, asked.ground))
        return self._rows[0]

    async def approve(self, actor, id, note) -> CaseRow:
        self.done.append(("approve", id, note))
        return self._rows[0]

    async def refuse(self, actor, id, why) -> CaseRow:
        self.done.append(("refuse", id, why))
        return self._rows[0]

    async def open(self, actor, id) -> Found:
        self.done.append(("open", id))
        return Found(id, "urn:uuid:p1", "E-104-771", "Anna Berg", told=True)
