"""One frozen model per message, answer and error of the Dataspace Protocol 2025-1, both directions.

`read(kind, body)` reads a parsed JSON body and raises MessageError with one clear line; `message.wire()` is the JSON
object to send. Messages are read as plain compacted JSON, never as JSON-LD.

What is accepted is what the specification's JSON Schemas accept, except that these are refused too:

1. an offer or agreement in a negotiation message without `target` (prose: it MUST have one);
2. `target` in a rule, or in a duty inside it, of such a policy (prose: MUST NOT);
3. an agreement without `timestamp`, or with text around it (prose: MUST; the schema's pattern is not anchored);
4. a policy under negotiation that has no canonical form: a number with a fraction, beyond 2**53 - 1, or text that is
   not Unicode (its terms are hashed and compared);
5. an identifier (`@id` of a message included) that is not a string, is empty, longer than 2048 characters or holds a
   control character;
6. a dataset that travels by itself and calls itself something other than a Dataset;
7. our own key, the selection beside an offer, when it is not a `contracts.terms.Selection` or not the one whose digest
   the offer names.
"""

from __future__ import annotations

from typing import Final

from contracts.faults import MessageError
from contracts.messages.catalogue import (
    Auth,
    Catalog,
    CatalogError,
    CatalogRequestMessage,
    DataService,
    Dataset,
    DatasetRequestMessage,
    Distribution,
    RootCatalog,
    RootDataset,
    Version,
    VersionResponse,
)
from contracts.messages.negotiation import (
    ContractAgreementMessage,
    ContractAgreementVerificationMessage,
    ContractNegotiation,
    ContractNegotiationError,
    ContractNegotiationEventMessage,
    ContractNegotiationTerminationMessage,
    ContractOfferMessage,
    ContractRequestMessage,
    NegotiationMessage,
)
from contracts.messages.transfer import (
    DataAddress,
    EndpointProperty,
    TransferCompletionMessage,
    TransferError,
    TransferMessage,
    TransferProcess,
    TransferRequestMessage,
    TransferStartMessage,
    TransferSuspensionMessage,
    TransferTerminationMessage,
)
from contracts.names import MessageType
from contracts.shape import Json, Message, Posted, Shape, type_of

__all__ = [
    "MODELS",
    "Auth",
    "Catalog",
    "CatalogError",
    "CatalogRequestMessage",
    "ContractAgreementMessage",
    "ContractAgreementVerificationMessage",
    "ContractNegotiation",
    "ContractNegotiationError",
    "ContractNegotiationEventMessage",
    "ContractNegotiationTerminationMessage",
    "ContractOfferMessage",
    "ContractRequestMessage",
    "DataAddress",
    "DataService",
    "Dataset",
    "DatasetRequestMessage",
    "Distribution",
    "EndpointProperty",
    "Json",
    "Message",
    "MessageError",
    "NegotiationMessage",
    "Posted",
    "RootCatalog",
    "RootDataset",
    "Shape",
    "TransferCompletionMessage",
    "TransferError",
    "TransferMessage",
    "TransferProcess",
    "TransferRequestMessage",
    "TransferStartMessage",
    "TransferSuspensionMessage",
    "TransferTerminationMessage",
    "Version",
    "VersionResponse",
    "read",
    "type_of",
]

MODELS: Final[dict[MessageType, type[Shape]]] = {
    MessageType.VERSION_RESPONSE: VersionResponse,
    MessageType.CATALOG_REQUEST: CatalogRequestMessage,
    MessageType.DATASET_REQUEST: DatasetRequestMessage,
    MessageType.CATALOG: RootCatalog,
    MessageType.DATASET: RootDataset,
    MessageType.CATALOG_ERROR: CatalogError,
    MessageType.CONTRACT_REQUEST: ContractRequestMessage,
    MessageType.CONTRACT_OFFER: ContractOfferMessage,
    MessageType.CONTRACT_AGREEMENT: ContractAgreementMessage,
    MessageType.CONTRACT_VERIFICATION: ContractAgreementVerificationMessage,
    MessageType.CONTRACT_EVENT: ContractNegotiationEventMessage,
    MessageType.CONTRACT_TERMINATION: ContractNegotiationTerminationMessage,
    MessageType.NEGOTIATION: ContractNegotiation,
    MessageType.NEGOTIATION_ERROR: ContractNegotiationError,
    MessageType.TRANSFER_REQUEST: TransferRequestMessage,
    MessageType.TRANSFER_START: TransferStartMessage,
    MessageType.TRANSFER_COMPLETION: TransferCompletionMessage,
    MessageType.TRANSFER_SUSPENSION: TransferSuspensionMessage,
    MessageType.TRANSFER_TERMINATION: TransferTerminationMessage,
    MessageType.TRANSFER: TransferProcess,
    MessageType.TRANSFER_ERROR: TransferError,
}
"""The model of every message type; `Catalog` and `Dataset` by themselves are the root forms."""


def read(kind: MessageType, body: object) -> Shape:
    """Reads a parsed JSON body as a message of the given type. Raises MessageError.

    Where the type is known in the code, `ContractRequestMessage.read(body)` gives the same, typed.
    """
    return MODELS[kind].read(body)
