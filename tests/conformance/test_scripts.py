"""The scripts the fixture plays fit the state tables, and name every id the kit uses."""

from __future__ import annotations

import pytest

from contracts import negotiation, transfer
from contracts.names import Role
from tests.conformance import ids, scripts

MOVES = {
    "offer": "ContractOfferMessage",
    "request": "ContractRequestMessage",
    "accept": "ContractNegotiationEventMessage ACCEPTED",
    "agree": "ContractAgreementMessage",
    "verify": "ContractAgreementVerificationMessage",
    "finalize": "ContractNegotiationEventMessage FINALIZED",
    "start": "TransferStartMessage",
    "suspend": "TransferSuspensionMessage",
    "complete": "TransferCompletionMessage",
}


def test_every_id_of_the_kit_has_a_script():
    assert set(scripts.NEGOTIATIONS) == {*ids.PROVIDED, *ids.WANTED}
    own = {ids.OWN_PROVIDER_AGREEMENT, ids.OWN_CONSUMER_AGREEMENT}
    assert set(scripts.TRANSFERS) - own == {*ids.PROVIDER_AGREEMENTS, *ids.CONSUMER_AGREEMENTS}


@pytest.mark.parametrize(
    ("name", "table", "terminate"),
    [
        *((name, negotiation.TABLE, "ContractNegotiationTerminationMessage") for name in scripts.NEGOTIATIONS),
        *((name, transfer.TABLE, "TransferTerminationMessage") for name in scripts.TRANSFERS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_move_of_a_script_is_one_the_table_allows(name, table, terminate):
    role = Role.CONSUMER if name.startswith(("ACNC", "ATPC")) else Role.PROVIDER
    script = {**scripts.NEGOTIATIONS, **scripts.TRANSFERS}[name]
    allowed = {(state, message) for state, message, sender in table if sender is role}
    asked = {(state, MOVES.get(move, terminate)) for (state, _), move in script.items()}
    assert asked <= {(str(state), str(message)) for state, message in allowed}


def test_a_state_entered_again_has_a_cue_of_its_own():
    script = scripts.NEGOTIATIONS["ACN0102"]
    assert scripts.cue(script, []) is None
    assert scripts.cue(script, ["REQUESTED"]) == "offer"
    assert scripts.cue(script, ["REQUESTED", "OFFERED"]) is None
    assert scripts.cue(script, ["REQUESTED", "OFFERED", "REQUESTED"]) == "terminate"
