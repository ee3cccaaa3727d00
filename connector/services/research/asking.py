"""Asking for a contract as people do it: an offer of a catalogue, narrowed to a study of ours, or as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.problems import invalid
from connector.records import Study
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.wording import Parties, for_study, plain
from connector.services.processes.negotiations import Negotiations
from contracts.study import StudyRequest
from contracts.terms import requested_purposes

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
        published = await self._context.store.read(lambda tx: tx.get(Study, study))
        if published is None or published.document is None or published.standing != "published":
            raise invalid("There is no such study request here", "study", "the id of a study request you published")
        request = StudyRequest.read(published.document)
        asked = for_study(offer, Parties(provider, self._context.me.id, dataset), request, purpose)
        return await self._negotiations.ask(
            member, dataset, asked, study=study, purposes=(purpose,), by={"actor": actor.entry}
        )

    async def start_as_offered(self, actor: Actor, provider: str, dataset: str, offer: Mapping[str, Any]) -> str:
        """Ask for exactly this offer, without a study; returns our pid. Raises Problem 400, 403."""
        require(actor, *_ROLES)
        member = self._context.members.active(provider)
        asked = plain(offer, Parties(provider, self._context.me.id, dataset))
        return await self._negotiations.ask(
            member, dataset, asked, purposes=requested_purposes(asked), by={"actor": actor.entry}
        )
