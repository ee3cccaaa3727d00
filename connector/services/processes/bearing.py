"""How a message bears on a process: whose pids it names, what outranks it, what it gives as its reason."""

from __future__ import annotations

from typing import Any

from connector.ports import Transaction
from connector.records import Negotiation, OutboxMessage, Transfer
from connector.services.processes.answers import Refusal
from connector.services.processes.conduct import RANKS, P, Protocol
from contracts.messages import Posted
from contracts.names import NIL_PID, MessageType, Role
from contracts.steps import StepRefused

_MOST, _LONGEST = 10, 2000
"""How many reasons are kept, and characters of each; a peer may send a megabyte of them."""


def pids(process: Negotiation | Transfer) -> tuple[str, str]:
    """(providerPid, consumerPid); the nil pid for one not known yet."""
    ours, theirs = process.pid, process.their_pid or NIL_PID
    return (ours, theirs) if process.role == Role.PROVIDER else (theirs, ours)


def rank_of(process: Negotiation | Transfer) -> int:
    """The rank of what we are ending or pausing it with; 0 when we are not."""
    return int((process.parting or {}).get("rank", 0))


def settled_by(message: Posted) -> dict[str, Any]:
    """What the acknowledgement of a message of ours changes beside the state."""
    return reason_in(message) | ({"parting": None} if RANKS.get(message.TYPE, 0) else {})


def reason_in(message: Posted) -> dict[str, Any]:
    """What a suspension or termination gave as its reason, as the process keeps it."""
    code, reason = getattr(message, "code", None), getattr(message, "reason", None)
    if not code and not reason:
        return {}
    return {
        "reason": {"code": (code or "")[:_LONGEST] or None, "reason": [one[:_LONGEST] for one in (reason or ())[:10]]}
    }


def listed(value: object) -> list[object]:
    """A foreign value as a list: itself if it is one, else of one, else of none."""
    return value if isinstance(value, list) else [value] if value else []


def check_pids(process: Negotiation | Transfer, message: Posted) -> None:
    """The pids a message names must be those of the process. Raises Refusal 400."""
    theirs = f"{Role(process.role).other}_pid"
    if (claimed := getattr(message, f"{process.role}_pid", None)) is not None and claimed != process.pid:
        raise Refusal(400, "pid-mismatch", f"{process.role}Pid is not the one in the address")
    if process.their_pid is not None and getattr(message, theirs, None) not in (None, process.their_pid):
        raise Refusal(400, "pid-mismatch", "this process has another pid on your side")


def check_rank(process: Negotiation | Transfer, message: Posted) -> None:
    """While we are ending a process, what the other side still wants of it is not taken. Raises Refusal 400."""
    ours = rank_of(process)
    if ours >= 2 and RANKS.get(message.TYPE, 0) < ours:
        ending = "terminating" if ours == 3 else "completing"
        raise Refusal(400, ending, "our message that ends this is on its way to you")


def overtaken(tx: Transaction, sent: OutboxMessage) -> bool:
    """Whether what the other side did next was taken as the answer to this message of ours."""
    now = tx.get(OutboxMessage, sent.id)
    return now is not None and now.overtaken


def pointless(tx: Transaction, protocol: Protocol[P], process: P, message: Posted) -> bool:
    """Whether a refusal changes nothing: the step was overtaken, or only a wish to pause or to go on."""
    try:
        protocol.after(process, message)
    except StepRefused:
        return True
    resumes = message.TYPE == MessageType.TRANSFER_START and process.state == "SUSPENDED"
    pauses = message.TYPE == MessageType.TRANSFER_SUSPENSION and process.role == Role.CONSUMER
    if pauses:
        tx.change(process, parting=None)
    return resumes or pauses


def bury(tx: Transaction, kind: str, pid: str) -> None:
    """What still waits to be sent about a process that has ended is not sent."""
    changes: dict[str, object] = {"standing": "dead", "error": "the process has ended", "body": None}
    tx.alter(OutboxMessage, changes, about=pid, kind=kind, standing="waiting")
