"""Every cell of both state tables, the refused ones too: (state, message, sender), said to the connector by its peer.

The cells are made from `contracts.negotiation.TABLE` and `contracts.transfer.TABLE`. The sender of a message is the
connector's counter-party, so a message from the provider meets the connector as consumer. What stands in the table is
taken with 200 and leads where the table says; what does not is refused with 400 and an error body with both pids, and
the state stays as it was.
"""

from __future__ import annotations

from itertools import product

import pytest

from contracts import negotiation, transfer
from contracts.names import NIL_PID, NegotiationState, Role, TransferState
from contracts.negotiation import NegotiationStep
from contracts.transfer import TransferStep
from tests.conformance import ids, processes
from tests.conformance.peer import Peer, message, urn
from tests.conformance.processes import NEGOTIATIONS, TRANSFERS, Process

NEGOTIATION_CELLS = [*product(NegotiationState, NegotiationStep, Role)]
TRANSFER_CELLS = [*product(TransferState, [step for step in TransferStep if step is not TransferStep.REQUEST], Role)]
"""A request for a transfer has no address below a process's own: it stands in tests of its own below."""


def name(cell) -> str:
    state, step, sender = cell
    return f"{state or 'none'}-{step}-{sender}".replace(" ", "-")


def checked(process: Process, step, following) -> None:
    """Say it; the connector takes it or refuses it, exactly as the table has it."""
    before = process.state()
    answer = process.tell(step)
    body = answer.json()
    if following is None:
        assert answer.status_code == 400, f"{answer.status_code} {answer.text}"
        assert body["code"] in {"step-refused", "wrong-role"}
        assert {name: body[name] for name in process.pids} == process.pids
        assert process.state() == before
    else:
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        assert body["state"] == process.state() == following
        assert {name: body[name] for name in process.pids} == process.pids


@pytest.mark.parametrize("cell", NEGOTIATION_CELLS, ids=name)
def test_every_cell_of_the_negotiation_table(peer: Peer, cell):
    state, step, sender = cell
    checked(NEGOTIATIONS[sender.other, str(state)](peer), step, negotiation.TABLE.get(cell))


@pytest.mark.parametrize("cell", TRANSFER_CELLS, ids=name)
def test_every_cell_of_the_transfer_table(peer: Peer, cell):
    state, step, sender = cell
    checked(TRANSFERS[sender.other, str(state)](peer), step, transfer.TABLE.get(cell))


@pytest.mark.parametrize("role", Role)
def test_a_transfer_that_the_connector_suspended_is_resumed_by_its_peer_only_as_provider(peer: Peer, role):
    """The table lets both resume; but who hands the data out decides when it may flow again."""
    if role is Role.PROVIDER:
        process = processes.fetched(peer, ids.OWN_PROVIDER_AGREEMENT).reaches("SUSPENDED")
        answer = process.tell(TransferStep.START)
        assert (answer.status_code, answer.json()["code"]) == (400, "suspended-by-provider")
        assert process.state() == "SUSPENDED"
    else:
        process = processes.fetching(peer, ids.OWN_CONSUMER_AGREEMENT).told(TransferStep.START).reaches("SUSPENDED")
        checked(process, TransferStep.START, TransferState.STARTED)


@pytest.mark.parametrize("state", TransferState)
def test_a_request_for_a_transfer_that_is_there_changes_nothing(peer: Peer, state):
    """DSP: idempotent by consumerPid, with a new @id or the old one."""
    process = TRANSFERS[Role.PROVIDER, str(state)](peer)
    again = process.say(TransferStep.REQUEST)
    del again["providerPid"]
    answer = peer.post("/transfers/request", again)
    assert answer.status_code in (200, 201)
    assert (answer.json()["providerPid"], answer.json()["state"]) == (process.theirs, state)
    assert process.state() == state


@pytest.mark.parametrize("state", [*NegotiationState])
def test_a_first_request_with_the_pid_of_a_negotiation_that_is_there_is_refused(peer: Peer, state):
    process = NEGOTIATIONS[Role.PROVIDER, str(state)](peer)
    first = processes.initial_request(peer, process.about) | {"consumerPid": process.ours}
    answer = peer.post("/negotiations/request", first)
    assert (answer.status_code, answer.json()["code"]) == (400, "pid-reused")
    assert process.state() == state


FIRST = {
    NegotiationStep.REQUEST: (
        "/negotiations/request",
        lambda peer: processes.initial_request(peer, "ACN0202"),
        "REQUESTED",
    ),
    NegotiationStep.OFFER: ("/negotiations/offers", lambda peer: processes.initial_offer(peer, "ACNC0204"), "OFFERED"),
    TransferStep.REQUEST: ("/transfers/request", lambda peer: processes.initial_transfer(peer, "ATP0301"), "REQUESTED"),
}
"""What may come first, by whom the tables name."""


@pytest.mark.parametrize("step", FIRST)
def test_a_first_message_is_answered_with_201_and_the_state_of_the_table(peer: Peer, step):
    path, made, state = FIRST[step]
    body = made(peer)
    answer = peer.post(path, body)
    assert (answer.status_code, answer.json()["state"]) == (201, state)
    given = {key: answer.json()[key] for key in ("providerPid", "consumerPid")}
    assert given | {key: body[key] for key in given if key in body} == given
    assert NIL_PID not in given.values()


@pytest.mark.parametrize(
    ("step", "sender"),
    [
        *((step, sender) for step, sender in product(NegotiationStep, Role)),
        *((step, sender) for step, sender in product(TransferStep, Role) if step is not TransferStep.REQUEST),
    ],
    ids=str,
)
def test_a_message_for_a_process_that_is_not_there_is_answered_with_404(peer: Peer, step, sender):
    kind = "negotiations" if isinstance(step, NegotiationStep) else "transfers"
    nothing = Process(peer, kind, sender.other, urn(), urn(), "ACN0202")
    body = nothing.say(step)
    answer = peer.post(nothing.path(step), body)
    assert answer.status_code == 404, answer.text
    assert {key: answer.json()[key] for key in nothing.pids} == nothing.pids
    assert peer.get(nothing.path()).status_code == 404


def test_a_state_that_nobody_has_is_answered_with_the_nil_pid(peer: Peer):
    for kind in ("negotiations", "transfers"):
        body = peer.get(f"/{kind}/{urn()}").json()
        assert body["consumerPid"] == NIL_PID
        assert body["providerPid"] == NIL_PID


@pytest.mark.parametrize("kind", ["negotiations", "transfers"])
def test_a_message_at_an_address_nobody_knows_is_an_error_of_the_protocol(peer: Peer, kind):
    for path in (f"/{kind}/{urn()}/nothing", f"/{kind}/nothing/at/all"):
        assert peer.post(path, message("ContractRequestMessage")).status_code == 404
