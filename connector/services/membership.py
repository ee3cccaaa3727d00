"""The members register as the operator keeps it: who is listened to, and that each change stands in the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.identity.keys import shown
from connector.identity.members import Member
from connector.problems import invalid
from connector.services.actors import Actor, require
from connector.services.context import Context

_STANDINGS = {"suspended": "suspended", "removed": "removed", "active": "activated"}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One entry of the register; the fingerprint in the groups people compare."""

    id: str
    name: str
    role: str
    url: str
    fingerprint: str
    standing: str
    allow_http: bool
    added_at: datetime


class Membership:
    """`concord trust`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def members(self, actor: Actor) -> list[MemberRow]:
        """Every entry, suspended and removed ones too."""
        require(actor, "operator")
        return [_row(member) for member in await self._context.members.all()]

    async def add(self, actor: Actor, url: str, fingerprint: str, *, allow_http: bool = False) -> MemberRow:
        """Learn to know the participant at `url` by its own signed document. Raises Problem 400."""
        require(actor, "operator")
        member = await self._context.members.add(url, fingerprint, allow_http=allow_http)
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

    async def _note(self, actor: Actor, kind: str, member: Member, body: dict[str, str]) -> None:
        context = self._context
        await context.store.write(lambda tx: context.log(tx, kind, member.id, body | {"by": actor.entry}))


def _row(member: Member) -> MemberRow:
    return MemberRow(
        member.id, member.name, str(member.role), member.origin, shown(member.fingerprint), str(member.standing),
        member.allow_http, member.added_at,
    )  # fmt: skip
