"""Making one version of a person's consent at one holder: signed with the person's key, kept, logged, delivered.

Giving (`answering`) and ending (`stopping`) decide what a version says; here it is said. Who says it is a `Speaker`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import invalid
from connector.records import Delivery, OutboxMessage, RecipientProgress, WalletConsent, WalletLink
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange import speech
from connector.services.wallet import linkage
from connector.services.wallet.people import People
from connector.services.wallet.speaking import GIVING, TEXT_VERSION, Speaker
from contracts import exchange as wire
from contracts.study import StudyRequest, study_digest
from policy.consent import ConsentError, ConsentRecord

SEND_CONSENT = "exchange.consent"
TEXT_LANGUAGE = "en"


class Versions:
    """Says one version of a consent, and hears what its holder answers."""

    def __init__(self, context: Context, people: People) -> None:
        self._context = context
        self._people = people
        self.when_answered: Callable[[Transaction, str], None] = lambda _tx, _holder: None
        """Called with a holder that has answered something."""
        context.deliveries.on(SEND_CONSENT, self._acknowledged, self._refused, stubborn=_is_stop)

    def claims(
        self, study: StudyRequest, link: WalletLink, state: str, speaker: Speaker, before: WalletConsent | None,
        **says: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """The claims of the version after `before`. `says` are members that differ from those of a version that
        allows nothing (`data`, `window`, `valid_until`, `on_withdrawal`). Raises Problem 400.
        """
        given = state in GIVING
        made = {
            "id": before.id if before else new_id(), "version": before.version + 1 if before else 1,
            "previous": before.digest if before else None, "state": state, "study": study.id,
            "study_digest": study_digest(study), "link": link.id, "holder": link.holder, "wallet": self._context.me.id,
            "recipients": list(study.recipients) if given else [], "purposes": list(study.purposes) if given else [],
            "data": [], "window": None, "decided_at": speaker.at or self._context.clock(),
            "valid_until": study.valid_until,
            "words": {"version": TEXT_VERSION, "language": TEXT_LANGUAGE, "digest": study_digest(study)},
            "signer": speaker.signer, "on_withdrawal": None, "capture": speaker.capture,
        }  # fmt: skip
        try:
            return ConsentRecord.from_json(made | says).to_json()
        except ConsentError as fault:
            raise invalid(f"This answer cannot be recorded: {fault}", "answer") from None

    def keep(
        self, tx: Transaction, speaker: Speaker, link: WalletLink, claims: dict[str, Any],
        before: WalletConsent | None, **kept: Any,
    ) -> str:  # fmt: skip
        """In one transaction: the version, its delivery, the log. Returns the consent's id."""
        context, now = self._context, self._context.clock()
        record = ConsentRecord.from_json(claims)
        jws = speech.say(context, speech.CONSENT, claims, self._people.signer(tx, speaker.account))
        if before is not None:
            tx.alter(WalletConsent, {"current": False}, id=before.id)
        tx.add(
            WalletConsent(
                id=record.id, version=record.version, account=speaker.account, holder=link.holder, link=link.id,
                study=record.study, state=str(record.state), record=claims, jws=jws, digest=record.digest(),
                decided_at=record.decided_at, **kept,
            )
        )  # fmt: skip
        tx.add(Delivery(consent=record.id, version=record.version, holder=link.holder, sent_at=now))
        self._send(tx, record, link.holder, jws, linkage.token(tx, context, speaker.account, record))
        said = {"version": record.version, "digest": record.digest(), "study": record.study, "holder": link.holder}
        if record.signer.kind != "self":
            said |= {"signer": record.signer.kind, "authority": record.signer.record or record.signer.authority}
        context.log(tx, f"consent.{record.state}", record.id, said)
        return record.id

    def say_again(self, tx: Transaction, row: WalletConsent) -> None:
        """The same version to the same holder, as it was signed: it has forgotten what it knew."""
        record = ConsentRecord.from_json(row.record or {})
        self._send(tx, record, row.holder, row.jws, linkage.token_again(tx, self._context, row.account, record))

    def _send(self, tx: Transaction, record: ConsentRecord, holder: str, jws: str, token: str | None) -> None:
        context = self._context
        delivery = wire.Delivery(
            consent_digest=record.digest(), holder=holder, delivered_at=context.clock(),
            linkage_digest=linkage.digest(token),
        )  # fmt: skip
        body = wire.ConsentDelivery(
            consent=jws, delivery=speech.say(context, speech.DELIVERY, delivery.wire()), linkage=token
        )
        context.deliveries.send(
            tx, recipient=holder, url=f"{context.members.exchange(holder)}/consents", kind=SEND_CONSENT,
            body=body.wire(), about=record.id,
        )  # fmt: skip

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
        self.when_answered(tx, delivery.holder)

    def _refused(self, tx: Transaction, sent: OutboxMessage, status: int, answer: dict[str, Any]) -> None:
        delivery = self._delivery_of(tx, sent)
        if delivery is not None:
            tx.change(
                delivery, standing="refused", reason=str(answer.get("detail") or answer.get("title") or status)[:300]
            )
            self._context.log(tx, "consent.refused-by-holder", delivery.consent, {"status": status})
            self.when_answered(tx, delivery.holder)

    @staticmethod
    def _delivery_of(tx: Transaction, sent: OutboxMessage) -> Delivery | None:
        """The delivery of the version a message carried, while that waits."""
        version = speech.unverified_claims(str((sent.body or {}).get("consent", ""))).get("version")
        found = tx.get(Delivery, sent.about, version) if isinstance(version, int) else None
        return found if found is not None and found.standing == "waiting" else None


def newest(tx: Transaction, link: WalletLink, study: str) -> WalletConsent | None:
    """The version that stands at this link's holder for a study; those of an earlier link do not move to a new one."""
    found = tx.find(WalletConsent, account=link.account, link=link.id, study=study, current=True, limit=1)
    return found[0] if found else None


def _is_stop(message: OutboxMessage) -> bool:
    """A message that ends something: it must arrive, whatever stands in between."""
    carried = speech.unverified_claims(str((message.body or {}).get("consent", "")))
    return carried.get("state") not in GIVING


def _named(
    progress: RecipientProgress, version: int, holder: str, told: wire.InformedRecipient, at: datetime
) -> RecipientProgress:
    return replace(
        progress, version=version, holder=holder, recipient=told.participant, recipient_name=told.name,
        told_at=progress.told_at or at, deadline=told.deadline, tracking=progress.tracking or _promised(told, at),
    )  # fmt: skip


def _promised(told: wire.InformedRecipient, at: datetime) -> dict[str, Any]:
    """What the holder says will happen until when, before it has anything to tell of it."""
    claims = wire.Tracking(
        notice=told.notice, kind=told.kind, at=at, stop_by=told.stop_by, deadline=told.deadline,
        backups_by=told.backups_by, overdue_at=None, reminded_at=None, escalated_at=None, suspended_at=None,
        check=None, checked_at=None, by_hand=told.by_hand, noted=(),
    )  # fmt: skip
    return claims.wire()
