"""An agreement ends before its time, or by its own terms: nothing opens any more, and what was received is deleted.

An end counts from the commit of whoever ends it. The other side is told by a signed statement of ours and by the
termination of every transfer; one that does not speak the exchange by the latter alone. Ended by both at once, both
statements are kept and the provider's word stands in the records.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from connector.identity.members import Member
from connector.identity.tokens import SKEW
from connector.ports import Transaction
from connector.problems import Problem, conflict, forbidden, invalid, missing
from connector.records import Agreement, Amendment, ContractEnding, OutboxMessage, ReceivedPerson, Transfer
from connector.services.actors import Actor, require
from connector.services.chains import chain_named, chain_of, newest_of
from connector.services.context import Context
from connector.services.deadlines import fixed
from connector.services.delivery import new_id
from connector.services.duties import occasions
from connector.services.exchange import speech
from connector.services.gate import closed_under
from connector.services.processes.moves import Terminate
from connector.services.processes.transfers import Transfers
from contracts import amending as wire
from contracts.names import Role, TransferState
from contracts.transfer import FINAL

BELL = "endings"
"""Rung when an agreement is over; `connector.jobs.clearing` waits for it."""
SEND_END = "exchange.contract-end"
SEND_ERASED = "exchange.contract-erased"
LONGEST_REASON = 2000
GOING_ON = ["", *(str(state) for state in TransferState if state not in FINAL)]
_BY_ITS_TERMS = "The agreed time is over."

log = logging.getLogger("concord.ending")


class Endings:
    """Both sides of the end of an agreement. Received files are deleted by `connector.jobs.clearing`."""

    def __init__(self, context: Context, transfers: Transfers) -> None:
        self._context = context
        self._transfers = transfers
        context.deliveries.on(SEND_END, delivered=self._told, stubborn=lambda _message: True)
        context.deliveries.on(SEND_ERASED, stubborn=lambda _message: True)

    async def end(self, actor: Actor, agreement_id: str, reason: str) -> None:
        """End an agreement now, for a reason in words that both sides keep. Raises Problem 400, 403, 404, 409."""
        words, now = checked_reason(reason), self._context.clock()

        def command(tx: Transaction) -> None:
            agreement = own_agreement(tx, actor, agreement_id)
            if agreement.standing not in ("active", "suspended"):
                raise conflict(f"This contract is {agreement.standing}", accepted="a contract that is active")
            claims = wire.ContractEnd(
                ending=new_id(), agreement=agreement.id, by=self._context.me.id, reason=words,
                ended_at=_not_before(agreement, now),
                erase_by=now + fixed(self._context.settings, agreement).erase,
            )  # fmt: skip
            jws = speech.say(self._context, speech.CONTRACT_END, claims.wire())
            self._end(tx, agreement, claims, jws, actor.entry)
            self._tell(tx, agreement, jws)

        async with closed_under(self._context.gate, [agreement_id]):
            await self._context.store.write(command)

    async def receive(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/endings`: the other side has ended an agreement.

        Its first statement counts and is kept; whatever it says later gets the receipt of that one.
        """
        jws = speech.read_body(wire.EndingNotice, body).ending
        claims = speech.hear(jws, speech.CONTRACT_END, sender, wire.ContractEnd)
        if claims.by != sender.id:
            raise forbidden("An end is told by the one who ended it")

        def command(tx: Transaction) -> str:
            named = tx.get(Agreement, claims.agreement)
            if named is None or named.counterparty != sender.id or named.standing == "pending":
                raise missing("There is no such agreement between us")
            agreement = newest_of(tx, named)
            known = tx.get(ContractEnding, agreement.id)
            if known is not None and (receipt := _receipt_for(known, sender.id)) is not None:
                return receipt
            self._check_time(named, claims.ended_at, "ended_at")
            counted = self._with_our_deadline(agreement, claims)
            if known is None:
                known = self._end(tx, agreement, counted, jws, {"participant": sender.id})
            else:
                known = self._ended_by_both(tx, agreement, known, counted, jws)
            received = wire.EndReceived(ending=claims.ending, agreement=claims.agreement, at=self._context.clock())
            receipt = speech.say(self._context, speech.CONTRACT_END_RECEIVED, received.wire())
            tx.change(known, told_at=known.told_at or self._context.clock(), evidence=_with(known, "receipts", receipt))
            return receipt

        chain = await self._context.store.read(lambda tx: chain_named(tx, claims.agreement))
        async with closed_under(self._context.gate, [one.id for one in chain]):
            return {"receipt": await self._context.store.write(command)}

    async def erased(self, sender: Member, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /consent/erasures`: the recipient states that what it received is deleted. The first word is kept."""
        jws = speech.read_body(wire.ErasureNotice, body).erasure
        claims = speech.hear(jws, speech.CONTRACT_ERASED, sender, wire.ContractErased)

        def command(tx: Transaction) -> None:
            named = tx.get(Agreement, claims.agreement)
            if named is None or named.counterparty != sender.id or named.role != Role.PROVIDER:
                raise missing("There is no such agreement between us")
            known = tx.get(ContractEnding, newest_of(tx, named).id)
            if known is None:
                raise conflict("This agreement has not ended here")
            if (known.evidence or {}).get("erasures"):
                return
            if claims.ending not in _endings_of(tx, named, known):
                raise invalid("The statement is about another end", "ending", "the end of this contract")
            self._check_time(named, claims.at, "at")
            tx.change(
                known, erased_at=claims.at, objects=claims.objects, lines=claims.lines, bytes=claims.bytes,
                told_at=known.told_at or claims.at, evidence=_with(known, "erasures", jws),
            )  # fmt: skip
            self._context.log(tx, "agreement.erased", named.id, {"recipient": sender.id, "statement": jws})
            tx.ring("agreements")

        await self._context.store.write(command)
        return {}

    async def run_out(self) -> datetime | None:
        """End every agreement whose own time is over; returns when the next one's will be."""
        now = self._context.clock()
        over = await self._context.store.read(lambda tx: [one.id for one in _over(tx, now)])

        def command(tx: Transaction) -> datetime | None:
            for agreement in _over(tx, now):
                self._end(tx, agreement, self._own_term(agreement), "", {"terms": agreement.id})
            following = tx.find(Agreement, standing=["active", "suspended"], until__gt=now, order="until", limit=1)
            return following[0].until if following else None

        async with closed_under(self._context.gate, over):
            return await self._context.store.write(command)

    async def close_what_is_over(self) -> None:
        """Terminate on the wire whatever still runs under agreements that have ended or were replaced."""

        def query(tx: Transaction) -> list[tuple[Transfer, Agreement]]:
            running = tx.find(Transfer, state=GOING_ON)
            ids = sorted({one.agreement for one in running})
            over = {one.id: one for one in tx.find(Agreement, id=ids, standing=["ended", "replaced"])} if ids else {}
            return [(one, over[one.agreement]) for one in running if one.agreement in over]

        for transfer, agreement in await self._context.store.read(query):
            try:
                await self._transfers.close(transfer.pid, _termination(agreement))
            except Problem as problem:
                log.warning("a transfer could not be terminated: %s", problem.code, extra={"transfer": transfer.pid})

    def state_erased(self, tx: Transaction, ending: ContractEnding, objects: int, lines: int, size: int) -> None:
        """Consumer: everything received is deleted. Record it and tell the provider; the caller's transaction."""
        context, now = self._context, self._context.clock()
        claims = wire.ContractErased(
            ending=ending.ending, agreement=ending.agreement, at=max(now, ending.ended_at or now),
            objects=max(objects, ending.objects),
            lines=max(lines, ending.lines), bytes=max(size, ending.bytes),
        )  # fmt: skip
        jws = speech.say(context, speech.CONTRACT_ERASED, claims.wire())
        tx.change(
            ending, erased_at=now, objects=claims.objects, lines=claims.lines, bytes=claims.bytes,
            evidence=_with(ending, "erasures", jws),
        )  # fmt: skip
        if context.members.speaks_exchange(ending.counterparty):
            context.deliveries.send(
                tx, recipient=ending.counterparty, url=f"{context.members.exchange(ending.counterparty)}/erasures",
                kind=SEND_ERASED, body={"erasure": jws}, about=ending.agreement, lane=f"end:{ending.agreement}",
            )  # fmt: skip
        context.log(tx, "agreement.erased", ending.agreement, {"statement": jws})
        counts = {"objects": claims.objects, "lines": claims.lines, "bytes": claims.bytes}
        agreement = tx.get(Agreement, ending.agreement)
        chain = [one.id for one in chain_of(tx, agreement)] if agreement is not None else [ending.agreement]
        occasions.cleared(tx, context, chain, counts)
        tx.ring("agreements")
        tx.ring("received")

    def _end(
        self, tx: Transaction, agreement: Agreement, claims: wire.ContractEnd, jws: str, by: Mapping[str, Any]
    ) -> ContractEnding:
        """From this commit on nothing is opened, nothing fetched, nothing amended."""
        context = self._context
        whose = "" if not jws else claims.by
        tx.change(agreement, standing="ended", ended_at=claims.ended_at, ended_by=whose, end_reason=claims.reason)
        chain = [one.id for one in chain_of(tx, agreement)]
        ending = ContractEnding(
            agreement=agreement.id, ending=claims.ending, role=agreement.role, counterparty=agreement.counterparty,
            by=whose, reason=claims.reason, ended_at=claims.ended_at, erase_by=claims.erase_by,
            evidence={"endings": [jws] if jws else []},
        )  # fmt: skip
        if agreement.role == Role.CONSUMER:
            held = tx.find(ReceivedPerson, agreement=chain)
            ending = replace(ending, objects=len({row.transfer for row in held}), lines=sum(row.lines for row in held),
                             bytes=sum(row.bytes for row in held))  # fmt: skip
        tx.add(ending)
        occasions.ended(tx, context, chain, claims.erase_by)
        stop_fetching(tx, chain)
        tx.alter(Amendment, {"standing": "lapsed"}, agreement=chain, standing=["open", "answering", "withdrawing"])
        context.log(
            tx, "agreement.ended", agreement.id,
            {"by": dict(by), "ending": claims.ending, "counterparty": agreement.counterparty, "statement": jws},
        )  # fmt: skip
        tx.ring("agreements")
        return ending

    def _ended_by_both(
        self, tx: Transaction, agreement: Agreement, known: ContractEnding, claims: wire.ContractEnd, jws: str
    ) -> ContractEnding:
        """Both statements are kept. The provider's names the end at both sides; deleting is due by the earlier day."""
        theirs = agreement.role == Role.CONSUMER or not known.by
        days = [day for day in (known.erase_by, claims.erase_by) if day is not None]
        occasions.ended(tx, self._context, [one.id for one in chain_of(tx, agreement)], min(days))
        changes: dict[str, Any] = {"evidence": _with(known, "endings", jws), "erase_by": min(days)}
        if theirs:
            changes |= {"by": claims.by, "reason": claims.reason, "ended_at": claims.ended_at}
            tx.change(agreement, ended_by=claims.by, end_reason=claims.reason, ended_at=claims.ended_at)
        self._context.log(tx, "agreement.ended-by-both", agreement.id, {"ending": claims.ending, "statement": jws})
        tx.ring("agreements")
        return tx.change(known, **changes)

    def _own_term(self, agreement: Agreement) -> wire.ContractEnd:
        """What both sides know without a word: the same id at both, and the days our own settings give."""
        ended = agreement.until or self._context.clock()
        return wire.ContractEnd(
            ending=_own_terms_end(agreement.id), agreement=agreement.id, by=self._context.me.id,
            reason=_BY_ITS_TERMS, ended_at=ended,
            erase_by=ended + fixed(self._context.settings, agreement).erase,
        )  # fmt: skip

    def _check_time(self, agreement: Agreement, at: datetime, where: str) -> None:
        """What happened to an agreement was after it was made and is not to come; telling of it may take days.

        Raises Problem 400.
        """
        begun = agreement.made_at
        latest = _not_before(agreement, self._context.clock())
        if at > latest + SKEW or (begun is not None and at < begun - SKEW):
            raise invalid("This is no time at which it can have happened", where, "after the contract was made, by now")

    def _with_our_deadline(self, agreement: Agreement, claims: wire.ContractEnd) -> wire.ContractEnd:
        """At a provider the recipient deletes within the days we allow, whatever it allows itself."""
        if agreement.role == Role.CONSUMER:
            return claims
        latest = self._context.clock() + fixed(self._context.settings, agreement).erase
        return claims.model_copy(update={"erase_by": min(claims.erase_by, latest)})

    def _tell(self, tx: Transaction, agreement: Agreement, jws: str) -> None:
        context, other = self._context, agreement.counterparty
        if context.members.speaks_exchange(other):
            context.deliveries.send(
                tx, recipient=other, url=f"{context.members.exchange(other)}/endings", kind=SEND_END,
                body={"ending": jws}, about=agreement.id, lane=f"end:{agreement.id}",
            )  # fmt: skip

    def _told(self, tx: Transaction, sent: OutboxMessage, _status: int, answer: dict[str, Any]) -> None:
        """Only the other side's own signature says that it knows: without it, it is told again."""
        known = tx.get(ContractEnding, sent.about)
        if known is None:
            return
        jws = str(answer.get("receipt"))
        member = self._context.members.reachable(sent.recipient)
        claims = speech.hear(jws, speech.CONTRACT_END_RECEIVED, member, wire.EndReceived)
        if claims.ending != speech.unverified_claim(str((sent.body or {}).get("ending")), "ending"):
            raise invalid("The receipt is about another end", "receipt")
        tx.change(known, told_at=self._context.clock(), evidence=_with(known, "receipts", jws))
        self._context.log(tx, "agreement.end-received", known.agreement, {"by": sent.recipient, "statement": jws})
        tx.ring("agreements")


def _not_before(agreement: Agreement, now: datetime) -> datetime:
    """Now; the moment at which the contract was made, when our clock has been set back behind it."""
    return max(now, agreement.made_at) if agreement.made_at is not None else now


def _over(tx: Transaction, now: datetime) -> list[Agreement]:
    """Agreements that stand although their own time is over."""
    return tx.find(Agreement, standing=["active", "suspended"], until__le=now)


def stop_fetching(tx: Transaction, agreements: Sequence[str], **only: str) -> None:
    """Consumer: forget where the data is, and let nobody push it, before the transfers have ended on the wire.

    `only` narrows it to some of the transfers under these agreements.
    """
    tx.alter(
        Transfer, {"data_address": None, "token_hash": None}, agreement=list(agreements), role=str(Role.CONSUMER),
        state=GOING_ON, **only,
    )  # fmt: skip
    for bell in ("transfers", BELL):
        tx.ring(bell)


def own_agreement(tx: Transaction, actor: Actor, agreement_id: str) -> Agreement:
    """An agreement for somebody of our side: stewards act for a provider, researchers for a consumer.

    Raises Problem 403, 404.
    """
    require(actor, "steward", "researcher", "operator")
    found = tx.get(Agreement, agreement_id)
    if found is None or ((found.role == Role.PROVIDER) != (actor.role == "steward") and actor.role != "operator"):
        raise missing("There is no such contract here")
    return found


def checked_reason(reason: str) -> str:
    """A reason in words, for both sides. Raises Problem 400."""
    words = reason.strip()
    if not words or len(words) > LONGEST_REASON or any(ord(sign) < 32 and sign not in "\n\t" for sign in words):
        raise invalid("A reason is needed", "reason", f"plain words, at most {LONGEST_REASON} characters")
    return words


def _termination(agreement: Agreement) -> Terminate:
    if agreement.standing == "replaced":
        return Terminate("agreement-amended", ("The contract was replaced by one with changed terms.",))
    if not agreement.end_reason:  # it never counted: its negotiation was terminated before it was finalized
        return Terminate("negotiation-terminated", ("The negotiation of the contract was terminated.",))
    return Terminate("agreement-ended" if agreement.ended_by else "agreement-ran-out", (agreement.end_reason,))


def _own_terms_end(agreement: str) -> str:
    """What the end of an agreement by its own terms is called, at both sides."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, agreement)}"


def _receipt_for(known: ContractEnding, participant: str) -> str | None:
    """The receipt given for the statement of this participant that is kept."""
    kept = known.evidence or {}
    theirs = [one for one in kept.get("endings", []) if speech.unverified_claim(one, "by") == participant]
    if not theirs:
        return None
    wanted = speech.unverified_claim(theirs[0], "ending")
    return next((one for one in kept.get("receipts", []) if speech.unverified_claim(one, "ending") == wanted), None)


def _endings_of(tx: Transaction, agreement: Agreement, known: ContractEnding) -> set[str | None]:
    """What an end is called by either side: both may have ended it, or its own time was over at one of them."""
    said = {speech.unverified_claim(one, "ending") for one in (known.evidence or {}).get("endings", [])}
    return {known.ending, *said, *(_own_terms_end(one.id) for one in chain_of(tx, agreement))}


def _with(ending: ContractEnding, kind: str, jws: str) -> dict[str, Any]:
    kept = dict(ending.evidence or {})
    return kept | {kind: [*kept.get(kind, []), jws]}
