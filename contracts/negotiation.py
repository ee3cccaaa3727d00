"""The contract negotiation as a table, for both roles (contract.negotiation.protocol, state machine).

The table alone decides. OFFERED is reached only by an offer of the provider and left by ACCEPTED only for the consumer,
so accepting one's own counter-offer is refused; ACCEPTED from a provider and FINALIZED from a consumer have no key at
all. Diagram and prose of the specification disagree on who may terminate when; by the prose, either party may in every
state that is not final.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts.messages.negotiation import ContractNegotiationEventMessage, NegotiationMessage
from contracts.names import MessageType, NegotiationEvent, NegotiationState, Role
from contracts.steps import Table, accepted, final_states, take


class NegotiationStep(StrEnum):
    """What moves a negotiation: a message type, and for events which one."""

    REQUEST = MessageType.CONTRACT_REQUEST
    OFFER = MessageType.CONTRACT_OFFER
    ACCEPT = f"{MessageType.CONTRACT_EVENT} {NegotiationEvent.ACCEPTED}"
    AGREE = MessageType.CONTRACT_AGREEMENT
    VERIFY = MessageType.CONTRACT_VERIFICATION
    FINALIZE = f"{MessageType.CONTRACT_EVENT} {NegotiationEvent.FINALIZED}"
    TERMINATE = MessageType.CONTRACT_TERMINATION


_S, _M, _P, _C = NegotiationState, NegotiationStep, Role.PROVIDER, Role.CONSUMER

TABLE: Final[Table[NegotiationState, NegotiationStep]] = MappingProxyType(
    {
        (None, _M.REQUEST, _C): _S.REQUESTED,
        (None, _M.OFFER, _P): _S.OFFERED,
        (_S.REQUESTED, _M.OFFER, _P): _S.OFFERED,
        (_S.REQUESTED, _M.AGREE, _P): _S.AGREED,
        (_S.REQUESTED, _M.TERMINATE, _P): _S.TERMINATED,
        (_S.REQUESTED, _M.TERMINATE, _C): _S.TERMINATED,
        (_S.OFFERED, _M.REQUEST, _C): _S.REQUESTED,
        (_S.OFFERED, _M.ACCEPT, _C): _S.ACCEPTED,
        (_S.OFFERED, _M.TERMINATE, _P): _S.TERMINATED,
        (_S.OFFERED, _M.TERMINATE, _C): _S.TERMINATED,
        (_S.ACCEPTED, _M.AGREE, _P): _S.AGREED,
        (_S.ACCEPTED, _M.TERMINATE, _P): _S.TERMINATED,
        (_S.ACCEPTED, _M.TERMINATE, _C): _S.TERMINATED,
        (_S.AGREED, _M.VERIFY, _C): _S.VERIFIED,
        (_S.AGREED, _M.TERMINATE, _P): _S.TERMINATED,
        (_S.AGREED, _M.TERMINATE, _C): _S.TERMINATED,
        (_S.VERIFIED, _M.FINALIZE, _P): _S.FINALIZED,
        (_S.VERIFIED, _M.TERMINATE, _P): _S.TERMINATED,
        (_S.VERIFIED, _M.TERMINATE, _C): _S.TERMINATED,
    }
)
FINAL: Final = final_states(TABLE, NegotiationState)


def step(state: NegotiationState | None, message: NegotiationStep, sender: Role) -> NegotiationState:
    """The state after `message` from `sender`; `state` is None before the first message. Raises StepRefused."""
    return take(TABLE, state, message, sender)


def open_to(state: NegotiationState | None, sender: Role) -> tuple[NegotiationStep, ...]:
    """What `sender` may send in `state`."""
    return accepted(TABLE, state, sender)


def step_of(message: NegotiationMessage) -> NegotiationStep:
    """Which step of the table a message is."""
    if isinstance(message, ContractNegotiationEventMessage):
        return NegotiationStep(f"{message.TYPE} {message.event_type}")
    return NegotiationStep(message.TYPE)
