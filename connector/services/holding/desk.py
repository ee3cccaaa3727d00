"""The desk as the portal and the API call it: who is there, what they are asked, what they said, their receipt."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import CaptureEvidence, Consent, HandedOver, Link, OptOut, Person, Study
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.exchange.consents import ConsentDesk
from connector.services.exchange.opting_out import OptOutDesk
from connector.services.holding.assisted import (
    CHANNELS,
    AssistedDesk,
    DeskAnswer,
    Recorded,
    keep_evidence,
    study_at_desk,
)
from connector.services.holding.evidence_files import Evidence, checked
from connector.services.rights.receipting import receipt_of
from connector.services.wallet.receipts import FORMS, Paper, set_receipt
from contracts.study import StudyRequest, study_digest
from policy.categories import CATEGORIES, words
from policy.purposes import label
from policy.records27560 import Contract, Delivered


@dataclass(frozen=True, slots=True)
class DeskPerson:
    """One of our people as the desk sees them. `standing`: desk (they may answer here), wallet, or none (not yet)."""

    id: str
    number: str
    name: str
    born: date | None
    standing: str
    opted_out_since: datetime | None


@dataclass(frozen=True, slots=True)
class DeskStudy:
    """A study that may be read out here. `state` is the person's present answer, empty without one.

    `consent` is the number of an answer taken down here, empty for one that came from a wallet.
    """

    id: str
    title: str
    organisation_name: str
    state: str
    consent: str
    version: int
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeskDataset:
    """A dataset of ours that the study asks for, with the kinds of data in it: (key, words)."""

    dataset: str
    title: str
    categories: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that has to be read out before an answer, and what may be chosen."""

    person: DeskPerson
    study: DeskStudy
    summary: str
    words: dict[str, str]
    purposes: list[str]
    recipients: list[str]
    datasets: list[DeskDataset]
    window: tuple[date | None, date | None]
    answer_until: datetime
    valid_until: datetime
    contact_name: str
    contact_email: str
    broad_consent: bool
    digest: str


