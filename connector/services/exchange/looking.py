"""Our own look at a recipient: is what it says to have erased really gone?

Its connector is asked for each object that its statement lists, under our participant token. Only 410 is gone.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from connector.outbound.faults import OutboundRefused, Unreachable
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import ContractEnding, HandedOver, Notice
from connector.services.chains import chain_named
from connector.services.context import Context
from connector.services.exchange import tracking
from contracts import exchange as wire

_GONE, _HERE = 410, 200
_SURE = frozenset({wire.Check.GONE, wire.Check.NOTHING})


def _unaccounted(tx: Transaction, notice: Notice) -> bool:
    """Whether the recipient got something of the person of which nobody ever stated that it is gone."""
    handed = tx.get(HandedOver, notice.agreement, notice.person)
    if handed is None or not handed.resources:
        return False
    chain = [one.id for one in chain_named(tx, notice.agreement)] or [notice.agreement]
    if tx.count(ContractEnding, agreement=chain, erased_at__ne=None):
        return False
    for one in tx.find(Notice, person=notice.person, agreement=notice.agreement, erased_at__ne=None):
        later = handed.last_at is None or (one.effective_at is not None and one.effective_at > handed.last_at)
        if one.id != notice.id and one.objects and later:
            return False  # what we sent was erased for an earlier notice, and nothing was sent since
    return True


class Looking:
    """Looks whether erased objects are gone, and notes what it found."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def look(self, notice: Notice) -> wire.Check:
        """Ask for every object the statement lists; the first that is not gone decides."""
        listed = [str(one["id"]) for one in (notice.held or {}).get("objects", [])]
        if not listed:
            # Lines or bytes that stand in no object are nothing that could be looked at; nor is what we know we sent.
            said = notice.objects or notice.lines
            sent = said or await self._context.store.read(lambda tx: _unaccounted(tx, notice))
            return wire.Check.UNKNOWN if sent else wire.Check.NOTHING
        for id in listed:
            found = await self._ask(notice, id)
            if found is not wire.Check.GONE:
                return found
        return wire.Check.GONE

    def note(self, tx: Transaction, before: Notice, found: wire.Check) -> None:
        """Keep what was found about the statement that was looked into; anything but gone goes to the officer."""
        notice, now = tx.get(Notice, before.id), self._context.clock()
        if notice is None or notice.erased_at is None or notice.held != before.held:
            return  # another statement came meanwhile, and is looked into anew
        changes: dict[str, Any] = {"check": str(found), "checked_at": now}
        if found not in _SURE:
            changes["escalated_at"] = notice.escalated_at or now
        notice = tx.change(notice, **changes)
        self._context.log(tx, "withdrawal.checked", notice.id, {"found": str(found), "recipient": notice.recipient})
        tracking.forward(tx, self._context, notice)
        tx.ring("notices")

    async def _ask(self, notice: Notice, id: str) -> wire.Check:
        members = self._context.members
        try:
            address = f"{members.exchange(notice.recipient)}/erasures/{quote(notice.id, '')}/{quote(id, '')}"
            answer = await members.fetch(notice.recipient, address)
        except (Problem, OutboundRefused, Unreachable):
            return wire.Check.UNREACHABLE
        if answer.status == _GONE:
            return wire.Check.GONE
        if answer.status != _HERE:
            return wire.Check.UNREACHABLE if answer.status >= 500 else wire.Check.UNKNOWN
        return self._standing(answer.body)

    @staticmethod
    def _standing(body: bytes) -> wire.Check:
        """Still here; or it says that people there took its word for something, which nobody can look at."""
        try:
            said = wire.ObjectLookedAt.model_validate_json(body)
        except ValueError:
            return wire.Check.UNKNOWN
        return wire.Check.HERE if said.state is wire.ObjectState.HERE else wire.Check.UNKNOWN
