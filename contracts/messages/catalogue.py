"""The wire form of catalogue messages and version discovery (catalog/*.json, common/protocol-version-schema.json).

What stands in a catalogue is the package `catalog`'s business: keys beyond the protocol's (`dct:title`, a full IRI) are
kept as given, both ways, in `model_extra`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from contracts.faults import shape_fault
from contracts.messages.policies import CatalogueOffer
from contracts.names import BINDING, MessageType
from contracts.shape import Identifier, Listed, Message, Posted, Shape, Text

_OPEN = ConfigDict(extra="allow")


class CatalogRequestMessage(Posted):
    """Consumer to provider: asks for the catalogue. A `filter` that is not understood is to be answered with 400."""

    TYPE: ClassVar[str] = MessageType.CATALOG_REQUEST
    filter: tuple[object, ...] | None = Field(None, description="an array")


class DatasetRequestMessage(Posted):
    """Asks for one dataset; the HTTPS binding uses GET instead."""

    TYPE: ClassVar[str] = MessageType.DATASET_REQUEST
    dataset: Identifier


class CatalogError(Message):
    """The error answer of the catalogue endpoints."""

    TYPE: ClassVar[str] = MessageType.CATALOG_ERROR
    code: Text | None = None
    reason: tuple[object, ...] | None = Field(None, description="an array")


class Resource(Shape):
    """Anything in a catalogue that has an id."""

    model_config = _OPEN
    id: Identifier = Field(alias="@id", description="the id of this entry")


class DataService(Resource):
    """Where a dataset is negotiated; `endpointURL` is the base the negotiation paths extend."""

    TYPE: ClassVar[str] = "DataService"
    endpoint_url: Text = Field(alias="endpointURL")
    serves_dataset: Listed[Dataset] | None = None


def _service_or_id(value: object) -> str:
    return "service" if isinstance(value, Mapping | DataService) else "id"


class Distribution(Shape):
    """One form a dataset can be had in, and the service (its id, or itself) to ask for it."""

    model_config = _OPEN
    TYPE: ClassVar[str] = "Distribution"
    TYPE_IS: ClassVar[Literal["required", "checked", "ignored"]] = "ignored"
    format: Text
    access_service: Annotated[
        Annotated[Text, Tag("id")] | Annotated[DataService, Tag("service")], Discriminator(_service_or_id)
    ] = Field(description="the id of a DataService, or a DataService")
    has_policy: Listed[CatalogueOffer] | None = None


class Dataset(Resource):
    """A dataset inside a catalogue."""

    TYPE: ClassVar[str] = MessageType.DATASET
    TYPE_IS: ClassVar[Literal["required", "checked", "ignored"]] = "ignored"
    has_policy: Listed[CatalogueOffer]
    distribution: Listed[Distribution]


class RootDataset(Message, Dataset):
    """A dataset as the answer to a request for it."""

    TYPE_IS: ClassVar[Literal["required", "checked", "ignored"]] = "checked"


class Catalog(Resource):
    """A catalogue inside a catalogue. It must not carry a policy of its own."""

    TYPE: ClassVar[str] = MessageType.CATALOG
    dataset: Listed[Dataset] | None = None
    catalog: Listed[Catalog] | None = None
    service: Listed[DataService] | None = None
    distribution: Listed[Distribution] | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_policy(cls, value: object) -> object:
        if isinstance(value, Mapping) and "hasPolicy" in value:
            raise shape_fault(("hasPolicy",), "must not be here: a catalogue has no policy", "the key left out")
        return value


class RootCatalog(Message, Catalog):
    """A catalogue as the answer to a CatalogRequestMessage."""

    participant_id: Identifier = Field(description="the provider's participant id")


class Auth(Shape):
    """How a version's endpoints authenticate."""

    protocol: Text
    version: Text
    profile: tuple[Text, ...] | None = Field(None, description="an array of strings")


class Version(Shape):
    """One protocol version a connector speaks; `path` extends the root at which `.well-known` hangs."""

    version: Text
    path: Text
    binding: Literal["HTTPS"] = Field(description=BINDING)
    service_id: Text | None = None
    identifier_type: Text | None = None
    auth: Auth | None = Field(None, description="an object with protocol and version")


class VersionResponse(Shape):
    """The answer of `/.well-known/dspace-version`: no context, no type."""

    protocol_versions: Listed[Version]

    def path_of(self, version: str) -> str | None:
        """The path of the first entry for `version` over HTTPS, or None: then there is nothing to talk about."""
        return next((entry.path for entry in self.protocol_versions if entry.version == version), None)
