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
    Study,
    StudyDecision,
    UseOfData,
    WalletConsent,
    WalletLink,
)
from connector.services.acting import check_proxy, check_seen, studies_seen
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.wallet import views
from connector.services.wallet.cards import delivery_card, overall, state_of
from connector.services.wallet.progress import progress_of
from connector.services.wallet.speaking import GIVING, TEXT_VERSION
from contracts.study import RequestedData, StudyRequest
from policy.categories import CATEGORIES, words
from policy.consent import ConsentRecord
from policy.fhir_consent import to_fhir
from policy.purposes import label


class Pages:
    """Read-only views for the person who is signed in."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def study(self, actor: Actor, study_id: str) -> views.StudyPage:
        """Everything told before answering. Raises Problem 404."""
        require(actor, "patient", "operator")

        def query(tx: Transaction) -> views.StudyPage:
            check_seen(tx, actor, study_id)
            return self._study(tx, actor.account, study_id)

        return await self._context.store.read(query)

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
            answered=overall(self._states(tx, account, answers)), text_version=TEXT_VERSION, digest=found.digest,
            broad_consent=[
                self._name(one.holder) for one in approvals if one.holder and (one.datasets or {}).get("broad_consent")
            ],
            linking=study.linking,
        )  # fmt: skip

    def _dataset(self, asked: RequestedData, linked: set[str]) -> views.DatasetChoice:
        keys = list(asked.categories) if asked.categories is not None else list(CATEGORIES)
        return views.DatasetChoice(
            asked.dataset, asked.holder, self._name(asked.holder), asked.title, [(key, words(key)) for key in keys],
            asked.holder in linked,
        )  # fmt: skip

    def _states(self, tx: Transaction, account: str, answers: list[WalletConsent]) -> list[str]:
        links = {one.id: one.standing for one in tx.find(WalletLink, account=account)}
        now = self._context.clock()
        return [state_of(one, ConsentRecord.from_json(one.record), links, now) for one in answers]

    def _document(self, tx: Transaction, study_id: str) -> tuple[Study, StudyRequest]:
        found = tx.get(Study, study_id)
        if found is None or found.document is None or found.standing != "shown":
            raise missing("There is no such study request here")
        return found, StudyRequest.read(found.document)

    async def receipt(self, actor: Actor, consent_id: str) -> views.Receipt:
        """The receipt of the newest version of a consent. Raises Problem 404."""
        require(actor, "patient")
        return await self._context.store.read(lambda tx: self._receipt(tx, actor, consent_id))

    def _receipt(self, tx: Transaction, actor: Actor, consent_id: str) -> views.Receipt:
        found = tx.find(WalletConsent, id=consent_id, account=actor.account, current=True, limit=1)
        if not found or found[0].record is None:
            raise missing("There is no such receipt of yours")
        check_seen(tx, actor, found[0].study)
        record, newest = found[0].record, found[0]
        _, study = self._document(tx, newest.study)
        siblings = tx.find(WalletConsent, account=actor.account, study=newest.study, current=True)
        shared = [scope for one in siblings if one.state in GIVING for scope in (one.record or {})["data"]]
        window = record["window"]
        return views.Receipt(
            number=consent_id, study_title=study.title, organisation_name=study.organisation_name,
            decision=newest.state, given_at=_at(newest.decided_at),
            valid_until=ConsentRecord.from_json(record).valid_until,
            datasets=[self._shared(study, scope) for scope in shared],
            window=(_day(window["start"]), _day(window["end"])) if window else None,
            words_digest=record["words"]["digest"], text_version=record["words"]["version"],
            signature_kid=_kid(newest.jws), record=record,
            deliveries=[delivery_card(tx, self._context, one) for one in siblings],
            jws=newest.jws, study=newest.study, fhir=to_fhir(ConsentRecord.from_json(record)),
        )  # fmt: skip

    def _shared(self, study: StudyRequest, scope: dict[str, Any]) -> tuple[str, str, list[str]]:
        asked = next(one for one in study.data if one.dataset == scope["dataset"])
        kinds = scope["categories"]
        return self._name(asked.holder), asked.title, [words(one) for one in kinds] if kinds else ["all of it"]

    async def progress(self, actor: Actor, study_id: str) -> views.Progress:
        """How far a withdrawal got. Raises Problem 404 when there is none."""
        require(actor, "patient", "operator")

        def query(tx: Transaction) -> views.Progress:
            check_seen(tx, actor, study_id)
            return self._progress(tx, actor.account, study_id)

        return await self._context.store.read(query)

    def _progress(self, tx: Transaction, account: str, study_id: str) -> views.Progress:
        return progress_of(tx, self._context, account, self._document(tx, study_id)[1])

    async def uses(self, actor: Actor) -> list[views.Use]:
        """The timeline, newest first; refused attempts stand in the same list."""
        require(actor, "patient")

        def query(tx: Transaction) -> list[views.Use]:
            seen = studies_seen(tx, actor)
            titles = {study.id: StudyRequest.read(study.document).title for study in tx.find(Study, standing="shown")}
            return [
                views.Use(
                    _at(use.at), use.kind, self._name(use.holder), use.recipient_name, titles.get(use.study, ""),
                    use.resources, use.reason or None,
                )
                for use in tx.find(UseOfData, account=actor.account, order="-at", limit=500)
                if seen is None or use.study in seen
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
            check_proxy(tx, actor, self._context.clock())
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
