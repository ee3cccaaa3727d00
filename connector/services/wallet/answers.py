"""Answers to study requests: signed with the person's own key, delivered to each holder, withdrawn the same way."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import (
    Delivery,
    OutboxMessage,
    RecipientProgress,
    Study,
    StudyDecision,
    WalletConsent,
    WalletLink,
)
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange import speech
from connector.services.wallet.people import People
from connector.services.wallet.views import Answer
from contracts import exchange as wire
from contracts.study import RequestedData, StudyRequest, study_digest
from policy.consent import ConsentError, ConsentRecord

SEND_CONSENT = "exchange.consent"
TEXT_LANGUAGE = "en"
TEXT_VERSION = "study-page/1"


class Answers:
    """Gives and ends consents on behalf of the person who is signed in, or of one they act for."""

    def __init__(self, context: Context, people: People) -> None:
        self._context = context
        self._people = people
        context.deliveries.on(SEND_CONSENT, self._acknowledged, self._refused, stubborn=_is_stop)

    async def answer(
        self, actor: Actor, study_id: str, answer: Answer, *, account: str | None = None, authority: str | None = None
    ) -> str:
        """Record and send an answer; returns the id of the (first) consent, which is the receipt's number.

        With `account` and `authority` a proxy answers for somebody else; it is recorded and shown as such.
        """
        require(actor, "operator" if account else "patient")
        if account and not authority:
            raise invalid(
                "Whoever answers for somebody else needs an authority", "authority", "a parent, a guardian, ..."
            )
        if answer.decision not in ("yes", "no"):
            raise invalid("The answer is neither yes nor no", "decision", "yes or no")
        whom = account or actor.account

        def command(tx: Transaction) -> str:
            study, links = self._situation(tx, whom, study_id)
            made = [
                self._record(tx, whom, study, links[holder], data, answer, authority)
                for holder, data in self._by_holder(study).items()
                if holder in links
            ]
            sent = [consent for consent in made if consent is not None]
            if not sent:
                raise conflict(
                    "Nothing of yours is asked for by this study", accepted="a link to a holder of the study"
                )
            return sent[0]

        return await self._context.store.write(command)

    def _situation(self, tx: Transaction, account: str, study_id: str) -> tuple[StudyRequest, dict[str, WalletLink]]:
        found = tx.get(Study, study_id)
        if found is None or found.document is None or found.standing != "shown":
            raise missing("There is no such study request here")
        study = StudyRequest.read(found.document)
        now = self._context.clock()
        if study.answer_until <= now:
            raise conflict("This study takes no more answers")
        approved = {decision.holder for decision in tx.find(StudyDecision, study=study_id, answer="approved")}
        links = {link.holder: link for link in tx.find(WalletLink, account=account, standing="active")}
        return study, {holder: link for holder, link in links.items() if holder in approved}

    @staticmethod
    def _by_holder(study: StudyRequest) -> dict[str, list[RequestedData]]:
        found: dict[str, list[RequestedData]] = {}
        for entry in study.data:
            found.setdefault(entry.holder, []).append(entry)
        return found

    def _record(
        self,
        tx: Transaction,
        account: str,
        study: StudyRequest,
        link: WalletLink,
        asked: list[RequestedData],
        answer: Answer,
        authority: str | None,
    ) -> str | None:
        """One holder's part of an answer. A yes to nothing of this holder is a no to it."""
        data = [
            {"dataset": one.dataset, "categories": _agreed(one, answer.datasets[one.dataset])}
            for one in asked
            if answer.decision == "yes" and one.dataset in answer.datasets
        ]
        before = _newest(tx, account, link.holder, study.id)
        if not data and (before is None or before.state != "given"):
            state = "refused" if before is None or before.state == "refused" else before.state
        else:
            state = "given" if data else "withdrawn"
        if before is not None and state == before.state and state != "given":
            return before.id
        claims = self._claims(study, link, state, data, answer, authority, before)
        self._keep(tx, account, link, claims, before)
        return str(claims["id"])

    def _claims(
        self,
        study: StudyRequest,
        link: WalletLink,
        state: str,
        data: list[dict[str, Any]],
        answer: Answer | None,
        authority: str | None,
        before: WalletConsent | None,
    ) -> dict[str, Any]:
        window = _window(study, answer)
        given = state == "given"
        claims = {
            "id": before.id if before else new_id(), "version": before.version + 1 if before else 1,
            "previous": before.digest if before else None, "state": state, "study": study.id,
            "study_digest": study_digest(study), "link": link.id, "holder": link.holder, "wallet": self._context.me.id,
            "recipients": list(study.recipients) if given else [], "purposes": list(study.purposes) if given else [],
            "data": data if given else [], "window": window if given else None, "decided_at": self._context.clock(),
            "valid_until": study.valid_until,
            "words": {"version": TEXT_VERSION, "language": TEXT_LANGUAGE, "digest": study_digest(study)},
            "signer": {"kind": "proxy" if authority else "self", "authority": authority}, "on_withdrawal": None,
        }  # fmt: skip
        return self._checked(claims)

    @staticmethod
    def _checked(claims: dict[str, Any]) -> dict[str, Any]:
        try:
            return ConsentRecord.from_json(claims).to_json()
        except ConsentError as fault:
            raise invalid(f"This answer cannot be recorded: {fault}", "answer") from None

    def _keep(
        self, tx: Transaction, account: str, link: WalletLink, claims: dict[str, Any], before: WalletConsent | None
    ) -> None:
        """One transaction: the version, its delivery, the log."""
        context, now = self._context, self._context.clock()
        record = ConsentRecord.from_json(claims)
        jws = speech.say(context, speech.CONSENT, claims, self._people.signer(tx, account))
        if before is not None:
            tx.alter(WalletConsent, {"current": False}, id=before.id)
        tx.add(
            WalletConsent(
                id=record.id, version=record.version, account=account, holder=link.holder, link=link.id,
                study=record.study, state=str(record.state), record=claims, jws=jws, digest=record.digest(),
                decided_at=record.decided_at,
            )
        )  # fmt: skip
        tx.add(Delivery(consent=record.id, version=record.version, holder=link.holder, sent_at=now))
        delivery = wire.Delivery(consent_digest=record.digest(), holder=link.holder, delivered_at=now)
        context.deliveries.send(
            tx, recipient=link.holder, url=f"{context.members.exchange(link.holder)}/consents", kind=SEND_CONSENT,
            body={"consent": jws, "delivery": speech.say(context, speech.DELIVERY, delivery.wire())}, about=record.id,
        )  # fmt: skip
        context.log(
            tx, f"consent.{record.state}", record.id,
            {"version": record.version, "digest": record.digest(), "study": record.study, "holder": link.holder},
        )  # fmt: skip

    async def withdraw(self, actor: Actor, study_id: str, kind: str, *, account: str | None = None) -> None:
        """Stop sharing with a study, at every holder: `erase` (stop and delete) or `stop` (stop new use)."""
        require(actor, *(("operator",) if account else ("patient", "operator")))
        if kind not in ("erase", "stop"):
            raise invalid("This is not a way to stop", "kind", "erase or stop")
        whom = account or actor.account

        def command(tx: Transaction) -> None:
            mine = tx.find(WalletConsent, account=whom, study=study_id, current=True)
            given = [consent for consent in mine if _can_still_stop(consent, kind)]
            if not given:
                raise conflict("You are not sharing anything with this study")
            study = StudyRequest.read((tx.get(Study, study_id) or Study(id="", organisation="")).document)
            for consent in given:
                link = tx.get(WalletLink, consent.link)
                if link is None:
                    continue
                claims = self._claims(study, link, "withdrawn", [], None, None, consent)
                self._keep(tx, whom, link, self._checked(claims | {"on_withdrawal": kind}), consent)

        await self._context.store.write(command)

    def _acknowledged(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: dict[str, Any]) -> None:
        """The holder has it: from its commit on the choice counts. Whom it told is noted for the person."""
        jws = str(answer.get("acknowledgement", ""))
        delivery = self._delivery_of(tx, sent)
        if delivery is None:
            return
        claims = speech.hear(
            jws, speech.ACKNOWLEDGEMENT, self._context.members.reachable(delivery.holder), wire.Acknowledgement
        )
        if (claims.consent, claims.version) != (delivery.consent, delivery.version):
            raise invalid("The acknowledgement is about another consent or version", code="bad-statement")
        standing = "refused" if claims.effect == wire.Effect.REFUSED else "acknowledged"
        tx.change(delivery, standing=standing, acknowledged_at=claims.committed_at, acknowledgement=jws)
        for told in claims.recipients:
            known = tx.get(RecipientProgress, told.notice)
            fresh = known or RecipientProgress(notice=told.notice, consent=claims.consent)
            tx.put(_named(fresh, claims.version, delivery.holder, told, claims.committed_at))
        self._context.log(tx, "consent.acknowledged", claims.consent, {"version": claims.version, "statement": jws})

    def _refused(self, tx: Transaction, sent: OutboxMessage, status: int, answer: dict[str, Any]) -> None:
        delivery = self._delivery_of(tx, sent)
        if delivery is not None:
            tx.change(
                delivery, standing="refused", reason=str(answer.get("detail") or answer.get("title") or status)[:300]
            )
            self._context.log(tx, "consent.refused-by-holder", delivery.consent, {"status": status})

    @staticmethod
    def _delivery_of(tx: Transaction, sent: OutboxMessage) -> Delivery | None:
        """Which version a message carried: those of one consent travel in order, so it is the oldest still waiting."""
        waiting = tx.find(Delivery, consent=sent.about, standing="waiting", order="version", limit=1)
        return waiting[0] if waiting else None


