"""Who may say what, and when, in a transfer.

Each line is one conversation of the protocol's compatibility kit. `C` and `P` speak; `!` means the step is refused and
the state stays.
"""

import pytest

from contracts.names import Role, TransferState
from contracts.steps import StepRefused
from contracts.transfer import TransferStep, step

WORDS = {
    "Req": TransferStep.REQUEST,
    "Start": TransferStep.START,
    "Susp": TransferStep.SUSPEND,
    "Compl": TransferStep.COMPLETE,
    "Term": TransferStep.TERMINATE,
}
CONVERSATIONS = {
    "TP:01-01": ("C:Req P:Start P:Term", "TERMINATED"),
    "TP:01-02": ("C:Req P:Start P:Compl", "COMPLETED"),
    "TP:01-03": ("C:Req P:Start P:Susp P:Term", "TERMINATED"),
    "TP:01-04": ("C:Req P:Start P:Susp P:Start P:Compl", "COMPLETED"),
    "TP:01-05": ("C:Req P:Term", "TERMINATED"),
    "TP:02-01": ("C:Req P:Start C:Term", "TERMINATED"),
    "TP:02-02": ("C:Req P:Start C:Compl", "COMPLETED"),
    "TP:02-03": ("C:Req P:Start C:Susp C:Term", "TERMINATED"),
    "TP:02-04": ("C:Req P:Start C:Susp C:Start C:Compl", "COMPLETED"),
    "TP:02-05": ("C:Req C:Term", "TERMINATED"),
    "TP:03-01": ("C:Req C:Compl!", "REQUESTED"),
    "TP:03-02": ("C:Req C:Susp!", "REQUESTED"),
    "TP:03-03": ("C:Req P:Start C:Susp C:Compl!", "SUSPENDED"),
    "TP:03-04": ("C:Req P:Start C:Term C:Start!", "TERMINATED"),
    "TP:03-05": ("C:Req P:Start C:Term C:Susp!", "TERMINATED"),
    "TP:03-06": ("C:Req P:Start C:Term C:Compl!", "TERMINATED"),
    "TP_C:03-01": ("C:Req P:Compl!", "REQUESTED"),
    "TP_C:03-02": ("C:Req P:Susp!", "REQUESTED"),
    "TP_C:03-03": ("C:Req P:Start P:Susp P:Compl!", "SUSPENDED"),
    "TP_C:03-04": ("C:Req P:Start P:Term P:Start!", "TERMINATED"),
    "TP_C:03-05": ("C:Req P:Start P:Term P:Susp!", "TERMINATED"),
    "TP_C:03-06": ("C:Req P:Start P:Term P:Compl!", "TERMINATED"),
}


def held(conversation: str) -> TransferState | None:
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
def test_the_kit_s_transfers_end_as_they_should(name: str) -> None:
    conversation, ending = CONVERSATIONS[name]
    assert held(conversation) == ending


def test_only_the_provider_starts_what_was_requested() -> None:
    assert held("P:Req! C:Req C:Start! P:Start") == "STARTED"


@pytest.mark.parametrize("pauses", ["C", "P"])
@pytest.mark.parametrize("resumes", ["C", "P"])
def test_either_party_pauses_and_either_resumes(pauses: str, resumes: str) -> None:
    assert held(f"C:Req P:Start {pauses}:Susp {resumes}:Start") == "STARTED"


def test_a_running_transfer_cannot_be_started_or_requested_again() -> None:
    assert held("C:Req C:Req! P:Start P:Start! C:Start! C:Req!") == "STARTED"


@pytest.mark.parametrize("before", ["C:Req", "C:Req P:Start", "C:Req P:Start P:Susp"])
@pytest.mark.parametrize("speaker", ["C", "P"])
def test_either_party_may_terminate_in_every_state_that_is_not_final(before: str, speaker: str) -> None:
    assert held(f"{before} {speaker}:Term C:Req! P:Start! P:Susp! P:Compl! C:Term! P:Term!") == "TERMINATED"
