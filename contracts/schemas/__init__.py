"""The specification's own JSON Schemas, packaged: the twin our models are compared with.

They are slow (hundreds of microseconds a message), so nothing on the way of a message uses them; `jsonschema` is loaded
on first use.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

from contracts.names import NAMESPACE, MessageType

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

DIALECT: Final = "https://json-schema.org/draft/2019-09/schema"
_BROKEN: Final = "#definitions/"
_MENDED: Final = "#/definitions/"

SCHEMA_OF: Final[dict[MessageType, str]] = {
    MessageType.VERSION_RESPONSE: "common/protocol-version-schema.json",
    MessageType.CATALOG_REQUEST: "catalog/catalog-request-message-schema.json",
    MessageType.DATASET_REQUEST: "catalog/dataset-request-message-schema.json",
    MessageType.CATALOG: "catalog/catalog-schema.json",
    MessageType.DATASET: "catalog/dataset-schema.json",
    MessageType.CATALOG_ERROR: "catalog/catalog-error-schema.json",
    MessageType.CONTRACT_REQUEST: "negotiation/contract-request-message-schema.json",
    MessageType.CONTRACT_OFFER: "negotiation/contract-offer-message-schema.json",
    MessageType.CONTRACT_AGREEMENT: "negotiation/contract-agreement-message-schema.json",
    MessageType.CONTRACT_VERIFICATION: "negotiation/contract-agreement-verification-message-schema.json",
    MessageType.CONTRACT_EVENT: "negotiation/contract-negotiation-event-message-schema.json",
    MessageType.CONTRACT_TERMINATION: "negotiation/contract-negotiation-termination-message-schema.json",
    MessageType.NEGOTIATION: "negotiation/contract-negotiation-schema.json",
    MessageType.NEGOTIATION_ERROR: "negotiation/contract-negotiation-error-schema.json",
    MessageType.TRANSFER_REQUEST: "transfer/transfer-request-message-schema.json",
    MessageType.TRANSFER_START: "transfer/transfer-start-message-schema.json",
    MessageType.TRANSFER_COMPLETION: "transfer/transfer-completion-message-schema.json",
    MessageType.TRANSFER_SUSPENSION: "transfer/transfer-suspension-message-schema.json",
    MessageType.TRANSFER_TERMINATION: "transfer/transfer-termination-message-schema.json",
    MessageType.TRANSFER: "transfer/transfer-process-schema.json",
    MessageType.TRANSFER_ERROR: "transfer/transfer-error-schema.json",
}
"""Where each message's schema lies below `NAMESPACE` and below this package's folder `dsp`."""


def schema(name: str) -> dict[str, object]:
    """One schema by its path, such as `transfer/transfer-error-schema.json`, with the broken references mended.

    Raises KeyError when there is no such schema.
    """
    return _schemas()[name]


def validator(kind: MessageType) -> Validator:
    """A JSON Schema validator for one message type."""
    return validator_at(SCHEMA_OF[kind])


@cache
def validator_at(name: str) -> Validator:
    """A JSON Schema validator for the schema at the path `name`; the others are embedded, so nothing is fetched.

    Raises KeyError when there is no such schema.
    """
    from jsonschema import Draft201909Validator

    schema(name)
    bundle = {"$schema": DIALECT, "$ref": NAMESPACE + name, "$defs": dict(_schemas())}
    return Draft201909Validator(bundle)


@cache
def _schemas() -> dict[str, dict[str, object]]:
    root = files(__name__) / "dsp"
    return {name: _load(file) for name, file in _files(root)}


def _files(root: Traversable) -> Iterator[tuple[str, Traversable]]:
    for folder in root.iterdir():
        if folder.is_dir():
            yield from (
                (f"{folder.name}/{file.name}", file) for file in folder.iterdir() if file.name.endswith(".json")
            )


def _load(file: Traversable) -> dict[str, object]:
    text = file.read_text(encoding="utf-8")
    loaded: dict[str, object] = json.loads(text.replace(_BROKEN, _MENDED))
    return loaded
