"""The holder's desk: answers taken down for people without a wallet, opt-outs, and what consents at a source mean."""

from __future__ import annotations

import base64
import binascii
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Officer, Operator, Sent
from connector.problems import invalid
from connector.services.holding.assisted import DeskAnswer, Recorded
from connector.services.holding.desk import DeskPerson, DeskStudy, Script
from connector.services.holding.evidence_files import Evidence
from connector.services.holding.naming import NameAtSource
from connector.services.holding.settling import Unclear
from connector.services.wallet.receipts import Paper

router = APIRouter(route_class=ManagementRoute, tags=["provider"])


class EvidenceSent(Sent):
    """A file that shows how something was said: its media type, and its bytes in base64."""

    media_type: str = Field(max_length=100)
    body: str

    def file(self) -> Evidence:
        """As the service takes it. Raises Problem 400."""
        try:
            return Evidence(self.media_type, base64.b64decode(self.body, validate=True))
        except (binascii.Error, ValueError):
            raise invalid("The evidence is not base64", "evidence/body", "base64 (RFC 4648)") from None


class AnswerSent(Sent):
    """What a person said at the desk. See `connector.services.holding.assisted.DeskAnswer`."""

    study: str
    decision: str
    channel: str
    read_out: bool = False
    digest: str = ""
    datasets: dict[str, list[str] | None] = Field(default_factory=dict)
    window_start: date | None = None
    window_end: date | None = None
    until: date | None = None
    evidence: EvidenceSent | None = None
    authority: str = Field("", max_length=400)

    def answer(self) -> DeskAnswer:
        """As the service takes it."""
        return DeskAnswer(
            self.decision, self.channel, self.read_out, self.digest, self.datasets, self.window_start, self.window_end,
            self.until, self.evidence.file() if self.evidence else None, self.authority,
        )  # fmt: skip


class DeskOptOutSent(Sent):
    """Somebody opts out of secondary use at the desk, or (`out` false) back in."""

    out: bool
    channel: str
    evidence: EvidenceSent | None = None


class NameSent(Sent):
    """A reference of a source, and the participant (or ``account:<id>``) that it means."""

    source: str
    reference: str = Field(max_length=300)
    participant: str


class AsideSent(Sent):
    """Why this is no consent of the person. `digest` is what was looked at."""

    source: str
    id: str
    digest: str
    reason: str = Field(max_length=2000)


@router.get("/desk/people/{person}")
async def desk_person(called: Called, actor: Operator, person: str) -> DeskPerson:
    """One of our people, as the desk sees them."""
    return await called.desk.person(actor, person)


@router.get("/desk/people/{person}/studies")
async def desk_studies(called: Called, actor: Operator, person: str) -> list[DeskStudy]:
    """The studies that may be read out to them, with their answers."""
    return await called.desk.studies(actor, person)


@router.get("/desk/people/{person}/studies/{study}")
async def desk_script(called: Called, actor: Operator, person: str, study: str) -> Script:
    """What has to be read out before an answer."""
    return await called.desk.script(actor, person, study)


@router.post("/desk/people/{person}/answers", status_code=201)
async def desk_answer(called: Called, actor: Operator, person: str, sent: AnswerSent) -> Recorded:
    """Take an answer, a change or a stop down."""
    return await called.desk.record(actor, person, sent.study, sent.answer())


@router.post("/desk/people/{person}/opt-out")
async def desk_opt_out(called: Called, actor: Operator, person: str, sent: DeskOptOutSent) -> DeskPerson:
    """Opt out of secondary use, or back in."""
    evidence = sent.evidence.file() if sent.evidence else None
    return await called.desk.opt_out(actor, person, out=sent.out, channel=sent.channel, evidence=evidence)


@router.get("/desk/receipts/{consent}")
async def desk_receipt(
    called: Called, actor: Operator, consent: str, form: Annotated[str, Query(alias="format")] = "json"
) -> Response:
    """The receipt of an answer that was taken down here: json, jws, html or pdf."""
    return _file(await called.desk.receipt(actor, consent, form))


@router.get("/desk/evidence/{digest}")
async def desk_evidence(called: Called, actor: Operator, digest: str) -> Response:
    """What was kept of how an answer was taken."""
    return _file(await called.desk.evidence(actor, digest))


@router.get("/source-names")
async def source_names(called: Called, actor: Operator) -> list[NameAtSource]:
    """Which references of sources mean which participants."""
    return await called.source_names.listed(actor)


@router.post("/source-names", status_code=201)
async def say_name(called: Called, actor: Operator, sent: NameSent) -> NameAtSource:
    """From now on this reference means this participant."""
    return await called.source_names.say(actor, sent.source, sent.reference, sent.participant)


@router.post("/source-names/take-back", status_code=204)
async def take_name_back(called: Called, actor: Operator, sent: NameSent) -> None:
    """Nobody knows any more whom this reference means."""
    await called.source_names.take_back(actor, sent.source, sent.reference)


@router.get("/source-consents/unclear")
async def unclear_consents(called: Called, actor: Operator) -> list[Unclear]:
    """Consents at sources that nobody can read or rely on: they stop everything about a person."""
    return await called.source_consents.unclear(actor)


@router.post("/source-consents/set-aside", status_code=204)
async def set_consent_aside(called: Called, actor: Officer, sent: AsideSent) -> None:
    """The data protection officer finds that it is no consent of the person."""
    await called.source_consents.set_aside(actor, sent.source, sent.id, sent.digest, sent.reason)


def _file(paper: Paper) -> Response:
    shown = {"Content-Disposition": f'attachment; filename="{paper.name}"', "X-Content-Type-Options": "nosniff"}
    return Response(paper.body, media_type=paper.media_type, headers=shown)
