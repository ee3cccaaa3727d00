"""How a source calls the participants of the data space: the steward says which reference of it means which of them.

A consent found at a source names recipients as the source does (``Organization/123``). Nobody can guess whom that
means, so a steward says it. A reference that nobody has said anything about, and that the source does not hold, is
unknown, and a rule about it cannot be judged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from connector.ports import Transaction
from connector.problems import invalid, missing
from connector.records import Account, Setting, Source
from connector.services.actors import Actor, require
from connector.services.context import Context

LONGEST = 300
ACCOUNT = "account:"
MOST = 10_000


@dataclass(frozen=True, slots=True)
class NameAtSource:
    """One reference of a source (``Organization/123``, ``system|value``) and the participant that it means."""

    source: str
    source_name: str
    reference: str
    participant: str
    participant_name: str


def names_at(tx: Transaction, source: str) -> dict[str, str]:
    """Reference -> participant, as the steward said for this source."""
    kept = tx.get(Setting, _key(source))
    said = json.loads(kept.value) if kept else {}
    return {str(reference): str(participant) for reference, participant in said.items()}


def _key(source: str) -> str:
    return f"source-names:{source}"


class SourceNames:
    """The steward's list, per source."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def listed(self, actor: Actor) -> list[NameAtSource]:
        """Everything that was said, by source and reference."""
        require(actor, "steward", "dpo", "operator")
        return await self._context.store.read(self._listed)

    def _listed(self, tx: Transaction) -> list[NameAtSource]:
        return [
            NameAtSource(source.id, source.name, reference, participant, self._name(tx, participant))
            for source in tx.find(Source, order="name")
            for reference, participant in sorted(names_at(tx, source.id).items())
        ]

    def _name(self, tx: Transaction, participant: str) -> str:
        if not participant.startswith(ACCOUNT):
            return self._context.members.name_of(participant)
        found = tx.get(Account, participant.removeprefix(ACCOUNT))
        return found.name if found else participant

    async def say(self, actor: Actor, source: str, reference: str, participant: str) -> NameAtSource:
        """From now on this reference means this participant, or (``account:<id>``) this person of ours.

        `source` is its id or name. Raises Problem 400, 404.
        """
        require(actor, "steward", "operator")
        reference = reference.strip()
        if not reference or len(reference) > LONGEST or any(sign.isspace() for sign in reference):
            raise invalid("This is no reference", "reference", "a reference such as Organization/123, or system|value")
        ours = participant.startswith(ACCOUNT)
        if participant != self._context.me.id and not ours:
            self._context.members.reachable(participant)

        def command(tx: Transaction) -> NameAtSource:
            found = _source(tx, source)
            if ours and tx.get(Account, participant.removeprefix(ACCOUNT)) is None:
                raise invalid("There is no such account here", "participant", "account: and the id of an account")
            said = names_at(tx, found.id)
            if len(said) >= MOST and reference not in said:
                raise invalid(f"No more than {MOST} references of one source can be named", "reference")
            self._keep(tx, actor, found.id, {**said, reference: participant}, "source.name-said")
            return NameAtSource(found.id, found.name, reference, participant, self._name(tx, participant))

        return await self._context.store.write(command)

    async def take_back(self, actor: Actor, source: str, reference: str) -> None:
        """Nobody knows any more whom this reference means. Raises Problem 404."""
        require(actor, "steward", "operator")

        def command(tx: Transaction) -> None:
            found = _source(tx, source)
            said = names_at(tx, found.id)
            if said.pop(reference.strip(), None) is None:
                raise missing("Nobody has said whom this reference means")
            self._keep(tx, actor, found.id, said, "source.name-taken-back")

        await self._context.store.write(command)

    def _keep(self, tx: Transaction, actor: Actor, source: str, said: dict[str, str], kind: str) -> None:
        tx.put(Setting(name=_key(source), value=json.dumps(said, sort_keys=True)))
        self._context.log(tx, kind, source, {"references": len(said), "by": actor.entry})
        tx.ring("consents")


def _source(tx: Transaction, wanted: str) -> Source:
    found = tx.get(Source, wanted) or next(iter(tx.find(Source, name=wanted, limit=1)), None)
    if found is None:
        raise missing("There is no such source here")
    return found
