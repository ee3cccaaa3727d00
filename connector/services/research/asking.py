"""Asking for a contract as people do it: an offer of a catalogue, narrowed to a study of ours, or as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.problems import Problem, invalid
from connector.records import Study
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.wording import Parties, for_study, plain
from connector.services.duties.executors import in_order
from connector.services.processes.negotiations import Negotiations
from contracts.study import StudyRequest
from contracts.terms import requested_purposes
from policy.odrl import PolicyError, read
from policy.odrl.duties import Ower, stated

_ROLES = ("researcher", "operator")


class Asking:
    """The consumer's first request."""

    def __init__(self, context: Context, negotiations: Negotiations) -> None:
        self._context = context
        self._negotiations = negotiations

    async def start(
        self, actor: Actor, provider: str, dataset: str, offer: Mapping[str, Any], study: str, purpose: str
    ) -> str:
        """Ask for this offer, narrowed to a study and one of its purposes; returns our pid. Raises Problem 400, 403."""
        require(actor, *_ROLES)
        member = self._context.members.active(provider)
        asked = await self.worded(actor, provider, dataset, offer, study, purpose)
        self._check_duties(asked, provider)
        return await self._negotiations.ask(
            member, dataset, asked, study=study, purposes=(purpose,), by={"actor": actor.entry}
        )

    async def worded(
        self, actor: Actor, provider: str, dataset: str, offer: Mapping[str, Any], study: str = "", purpose: str = ""
    ) -> dict[str, Any]:
        """What would be asked for; nothing is sent. Raises Problem 400, 403."""
        require(actor, *_ROLES)
        parties = Parties(provider, self._context.me.id, dataset)
        if not study:
            return plain(offer, parties)
        published = await self._context.store.read(lambda tx: tx.get(Study, study))
        if published is None or published.document is None or published.standing != "published":
            raise invalid("There is no such study request here", "study", "the id of a study request you published")
        return for_study(offer, parties, StudyRequest.read(published.document), purpose)

    async def start_as_offered(self, actor: Actor, provider: str, dataset: str, offer: Mapping[str, Any]) -> str:
        """Ask for exactly this offer, without a study; returns our pid. Raises Problem 400, 403."""
        require(actor, *_ROLES)
        member = self._context.members.active(provider)
        asked = plain(offer, Parties(provider, self._context.me.id, dataset))
        self._check_duties(asked, provider)
        return await self._negotiations.ask(
            member, dataset, asked, purposes=requested_purposes(asked), by={"actor": actor.entry}
        )

    def _check_duties(self, asked: Mapping[str, Any], provider: str) -> None:
        """What nobody here can carry out is not promised. Raises Problem 409.

        A duty that is not understood is for the provider to explain: as long as it is not, no contract comes about.
        """
        try:
            policy = read(asked)
        except PolicyError:
            return
        executors = self._context.executors
        ours = {duty.pointer for duty in stated(policy) if duty.by is Ower.CONSUMER}
        found = [one for one in executors.undone(policy, provider) if one.pointer in ours]
        if found:
            listed = "; ".join(f"{one.name} at {one.pointer}" for one in found)
            raise Problem(
                409, "duty-without-executor", "Nobody here can carry out a duty of this offer", listed,
                accepted=f"an offer that asks no more than: {', '.join(in_order(executors.keys))}",
            )  # fmt: skip
