"""Who may say what, and when, in a contract negotiation.

Each line is one conversation of the protocol's compatibility kit. `C` and `P` speak; `!` means the step is refused and
the state stays.
"""

import pytest

from contracts.names import NegotiationState, Role
from contracts.negotiation import NegotiationStep, step
from contracts.steps import StepRefused

WORDS = {
    "Req": NegotiationStep.REQUEST,
    "Off": NegotiationStep.OFFER,
    "Acc": NegotiationStep.ACCEPT,
    "Agr": NegotiationStep.AGREE,
    "Ver": NegotiationStep.VERIFY,
    "Fin": NegotiationStep.FINALIZE,
    "Term": NegotiationStep.TERMINATE,
}
CONVERSATIONS = {
    "CN:01-01": ("C:Req P:Off C:Term", "TERMINATED"),
    "CN:01-02": ("C:Req P:Off C:Req P:Term", "TERMINATED"),
    "CN:01-03": ("C:Req P:Off C:Acc P:Agr C:Ver P:Fin", "FINALIZED"),
    "CN:01-04": ("C:Req P:Agr C:Ver P:Fin", "FINALIZED"),
    "CN:02-01": ("C:Req P:Term", "TERMINATED"),
    "CN:02-02": ("C:Req C:Term", "TERMINATED"),
    "CN:02-03": ("C:Req P:Agr C:Term", "TERMINATED"),
    "CN:02-05": ("C:Req P:Off P:Term", "TERMINATED"),
    "CN:02-06": ("C:Req P:Off C:Acc P:Term", "TERMINATED"),
    "CN:02-07": ("C:Req P:Agr C:Ver P:Term", "TERMINATED"),
    "CN:03-01": ("C:Req P:Agr C:Ver P:Fin C:Term!", "FINALIZED"),
    "CN:03-02": ("C:Req P:Off C:Ver!", "OFFERED"),
    "CN:03-03": ("C:Req P:Off C:Acc C:Ver!", "ACCEPTED"),
    "CN:03-04": ("C:Req P:Off C:Req C:Req!", "REQUESTED"),
    "CN_C:02-05": ("C:Req P:Off C:Acc P:Term", "TERMINATED"),
    "CN_C:02-06": ("C:Req P:Agr C:Ver P:Term", "TERMINATED"),
    "CN_C:03-01": ("C:Req P:Fin!", "REQUESTED"),
    "CN_C:03-02": ("C:Req P:Off P:Agr!", "OFFERED"),
    "CN_C:03-03": ("C:Req P:Off P:Fin!", "OFFERED"),
    "CN_C:03-04": ("C:Req P:Off C:Acc P:Fin!", "ACCEPTED"),
    "CN_C:03-05": ("C:Req P:Off C:Acc P:Off!", "ACCEPTED"),
    "CN_C:03-06": ("C:Req P:Off C:Acc P:Agr P:Fin!", "AGREED"),
}


def held(conversation: str) -> NegotiationState | None:
    """The state after a conversation, each refusal of which is expected and changes nothing."""
    state = None
    for said in conversation.split():
        speaker, word = said.rstrip("!").split(":")
        sender = Role.CONSUMER if speaker == "C" else Role.PROVIDER
        if said.endswith("!"):
            with pytest.raises(StepRefused):
                step(state, WORDS[word], sender)
        else:
            state = step(state, WORDS[word], sender)
    return state


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_kit_s_negotiations_end_as_they_should(name: str) -> None:
    conversation, ending = CONVERSATIONS[name]
    assert held(conversation) == ending


def test_a_provider_may_open_the_negotiation_with_an_offer() -> None:
    assert held("P:Off C:Acc P:Agr C:Ver P:Fin") == "FINALIZED"


def test_nobody_can_accept_an_offer_of_their_own() -> None:
    assert held("C:Req C:Acc!") == "REQUESTED"
    assert held("C:Req P:Off C:Req C:Acc! P:Acc!") == "REQUESTED"
    assert held("C:Req P:Off P:Acc!") == "OFFERED"


def test_only_the_provider_agrees_and_finalizes_and_only_the_consumer_verifies() -> None:
    assert held("C:Req C:Agr! P:Agr P:Ver! C:Ver C:Fin! P:Fin") == "FINALIZED"


@pytest.mark.parametrize("before", ["C:Req", "C:Req P:Off", "C:Req P:Off C:Acc", "C:Req P:Agr", "C:Req P:Agr C:Ver"])
@pytest.mark.parametrize("speaker", ["C", "P"])
def test_either_party_may_terminate_in_every_state_that_is_not_final(before: str, speaker: str) -> None:
    assert held(f"{before} {speaker}:Term") == "TERMINATED"
    assert held(f"{before} {speaker}:Term C:Req! P:Off! C:Acc! P:Agr! C:Ver! P:Fin! C:Term! P:Term!") == "TERMINATED"


def test_a_negotiation_begins_with_a_request_or_an_offer_and_nothing_else() -> None:
    assert held("P:Req! C:Off! C:Acc! P:Agr! C:Ver! P:Fin! C:Term! P:Term!") is None