def _is_stop(message: OutboxMessage) -> bool:
    """A message that ends something: it must arrive, whatever stands in between."""
    carried = speech.unverified_claims(str((message.body or {}).get("consent", "")))
    return carried.get("state") != "given"


def _can_still_stop(consent: WalletConsent, kind: str) -> bool:
    """What is given can be stopped; what was stopped without deleting can still be deleted."""
    stopped = consent.state == "withdrawn" and (consent.record or {}).get("on_withdrawal") == "stop"
    return consent.state == "given" or (stopped and kind == "erase")


def _named(
    progress: RecipientProgress, version: int, holder: str, told: wire.InformedRecipient, at: datetime
) -> RecipientProgress:
    return replace(
        progress, version=version, holder=holder, recipient=told.participant, recipient_name=told.name,
        told_at=progress.told_at or at,
    )  # fmt: skip


def _newest(tx: Transaction, account: str, holder: str, study: str) -> WalletConsent | None:
    found = tx.find(WalletConsent, account=account, holder=holder, study=study, current=True, limit=1)
    return found[0] if found else None


def _agreed(asked: RequestedData, chosen: list[str] | None) -> list[str] | None:
    """What was chosen of what was asked: a consent never covers more than the study asks for."""
    if chosen is None:
        return list(asked.categories) if asked.categories is not None else None
    allowed = [one for one in chosen if asked.categories is None or one in asked.categories]
    if not allowed:
        raise invalid("Choose at least one kind of data, or answer no", "datasets")
    return sorted(set(allowed))


def _window(study: StudyRequest, answer: Answer | None) -> dict[str, Any] | None:
    """The narrower of the study's dates and the person's."""
    starts = [
        day for day in (study.window.start if study.window else None, answer.window_start if answer else None) if day
    ]
    ends = [day for day in (study.window.end if study.window else None, answer.window_end if answer else None) if day]
    if not starts and not ends:
        return None
    start, end = max(starts, default=None), min(ends, default=None)
    if start and end and start > end:
        raise invalid("The dates leave nothing to share", "window")
    return {"start": start, "end": end}
