"""Our data plane as a transfer sees it: which formats and addresses are taken, and where a pull goes."""

from __future__ import annotations

from connector.records import Dataset, Transfer
from connector.services.context import Context
from connector.services.processes.object_store import store_refusal
from connector.services.processes.transfers import PULL, PUSH, PUSHES, STORE_PUSH
from contracts import edc
from contracts.messages import DataAddress, EndpointProperty

ENDPOINT_TYPE = "https://w3id.org/idsa/v4.1/HTTP"
MANIFEST = "urn:concord:term:manifest"
"""Property of an address to push to: where its receiver wants the signed manifest of what was pushed."""


class ReleasePlane:
    """Implements `courses.DataPlane`: pulls from our doors under `/data`, pushes to where the consumer says."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def address(self, process: Transfer, token: str) -> DataAddress | None:
        """See the port. A counter-party that is none of ours gets it in EDC's spelling too."""
        if process.format in PUSHES:
            return None
        place = "streams" if process.kind == "stream" else "releases"
        address = DataAddress(
            endpoint_type=ENDPOINT_TYPE,
            endpoint=f"{self._context.me.origin}/data/{place}/{process.pid}",
            endpoint_properties=(
                EndpointProperty(name="authorization", value=token),
                EndpointProperty(name="authType", value="bearer"),
            ),
        )
        foreign = not self._context.members.speaks_exchange(process.counterparty)
        return edc.both_forms(address) if foreign else address

    def refusal(self, dataset: Dataset | None, format: str, address: DataAddress | None) -> str | None:
        """See the port."""
        if format == PULL:
            return None if address is None else "/dataAddress belongs to push formats only"
        if format == STORE_PUSH:
            return store_refusal(dataset, address)
        if format == PUSH:
            return _push_refusal(dataset, address)
        return f"this format is not offered; accepted: {PULL}, {PUSH}, {STORE_PUSH}"


def _push_refusal(dataset: Dataset | None, address: DataAddress | None) -> str | None:
    if dataset is not None and dataset.kind == "stream":
        return f"a stream is not pushed; accepted: {PULL}"
    if address is None:
        return "/dataAddress is missing; a push needs one"
    if edc.read_push(address) is None:
        return "/dataAddress cannot be followed; accepted: an endpoint that takes a POST, and a bearer token"
    return None


def inbox_address(origin: str, pid: str, token: str) -> DataAddress:
    """Where the provider of our transfer shall push to, and hand in its manifest."""
    endpoint = f"{origin}/data/inbox/{pid}"
    address = edc.push_address(endpoint, token)
    manifest = EndpointProperty(name=MANIFEST, value=f"{endpoint}/manifest")
    return address.model_copy(update={"endpoint_properties": (*(address.endpoint_properties or ()), manifest)})
