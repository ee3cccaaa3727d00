"""The messages, answer and error of contract negotiation (negotiation/*.json; both directions)."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from contracts.faults import MessageError, shape_fault
from contracts.messages.policies import AgreementPolicy, MessageOffer
from contracts.names import MessageType, NegotiationEvent, NegotiationState
from contracts.shape import Identifier, Json, Message, Posted, Reasons, Text
from contracts.terms import Selection, bound_terms
from policy.odrl.vocabulary import SELECTION

_NEEDS_ONE = "exactly one of {first}, {second}"


class ContractRequestMessage(Posted):
    """Consumer to provider: asks for a contract. The first gives `callbackAddress`, a counter-offer `providerPid`."""

    TYPE: ClassVar[str] = MessageType.CONTRACT_REQUEST
    consumer_pid: Identifier
    provider_pid: Identifier | None = None
    callback_address: Identifier | None = None
    offer: MessageOffer
    selection: Selection | None = Field(None, alias=SELECTION, description="the selection the offer names")

    @property
    def dataset(self) -> str:
        """The id of the dataset asked for (the offer's `target`)."""
        return str(self.offer["target"])

    @model_validator(mode="after")
    def _as_a_whole(self) -> Self:
        _either("providerPid", self.provider_pid, self.callback_address)
        _selects(self.offer, self.selection)
        return self


class ContractOfferMessage(Posted):
    """Provider to consumer: an offer. An opening one gives `callbackAddress`, a later one `consumerPid`."""

    TYPE: ClassVar[str] = MessageType.CONTRACT_OFFER
    provider_pid: Identifier
    consumer_pid: Identifier | None = None
    callback_address: Identifier | None = None
    offer: MessageOffer
    selection: Selection | None = Field(None, alias=SELECTION, description="the selection the offer names")

    @property
    def dataset(self) -> str:
        """The id of the dataset offered (the offer's `target`)."""
        return str(self.offer["target"])

    @model_validator(mode="after")
    def _as_a_whole(self) -> Self:
        _either("consumerPid", self.consumer_pid, self.callback_address)
        _selects(self.offer, self.selection)
        return self


class ContractAgreementMessage(Posted):
    """Provider to consumer: agrees, and says to what."""

    TYPE: ClassVar[str] = MessageType.CONTRACT_AGREEMENT
    provider_pid: Identifier
    consumer_pid: Identifier
    agreement: AgreementPolicy


class ContractAgreementVerificationMessage(Posted):
    """Consumer to provider: has checked the agreement."""

    TYPE: ClassVar[str] = MessageType.CONTRACT_VERIFICATION
    provider_pid: Identifier
    consumer_pid: Identifier


class ContractNegotiationEventMessage(Posted):
    """ACCEPTED by the consumer, FINALIZED by the provider."""

    TYPE: ClassVar[str] = MessageType.CONTRACT_EVENT
    provider_pid: Identifier
    consumer_pid: Identifier
    event_type: NegotiationEvent = Field(description="ACCEPTED or FINALIZED")


class ContractNegotiationTerminationMessage(Posted):
    """Either side ends the negotiation."""

    TYPE: ClassVar[str] = MessageType.CONTRACT_TERMINATION
    provider_pid: Identifier
    consumer_pid: Identifier
    code: Text | None = None
    reason: Reasons | None = None


class ContractNegotiation(Message):
    """The answer: where the negotiation stands."""

    TYPE: ClassVar[str] = MessageType.NEGOTIATION
    provider_pid: Identifier
    consumer_pid: Identifier
    state: NegotiationState = Field(description="a state of a negotiation")


class ContractNegotiationError(Message):
    """The error answer; a pid that does not exist or could not be read is `names.NIL_PID`."""

    TYPE: ClassVar[str] = MessageType.NEGOTIATION_ERROR
    provider_pid: Identifier
    consumer_pid: Identifier
    code: Text | None = None
    reason: Reasons | None = None


NegotiationMessage = (
    ContractRequestMessage
    | ContractOfferMessage
    | ContractAgreementMessage
    | ContractAgreementVerificationMessage
    | ContractNegotiationEventMessage
    | ContractNegotiationTerminationMessage
)
"""What moves a negotiation."""


def _either(pid_key: str, pid: str | None, callback: str | None) -> None:
    if (pid is None) == (callback is None):
        what = (
            f"has neither {pid_key} nor callbackAddress" if pid is None else f"has both {pid_key} and callbackAddress"
        )
        raise shape_fault((), what, _NEEDS_ONE.format(first=pid_key, second="callbackAddress"))


def _selects(offer: Json, selection: Selection | None) -> None:
    """A selection beside an offer must be the one whose digest the offer's permissions name."""
    if selection is None:
        return
    try:
        named = bound_terms(offer).selection
    except MessageError as error:
        raise shape_fault(("offer",), error.what, error.accepted) from None
    if named != selection.digest:
        raise shape_fault((SELECTION,), "is not the selection the offer names", "the selection with that digest")
