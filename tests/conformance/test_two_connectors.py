"""Two whole connectors take every way through both tables; whatever passes between them is as the schemas have it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from connector.records import Agreement, Negotiation, Transfer
from connector.services.processes.moves import (
    Accept,
    Agree,
    Complete,
    Finalize,
    MakeOffer,
    MakeRequest,
    Start,
    Suspend,
    Terminate,
    Verify,
)
from connector.services.processes.transfers import PULL, PUSH
from contracts.messages import DataAddress
from contracts.names import NIL_PID, NegotiationState, Role, TransferState
from contracts.negotiation import NegotiationStep as N
from contracts.transfer import TransferStep as T
from tests.conformance.examined import error_kind, examine
from tests.conformance.peer import BASE, urn
from tests.conformance.processes import Process
from tests.conformance.tapped import Pair
from tests.two_party import story
from tests.two_party.puppet import Key, Puppet, Voice
from tests.two_party.space import make_empty_store, opened

P, C = "provider", "consumer"
END = Terminate("enough", ("We have changed our mind",))
ADDRESS = DataAddress(endpoint_type="https://w3id.org/idsa/v4.1/HTTP", endpoint="https://example.org/inbox")


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connectors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """The two, with a dataset on offer."""
    place = tmp_path_factory.mktemp("pair")
    (place / "empty").mkdir()
    async with opened(place, make_empty_store(place / "empty")) as space:
        made = await Pair.of(space)
        made.offer = {**await story.offer_dataset(made.provider), "target": story.RECORDS}
        yield made


@pytest.fixture
def pair(connectors: Pair) -> Iterator[Pair]:
    """The two; what passed between them is examined at the end of every test."""
    connectors.passed.clear()
    yield connectors
    connectors.examine()


def anew(offer: dict[str, Any]) -> dict[str, Any]:
    """The same terms as an offer of its own."""
    return {**offer, "@id": urn()}


async def begun(pair: Pair, by: str) -> str:
    """A negotiation that one side began; the pid of that side."""
    party, other = pair.party(by), pair.party(C if by == P else P)
    member = party.context.members.known(other.id)
    services = party.services.negotiations
    pid: str = await (services.ask if by == C else services.offer)(member, story.RECORDS, pair.offer)
    await pair.agree(pid, "REQUESTED" if by == C else "OFFERED")
    return pid


async def go(pair: Pair, pid: str, *moves: tuple[str, Any, str], kind: type[Any] = Negotiation) -> tuple[Any, Any]:
    """One move after the other: who, what, and the state both then share. `pid` is either side's."""
    both: tuple[Any, Any] = (None, None)
    for role, move, state in moves:
        party = pair.party(role)
        known = await party.find(kind, pid=pid)
        mine = known[0].pid if known else (await party.find(kind, their_pid=pid))[0].pid
        services = party.services.negotiations if kind is Negotiation else party.services.transfers
        await services.move(mine, move)
        both = await pair.agree(pid, state, kind)
    return both


async def agreements(pair: Pair, ours: Negotiation, theirs: Negotiation) -> list[list[Agreement]]:
    """What came of a negotiation, at the consumer and at the provider."""
    return [
        await pair.consumer.find(Agreement, negotiation=ours.pid),
        await pair.provider.find(Agreement, negotiation=theirs.pid),
    ]


CLOSING = ((P, Agree(), "AGREED"), (C, Verify(), "VERIFIED"), (P, Finalize(), "FINALIZED"))


async def test_offers_and_requests_go_back_and_forth_until_one_is_taken(pair: Pair):
    offer, pid = pair.offer, await begun(pair, C)
    rounds = [(P, MakeOffer(anew(offer)), "OFFERED"), (C, MakeRequest(offer), "REQUESTED")] * 3
    last = anew(offer)
    ours, theirs = await go(pair, pid, *rounds, (P, MakeOffer(last), "OFFERED"), (C, Accept(), "ACCEPTED"), *CLOSING)
    [mine], [yours] = await agreements(pair, ours, theirs)
    assert (mine.id, mine.policy, mine.standing) == (yours.id, yours.policy, yours.standing)
    assert (mine.id, mine.standing) == (ours.agreement, "active") == (theirs.agreement, "active")
    assert [one["policy"] for one in ours.offers["offers"]] == [one["policy"] for one in theirs.offers["offers"]]


@pytest.mark.parametrize("answer", [[(C, Accept(), "ACCEPTED")], "counter"], ids=["accepted", "countered"])
async def test_a_negotiation_the_provider_begins_ends_in_one_agreement(pair: Pair, answer):
    pid = await begun(pair, P)
    between = [(C, MakeRequest(pair.offer), "REQUESTED")] if answer == "counter" else answer
    ours, theirs = await go(pair, pid, *between, *CLOSING)
    assert (ours.initiator, theirs.initiator, ours.role, theirs.role) == (P, P, C, P)
    assert [len(made) for made in await agreements(pair, ours, theirs)] == [1, 1]


