"""Both state tables, cell by cell: what is accepted is written out here, everything else is refused."""

from itertools import product

import pytest

from contracts import messages as m
from contracts import negotiation, transfer
from contracts.names import NegotiationEvent, NegotiationState, Role, TransferState
from contracts.negotiation import NegotiationStep
from contracts.steps import StepRefused
from contracts.transfer import TransferStep

# From the specification's two state machine figures, with termination by either party (prose).
NEGOTIATION = """
-         REQUEST   consumer REQUESTED
-         OFFER     provider OFFERED
REQUESTED OFFER     provider OFFERED
REQUESTED AGREE     provider AGREED
OFFERED   REQUEST   consumer REQUESTED
OFFERED   ACCEPT    consumer ACCEPTED
ACCEPTED  AGREE     provider AGREED
AGREED    VERIFY    consumer VERIFIED
VERIFIED  FINALIZE  provider FINALIZED
REQUESTED TERMINATE either   TERMINATED
OFFERED   TERMINATE either   TERMINATED
ACCEPTED  TERMINATE either   TERMINATED
AGREED    TERMINATE either   TERMINATED
VERIFIED  TERMINATE either   TERMINATED
"""
TRANSFER = """
-         REQUEST   consumer REQUESTED
REQUESTED START     provider STARTED
STARTED   COMPLETE  either   COMPLETED
STARTED   SUSPEND   either   SUSPENDED
SUSPENDED START     either   STARTED
REQUESTED TERMINATE either   TERMINATED
STARTED   TERMINATE either   TERMINATED
SUSPENDED TERMINATE either   TERMINATED
"""


def written(text: str) -> dict[tuple[str, str, Role], str]:
    cells = {}
    for line in text.strip().splitlines():
        state, message, sender, following = line.split()
        for role in Role if sender == "either" else [Role(sender)]:
            cells[(state, message, role)] = following
    return cells


def every_cell(states: type, steps: type) -> list[tuple]:
    return list(product([None, *states], steps, Role))


NEGOTIATION_CELLS = every_cell(NegotiationState, NegotiationStep)
TRANSFER_CELLS = every_cell(TransferState, TransferStep)


def check(machine: object, expected: dict, state: object, message: object, sender: Role) -> None:
    following = expected.get((state.name if state else "-", message.name, sender))
    if following is not None:
        assert machine.step(state, message, sender).name == following
        assert message in machine.open_to(state, sender)
        return
    with pytest.raises(StepRefused) as caught:
        machine.step(state, message, sender)
    refused = caught.value
    assert (refused.state, refused.message, refused.sender) == (state, message, sender)
    assert message not in refused.accepted
    assert refused.accepted == machine.open_to(state, sender)
    assert "\n" not in str(refused)


@pytest.mark.parametrize("cell", NEGOTIATION_CELLS, ids=lambda cell: "-".join(str(part) for part in cell))
def test_every_cell_of_the_negotiation_table(cell: tuple) -> None:
    check(negotiation, written(NEGOTIATION), *cell)


@pytest.mark.parametrize("cell", TRANSFER_CELLS, ids=lambda cell: "-".join(str(part) for part in cell))
def test_every_cell_of_the_transfer_table(cell: tuple) -> None:
    check(transfer, written(TRANSFER), *cell)


def test_all_cells_were_looked_at() -> None:
    assert len(NEGOTIATION_CELLS) == 8 * 7 * 2
    assert len(TRANSFER_CELLS) == 6 * 5 * 2
    assert len(negotiation.TABLE) == len(written(NEGOTIATION)) == 19
    assert len(transfer.TABLE) == len(written(TRANSFER)) == 14


def test_nothing_leaves_a_final_state() -> None:
    assert {NegotiationState.FINALIZED, NegotiationState.TERMINATED} == negotiation.FINAL
    assert {TransferState.COMPLETED, TransferState.TERMINATED} == transfer.FINAL
    for machine in (negotiation, transfer):
        assert all(not machine.open_to(state, role) for state in machine.FINAL for role in Role)


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        negotiation.TABLE[(None, NegotiationStep.VERIFY, Role.CONSUMER)] = NegotiationState.VERIFIED


def test_a_refusal_says_what_the_sender_may_send() -> None:
    with pytest.raises(StepRefused) as caught:
        negotiation.step(NegotiationState.OFFERED, NegotiationStep.FINALIZE, Role.PROVIDER)
    assert str(caught.value) == (
        "ContractNegotiationEventMessage FINALIZED from the provider is refused in state OFFERED; "
        "accepted from the provider: ContractNegotiationTerminationMessage"
    )


def test_every_message_that_moves_something_is_one_step() -> None:
    both = {"provider_pid": "p", "consumer_pid": "c"}
    offer = {"@id": "o", "@type": "Offer", "target": "d", "permission": [{"action": "use"}]}
    agreed = {**offer, "@type": "Agreement", "assigner": "p", "assignee": "c", "timestamp": "2026-11-22T04:44:00Z"}
    moves = [
        m.ContractRequestMessage(consumer_pid="c", provider_pid="p", offer=offer),
        m.ContractOfferMessage(**both, offer=offer),
        m.ContractNegotiationEventMessage(**both, event_type=NegotiationEvent.ACCEPTED),
        m.ContractAgreementMessage(**both, agreement=agreed),
        m.ContractAgreementVerificationMessage(**both),
        m.ContractNegotiationEventMessage(**both, event_type=NegotiationEvent.FINALIZED),
        m.ContractNegotiationTerminationMessage(**both),
    ]
    assert [negotiation.step_of(move) for move in moves] == list(NegotiationStep)
    moves = [
        m.TransferRequestMessage(consumer_pid="c", agreement_id="a", format="f", callback_address="https://c.example"),
        m.TransferStartMessage(**both),
        m.TransferSuspensionMessage(**both),
        m.TransferCompletionMessage(**both),
        m.TransferTerminationMessage(**both),
    ]
    assert [transfer.step_of(move) for move in moves] == list(TransferStep)
