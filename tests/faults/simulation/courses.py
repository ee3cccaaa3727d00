"""What simulated participants want: drawn from the seed and from where a process stands, so that it can be repeated."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from connector.records import Dataset, Negotiation, Transfer
from connector.services.processes.moves import (
    Accept,
    Agree,
    Complete,
    Finalize,
    MakeOffer,
    MakeRequest,
    NegotiationMove,
    Start,
    Suspend,
    Terminate,
    TransferMove,
    Verify,
)
from contracts.messages import DataAddress, EndpointProperty

if TYPE_CHECKING:
    from tests.faults.simulation.party import Life

ENDS = Terminate("no-more", ("so it was drawn",))
MOST_OFFERS = 4


def countered(policy: dict[str, Any] | None, number: int) -> dict[str, Any]:
    """The same offer with one day less."""
    changed = dict(policy or {})
    changed["permission"] = [
        {**one, "constraint": [_shorter(term, number) for term in one.get("constraint", [])]}
        for one in changed.get("permission", [])
    ]
    return changed


def _shorter(term: dict[str, Any], number: int) -> dict[str, Any]:
    late = term.get("leftOperand") == "dateTime"
    return {**term, "rightOperand": f"2027-02-{20 - number:02}T00:00:00Z"} if late else term


class Contracting:
    """A negotiation course: mostly forward, sometimes a counter-offer, sometimes nothing, sometimes the end."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self.insistent = Random(f"{life.world.seed}:{life.name}:insistent").random() < 0.5

    def _drawn(self, process: Negotiation, what: str) -> Random:
        place = len((process.steps or {}).get("steps", []))
        return Random(f"{self._life.world.seed}:{self._life.name}:{what}:{process.pid}:{place}")

    def at_once(self, process: Negotiation) -> NegotiationMove | None:
        """Usually as in production."""
        if self._drawn(process, "at once").random() < 0.3:
            return None
        natural = {("consumer", "AGREED"): Verify(), ("provider", "VERIFIED"): Finalize()}
        return natural.get((process.role, process.state))

    async def next(self, process: Negotiation) -> NegotiationMove | None:
        """What a policy or a person would say."""
        draw = self._drawn(process, "next")
        forward = self.forward(process, draw)
        if forward is None:
            return None
        chance = draw.random()
        if chance < 0.06:
            return ENDS
        return None if chance < 0.16 else forward

    @staticmethod
    def forward(process: Negotiation, draw: Random) -> NegotiationMove | None:
        """A move that brings the process on; None when it is not our turn."""
        number = len((process.offers or {}).get("offers", []))
        counter = number < MOST_OFFERS and draw.random() < 0.25
        match (process.role, process.state):
            case ("provider", "REQUESTED"):
                return MakeOffer(countered(process.offer, number)) if counter else Agree()
            case ("consumer", "OFFERED"):
                return MakeRequest(countered(process.offer, number)) if counter else Accept()
            case ("provider", "ACCEPTED"):
                return Agree()
            case ("consumer", "AGREED"):
                return Verify()
            case ("provider", "VERIFIED"):
                return Finalize()
        return None


class Moving:
    """A transfer course: what is requested is started, mostly; sometimes a side pauses, goes on or ends by itself."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self.insistent = Random(f"{life.world.seed}:{life.name}:insistent").random() < 0.5
        self._tried: set[tuple[str, int]] = set()

    def _drawn(self, process: Transfer, what: str) -> Random:
        place = len((process.steps or {}).get("steps", []))
        return Random(f"{self._life.world.seed}:{self._life.name}:{what}:{process.pid}:{place}")

    def at_once(self, process: Transfer) -> TransferMove | None:
        """Usually as in production."""
        starts = process.role == "provider" and process.state == "REQUESTED"
        return Start() if starts and self._drawn(process, "at once").random() < 0.5 else None

    async def next(self, process: Transfer) -> TransferMove | None:
        """What a data plane or a person would say."""
        draw = self._drawn(process, "next")
        chance, place = draw.random(), len((process.steps or {}).get("steps", []))
        if process.state != "REQUESTED" and (process.pid, place) in self._tried:
            return None  # the other side has said no to that
        self._tried.add((process.pid, place))
        match (process.role, process.state):
            case ("provider", "REQUESTED"):
                return ENDS if chance < 0.06 else None if chance < 0.12 else Start()
            case (_, "STARTED") if chance < 0.3 and place < 12:
                return draw.choice((Suspend("pause"), Complete(), ENDS))
            case (_, "SUSPENDED") if chance < 0.5 and place < 12:
                return draw.choice((Start(), Start(), ENDS))
        return None


class Plane:
    """A data plane that hands nothing over."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def address(self, process: Transfer, token: str) -> DataAddress | None:
        """Where a pull would go."""
        endpoint = f"{self._life.context.me.origin}/data/{process.pid}"
        return DataAddress(
            endpoint_type="https://w3id.org/idsa/v4.1/HTTP", endpoint=endpoint,
            endpoint_properties=(
                EndpointProperty(name="authorization", value=token), EndpointProperty(name="authType", value="bearer"),
            ),
        )  # fmt: skip

    def refusal(self, dataset: Dataset | None, format: str, address: DataAddress | None) -> str | None:
        """Everything is taken."""
        return None
