"""A holder receives consents: verifies who signed, keeps every version, lets a stop bite before it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid
from connector.records import Consent, Link, Study
from connector.services import linkage
from connector.services.context import Context
from connector.services.exchange import restored, speech
from connector.services.exchange.withdrawal import Stopping
from contracts import exchange as wire
from policy.authority import own_no_in
from policy.canonical import digest
from policy.consent import ALLOWING, ConsentError, ConsentRecord, State, chain_fault

_ENDS = frozenset({State.WITHDRAWN, State.SUSPENDED, State.REFUSED})
_OURS = frozenset({State.TERMINATED, State.INVALIDATED})
"""The holder's own word: no wallet says it for us."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A consent as it arrived, its signatures verified."""

    record: ConsentRecord
    claims: dict[str, Any]
    jws: str
    digest: str
    link: Link
    linkage: str | None = None

    @property
    def person(self) -> str:
        """Whom it is about, at this holder."""
        return self.link.person


class ConsentDesk:
    """`POST /consent/consents` and `/consent/heartbeat`."""

    def __init__(self, context: Context, stopping: Stopping) -> None:
        self._context = context
        self._stopping = stopping

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take a consent, change or withdrawal. The answer is given when it is committed, and a stop has bitten."""
        delivered = await self._verified(sender, speech.read_body(wire.ConsentDelivery, body))
        answer = await self.take(sender, delivered)
        return {"acknowledgement": speech.say(self._context, speech.ACKNOWLEDGEMENT, answer.wire())}

    async def take(
        self, sender: Member, delivered: Delivered, also: Callable[[Transaction], None] = lambda _: None
    ) -> wire.Acknowledgement:
        """Commit a verified version, and `also` before it; when this returns, a stop has bitten. Raises Problem."""

        def command(tx: Transaction) -> wire.Acknowledgement:
            also(tx)
            return self._commit(tx, sender, delivered)

        # Any new version may allow less than the one before, so the gate closes for every change, not for stops alone.
        async with self._context.gate.closing([(delivered.person, delivered.record.study)]) as quiet:
            if not quiet:
                raise Problem(503, "still-sending", "A hand-over has not ended", "Nothing was changed; send again")
            return await self._context.store.write(command)

    async def heartbeat(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """The wallet is alive; freshness of its consent copies counts from here.

        Unless we were put back from a backup, and it has yet to say everything again.
        """
        beat = speech.read_body(wire.Heartbeat, body)

        def command(tx: Transaction) -> wire.HeartbeatTaken:
            if restored.said_again(tx, sender.id, beat.said_again):
                self._context.log(tx, "wallet.said-again", sender.id, {})
            self._context.members.heard(tx, sender.id)
            return wire.HeartbeatTaken(say_again=restored.asked_since(tx, sender.id))

        return (await self._context.store.write(command)).wire()

    async def _verified(self, sender: Member, body: wire.ConsentDelivery) -> Delivered:
        delivery = speech.hear(body.delivery, speech.DELIVERY, sender, wire.Delivery)
        if delivery.holder != self._context.me.id:
            raise forbidden("This delivery is for another holder")
        link = await self._link(sender, speech.unverified_claim(body.consent, "link"))
        claims = speech.raw_claims(body.consent, speech.CONSENT, [dict(link.person_key or {})])
        if delivery.consent_digest != digest(claims):
            raise invalid("The delivery is about another consent", "delivery", code="bad-statement")
        try:
            record = ConsentRecord.from_json(claims)
        except ConsentError as fault:
            raise invalid(str(fault), "consent", code="consent-not-accepted") from None
        if record.holder != self._context.me.id or record.wallet != sender.id or record.link != link.id:
            raise forbidden("The consent names another holder, wallet or link")
        if record.state in _OURS or record.signer.kind in ("controller", "authority"):
            raise invalid(
                "A person does not speak for the holder or an authority", "consent", code="consent-not-accepted"
            )
        given = None if body.linkage is None else sha256(body.linkage.encode()).hexdigest()
        if given != delivery.linkage_digest or (body.linkage is not None) != record.linkage:
            raise invalid("The linkage token is not that of the consent", "linkage", code="bad-statement")
        return Delivered(record, claims, body.consent, delivery.consent_digest, link, body.linkage)

    async def _link(self, sender: Member, link_id: str | None) -> Link:
        link = await self._context.store.read(lambda tx: tx.get(Link, link_id) if link_id else None)
        if link is None or link.wallet != sender.id:
            raise speech.unknown_person()
        return link

    def _commit(self, tx: Transaction, sender: Member, delivered: Delivered) -> wire.Acknowledgement:
        self._context.members.heard(tx, sender.id)
        record = delivered.record
        link = tx.get(Link, delivered.link.id) or delivered.link
        if link.standing != "active" and record.state not in _ENDS:
            raise speech.unknown_person()  # only what narrows is heard through a link that is disputed or over
        versions = tx.find(Consent, id=record.id, order="-version", limit=1)
        newest = versions[0] if versions else None
        if newest is not None and record.version <= newest.version:
            return self._repeated(tx, delivered)
        self._check_chain(tx, newest, delivered)
        self._check_study(tx, record)
        now = self._context.clock()
        # The newest word decides, also when a wallet began a second record for the same study.
        tx.alter(Consent, {"current": False}, link=record.link, study=record.study)
        tx.add(
            Consent(
                id=record.id, version=record.version, link=record.link, person=delivered.person, study=record.study,
                state=str(record.state), record=delivered.claims, jws=delivered.jws, digest=delivered.digest,
                committed_at=now,
            )
        )  # fmt: skip
        self._context.log(
            tx, f"consent.{record.state}", record.id,
            {"version": record.version, "digest": delivered.digest, "study": record.study, "wallet": sender.id},
        )  # fmt: skip
        linkage.keep(tx, self._context, record.link, record, delivered.linkage)
        tx.ring("consents")
        told = self._stopped(tx, link, record) if record.state in _ENDS else ()
        if record.state in ALLOWING:
            self._stopping.resume(tx, delivered.person, record)
        return self._acknowledgement(delivered, now, self._effect(record), told)

    def _stopped(self, tx: Transaction, link: Link, record: ConsentRecord) -> tuple[wire.InformedRecipient, ...]:
        """Tell recipients. What left through a link that is over was taken back when it ended, by whoever ended it.

        Whose wallet that link named speaks for nothing that was received since.
        """
        if link.standing == "ended":
            return self._stopping.named(tx, record)
        return self._stopping.stop(tx, link.person, record)

    @staticmethod
    def _effect(record: ConsentRecord) -> wire.Effect:
        return wire.Effect.ACTIVE if record.state in ALLOWING else wire.Effect.STOPPED

    def _repeated(self, tx: Transaction, delivered: Delivered) -> wire.Acknowledgement:
        """The same version again gets the same answer; an older one is superseded."""
        known = tx.get(Consent, delivered.record.id, delivered.record.version)
        if known is not None and known.state in _OURS and delivered.record.state in _ENDS:
            return self._crossed(tx, known, delivered)
        if known is None or known.digest != delivered.digest:
            raise conflict("This version is known with other content", accepted="the next version")
        committed = known.committed_at or self._context.clock()
        effect = self._effect(delivered.record) if known.current else wire.Effect.SUPERSEDED
        return self._acknowledgement(delivered, committed, effect, self._stopping.told(tx, known.id, known.version))

    def _crossed(self, tx: Transaction, known: Consent, delivered: Delivered) -> wire.Acknowledgement:
        """A stop met our own end of the same version on the way: that ended, and erases, as much as any stop does."""
        kept = {"version": known.version, "digest": delivered.digest, "statement": delivered.jws}
        self._context.log(tx, "consent.crossed", known.id, kept)
        told = self._stopping.told(tx, known.id, known.version)
        return self._acknowledgement(delivered, known.committed_at or self._context.clock(), wire.Effect.STOPPED, told)

    def _check_chain(self, tx: Transaction, newest: Consent | None, delivered: Delivered) -> None:
        """A yes must follow the version we have. A stop is never refused for a gap or a clock; the gap is noted."""
        record = delivered.record
        if newest is not None and (newest.person, newest.link, newest.study) != (
            delivered.person, record.link, record.study,
        ):  # fmt: skip
            raise conflict("This consent is known for somebody or something else", code="broken-chain")
        previous = ConsentRecord.from_json(newest.record) if newest is not None else None
        fault = chain_fault(previous, record) or self._overruled(tx, record)
        if fault is None:
            return
        if record.state not in _ENDS:
            raise conflict(f"The version does not follow the one we have: {fault}", code="broken-chain")
        self._context.log(tx, "consent.gap", record.id, {"version": record.version, "fault": fault})

    @staticmethod
    def _overruled(tx: Transaction, record: ConsentRecord) -> str | None:
        """Whether a proxy says yes where the person's own last word is a no, whoever spoke in between (S17)."""
        if record.state not in ALLOWING or record.signer.kind != "proxy":
            return None
        earlier = tx.find(Consent, id=record.id, version__lt=record.version, order="version")
        return "authority" if own_no_in(ConsentRecord.from_json(one.record) for one in earlier) else None

    @staticmethod
    def _check_study(tx: Transaction, record: ConsentRecord) -> None:
        """A yes needs a study we approved, as we approved it; a no or a stop is always taken."""
        if record.state in _ENDS:
            return
        study = tx.get(Study, record.study)
        if study is None or study.standing != "approved" or study.digest != record.study_digest:
            raise invalid("The consent is for a study this holder has not approved in this form", "study")

    @staticmethod
    def _acknowledgement(
        delivered: Delivered, committed: Any, effect: wire.Effect, told: tuple[wire.InformedRecipient, ...]
    ) -> wire.Acknowledgement:
        record = delivered.record
        return wire.Acknowledgement(
            consent=record.id, version=record.version, state=record.state, effect=effect,
            committed_at=committed, recipients=told,
        )  # fmt: skip
