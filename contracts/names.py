"""The words of the Dataspace Protocol 2025-1: types, states, roles and paths."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from urllib.parse import quote

CONTEXT_URL: Final = "https://w3id.org/dspace/2025/1/context.jsonld"
"""The JSON-LD context every message names, in an array of strings."""
NAMESPACE: Final = "https://w3id.org/dspace/2025/1/"
ODRL_NAMESPACE: Final = "http://www.w3.org/ns/odrl/2/"
VERSION: Final = "2025-1"
BINDING: Final = "HTTPS"
MEDIA_TYPE: Final = "application/json"
NIL_PID: Final = "urn:uuid:00000000-0000-0000-0000-000000000000"
"""Stands for a pid that does not exist or could not be read, in an error that must name both."""

WELL_KNOWN_VERSION: Final = "/.well-known/dspace-version"
CATALOG_REQUEST: Final = "/catalog/request"
CATALOG_DATASETS: Final = "/catalog/datasets"
NEGOTIATIONS: Final = "/negotiations"
TRANSFERS: Final = "/transfers"


class Role(StrEnum):
    """The side a participant takes in one contract."""

    PROVIDER = "provider"
    CONSUMER = "consumer"

    @property
    def other(self) -> Role:
        """The counter-party's role."""
        return Role.CONSUMER if self is Role.PROVIDER else Role.PROVIDER


class MessageType(StrEnum):
    """The `@type` of every message, answer and error; `VersionResponse` travels without one."""

    VERSION_RESPONSE = "VersionResponse"
    CATALOG_REQUEST = "CatalogRequestMessage"
    DATASET_REQUEST = "DatasetRequestMessage"
    CATALOG = "Catalog"
    DATASET = "Dataset"
    CATALOG_ERROR = "CatalogError"
    CONTRACT_REQUEST = "ContractRequestMessage"
    CONTRACT_OFFER = "ContractOfferMessage"
    CONTRACT_AGREEMENT = "ContractAgreementMessage"
    CONTRACT_VERIFICATION = "ContractAgreementVerificationMessage"
    CONTRACT_EVENT = "ContractNegotiationEventMessage"
    CONTRACT_TERMINATION = "ContractNegotiationTerminationMessage"
    NEGOTIATION = "ContractNegotiation"
    NEGOTIATION_ERROR = "ContractNegotiationError"
    TRANSFER_REQUEST = "TransferRequestMessage"
    TRANSFER_START = "TransferStartMessage"
    TRANSFER_COMPLETION = "TransferCompletionMessage"
    TRANSFER_SUSPENSION = "TransferSuspensionMessage"
    TRANSFER_TERMINATION = "TransferTerminationMessage"
    TRANSFER = "TransferProcess"
    TRANSFER_ERROR = "TransferError"


class NegotiationState(StrEnum):
    """The states of a contract negotiation. FINALIZED and TERMINATED are final."""

    REQUESTED = "REQUESTED"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    AGREED = "AGREED"
    VERIFIED = "VERIFIED"
    FINALIZED = "FINALIZED"
    TERMINATED = "TERMINATED"


class NegotiationEvent(StrEnum):
    """The `eventType` of a ContractNegotiationEventMessage: ACCEPTED by the consumer, FINALIZED by the provider."""

    ACCEPTED = "ACCEPTED"
    FINALIZED = "FINALIZED"


class TransferState(StrEnum):
    """The states of a transfer process. COMPLETED and TERMINATED are final."""

    REQUESTED = "REQUESTED"
    STARTED = "STARTED"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    TERMINATED = "TERMINATED"


def negotiation_path(pid: str, tail: str = "") -> str:
    """The path of one negotiation below a base or callback address; `tail` is one of the binding's, such as `/events`.

    Raises ValueError for a pid that cannot be one path segment.
    """
    return f"{NEGOTIATIONS}/{segment(pid)}{tail}"


def transfer_path(pid: str, tail: str = "") -> str:
    """The path of one transfer below a base or callback address. Raises ValueError as `negotiation_path` does."""
    return f"{TRANSFERS}/{segment(pid)}{tail}"


def dataset_path(dataset: str) -> str:
    """The path of one dataset below a base address. Raises ValueError as `negotiation_path` does."""
    return f"{CATALOG_DATASETS}/{segment(dataset)}"


def segment(identifier: str) -> str:
    """A foreign identifier as exactly one path segment. Raises ValueError when it is empty, `.` or `..`."""
    if identifier in {"", ".", ".."}:
        message = "this identifier cannot stand in a path; accepted: any other non-empty string"
        raise ValueError(message)
    return quote(identifier, safe=":")
