"""Two whole connectors that do nothing by themselves, and everything that passes between them, examined.

Identity, doors, receipt, outbox, courier and store are those of production; only the decisions are the test's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from connector.records import Agreement, Dataset, Negotiation, Transfer
from connector.services.processes.courses import Course
from connector.services.registry import Deciding
from connector.wiring import Plugs
from contracts.messages import DataAddress
from contracts.names import MessageType
from tests.conformance.examined import POSTED, error_kind, examine
from tests.conformance.peer import urn
from tests.conformance.plugs import NullDataPlane
from tests.two_party.space import Party, Space, until

FIRST = ("/negotiations/request", "/negotiations/offers", "/transfers/request")
"""Where a process begins: answered with 201, everything else with 200."""


class Undecided(Course[Any, Any]):
    """Decides nothing, in either role."""

    insistent = False

    def at_once(self, process: Any) -> None:
        """Nothing."""

    async def next(self, process: Any) -> None:
        """Nothing."""


class EveryFormat(NullDataPlane):
    """Takes pull and push alike; a push needs no address of ours."""

    def address(self, process: Transfer, token: str) -> DataAddress | None:
        """See `DataPlane`."""
        return None if process.push_to else super().address(process, token)

    def refusal(self, dataset: Dataset | None, format: str, address: DataAddress | None) -> str | None:
        """See `DataPlane`."""
        return None


def undecided(_founded: Any) -> Plugs:
    """The plugs of both."""
    course = Undecided()
    return Plugs(
        deciding=Deciding(
            negotiating=lambda _: course, transferring=lambda _: course, data_plane=lambda _: EveryFormat()
        ),
        fetching=False,
    )


@dataclass(frozen=True, slots=True)
class Passed:
    """One message that was posted, and its answer."""

    path: str
    body: Mapping[str, Any]
    status: int
    answer: Mapping[str, Any]


@dataclass
class Pair:
    """A provider and a consumer that know each other."""

    provider: Party
    consumer: Party
    passed: list[Passed] = field(default_factory=list)
    offer: dict[str, Any] = field(default_factory=dict)

    @classmethod
    async def of(cls, space: Space) -> Pair:
        """Founded, introduced and tapped."""
        made = cls(
            await space.add("provider", "hospital", plugs=undecided),
            await space.add("consumer", "research", plugs=undecided),
        )
        await space.introduce()
        for party in (made.provider, made.consumer):
            made._tap(party)
        return made

    def party(self, role: str) -> Party:
        """By role."""
        return self.provider if role == "provider" else self.consumer

    async def agree(self, pid: str, state: str, kind: type[Any] = Negotiation) -> tuple[Any, Any]:
        """(the consumer's, the provider's) record, once both are in this state; `pid` is either's."""

        async def look() -> tuple[Any, Any] | None:
            sides = [
                (await party.find(kind, pid=pid)) + (await party.find(kind, their_pid=pid))
                for party in (self.consumer, self.provider)
            ]
            found = [side[0] for side in sides if side]
            return (found[0], found[1]) if [one.state for one in found] == [state] * 2 else None

        both: tuple[Any, Any] = await until(look, f"{state} on both sides")
        return both

    async def agreement(self) -> Agreement:
        """An agreement both have; returns the consumer's."""
        id = urn()
        made = {
            role: Agreement(
                id=id, role=role, counterparty=self.party(other).id,
                negotiation="n", dataset="urn:d", standing="active",
            )
            for role, other in (("provider", "consumer"), ("consumer", "provider"))
        }  # fmt: skip
        for role, record in made.items():
            await self.party(role).add(record)
        return made["consumer"]

    def _tap(self, party: Party) -> None:
        """Judge everything this party posts to a protocol address, and what it is answered."""
        outbound = party.context.outbound
        real = outbound.post_json

        async def post_json(url: str, body: bytes, **more: Any) -> Any:
            answer = await real(url, body, **more)
            if urlsplit(url).path.startswith("/dsp/"):
                said = orjson.loads(answer.body)
                self.passed.append(Passed(urlsplit(url).path, orjson.loads(body), answer.status, said))
            return answer

        outbound.post_json = post_json

    def examine(self) -> None:
        """Every message and every answer so far must have been as it must be."""
        assert self.passed
        for one in self.passed:
            examine(one.body, *POSTED)
            if one.status >= 400:
                assert one.status in (400, 401, 404), one
                examine(one.answer, error_kind(one.path))
            else:
                examine(one.answer, MessageType.NEGOTIATION, MessageType.TRANSFER)
                assert one.status == (201 if one.path.endswith(FIRST) else 200), one