WAYS: dict[str, tuple[str, list[str]]] = {
    "REQUESTED": (C, []),
    "OFFERED": (C, ["offer"]),
    "ACCEPTED": (P, ["accept"]),
    "AGREED": (C, ["agree"]),
    "VERIFIED": (C, ["agree", "verify"]),
}
MOVES = {"accept": (C, Accept(), "ACCEPTED"), "agree": CLOSING[0], "verify": CLOSING[1]}


@pytest.mark.parametrize("by", [P, C])
@pytest.mark.parametrize("state", WAYS)
async def test_either_side_ends_a_negotiation_in_every_state(pair: Pair, state: str, by: str):
    first, words = WAYS[state]
    pid = await begun(pair, first)
    moves = [MOVES.get(word, (P, MakeOffer(anew(pair.offer)), "OFFERED")) for word in words]
    ours, theirs = await go(pair, pid, *moves, (by, END, "TERMINATED"))
    assert ours.reason == theirs.reason == {"code": "enough", "reason": ["We have changed our mind"]}
    assert {one.standing for made in await agreements(pair, ours, theirs) for one in made} <= {"ended"}


async def fetched(pair: Pair, format: str) -> str:
    agreement = await pair.agreement()
    push_to = ADDRESS if format == PUSH else None
    pid: str = await pair.consumer.services.transfers.ask(agreement, format=format, push_to=push_to)
    await pair.agree(pid, "REQUESTED", Transfer)
    return pid


TRANSFERS = {
    "suspended and resumed by the consumer": [(C, Suspend(), "SUSPENDED"), (C, Start(), "STARTED")],
    "suspended and resumed by the provider": [(P, Suspend("p", ("why",)), "SUSPENDED"), (P, Start(), "STARTED")],
    "suspended by the consumer, resumed by the provider": [(C, Suspend(), "SUSPENDED"), (P, Start(), "STARTED")],
    "never suspended": [],
}
ENDS = {
    **{f"completed by the {role}": [(role, Complete(), "COMPLETED")] for role in (P, C)},
    **{f"ended by the {role}": [(role, END, "TERMINATED")] for role in (P, C)},
}


@pytest.mark.parametrize("format", [PULL, PUSH])
@pytest.mark.parametrize(("way", "end"), [*product(TRANSFERS, ENDS)])
async def test_every_way_through_a_transfer(pair: Pair, format: str, way: str, end: str):
    pid = await fetched(pair, format)
    ours, theirs = await go(pair, pid, (P, Start(), "STARTED"), *TRANSFERS[way], *ENDS[end], kind=Transfer)
    assert (ours.pid, ours.their_pid) == (theirs.their_pid, theirs.pid)
    started = [one.body for one in pair.passed if one.body["@type"] == "TransferStartMessage"]
    assert ("dataAddress" in started[0]) == (format == PULL)
    requested = [one.body for one in pair.passed if one.body["@type"] == "TransferRequestMessage"]
    assert ("dataAddress" in requested[0]) == (format == PUSH)


@pytest.mark.parametrize("by", [P, C])
@pytest.mark.parametrize("state", ["REQUESTED", "STARTED", "SUSPENDED"])
async def test_either_side_ends_a_transfer_in_every_state(pair: Pair, state: str, by: str):
    ways = {"REQUESTED": [], "STARTED": [(P, Start(), "STARTED")]}
    ways["SUSPENDED"] = [*ways["STARTED"], (C, Suspend(), "SUSPENDED")]
    pid = await fetched(pair, PULL)
    ours, theirs = await go(pair, pid, *ways[state], (by, END, "TERMINATED"), kind=Transfer)
    assert ours.reason == theirs.reason


async def test_fifty_negotiations_whose_messages_cross_end_alike_on_both_sides(pair: Pair):
    """Both sides act at the same moment: counter-offer and termination, agreement and termination, two terminations."""
    pids = [await begun(pair, C) for _ in range(50)]
    theirs = {pid: (await pair.provider.find(Negotiation, their_pid=pid))[0].pid for pid in pids}
    provider, consumer = pair.provider.services.negotiations, pair.consumer.services.negotiations
    said = [MakeOffer(pair.offer), Agree(), END]
    await asyncio.gather(
        *(provider.move(theirs[pid], said[place % 3]) for place, pid in enumerate(pids)),
        *(consumer.move(pid, END) for pid in pids),
    )
    await pair.consumer.quiet()
    await pair.provider.quiet()
    for pid in pids:
        sides = await pair.agree(pid, "TERMINATED")
        assert {one.standing for made in await agreements(pair, *sides) for one in made} <= {"ended"}


