"""The transfer process as a table, for both roles (transfer.process.protocol, state machine).

Only the provider starts a requested transfer. A started one is completed, suspended or terminated by either party. A
suspended one is resumed by either: the specification's diagram and binding let the consumer do so, one sentence of its
prose does not (its issues 167, 252).
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts.messages.transfer import TransferMessage
from contracts.names import MessageType, Role, TransferState
from contracts.steps import Table, accepted, final_states, take


class TransferStep(StrEnum):
    """What moves a transfer process."""

    REQUEST = MessageType.TRANSFER_REQUEST
    START = MessageType.TRANSFER_START
    SUSPEND = MessageType.TRANSFER_SUSPENSION
    COMPLETE = MessageType.TRANSFER_COMPLETION
    TERMINATE = MessageType.TRANSFER_TERMINATION


_S, _M, _P, _C = TransferState, TransferStep, Role.PROVIDER, Role.CONSUMER

TABLE: Final[Table[TransferState, TransferStep]] = MappingProxyType(
    {
        (None, _M.REQUEST, _C): _S.REQUESTED,
        (_S.REQUESTED, _M.START, _P): _S.STARTED,
        (_S.REQUESTED, _M.TERMINATE, _P): _S.TERMINATED,
        (_S.REQUESTED, _M.TERMINATE, _C): _S.TERMINATED,
        (_S.STARTED, _M.SUSPEND, _P): _S.SUSPENDED,
        (_S.STARTED, _M.SUSPEND, _C): _S.SUSPENDED,
        (_S.STARTED, _M.COMPLETE, _P): _S.COMPLETED,
        (_S.STARTED, _M.COMPLETE, _C): _S.COMPLETED,
        (_S.STARTED, _M.TERMINATE, _P): _S.TERMINATED,
        (_S.STARTED, _M.TERMINATE, _C): _S.TERMINATED,
        (_S.SUSPENDED, _M.START, _P): _S.STARTED,
        (_S.SUSPENDED, _M.START, _C): _S.STARTED,
        (_S.SUSPENDED, _M.TERMINATE, _P): _S.TERMINATED,
        (_S.SUSPENDED, _M.TERMINATE, _C): _S.TERMINATED,
    }
)
FINAL: Final = final_states(TABLE, TransferState)


def step(state: TransferState | None, message: TransferStep, sender: Role) -> TransferState:
    """The state after `message` from `sender`; `state` is None before the first message. Raises StepRefused."""
    return take(TABLE, state, message, sender)


def open_to(state: TransferState | None, sender: Role) -> tuple[TransferStep, ...]:
    """What `sender` may send in `state`."""
    return accepted(TABLE, state, sender)


def step_of(message: TransferMessage) -> TransferStep:
    """Which step of the table a message is."""
    return TransferStep(message.TYPE)