class Desk:
    """Staff with a person in front of them, on the phone, or with their letter."""

    def __init__(self, context: Context, consents: ConsentDesk, opt_outs: OptOutDesk) -> None:
        self._context = context
        self._assisted = AssistedDesk(context, consents)
        self._opt_outs = opt_outs

    async def person(self, actor: Actor, person: str) -> DeskPerson:
        """One person. Raises Problem 404."""
        require(actor, "steward", "operator")
        return await self._context.store.read(lambda tx: self._person(tx, person))

    def _person(self, tx: Transaction, id: str) -> DeskPerson:
        found = tx.get(Person, id)
        if found is None:
            raise missing("There is no such person here")
        link = next(iter(tx.find(Link, person=id, standing=["active", "disputed"], limit=1)), None)
        standing = "none" if link is None else "desk" if link.wallet == self._context.me.id else "wallet"
        out = [one.at for one in tx.find(OptOut, person=id, reversed_at=None) if one.at is not None]
        return DeskPerson(found.id, found.source_id, found.name, found.born, standing, min(out, default=None))

    async def studies(self, actor: Actor, person: str) -> list[DeskStudy]:
        """The studies to read out to this person, and what they answered, newest first. Raises Problem 404."""
        require(actor, "steward", "operator")

        def query(tx: Transaction) -> list[DeskStudy]:
            self._person(tx, person)
            asked = [one for one in tx.find(Study, order="-received_at") if one.document is not None]
            found = [self._study(tx, person, one) for one in asked if one.standing == "approved"]
            over = [self._study(tx, person, one) for one in asked if one.standing != "approved"]
            return [*found, *(one for one in over if one.state)]  # who answered it can still stop

        return await self._context.store.read(query)

    def _study(self, tx: Transaction, person: str, study: Study) -> DeskStudy:
        request, ours = StudyRequest.read(study.document), self._answer(tx, person, study.id)
        answer = ours or self._answer(tx, person, study.id, at_desk=False)
        return DeskStudy(
            study.id, request.title, request.organisation_name, answer.state if answer else "",
            ours.id if ours else "", answer.version if answer else 0, answer.committed_at if answer else None,
        )  # fmt: skip

    def _answer(self, tx: Transaction, person: str, study: str, *, at_desk: bool = True) -> Consent | None:
        """Their present answer to a study: as it was taken down here, or as their wallet said it."""
        standing = tx.find(Link, person=person, standing=["active", "disputed"])
        links = [one.id for one in standing if (one.wallet == self._context.me.id) is at_desk]
        return next(iter(tx.find(Consent, link=links, study=study, current=True, limit=1)), None) if links else None

    async def script(self, actor: Actor, person: str, study: str) -> Script:
        """What has to be read out. Raises Problem 404."""
        require(actor, "steward", "operator")
        return await self._context.store.read(lambda tx: self._script(tx, person, study))

    def _script(self, tx: Transaction, person: str, study_id: str) -> Script:
        answered = self._answer(tx, person, study_id) is not None
        request, kept = study_at_desk(tx, study_id, answered=answered), tx.get(Study, study_id)
        if kept is None:
            raise missing("There is no such study request here")
        window = (request.window.start, request.window.end) if request.window else (None, None)
        return Script(
            person=self._person(tx, person), study=self._study(tx, person, kept), summary=request.summary,
            words=request.words.model_dump(), purposes=[label(one) for one in request.purposes],
            recipients=[self._context.members.name_of(one) for one in request.recipients],
            datasets=[_dataset(one) for one in request.at(self._context.me.id)], window=window,
            answer_until=request.answer_until, valid_until=request.valid_until, contact_name=request.contact.name,
            contact_email=request.contact.email, broad_consent=kept.broad_consent, digest=study_digest(request),
        )  # fmt: skip

    async def record(self, actor: Actor, person: str, study: str, answer: DeskAnswer) -> Recorded:
        """Take an answer down. Raises Problem 400, 404, 409."""
        script = await self.script(actor, person, study)
        if answer.decision == "yes" and script.answer_until <= self._context.clock():
            raise conflict("This study takes no more answers")
        return await self._assisted.record(actor, person, study, answer)

    async def receipt(self, actor: Actor, consent: str, form: str) -> Paper:
        """The receipt of an answer taken down here, to print and hand over. Raises Problem 400, 404."""
        require(actor, "steward", "operator")
        if form not in FORMS:
            raise invalid("A receipt has no such form", "format", ", ".join(FORMS))
        made = await self._context.store.read(lambda tx: self._receipt(tx, consent))
        name = f"receipt-{made.record.id.rpartition(':')[2]}-{made.record.version}.{form}"
        return Paper(name, FORMS[form], await asyncio.to_thread(set_receipt, self._context, made, form))

    def _receipt(self, tx: Transaction, consent: str) -> Any:
        versions = tx.find(Consent, id=consent, order="version")
        link = tx.get(Link, versions[-1].link) if versions else None
        if link is None or link.wallet != self._context.me.id:
            raise missing("No answer of this number was taken down here")
        newest, me = versions[-1], self._context.me.id
        handed = tx.find(HandedOver, person=newest.person, study=newest.study)
        contracts = [Contract(id=one.agreement, recipient=one.recipient) for one in handed]
        kept = Delivered(holder=me, state="acknowledged", at=newest.committed_at)
        return receipt_of(tx, self._context, versions, contracts, [kept])

    async def evidence(self, actor: Actor, digest: str) -> Paper:
        """What was kept of how an answer was taken; that somebody looks at it is logged. Raises Problem 404."""
        require(actor, "steward", "dpo", "operator")

        def command(tx: Transaction) -> Paper:
            kept = tx.find(CaptureEvidence, digest=digest, limit=1)
            if not kept:
                raise missing("There is no such file")
            found = kept[0]
            self._context.log(tx, "evidence.opened", digest, {"by": actor.entry})
            return Paper(f"evidence-{digest[:12]}", found.media_type, found.body)

        return await self._context.store.write(command)

    async def opt_out(
        self, actor: Actor, person: str, *, out: bool, channel: str, evidence: Evidence | None = None
    ) -> DeskPerson:
        """Somebody opts out of secondary use here, or takes that back. Raises Problem 400, 404, 409."""
        require(actor, "steward", "operator")
        if channel not in CHANNELS:
            raise invalid("This is not a way to answer at the desk", "channel", ", ".join(CHANNELS))
        digest = checked(evidence) if evidence else ""

        def also(tx: Transaction) -> None:
            if evidence:
                keep_evidence(tx, self._context, actor, person, evidence)

        await self._opt_outs.at_desk(actor, person, out=out, channel=channel, evidence=digest, also=also)
        return await self.person(actor, person)


def _dataset(asked: Any) -> DeskDataset:
    keys = list(asked.categories) if asked.categories is not None else list(CATEGORIES)
    return DeskDataset(asked.dataset, asked.title, [(key, words(key)) for key in keys])
