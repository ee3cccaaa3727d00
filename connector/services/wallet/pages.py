"""What a person sees: composed from records, never stored."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import missing
from connector.records import (
    Account,
    Delivery,
    RecipientProgress,
    Study,
    StudyDecision,
    UseOfData,
    WalletConsent,
    WalletLink,
)
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.wallet import views
from connector.services.wallet.answers import TEXT_VERSION
from contracts.study import RequestedData, StudyRequest
from policy.categories import CATEGORIES, words
from policy.consent import ConsentRecord
from policy.fhir_consent import to_fhir
from policy.purposes import label


class Pages:
    """Read-only views for the person who is signed in."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def home(self, actor: Actor) -> views.PersonHome:
        """The first page."""
        require(actor, "patient")
        return await self._context.store.read(lambda tx: self._home(tx, actor))

    def _home(self, tx: Transaction, actor: Actor) -> views.PersonHome:
        cards = self._permissions(tx, actor.account)
        active = [card for card in cards if card.state == "given" and card.until > self._context.clock()]
        uses = tx.find(UseOfData, account=actor.account, order="-at", limit=1)
        links = [
            views.LinkCard(link.id, link.holder, self._name(link.holder), _at(link.linked_at))
            for link in tx.find(WalletLink, account=actor.account, standing="active", order="linked_at")
        ]
        return views.PersonHome(
            actor.name, self._waiting(tx, {card.study for card in cards}), active,
            [card for card in cards if card not in active], links, len(active), uses[0].at if uses else None,
        )  # fmt: skip

    def _waiting(self, tx: Transaction, answered: set[str]) -> list[views.StudyCard]:
        now = self._context.clock()
        studies = [
            StudyRequest.read(study.document) for study in tx.find(Study, standing="shown", order="-received_at")
        ]
        return [
            views.StudyCard(study.id, study.title, study.organisation_name, study.summary, study.answer_until)
            for study in studies
            if study.id not in answered and study.answer_until > now
        ]

    async def study(self, actor: Actor, study_id: str) -> views.StudyPage:
        """Everything told before answering. Raises Problem 404."""
        require(actor, "patient", "operator")
        return await self._context.store.read(lambda tx: self._study(tx, actor.account, study_id))

    def _study(self, tx: Transaction, account: str, study_id: str) -> views.StudyPage:
        found, study = self._document(tx, study_id)
        approvals = tx.find(StudyDecision, study=study_id, answer="approved", order="at")
        approved = {holder for approval in approvals if (holder := approval.holder)}
        linked = {link.holder for link in tx.find(WalletLink, account=account, standing="active")}
        answers = tx.find(WalletConsent, account=account, study=study_id, current=True)
        return views.StudyPage(
            id=study.id, title=study.title, summary=study.summary, organisation_name=study.organisation_name,
            words=study.words.model_dump(), purposes=[label(one) for one in study.purposes],
            datasets=[self._dataset(one, linked) for one in study.data if one.holder in approved],
            window=(study.window.start, study.window.end) if study.window else None, answer_until=study.answer_until,
            valid_until=study.valid_until, contact_name=study.contact.name, contact_email=study.contact.email,
            recipients=[self._name(one) for one in study.recipients],
            approved_by=[(self._name(approval.holder), _at(approval.at)) for approval in approvals],
            answered=_overall([answer.state for answer in answers]), text_version=TEXT_VERSION, digest=found.digest,
        )  # fmt: skip

    def _dataset(self, asked: RequestedData, linked: set[str]) -> views.DatasetChoice:
        keys = list(asked.categories) if asked.categories is not None else list(CATEGORIES)
        return views.DatasetChoice(
            asked.dataset, asked.holder, self._name(asked.holder), asked.title, [(key, words(key)) for key in keys],
            asked.holder in linked,
        )  # fmt: skip

    def _document(self, tx: Transaction, study_id: str) -> tuple[Study, StudyRequest]:
        found = tx.get(Study, study_id)
        if found is None or found.document is None or found.standing != "shown":
            raise missing("There is no such study request here")
        return found, StudyRequest.read(found.document)

    async def permissions(self, actor: Actor) -> list[views.PermissionCard]:
        """This person's answers, newest first, one card per study."""
        require(actor, "patient")
        return await self._context.store.read(lambda tx: self._permissions(tx, actor.account))

    def _permissions(self, tx: Transaction, account: str) -> list[views.PermissionCard]:
        by_study: dict[str, list[WalletConsent]] = {}
        for consent in tx.find(WalletConsent, account=account, current=True, order="-decided_at"):
            by_study.setdefault(consent.study, []).append(consent)
        return [self._permission(tx, study, consents) for study, consents in by_study.items()]

    def _permission(self, tx: Transaction, study_id: str, consents: list[WalletConsent]) -> views.PermissionCard:
        _, study = self._document(tx, study_id)
        shared = [scope["dataset"] for one in consents if one.state == "given" for scope in (one.record or {})["data"]]
        return views.PermissionCard(
            study=study_id, title=study.title, organisation_name=study.organisation_name,
            state=_overall([one.state for one in consents]) or "refused", since=_at(consents[0].decided_at),
            until=study.valid_until, datasets=[one.title for one in study.data if one.dataset in shared],
            consent_ids=[one.id for one in consents], holders=[self._delivery(tx, one) for one in consents],
        )  # fmt: skip

    def _delivery(self, tx: Transaction, consent: WalletConsent) -> views.Delivery:
        delivery = tx.get(Delivery, consent.id, consent.version)
        state = delivery.standing if delivery else "waiting"
        return views.Delivery(self._name(consent.holder), state, delivery.acknowledged_at if delivery else None)

    async def receipt(self, actor: Actor, consent_id: str) -> views.Receipt:
        """The receipt of the newest version of a consent. Raises Problem 404."""
        require(actor, "patient")
        return await self._context.store.read(lambda tx: self._receipt(tx, actor.account, consent_id))

    def _receipt(self, tx: Transaction, account: str, consent_id: str) -> views.Receipt:
        found = tx.find(WalletConsent, id=consent_id, account=account, current=True, limit=1)
        if not found or found[0].record is None:
            raise missing("There is no such receipt of yours")
        record, newest = found[0].record, found[0]
        _, study = self._document(tx, newest.study)
        siblings = tx.find(WalletConsent, account=account, study=newest.study, current=True)
        shared = [scope for one in siblings if one.state == "given" for scope in (one.record or {})["data"]]
        window = record["window"]
        return views.Receipt(
            number=consent_id, study_title=study.title, organisation_name=study.organisation_name,
            decision=newest.state, given_at=_at(newest.decided_at), valid_until=study.valid_until,
            datasets=[self._shared(study, scope) for scope in shared],
            window=(_day(window["start"]), _day(window["end"])) if window else None,
            words_digest=record["words"]["digest"], text_version=record["words"]["version"],
            signature_kid=_kid(newest.jws), deliveries=[self._delivery(tx, one) for one in siblings], record=record,
            jws=newest.jws, study=newest.study, fhir=to_fhir(ConsentRecord.from_json(record)),
        )  # fmt: skip

    def _shared(self, study: StudyRequest, scope: dict[str, Any]) -> tuple[str, str, list[str]]:
        asked = next(one for one in study.data if one.dataset == scope["dataset"])
        kinds = scope["categories"]
        return self._name(asked.holder), asked.title, [words(one) for one in kinds] if kinds else ["all of it"]

    async def progress(self, actor: Actor, study_id: str) -> views.Progress:
        """How far a withdrawal got. Raises Problem 404 when there is none."""
        require(actor, "patient", "operator")
        return await self._context.store.read(lambda tx: self._progress(tx, actor.account, study_id))

    def _progress(self, tx: Transaction, account: str, study_id: str) -> views.Progress:
        _, study = self._document(tx, study_id)
        ended = tx.find(WalletConsent, account=account, study=study_id, current=True, state="withdrawn", order="id")
        if not ended:
            raise missing("You have not stopped sharing with this study")
        holders = [self._holder_progress(tx, one) for one in ended]
        done = all(
            holder.state == "reached" and all(_done(one, ended) for one in holder.recipients) for holder in holders
        )
        kind = str((ended[0].record or {}).get("on_withdrawal") or "erase")
        return views.Progress(study_id, study.title, kind, _at(ended[0].decided_at), done, holders)

    def _holder_progress(self, tx: Transaction, consent: WalletConsent) -> views.HolderProgress:
        delivery = tx.get(Delivery, consent.id, consent.version)
        reached = delivery is not None and delivery.standing == "acknowledged"
        told = tx.find(RecipientProgress, consent=consent.id, version=consent.version, order="recipient_name")
        return views.HolderProgress(
            self._name(consent.holder), "reached" if reached else "not-yet-reached",
            delivery.sent_at if delivery else None, delivery.acknowledged_at if delivery else None,
            [self._recipient(one) for one in told],
        )  # fmt: skip

    @staticmethod
    def _recipient(one: RecipientProgress) -> views.RecipientProgress:
        return views.RecipientProgress(
            one.recipient_name, one.told_at, one.received_at, one.stopped_at, one.erased_at, one.exception, one.objects,
            one.lines, one.verified, one.deadline, None if one.erased_at or one.exception else one.told_at,
        )  # fmt: skip

    async def uses(self, actor: Actor) -> list[views.Use]:
        """The timeline, newest first; refused attempts stand in the same list."""
        require(actor, "patient")

        def query(tx: Transaction) -> list[views.Use]:
            titles = {study.id: StudyRequest.read(study.document).title for study in tx.find(Study, standing="shown")}
            return [
                views.Use(
                    _at(use.at), use.kind, self._name(use.holder), use.recipient_name, titles.get(use.study, ""),
                    use.resources, use.reason or None,
                )
                for use in tx.find(UseOfData, account=actor.account, order="-at", limit=500)
            ]  # fmt: skip

        return await self._context.store.read(query)

    async def coverage(self, actor: Actor) -> list[tuple[str, datetime]]:
        """Which holders report here, and since when."""
        require(actor, "patient")
        links = await self._context.store.read(
            lambda tx: tx.find(WalletLink, account=actor.account, standing="active", order="linked_at")
        )
        return [(self._name(link.holder), _at(link.linked_at)) for link in links]

    async def export(self, actor: Actor) -> dict[str, Any]:
        """Everything this wallet keeps about the person who is signed in, as JSON."""
        require(actor, "patient")

        def query(tx: Transaction) -> dict[str, Any]:
            account = tx.get(Account, actor.account)
            consents = tx.find(WalletConsent, account=actor.account, order="decided_at")
            uses = tx.find(UseOfData, account=actor.account, order="at")
            return {
                "name": account.name if account else actor.name,
                "links": [{"holder": one.holder, "link": one.id} for one in tx.find(WalletLink, account=actor.account)],
                "consents": [_exported(one) for one in consents],
                "uses": [
                    {"at": _at(use.at).isoformat(), "kind": use.kind, "holder": use.holder, "study": use.study,
                     "recipient": use.recipient, "resources": use.resources, "reason": use.reason or None}
                    for use in uses
                ],
            }  # fmt: skip

        return await self._context.store.read(query)

    def _name(self, participant: str) -> str:
        return self._context.members.name_of(participant)


def _overall(states: list[str]) -> str | None:
    """One word for several holders' parts: anything given counts as given."""
    for state in ("given", "withdrawn", "suspended", "refused"):
        if state in states:
            return state
    return None


def _done(one: views.RecipientProgress, ended: list[WalletConsent]) -> bool:
    stop_only = (ended[0].record or {}).get("on_withdrawal") == "stop"
    return bool(one.erased_at or one.exception or (stop_only and one.stopped_at))


def _exported(consent: WalletConsent) -> dict[str, Any]:
    """A version in the form that was signed, and as FHIR R4 Consent for whoever reads that."""
    fhir = to_fhir(ConsentRecord.from_json(consent.record))
    return {"record": consent.record, "signed": consent.jws, "fhir": fhir}


def _kid(jws: str) -> str:
    head = jws.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid", ""))


def _day(value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _at(value: datetime | None) -> datetime:
    return value or datetime.fromtimestamp(0, UTC)
