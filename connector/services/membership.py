"""The members register as the operator keeps it: who is listened to, and that each change stands in the log.

A member that does not speak the consent exchange cannot be told of a withdrawal, nor prove that it deleted anything.
The steward may accept one by name all the same; what people take back is then followed up by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from connector.identity.keys import shown
from connector.identity.members import Member, Place
from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Agreement, PeerAcceptance
from connector.services.actors import Actor, require
from connector.services.context import Context
from policy.law.statute import GDPR, transfer_grounds

_ACCEPTS = ("steward", "operator")
_LONGEST = 2000
_STANDINGS = {"suspended": "suspended", "removed": "removed", "active": "activated"}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One entry of the register; the fingerprint in the groups people compare. An empty `jurisdiction`: not known."""

    id: str
    name: str
    role: str
    url: str
    fingerprint: str
    standing: str
    allow_http: bool
    added_at: datetime
    jurisdiction: str = ""
    hosting: list[str] = field(default_factory=list)
    transfer_grounds: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AcceptanceRow:
    """A member accepted by name although it cannot prove erasure. `contracts` are those in force, to track by hand.

    `standing` is in-force, ended (its time is over) or revoked.
    """

    member: str
    name: str
    by: str
    at: datetime
    why: str
    until: datetime | None
    standing: str
    contracts: list[str]


class Membership:
    """`concord trust` and `concord members`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def members(self, actor: Actor) -> list[MemberRow]:
        """Every entry, suspended and removed ones too."""
        require(actor, "operator")
        return [_row(member) for member in await self._context.members.all()]

    async def add(
        self, actor: Actor, url: str, fingerprint: str, *, allow_http: bool = False, new_key: bool = False
    ) -> MemberRow:
        """Learn to know the participant at `url` by its own signed document. Raises Problem 400."""
        require(actor, "operator")
        member = await self._context.members.add(url, fingerprint, allow_http=allow_http, new_key=new_key)
        await self._note(actor, "member.added", member, {"fingerprint": member.fingerprint})
        return _row(member)

    async def set_standing(self, actor: Actor, id: str, standing: str) -> MemberRow:
        """Suspend, remove or listen again to a member. Raises Problem 400."""
        require(actor, "operator")
        if standing not in _STANDINGS:
            raise invalid("This is not a standing of a member", "standing", ", ".join(_STANDINGS))
        member = await self._context.members.set_standing(id, standing)
        await self._note(actor, f"member.{_STANDINGS[standing]}", member, {})
        return _row(member)

    async def set_place(
        self, actor: Actor, id: str, jurisdiction: str, hosting: Sequence[str], grounds: Sequence[str] = ()
    ) -> MemberRow:
        """Note where a member is established and keeps data, and on which grounds data may leave. Raises Problem 400.

        The law's part of a decision asks for it where the settings or a contract do (`policy.law.transfers`).
        """
        require(actor, "operator")
        listed = [ground.replace("eu-gdpr:", GDPR, 1) for ground in grounds]
        unknown = next((ground for ground in listed if ground not in transfer_grounds()), None)
        if unknown is not None:
            raise invalid("This is not a ground for a transfer", "grounds", ", ".join(transfer_grounds()))
        try:
            place = Place(jurisdiction=jurisdiction, hosting=tuple(hosting), transfer_grounds=tuple(listed))
        except ValidationError:
            raise invalid(
                "This is not a place", "jurisdiction", "country codes such as DE, at least one for hosting"
            ) from None
        member = await self._context.members.set_place(id, place)
        body = {"jurisdiction": jurisdiction, "hosting": " ".join(hosting), "grounds": " ".join(listed)}
        await self._note(actor, "member.placed", member, body)
        return _row(member)

    async def acceptances(self, actor: Actor) -> list[AcceptanceRow]:
        """Everybody who was accepted by name, revoked ones too: what the DPO tracks by hand."""
        require(actor, *_ACCEPTS, "dpo")
        return await self._context.store.read(lambda tx: acceptance_rows(tx, self._context))

    async def accept(self, actor: Actor, id: str, why: str, until: datetime | None = None) -> AcceptanceRow:
        """Accept a member that cannot prove erasure, with the reason and, where meant, an end. Raises Problem 400, 409.

        New requests by it may then be agreed to although their terms demand erasure on withdrawal.
        """
        require(actor, *_ACCEPTS)
        context, member = self._context, self._context.members.active(id)
        if member.consent is not None:
            raise conflict(f"{member.name} speaks the consent exchange and needs no acceptance")
        if not why.strip() or len(why) > _LONGEST:
            raise invalid("An acceptance needs its reason", "why", f"a sentence, at most {_LONGEST} characters")
        if until is not None and until <= context.clock():
            raise invalid("The acceptance would have ended already", "until", "a time in the future")
        accepted = PeerAcceptance(
            member=id, by=actor.account, by_name=actor.name, at=context.clock(), why=why.strip(), until=until
        )

        def command(tx: Transaction) -> AcceptanceRow:
            tx.put(accepted)
            ends = until.isoformat() if until else None
            context.log(tx, "member.accepted", id, {"until": ends, "by": actor.entry})
            return _accepted(tx, context, accepted)

        return await context.store.write(command)

    async def revoke(self, actor: Actor, id: str) -> AcceptanceRow:
        """Take an acceptance back: no new contract from now on. Contracts that exist go on. Raises Problem 404, 409."""
        require(actor, *_ACCEPTS)
        context = self._context

        def command(tx: Transaction) -> AcceptanceRow:
            found = tx.get(PeerAcceptance, id)
            if found is None:
                raise missing("This member was never accepted by name")
            if found.revoked_at is not None:
                raise conflict("This acceptance is revoked already")
            changed = tx.change(found, revoked_at=context.clock(), revoked_by=actor.account)
            context.log(tx, "member.acceptance-revoked", id, {"by": actor.entry})
            return _accepted(tx, context, changed)

        return await context.store.write(command)

    async def _note(self, actor: Actor, kind: str, member: Member, body: dict[str, str]) -> None:
        context = self._context
        await context.store.write(lambda tx: context.log(tx, kind, member.id, body | {"by": actor.entry}))


def acceptance_rows(tx: Transaction, context: Context) -> list[AcceptanceRow]:
    """Everybody who was accepted by name, revoked ones too, with the contracts that go on."""
    return [_accepted(tx, context, one) for one in tx.find(PeerAcceptance, order="member")]


def _accepted(tx: Transaction, context: Context, one: PeerAcceptance) -> AcceptanceRow:
    contracts = tx.find(Agreement, counterparty=one.member, role="provider", standing=("active", "suspended"))
    over = one.until is not None and one.until <= context.clock()
    standing = "revoked" if one.revoked_at is not None else "ended" if over else "in-force"
    return AcceptanceRow(
        member=one.member, name=context.members.name_of(one.member), by=one.by_name or one.by,
        at=one.at or context.clock(), why=one.why, until=one.until, standing=standing,
        contracts=[found.id for found in contracts],
    )  # fmt: skip


def _row(member: Member) -> MemberRow:
    return MemberRow(
        member.id, member.name, str(member.role), member.origin, shown(member.fingerprint), str(member.standing),
        member.allow_http, member.added_at, *_where(member),
    )  # fmt: skip


def _where(member: Member) -> tuple[str, list[str], list[str]]:
    place = member.place
    return (place.jurisdiction, [*place.hosting], [*place.transfer_grounds]) if place else ("", [], [])