async def test_fifty_transfers_whose_messages_cross_end_alike_on_both_sides(pair: Pair):
    agreement = await pair.agreement()
    ask = pair.consumer.services.transfers.ask
    pids = [await ask(agreement, format=PULL) for _ in range(50)]
    for pid in pids:
        await pair.agree(pid, "REQUESTED", Transfer)
        await go(pair, pid, (P, Start(), "STARTED"), kind=Transfer)
    theirs = {pid: (await pair.provider.find(Transfer, their_pid=pid))[0].pid for pid in pids}
    endings = [(Complete(), END), (END, Complete()), (Suspend(), END), (END, Suspend()), (Complete(), Complete())]
    await asyncio.gather(
        *(pair.provider.services.transfers.move(theirs[pid], endings[n % 5][0]) for n, pid in enumerate(pids)),
        *(pair.consumer.services.transfers.move(pid, endings[n % 5][1]) for n, pid in enumerate(pids)),
    )
    for place, pid in enumerate(pids):
        await pair.agree(pid, "COMPLETED" if place % 5 == 4 else "TERMINATED", Transfer)


# A third participant, who knows every pid.

STRANGE = [
    *((Role(role), step) for role, step in product((P, C), N)),
    *((Role(role), step) for role, step in product((P, C), T) if step is not T.REQUEST),
]


async def test_another_participants_process_is_not_there_for_anybody_else(pair: Pair, tmp_path: Path):
    """Every message of both protocols, to both roles, from a member who learned both pids: as if there were nothing."""
    negotiation = await begun(pair, C)
    transfer = await fetched(pair, PULL)
    records = {
        **dict(zip(((Negotiation, C), (Negotiation, P)), await pair.agree(negotiation, "REQUESTED"), strict=True)),
        **dict(zip(((Transfer, C), (Transfer, P)), await pair.agree(transfer, "REQUESTED", Transfer), strict=True)),
    }
    async with opened(tmp_path / "client", tmp_path) as space:
        other = await Puppet.raised(space.client, "other")
        await other.join(pair.provider, pair.consumer)
        try:
            for role, step in STRANGE:
                kind = Negotiation if isinstance(step, N) else Transfer
                await looked(pair, other, records[kind, str(role)], step)
        finally:
            await other.close()
    await pair.agree(negotiation, NegotiationState.REQUESTED)
    await pair.agree(transfer, TransferState.REQUESTED, Transfer)


async def looked(pair: Pair, other: Puppet, record: Any, step: Any) -> None:
    """What a stranger is told about a process, and about one that does not exist."""
    party = pair.party(record.role)
    kind = "negotiations" if isinstance(step, N) else "transfers"
    about = story.RECORDS if kind == "negotiations" else "urn:a"
    real = Process(None, kind, Role(record.role), record.pid, record.their_pid, about)  # type: ignore[arg-type]
    none = Process(None, kind, Role(record.role), urn(), record.their_pid, about)  # type: ignore[arg-type]
    bodies = []
    for process in (real, none):
        answer = await other.post(party, BASE + process.path(step), process.say(step))
        state = await other.get(party, BASE + process.path())
        examine(answer.json(), error_kind(process.path()))
        assert (answer.status_code, state.status_code) == (404, 404)
        assert state.json()["providerPid"] == state.json()["consumerPid"] == NIL_PID
        bodies.append({**answer.json(), **process.pids} == answer.json() and answer.json()["reason"])
    assert bodies[0] == bodies[1] != []


@pytest.mark.parametrize("role", [P, C])
async def test_nobody_without_a_token_of_a_member_is_told_anything(pair: Pair, role: str):
    pid = await begun(pair, C)
    record = dict(zip((C, P), await pair.agree(pid, "REQUESTED"), strict=True))[role]
    party, counterparty = pair.party(role), pair.party(P if role == C else C)
    process = Process(None, "negotiations", Role(role), record.pid, record.their_pid, story.RECORDS)  # type: ignore[arg-type]
    async with opened(Path(party.founded.directory).parent / "x", Path()) as space:
        stranger = Voice(counterparty.id, Key(), space.client)
        for token in ("", "nonsense", stranger.token(party)):
            answer = await stranger.post(party, BASE + process.path(N.TERMINATE), process.say(N.TERMINATE), token=token)
            state = await stranger.get(party, BASE + process.path(), token=token)
            assert (answer.status_code, state.status_code) == (401, 401)
            for body in (answer.json(), state.json()):
                examine(body, error_kind(process.path()))
                assert body["providerPid"] == body["consumerPid"] == NIL_PID
    await pair.agree(pid, "REQUESTED")
