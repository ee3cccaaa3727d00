"""Moves as the messages that carry them (DSP 2025-1, negotiation and transfer message types)."""

from __future__ import annotations

from typing import Any, TypeVar

from connector.problems import Problem, conflict, invalid
from connector.records import Negotiation, Transfer
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.processes.bearing import pids
from connector.services.processes.conduct import Letter
from connector.services.processes.moves import (
    Accept,
    Agree,
    Complete,
    Finalize,
    MakeOffer,
    MakeRequest,
    NegotiationMove,
    Suspend,
    Terminate,
    Verify,
)
from contracts.agreement import make_agreement
from contracts.messages import (
    ContractAgreementMessage,
    ContractAgreementVerificationMessage,
    ContractNegotiationEventMessage,
    ContractNegotiationTerminationMessage,
    ContractOfferMessage,
    ContractRequestMessage,
    MessageError,
    TransferCompletionMessage,
    TransferSuspensionMessage,
    TransferTerminationMessage,
)
from contracts.names import NegotiationEvent, negotiation_path, transfer_path

Offering = TypeVar("Offering", ContractOfferMessage, ContractRequestMessage)


def negotiation_letter(context: Context, process: Negotiation, move: NegotiationMove) -> Letter:
    """A negotiation's move as a message. Raises Problem 400 for an offer that is no message, 409 without their pid."""
    named, theirs = _named(process)
    match move:
        case MakeOffer():
            made: Any = composed(ContractOfferMessage, offer=dict(move.policy), selection=move.selection, **named)
            tail = "/offers"
        case MakeRequest():
            made = composed(ContractRequestMessage, offer=dict(move.policy), selection=move.selection, **named)
            tail = "/request"
        case Accept():
            made, tail = _event(NegotiationEvent.ACCEPTED, named), "/events"
        case Finalize():
            made, tail = _event(NegotiationEvent.FINALIZED, named), "/events"
        case Agree():
            made, tail = _agreement(context, process, named), "/agreement"
        case Verify():
            made, tail = ContractAgreementVerificationMessage(id=new_id(), **named), "/agreement/verification"
        case Terminate():
            made, tail = ContractNegotiationTerminationMessage(id=new_id(), **named, **_why(move)), "/termination"
    return Letter(made, negotiation_path(theirs, tail), {})


def ending_letter(process: Transfer, move: Complete | Suspend | Terminate) -> Letter:
    """A transfer's completion, suspension or termination as a message. Raises Problem 409 without their pid."""
    named, theirs = _named(process)
    match move:
        case Complete():
            made: Any = TransferCompletionMessage(id=new_id(), **named)
            tail = "/completion"
        case Suspend():
            made, tail = TransferSuspensionMessage(id=new_id(), **named, **_why(move)), "/suspension"
        case Terminate():
            made, tail = TransferTerminationMessage(id=new_id(), **named, **_why(move)), "/termination"
    return Letter(made, transfer_path(theirs, tail), {})


def _named(process: Negotiation | Transfer) -> tuple[dict[str, Any], str]:
    if process.their_pid is None:
        raise conflict("The other side has not answered yet", accepted="once it has answered for the first time")
    provider, consumer = pids(process)
    return {"provider_pid": provider, "consumer_pid": consumer}, process.their_pid


def composed(kind: type[Offering], **fields: Any) -> Offering:
    """A message with an offer in it, as its receiver will read it. Raises Problem 400."""
    try:
        made = kind(id=new_id(), **fields)
        kind.read(made.wire())
    except ValueError as fault:
        line = str(fault) if isinstance(fault, MessageError) else "it has not the form of an offer"
        raise invalid(f"This offer cannot be sent: {line}", "offer") from None
    return made


def _event(event: NegotiationEvent, named: dict[str, Any]) -> ContractNegotiationEventMessage:
    return ContractNegotiationEventMessage(id=new_id(), event_type=event, **named)


def _agreement(context: Context, process: Negotiation, named: dict[str, Any]) -> ContractAgreementMessage:
    try:
        policy = make_agreement(
            new_id(), process.offer or {}, process.dataset, context.me.id, process.counterparty, context.clock()
        )
    except ValueError as fault:
        raise Problem(409, "conflict", "This offer cannot become an agreement", str(fault)) from None
    return ContractAgreementMessage(id=new_id(), agreement=policy, **named)


def _why(move: Suspend | Terminate) -> dict[str, Any]:
    return {"code": move.code or None, "reason": tuple(move.reasons) or None}
