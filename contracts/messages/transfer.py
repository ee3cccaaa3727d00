"""The messages, answer and error of a transfer process, and the data address (transfer/*.json; both directions)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from contracts.names import MessageType, TransferState
from contracts.shape import Identifier, Listed, Message, Posted, Reasons, Shape, Text


class EndpointProperty(Shape):
    """One named value of a data address. Reserved: `authorization` (an opaque token), `authType` (such as `bearer`)."""

    TYPE: ClassVar[str] = "EndpointProperty"
    name: Text
    value: Text


class DataAddress(Shape):
    """Where data can be fetched, or is to be pushed."""

    TYPE: ClassVar[str] = "DataAddress"
    endpoint_type: Text
    endpoint: Text | None = None
    endpoint_properties: Listed[EndpointProperty] | None = None

    def value_of(self, name: str) -> str | None:
        """The value of the first property called `name`, or None."""
        return next((entry.value for entry in self.endpoint_properties or () if entry.name == name), None)


class TransferRequestMessage(Posted):
    """Consumer to provider: asks for data under an agreement. `dataAddress` belongs to push formats only."""

    TYPE: ClassVar[str] = MessageType.TRANSFER_REQUEST
    consumer_pid: Identifier
    agreement_id: Identifier
    format: Identifier
    callback_address: Identifier
    data_address: DataAddress | None = Field(None, description="a DataAddress")


class TransferStartMessage(Posted):
    """The transfer starts, or starts again after a suspension. `dataAddress` belongs to pull formats."""

    TYPE: ClassVar[str] = MessageType.TRANSFER_START
    provider_pid: Identifier
    consumer_pid: Identifier
    data_address: DataAddress | None = Field(None, description="a DataAddress")


class TransferCompletionMessage(Posted):
    """Either side says all is done."""

    TYPE: ClassVar[str] = MessageType.TRANSFER_COMPLETION
    provider_pid: Identifier
    consumer_pid: Identifier


class TransferSuspensionMessage(Posted):
    """Either side pauses a started transfer."""

    TYPE: ClassVar[str] = MessageType.TRANSFER_SUSPENSION
    provider_pid: Identifier
    consumer_pid: Identifier
    code: Text | None = None
    reason: Reasons | None = None


class TransferTerminationMessage(Posted):
    """Either side ends the transfer."""

    TYPE: ClassVar[str] = MessageType.TRANSFER_TERMINATION
    provider_pid: Identifier
    consumer_pid: Identifier
    code: Text | None = None
    reason: Reasons | None = None


class TransferProcess(Message):
    """The answer: where the transfer stands."""

    TYPE: ClassVar[str] = MessageType.TRANSFER
    provider_pid: Identifier
    consumer_pid: Identifier
    state: TransferState = Field(description="a state of a transfer")


class TransferError(Message):
    """The error answer; a pid that does not exist or could not be read is `names.NIL_PID`."""

    TYPE: ClassVar[str] = MessageType.TRANSFER_ERROR
    provider_pid: Identifier
    consumer_pid: Identifier
    code: Text | None = None
    reason: Reasons | None = None


TransferMessage = (
    TransferRequestMessage
    | TransferStartMessage
    | TransferCompletionMessage
    | TransferSuspensionMessage
    | TransferTerminationMessage
)
"""What moves a transfer process."""
