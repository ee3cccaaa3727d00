"""In-memory desk, names at sources, queue of unclear consents, emergencies and opt-outs: enough for their pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from connector.problems import Problem, missing
from connector.services.emergencies import EmergencyRow
from connector.services.holding.assisted import Recorded
from connector.services.holding.desk import DeskDataset, DeskPerson, DeskStudy, Script
from connector.services.holding.naming import NameAtSource
from connector.services.holding.settling import Unclear
from connector.services.wallet.opting_out import OptOutPage, Told
from connector.services.wallet.receipts import Paper
from tests.unit.consent_ui.fakes.assessing import Risk
from tests.unit.consent_ui.fakes.explaining import Explaining
from tests.unit.consent_ui.fakes.holding_back import Quarantine
from tests.unit.consent_ui.fakes.people import HEART, NOW, WORDS
from tests.unit.consent_ui.fakes.tracing import Reidentifying

PERSON = DeskPerson("p2", "E-104-771", "Marian Peeters", date(1981, 12, 30), "desk", None)
STUDY = DeskStudy(HEART, "Heart rhythm at night", "Heart Rhythm Group", "given", "urn:uuid:desk-1", 2, NOW)
SCRIPT = Script(
    person=PERSON, study=STUDY, summary="We look at the heart at night.", words=WORDS, purposes=["Scientific research"],
    recipients=["Heart Rhythm Group"],
    datasets=[DeskDataset("d-1", "Hospital records", [("vital-signs", "Vital signs"), ("laboratory", "Laboratory")])],
    window=(date(2015, 1, 1), None), answer_until=NOW + timedelta(days=30), valid_until=NOW + timedelta(days=400),
    contact_name="Study office", contact_email="study@heart.example", broad_consent=True, digest="ab" * 32,
)  # fmt: skip


class Desk:
    """Records what it was told; `last` is the last answer, `opted` the last opt-out."""

    def __init__(self, empty: bool) -> None:
        self._empty = empty
        self.last = self.opted = None

    async def person(self, actor, person) -> DeskPerson:
        if person not in ("p1", "p2"):
            raise missing("There is no such person here")
        return replace(PERSON, id=person, standing="wallet" if person == "p1" else "desk")

    async def studies(self, actor, person) -> list[DeskStudy]:
        return [] if self._empty else [STUDY, replace(STUDY, id=f"{HEART[:-1]}9", state="", consent="", version=0)]

    async def script(self, actor, person, study) -> Script:
        return replace(SCRIPT, person=await self.person(actor, person))

    async def record(self, actor, person, study, answer) -> Recorded:
        if answer.evidence is not None and answer.evidence.body == b"damaged":
            raise Problem(400, "invalid", "The input cannot be accepted", "The file is not of a kind that is kept",
                          "evidence")  # fmt: skip
        self.last = answer
        return Recorded("urn:uuid:desk-1", 3, "given" if answer.decision == "yes" else "withdrawn", NOW, ["Heart"])

    async def receipt(self, actor, consent, form) -> Paper:
        kind = "text/html" if form == "html" else "application/octet-stream"
        return Paper(f"receipt.{form}", kind, b"<p>Receipt</p>")

    async def opt_out(self, actor, person, *, out, channel, evidence=None) -> DeskPerson:
        self.opted = (out, channel, evidence)
        return PERSON


class SourceNames:
    """Two names, unless it is the first day."""

    def __init__(self, empty: bool) -> None:
        self.rows = [] if empty else [
            NameAtSource("s1", "Ward", "Organization/123", "urn:concord:heart:1", "Heart Rhythm Group"),
        ]  # fmt: skip

    async def listed(self, actor) -> list[NameAtSource]:
        return self.rows

    async def say(self, actor, source, reference, participant) -> NameAtSource:
        if " " in reference:
            raise Problem(400, "invalid", "The input cannot be accepted", "This is no reference", "reference")
        self.rows.append(NameAtSource(source, source, reference, participant, participant))
        return self.rows[-1]

    async def take_back(self, actor, source, reference) -> None:
        self.rows = [row for row in self.rows if row.reference != reference]


class SourceConsents:
    """Two consents that stop somebody, unless it is the first day."""

    def __init__(self, empty: bool) -> None:
        self.rows = [] if empty else [
            Unclear("s1", "Ward", f"c{number}", 1, "readable", "not understood: /modifierExtension", "ab" * 32, NOW,
                    "import by steward a1")
            for number in (1, 2)
        ]  # fmt: skip
        self.settled = []

    async def unclear(self, actor) -> list[Unclear]:
        return self.rows

    async def set_aside(self, actor, source, id, digest, reason) -> None:
        self.rows = [row for row in self.rows if row.id != id]
        self.settled.append((id, reason))


class Emergencies:
    """One that waits and one that was reviewed, unless it is the first day."""

    def __init__(self, empty: bool) -> None:
        waiting = EmergencyRow(
            "urn:uuid:e1", "E-104-771", "Dr. Bea Moss", "Found unconscious.", None, NOW, NOW + timedelta(hours=4), 2,
            NOW, None, "", "", "",
        )  # fmt: skip
        done = replace(
            waiting, id="urn:uuid:e2", categories=["laboratory"], told_at=None, reviewed_at=NOW,
            reviewed_by="An De Smet", verdict="not-justified", note="The rules were explained.",
        )  # fmt: skip
        self._rows = [] if empty else [waiting, done]
        self.reviewed = []

    async def rows(self, actor) -> list[EmergencyRow]:
        return self._rows

    async def review(self, actor, id, verdict, note) -> EmergencyRow:
        if verdict == "not-justified" and not note:
            raise Problem(400, "invalid", "The input cannot be accepted", "Say what follows from it", "note")
        self.reviewed.append((id, verdict, note))
        return self._rows[0]


class OptOuts:
    """A person who has not opted out; `out` says what they did last."""

    def __init__(self, empty: bool) -> None:
        self.empty, self.out = empty, False

    async def page(self, actor) -> OptOutPage:
        told = [Told("h1", "St Elisabeth Hospital", NOW), Told("h2", "Lumen Watches", None)] if self.out else []
        sharing = [] if self.empty else ["Heart rhythm at night", "Sleep and age"]
        return OptOutPage(self.out, NOW if self.out else None, told, sharing, [] if self.empty else [(NOW, NOW)])

    async def opt_out(self, actor) -> OptOutPage:
        self.out = True
        return await self.page(actor)

    async def opt_in(self, actor) -> OptOutPage:
        if not self.out:
            raise Problem(409, "conflict", "This step does not fit the present state", "You have not opted out")
        self.out = False
        return await self.page(actor)


def add(services, empty: bool) -> None:
    """Put them among a participant's services."""
    services.desk = Desk(empty)
    services.source_names = SourceNames(empty)
    services.source_consents = SourceConsents(empty)
    services.emergencies = Emergencies(empty)
    services.reidentifying = Reidentifying(empty)
    services.risk = Risk(empty)
    services.quarantine = Quarantine(empty)
    services.why = Explaining(empty)
    services.wallet.opt_outs = OptOuts(empty)
