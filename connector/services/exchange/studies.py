"""Study requests: published by a research group, decided by a holder's steward, shown by wallets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from catalog.listing import CatalogUnreadable, read_dataset
from connector.identity.members import Member
from connector.outbound.faults import OutboundRefused, Unreachable, Why
from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing, unavailable
from connector.records import Dataset, Study, StudyDecision
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange import speech
from contracts.exchange import StudyToHolder, StudyToWallet
from contracts.messages import MessageError
from contracts.names import dataset_path
from contracts.study import StudyApproval, StudyRequest, approval_fault, study_digest

SEND = "exchange.study"
SEND_APPROVAL = "exchange.approval"


@dataclass(frozen=True, slots=True)
class StudyDraft:
    """What a researcher fills in. `data` lists (holder, dataset, categories or None for all)."""

    title: str
    summary: str
    words: dict[str, str]
    purposes: list[str]
    data: list[tuple[str, str, list[str] | None]]
    answer_until: datetime
    valid_until: datetime
    contact_name: str
    contact_email: str
    window_start: date | None = None
    window_end: date | None = None
    recipients: list[str] = field(default_factory=list)
    linking: bool = False


class Studies:
    """All three sides of a study request; which one applies follows from who sends what."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def publish(self, actor: Actor, draft: StudyDraft) -> str:
        """Research group: sign the request and send it to every holder it names. Returns its id."""
        require(actor, "researcher", "operator")
        context = self._context
        asked = [await self._asked(*entry) for entry in draft.data]
        study = self._compose(draft, asked)
        jws = speech.say(context, speech.STUDY, study.wire())
        holders = {entry.holder for entry in study.data}
        addresses = {holder: context.members.exchange(context.members.active(holder).id) for holder in holders}

        def command(tx: Transaction) -> None:
            tx.add(
                Study(
                    id=study.id, organisation=context.me.id, digest=study_digest(study), standing="published",
                    document=study.wire(), jws=jws, received_at=context.clock(),
                )
            )  # fmt: skip
            for holder, base in addresses.items():
                tx.add(StudyDecision(study=study.id, holder=holder, answer="waiting"))
                context.deliveries.send(
                    tx, recipient=holder, url=f"{base}/studies", kind=SEND, body={"study": jws}, about=study.id,
                    lane=f"study:{study.id}:{holder}",
                )  # fmt: skip
            context.log(tx, "study.published", study.id, {"digest": study_digest(study), "by": actor.entry})

        await context.store.write(command)
        return study.id

    async def _asked(self, holder: str, dataset: str, categories: list[str] | None) -> dict[str, Any]:
        """What is asked for, with the title and the kinds of data that the holder's own catalogue says."""
        members = self._context.members
        member = members.active(holder)
        try:
            answer = await members.fetch(holder, member.dsp + dataset_path(dataset))
            if not answer.ok and answer.status != 404:
                # A holder that has just started knows no token older than itself: 401 says "later", like 5xx.
                raise Unreachable(Why.PROTOCOL)
            listing = read_dataset(orjson.loads(answer.body), holder)
        except (OutboundRefused, Unreachable):
            raise unavailable(f"{member.name} cannot be reached now, so its dataset could not be looked up") from None
        except (CatalogUnreadable, ValueError):
            raise invalid(f"{member.name} offers no such dataset", "data", "a dataset of its catalogue") from None
        kinds = categories if categories is not None else list(listing.categories) or None
        return {"holder": holder, "dataset": dataset, "title": listing.title, "categories": kinds}

    def _compose(self, draft: StudyDraft, asked: list[dict[str, Any]]) -> StudyRequest:
        me, now = self._context.me, self._context.clock()
        claims: dict[str, Any] = {
            "id": new_id(), "version": 1, "title": draft.title, "summary": draft.summary, "words": draft.words,
            "organisation": me.id, "organisation_name": me.name, "recipients": draft.recipients or [me.id],
            "purposes": draft.purposes,
            "data": asked,
            "window": {"start": draft.window_start, "end": draft.window_end}
            if draft.window_start or draft.window_end
            else None,
            "published_at": now, "answer_until": draft.answer_until, "valid_until": draft.valid_until,
            "contact": {"name": draft.contact_name, "email": draft.contact_email}, "linking": draft.linking,
        }  # fmt: skip
        try:
            return StudyRequest.read(claims)
        except MessageError as fault:
            raise invalid(str(fault), code="study-not-accepted") from None

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """`POST /consent/studies`: a request for our steward, or a holder's approval for us to show or to know."""
        if "approval" in body:
            await self._approved(sender, speech.read_body(StudyToWallet, body))
            return 200, {}
        return 202, await self._requested(sender, speech.read_body(StudyToHolder, body))

    async def _requested(self, sender: Member, body: StudyToHolder) -> dict[str, Any]:
        study = speech.hear(body.study, speech.STUDY, sender, StudyRequest)
        if study.organisation != sender.id:
            raise forbidden("A study request is sent by the organisation that publishes it")
        ours = {entry.dataset for entry in study.at(self._context.me.id)}
        if not ours:
            raise invalid("The study asks for nothing of ours", "data", "at least one dataset of this holder")

        def command(tx: Transaction) -> None:
            known = tx.get(Study, study.id)
            if known is not None:
                if known.digest != study_digest(study):
                    raise conflict("This study is known with other content", accepted="a new id for changed content")
                return
            unknown = [one for one in ours if tx.get(Dataset, one) is None]
            if unknown:
                raise invalid("The study names a dataset we do not have", "data", "datasets of our catalogue")
            self._keep(tx, study, body.study, "waiting")
            self._context.log(tx, "study.received", study.id, {"from": sender.id, "digest": study_digest(study)})
            tx.ring("studies")

        await self._context.store.write(command)
        return {"study": study.id, "state": "waiting"}

    def _keep(self, tx: Transaction, study: StudyRequest, jws: str, standing: str) -> None:
        tx.put(
            Study(
                id=study.id, organisation=study.organisation, digest=study_digest(study), standing=standing,
                document=study.wire(), jws=jws, received_at=self._context.clock(),
            )
        )  # fmt: skip

    async def decide(
        self, actor: Actor, study_id: str, approve: bool, reason: str, broad_consent: bool = False
    ) -> None:
        """Steward: approve or refuse. An approval goes to every wallet we know and to the research group.

        `broad_consent`: where a person gave no answer to the study, a consent that the source holds may do.
        """
        require(actor, "steward", "operator")
        if not approve and not reason.strip():
            raise invalid("A refusal needs its reason", "reason", "a sentence for the research group")
        context = self._context

        def command(tx: Transaction) -> None:
            study = tx.get(Study, study_id)
            if study is None or study.document is None:
                raise missing("There is no such study request")
            if study.standing != "waiting":
                raise conflict(f"The study request is {study.standing} already")
            if study.organisation == actor.participant:
                raise forbidden("Who asks never approves")
            standing = "approved" if approve else "refused"
            now = context.clock()
            study = tx.change(
                study, standing=standing, decided_at=now, decided_by=actor.account, reason=reason,
                broad_consent=approve and broad_consent,
            )  # fmt: skip
            rests = {"broad_consent": study.broad_consent} if study.broad_consent else {}
            context.log(tx, f"study.{standing}", study_id, {"by": actor.entry, "digest": study.digest, **rests})
            if approve:
                self._announce(tx, study, now)
            tx.ring("studies")

        await context.store.write(command)

    def _announce(self, tx: Transaction, study: Study, now: datetime) -> None:
        context = self._context
        request = StudyRequest.read(study.document)
        approval = StudyApproval(
            study=study.id, study_digest=study.digest, holder=context.me.id,
            datasets=tuple(entry.dataset for entry in request.at(context.me.id)), approved_at=now,
            broad_consent=study.broad_consent,
        )  # fmt: skip
        jws = speech.say(context, speech.APPROVAL, approval.wire())
        tx.put(
            StudyDecision(
                study=study.id, holder=context.me.id, answer="approved", datasets={"datasets": list(approval.datasets)},
                jws=jws, at=now,
            )
        )  # fmt: skip
        told = [
            member for member in context.members.others() if member.role == "wallet" or member.id == study.organisation
        ]
        for member in told:
            context.deliveries.send(
                tx, recipient=member.id, url=f"{context.members.exchange(member.id)}/studies", kind=SEND_APPROVAL,
                body={"study": study.jws, "approval": jws}, about=study.id, lane=f"approval:{study.id}:{member.id}",
            )  # fmt: skip

    async def _approved(self, sender: Member, body: StudyToWallet) -> None:
        approval = speech.hear(body.approval, speech.APPROVAL, sender, StudyApproval)
        if approval.holder != sender.id:
            raise forbidden("An approval is sent by the holder that gave it")
        study = self._published(body.study, approval.study)
        if (fault := approval_fault(approval, study)) is not None:
            raise invalid(f"The approval does not fit the study: {fault}")

        def command(tx: Transaction) -> None:
            known = tx.get(Study, study.id)
            if known is None:
                self._keep(tx, study, body.study, "shown")
            elif known.digest != study_digest(study):
                raise conflict("This study is known with other content")
            tx.put(
                StudyDecision(
                    study=study.id, holder=sender.id, answer="approved", jws=body.approval, at=approval.approved_at,
                    datasets={"datasets": list(approval.datasets), "broad_consent": approval.broad_consent},
                )
            )  # fmt: skip
            self._context.log(tx, "study.approval-known", study.id, {"holder": sender.id})
            tx.ring("studies")

        await self._context.store.write(command)

    def _published(self, jws: str, study_id: str) -> StudyRequest:
        """The study as its publisher signed it; the publisher must be known to us."""
        for member in self._context.members.everybody():
            try:
                study = speech.hear(jws, speech.STUDY, member, StudyRequest)
            except Problem:
                continue
            if study.organisation == member.id and study.id == study_id:
                return study
        raise invalid("The study request is not signed by a participant we know", "study", code="bad-statement")
