"""A holder ends a consent itself, or strikes it out: its own signed version, which the person's wallet is told.

Terminated: the controller ended it. Invalidated: a court or an authority did, or it was proven to be an error. Either
takes effect like a stop, in one transaction; what was received on it is to be erased, for it has no ground any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import Consent, Delivery, Link, WalletConsent, WalletLink
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.exchange import speech
from connector.services.exchange.withdrawal import Stopping
from contracts import exchange as wire
from policy.consent import ConsentError, ConsentRecord, State, chain_fault

SEND_STANDING = "exchange.standing"
_SIGNERS = {State.TERMINATED: "controller", State.INVALIDATED: "authority"}
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class HeldConsent:
    """The newest version of a consent that a holder keeps: nobody's name, and what it may be ended by."""

    id: str
    version: int
    study: str
    state: str
    since: datetime
    can_end: bool


class Standings:
    """Ends consents at a holder, and hears of it at a wallet."""

    def __init__(self, context: Context, stopping: Stopping) -> None:
        self._context = context
        self._stopping = stopping
        context.deliveries.on(SEND_STANDING, stubborn=lambda _message: True)

    async def list(self, actor: Actor, study: str | None = None) -> list[HeldConsent]:
        """The consents that stand here, newest first."""
        require(actor, "steward", "dpo", "operator")
        only = {"study": study} if study else {}
        found = await self._context.store.read(
            lambda tx: tx.find(Consent, current=True, **only, order="-committed_at", limit=1000)
        )
        return [
            HeldConsent(
                one.id, one.version, one.study, one.state, one.committed_at or self._context.clock(),
                one.state not in _SIGNERS,
            )
            for one in found
        ]  # fmt: skip

    async def end(self, actor: Actor, consent: str, state: str, reason: str) -> None:
        """End (`terminated`) or strike out (`invalidated`) a consent. `reason` says why, or which authority decided.

        Raises Problem 400, 403, 404, 409, 503.
        """
        require(actor, "steward", "dpo", "operator")
        if state not in [str(one) for one in _SIGNERS]:
            raise invalid("This is no way for a holder to end a consent", "state", "terminated or invalidated")
        words = " ".join(reason.split())
        if not words or len(words) > _LONGEST:
            raise invalid("Ending a consent needs a reason", "reason", f"plain words, at most {_LONGEST} characters")
        before = await self._context.store.read(lambda tx: _current(tx, consent))
        async with self._context.gate.closing([(before.person, before.study)]) as quiet:
            if not quiet:
                raise Problem(503, "still-sending", "A hand-over has not ended", "Nothing was changed; do it again")
            await self._context.store.write(lambda tx: self._commit(tx, actor, consent, State(state), words))

    def _commit(self, tx: Transaction, actor: Actor, consent: str, state: State, words: str) -> None:
        context, before = self._context, _current(tx, consent)
        if before.state == state:
            raise conflict(f"This consent is {before.state} already")
        previous = ConsentRecord.from_json(before.record)
        record = self._record(previous, state, words)
        if (fault := chain_fault(previous, record)) is not None:
            raise conflict(f"A consent that is {before.state} cannot be {state}: {fault}")
        claims = record.to_json()
        jws = speech.say(context, speech.CONSENT, claims)
        tx.alter(Consent, {"current": False}, link=before.link, study=before.study)
        tx.add(
            Consent(
                id=record.id, version=record.version, link=before.link, person=before.person, study=before.study,
                state=str(state), record=claims, jws=jws, digest=record.digest(), committed_at=context.clock(),
            )
        )  # fmt: skip
        body = {"version": record.version, "digest": record.digest(), "study": record.study, "by": actor.entry}
        context.log(tx, f"consent.{state}", record.id, body | {"statement": jws})
        tx.ring("consents")
        self._stopping.stop(tx, before.person, record)
        self._tell(tx, before.link, record.id, jws)

    def _record(self, previous: ConsentRecord, state: State, words: str) -> ConsentRecord:
        now = max(self._context.clock(), previous.decided_at)
        try:
            return ConsentRecord.from_json(
                previous.to_json() | {
                    "version": previous.version + 1, "previous": previous.digest(), "state": state, "decided_at": now,
                    "signer": {"kind": _SIGNERS[state], "authority": words}, "on_withdrawal": None,
                    "capture": {"channel": "desk"},
                }
            )  # fmt: skip
        except ConsentError as fault:
            raise invalid(f"This cannot be recorded: {fault}", "reason") from None

    def _tell(self, tx: Transaction, link_id: str, consent: str, jws: str) -> None:
        link, context = tx.get(Link, link_id), self._context
        if link is None or link.wallet == context.me.id or not context.members.speaks_exchange(link.wallet):
            return
        context.deliveries.send(
            tx, recipient=link.wallet, url=f"{context.members.exchange(link.wallet)}/standings", kind=SEND_STANDING,
            body={"consent": jws}, about=consent, lane=f"standing:{consent}",
        )  # fmt: skip

    # --- at the wallet ------------------------------------------------------------------------------------------------

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/standings`: a holder has ended a consent of ours itself. It never makes one say yes."""
        jws = speech.read_body(wire.StandingNotice, body).consent
        claims = speech.raw_claims(jws, speech.CONSENT, sender.statement_keys)
        try:
            record = ConsentRecord.from_json(claims)
        except ConsentError as fault:
            raise invalid(str(fault), "consent", code="consent-not-accepted") from None
        if record.state not in _SIGNERS or record.signer.kind != _SIGNERS[record.state]:
            raise invalid("A holder speaks for itself only", "consent", "a consent it ended or struck out")

        def command(tx: Transaction) -> None:
            link = tx.get(WalletLink, record.link)
            mine = tx.find(WalletConsent, id=record.id, current=True, limit=1)
            if link is None or link.holder != sender.id or record.holder != sender.id or not mine:
                raise missing("There is no such consent of yours here")
            if mine[0].link != record.link or mine[0].study != record.study:
                raise forbidden("The consent is known for somebody or something else")
            self._take(tx, mine[0], record, claims, jws)

        await self._context.store.write(command)
        return {}

    def _take(
        self, tx: Transaction, newest: WalletConsent, record: ConsentRecord, claims: dict[str, Any], jws: str
    ) -> None:
        known = tx.get(WalletConsent, record.id, record.version)
        if known is not None and known.digest == record.digest():
            return
        fault = chain_fault(ConsentRecord.from_json(newest.record), record)
        body = {"version": record.version, "digest": record.digest(), "statement": jws, "fault": fault}
        self._context.log(tx, f"consent.{record.state}-by-holder", record.id, body)
        tx.ring("progress")
        if fault is not None:
            self._crossed(tx, newest, record)
            return
        tx.alter(WalletConsent, {"current": False}, id=record.id)
        tx.add(
            WalletConsent(
                id=record.id, version=record.version, account=newest.account, holder=newest.holder, link=newest.link,
                study=newest.study, state=str(record.state), record=claims, jws=jws, digest=record.digest(),
                decided_at=record.decided_at,
            )
        )  # fmt: skip
        now = self._context.clock()
        tx.add(
            Delivery(
                consent=record.id, version=record.version, holder=newest.holder, standing="acknowledged", sent_at=now,
                acknowledged_at=now,
            )
        )  # fmt: skip

    @staticmethod
    def _crossed(tx: Transaction, newest: WalletConsent, record: ConsentRecord) -> None:
        """The person said something newer at the same time. What stands there is a no; they see whose word it is."""
        delivery = tx.get(Delivery, newest.id, newest.version)
        if delivery is not None and newest.state in ("given", "renewed"):
            tx.change(delivery, standing="refused", reason=f"They ended it: {record.signer.authority}"[:300])


def _current(tx: Transaction, consent: str) -> Consent:
    """Raises Problem 404."""
    found = tx.find(Consent, id=consent, current=True, limit=1)
    if not found:
        raise missing("There is no such consent here")
    return found[0]
