"""Malformed messages of every type: always 400 and an error body, never a fault of ours, never another state.

Each is made by breaking a message the connector would take at this moment; at the end it takes that very one. What is
broken, and that it is, comes from the published schemas alone (`generated`). What the schemas leave open is broken by
`tests/two_party/test_malformed_messages.py`, which looks into the store as well.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import schemas
from contracts.names import MessageType, Role
from contracts.negotiation import NegotiationStep as N
from contracts.transfer import TransferStep as T
from tests.conformance import generated, processes
from tests.conformance.peer import Json, Peer, message
from tests.conformance.processes import ADDRESS, NEGOTIATIONS, TRANSFERS, Process

CONSTRAINTS: Json = {
    "constraint": [
        {"and": [{"leftOperand": "purpose", "operator": "isA", "rightOperand": "x"},
                 {"or": [{"leftOperand": "spatial", "operator": "eq", "rightOperand": ["y"]}]}]},
    ]
}  # fmt: skip
RICH: Json = {
    "profile": ["urn:p"], "permission": [{"action": "use", **CONSTRAINTS}], "prohibition": [{"action": "sell"}],
    "obligation": [{"action": "delete", **CONSTRAINTS}],
}  # fmt: skip
"""A policy in which every place of the schema is taken."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a message goes, what is good there, and the process it is about (None: it begins one)."""

    path: str
    good: Json
    process: Process | None = None


def _first(path: str, made: Callable[[Peer], Json]) -> Callable[[Peer], Scene]:
    return lambda peer: Scene(path, made(peer))


def _next(ways: Any, role: Role, state: str, step: Any) -> Callable[[Peer], Scene]:
    def scene(peer: Peer) -> Scene:
        process = ways[role, state](peer)
        return Scene(process.path(step), process.say(step), process)

    return scene


K = MessageType
SCENES: dict[str, tuple[MessageType, Callable[[Peer], Scene]]] = {
    "catalogue": (K.CATALOG_REQUEST, _first("/catalog/request", lambda _: message("CatalogRequestMessage", filter=[]))),
    "request": (
        K.CONTRACT_REQUEST,
        _first("/negotiations/request", partial(processes.initial_request, about="ACN0202")),
    ),
    "counter-request": (K.CONTRACT_REQUEST, _next(NEGOTIATIONS, Role.PROVIDER, "OFFERED", N.REQUEST)),
    "offer": (K.CONTRACT_OFFER, _first("/negotiations/offers", partial(processes.initial_offer, about="ACNC0204"))),
    "counter-offer": (K.CONTRACT_OFFER, _next(NEGOTIATIONS, Role.CONSUMER, "REQUESTED", N.OFFER)),
    "accepted": (K.CONTRACT_EVENT, _next(NEGOTIATIONS, Role.PROVIDER, "OFFERED", N.ACCEPT)),
    "agreement": (K.CONTRACT_AGREEMENT, _next(NEGOTIATIONS, Role.CONSUMER, "REQUESTED", N.AGREE)),
    "verification": (K.CONTRACT_VERIFICATION, _next(NEGOTIATIONS, Role.PROVIDER, "AGREED", N.VERIFY)),
    "finalized": (K.CONTRACT_EVENT, _next(NEGOTIATIONS, Role.CONSUMER, "VERIFIED", N.FINALIZE)),
    "end of negotiation": (K.CONTRACT_TERMINATION, _next(NEGOTIATIONS, Role.PROVIDER, "REQUESTED", N.TERMINATE)),
    "transfer": (
        K.TRANSFER_REQUEST,
        _first("/transfers/request", partial(processes.initial_transfer, about="ATP0301")),
    ),
    "start": (K.TRANSFER_START, _next(TRANSFERS, Role.CONSUMER, "REQUESTED", T.START)),
    "suspension": (K.TRANSFER_SUSPENSION, _next(TRANSFERS, Role.CONSUMER, "STARTED", T.SUSPEND)),
    "completion": (K.TRANSFER_COMPLETION, _next(TRANSFERS, Role.PROVIDER, "STARTED", T.COMPLETE)),
    "end of transfer": (K.TRANSFER_TERMINATION, _next(TRANSFERS, Role.PROVIDER, "REQUESTED", T.TERMINATE)),
}
"""Every message that travels, where the connector would take it. HTTPS has GET instead of a DatasetRequestMessage."""


def rich(good: Json) -> Json:
    """The same message, still valid, with every place the schema defines taken."""
    made = deepcopy(good)
    for key in ("offer", "agreement"):
        if key in made:
            made[key] |= RICH
    if made["@type"] == K.TRANSFER_REQUEST:
        made["dataAddress"] = ADDRESS
    return made


def test_every_type_that_travels_has_a_scene():
    posted = {kind for kind in MessageType if str(kind).endswith("Message")} - {MessageType.DATASET_REQUEST}
    assert {kind for kind, _ in SCENES.values()} == posted


@pytest.mark.parametrize("name", SCENES)
def test_a_malformed_message_is_refused_and_changes_nothing(peer: Peer, name: str):
    kind, made = SCENES[name]
    scene = made(peer)
    good = rich(scene.good)
    assert schemas.validator(kind).is_valid(good)
    before = scene.process.state() if scene.process else None

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(generated.malformed(kind, good))
    def refused(body: Json) -> None:
        answer = peer.post(scene.path, body)
        assert answer.status_code == 400, f"{answer.status_code} {answer.text}\n{body}"
        if scene.process is not None:
            assert scene.process.state() == before

    refused()
    accepted(peer, scene, kind)


def accepted(peer: Peer, scene: Scene, kind: MessageType) -> None:
    """What it was made from is taken: nothing but the breaking was the reason, and nothing of it has stayed behind."""
    answer = peer.post(scene.path, scene.good)
    assert answer.status_code == (200 if scene.process or kind is MessageType.CATALOG_REQUEST else 201), answer.text


@pytest.mark.parametrize("name", SCENES)
def test_a_body_that_is_no_message_at_all_is_refused(peer: Peer, name: str):
    path = SCENES[name][1](peer).path
    deep = b"[" * 100 + b"]" * 100
    for body in (b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b'{"a": 1, "a": 2}', b'{"a": NaN}', deep):
        assert peer.post(path, body).status_code == 400, body


@settings(max_examples=100, deadline=None, database=None)
@given(st.data())
def test_the_generator_makes_what_the_published_schema_refuses(data: st.DataObject):
    good = message("ContractNegotiationEventMessage", providerPid="p", consumerPid="c", eventType="ACCEPTED")
    kind = MessageType.CONTRACT_EVENT
    assert schemas.validator(kind).is_valid(good)
    assert not schemas.validator(kind).is_valid(data.draw(generated.malformed(kind, good)))


def test_the_generator_reaches_every_place_a_schema_defines():
    offer = {"@id": "o", "@type": "Offer", "target": "d", **RICH}
    good = message("ContractRequestMessage", consumerPid="c", callbackAddress="https://example.org", offer=offer)
    found = {place for place, _ in generated.places(MessageType.CONTRACT_REQUEST, good)}
    inner = ("offer", "permission", 0, "constraint", 0, "and", 0)
    assert {("@context",), ("@context", 0), ("offer", "target"), ("offer", "profile", 0)} <= found
    assert {(*inner, "operator"), (*inner, "leftOperand"), (*inner[:-1], 1)[:6]} <= found
