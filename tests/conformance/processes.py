"""Negotiations and transfers with the connector under test, brought to any state by messages alone.

Which dataset or agreement is asked for decides what the connector does by itself (`scripts`); the rest is ours to say.
`Process.say(step)` makes the message of a step of the table, well formed and with the right pids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from contracts.names import Role
from contracts.negotiation import NegotiationStep as N
from contracts.transfer import TransferStep as T
from tests.conformance import ids
from tests.conformance.peer import Json, Peer, message
from tests.conformance.plugs import TERMS, offer_of

ADDRESS: Json = {
    "@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpoint": "http://127.0.0.1:9/data",
    "endpointProperties": [{"@type": "EndpointProperty", "name": "authorization", "value": "a token"}],
}  # fmt: skip
MADE = "2026-01-01T00:00:00Z"
WHY: Json = {"code": "because", "reason": ["we say so"]}
_PATHS: dict[Any, str] = {
    N.REQUEST: "request", N.OFFER: "offers", N.ACCEPT: "events", N.FINALIZE: "events", N.AGREE: "agreement",
    N.VERIFY: "agreement/verification", N.TERMINATE: "termination", T.REQUEST: "request", T.START: "start",
    T.SUSPEND: "suspension", T.COMPLETE: "completion", T.TERMINATE: "termination",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Process:
    """One negotiation or transfer: `theirs` is the connector's pid, `ours` the peer's, `role` the connector's."""

    peer: Peer
    kind: str
    role: Role
    theirs: str
    ours: str
    about: str

    @property
    def pids(self) -> Json:
        """Both, by their names on the wire."""
        provider, consumer = (self.theirs, self.ours) if self.role is Role.PROVIDER else (self.ours, self.theirs)
        return {"providerPid": provider, "consumerPid": consumer}

    def path(self, step: Any = None) -> str:
        """Where its state is read, or where the message of a step goes."""
        return f"/{self.kind}/{self.theirs}" + (f"/{_PATHS[step]}" if step else "")

    def state(self) -> str:
        """What the connector says it is in."""
        answer = self.peer.get(self.path())
        assert answer.status_code == 200, answer.text
        assert {name: answer.json()[name] for name in self.pids} == self.pids
        return str(answer.json()["state"])

    def reaches(self, state: str) -> Process:
        """Wait until the connector says it is in this state."""
        self.peer.until(lambda: self.state() == state, f"{state} of a {self.role}'s {self.about}")
        return self

    def say(self, step: Any) -> Json:
        """The message of a step, as this process's peer would say it."""
        return message(str(step).partition(" ")[0], **self.pids, **self._keys(step))

    def tell(self, step: Any) -> httpx2.Response:
        """Say it."""
        return self.peer.post(self.path(step), self.say(step))

    def told(self, *steps: Any) -> Process:
        """Say these, each of which must be taken."""
        for step in steps:
            answer = self.tell(step)
            assert answer.status_code == 200, f"{step}: {answer.text}"
        return self

    def _keys(self, step: Any) -> Json:
        if step in (N.ACCEPT, N.FINALIZE):
            return {"eventType": step.rpartition(" ")[2]}
        if step in (N.REQUEST, N.OFFER):
            return {"offer": offer_of(self.about)}
        if step in (N.TERMINATE, T.TERMINATE, T.SUSPEND):
            return WHY
        if step is N.AGREE:
            return {"agreement": self.agreement()}
        if step is T.REQUEST:
            return asked_for(self.peer, self.about)
        return {"dataAddress": ADDRESS} if step is T.START and self.role is Role.CONSUMER else {}

    def agreement(self) -> Json:
        """What an agreeing peer would send."""
        provider, consumer = (ids.CONNECTOR, ids.KIT) if self.role is Role.PROVIDER else (ids.KIT, ids.CONNECTOR)
        head = {"@id": message("x")["@id"], "@type": "Agreement", "target": self.about, "timestamp": MADE}
        return head | {"assigner": provider, "assignee": consumer} | TERMS


def requested(peer: Peer, dataset: str) -> Process:
    """We ask the connector for a contract."""
    body = initial_request(peer, dataset)
    answer = peer.post("/negotiations/request", body)
    assert (answer.status_code, answer.json()["state"]) == (201, "REQUESTED"), answer.text
    return Process(peer, "negotiations", Role.PROVIDER, answer.json()["providerPid"], body["consumerPid"], dataset)


def initial_request(peer: Peer, about: str) -> Json:
    """The first message of a negotiation by a consumer."""
    pid = message("x")["@id"]
    return message(str(N.REQUEST), consumerPid=pid, callbackAddress=peer.callback, offer=offer_of(about))


def initial_offer(peer: Peer, about: str) -> Json:
    """The first message of a negotiation by a provider."""
    pid = message("x")["@id"]
    return message(str(N.OFFER), providerPid=pid, callbackAddress=peer.callback, offer=offer_of(about))


def wanted(peer: Peer, dataset: str) -> Process:
    """The connector asks us for a contract."""
    pid = peer.trigger("negotiations", datasetId=dataset, offerId=f"offer{dataset}")
    return _taken_up(peer, "negotiations", pid, dataset)


def asked_for(peer: Peer, agreement: str) -> Json:
    """What a request for a transfer says beside its pid."""
    return {"agreementId": agreement, "format": ids.FORMAT, "callbackAddress": peer.callback}


def initial_transfer(peer: Peer, about: str) -> Json:
    """The first message of a transfer."""
    return message(str(T.REQUEST), consumerPid=message("x")["@id"], **asked_for(peer, about))


def fetched(peer: Peer, agreement: str) -> Process:
    """We ask the connector for the data of an agreement."""
    body = initial_transfer(peer, agreement)
    answer = peer.post("/transfers/request", body)
    assert (answer.status_code, answer.json()["state"]) == (201, "REQUESTED"), answer.text
    return Process(peer, "transfers", Role.PROVIDER, answer.json()["providerPid"], body["consumerPid"], agreement)


def fetching(peer: Peer, agreement: str) -> Process:
    """The connector asks us for the data of an agreement."""
    pid = peer.trigger("transfers", agreementId=agreement, format=ids.FORMAT)
    return _taken_up(peer, "transfers", pid, agreement)


def _taken_up(peer: Peer, kind: str, pid: str, about: str) -> Process:
    """The process the connector began, once it knows our pid."""

    def known() -> str:
        ours = peer.get(f"/{kind}/{pid}").json().get("providerPid", "")
        return "" if ours.endswith("-000000000000") else str(ours)

    ours = peer.until(known, f"our answer to the first message about {about}")
    return Process(peer, kind, Role.CONSUMER, pid, ours, about).reaches("REQUESTED")


Way = Callable[[Peer], Process]
NEGOTIATIONS: dict[tuple[Role, str], Way] = {
    (Role.PROVIDER, "REQUESTED"): lambda peer: requested(peer, "ACN0202"),
    (Role.PROVIDER, "OFFERED"): lambda peer: requested(peer, "ACN0204").reaches("OFFERED"),
    (Role.PROVIDER, "ACCEPTED"): lambda peer: requested(peer, "ACN0303").reaches("OFFERED").told(N.ACCEPT),
    (Role.PROVIDER, "AGREED"): lambda peer: requested(peer, "ACN0203").reaches("AGREED"),
    (Role.PROVIDER, "VERIFIED"): lambda peer: requested(peer, "ACN0203").reaches("AGREED").told(N.VERIFY),
    (Role.PROVIDER, "FINALIZED"): lambda peer: (
        requested(peer, "ACN0104").reaches("AGREED").told(N.VERIFY).reaches("FINALIZED")
    ),
    (Role.PROVIDER, "TERMINATED"): lambda peer: requested(peer, "ACN0202").told(N.TERMINATE),
    (Role.CONSUMER, "REQUESTED"): lambda peer: wanted(peer, "ACNC0201"),
    (Role.CONSUMER, "OFFERED"): lambda peer: wanted(peer, "ACNC0204").told(N.OFFER),
    (Role.CONSUMER, "ACCEPTED"): lambda peer: wanted(peer, "ACNC0304").told(N.OFFER).reaches("ACCEPTED"),
    (Role.CONSUMER, "AGREED"): lambda peer: wanted(peer, "ACNC0201").told(N.AGREE),
    (Role.CONSUMER, "VERIFIED"): lambda peer: wanted(peer, "ACNC0104").told(N.AGREE).reaches("VERIFIED"),
    (Role.CONSUMER, "FINALIZED"): lambda peer: (
        wanted(peer, "ACNC0104").told(N.AGREE).reaches("VERIFIED").told(N.FINALIZE)
    ),
    (Role.CONSUMER, "TERMINATED"): lambda peer: wanted(peer, "ACNC0201").told(N.TERMINATE),
}
"""How to bring a negotiation to each state in which the connector, in each role, then waits."""
TRANSFERS: dict[tuple[Role, str], Way] = {
    (Role.PROVIDER, "REQUESTED"): lambda peer: fetched(peer, "ATP0301"),
    (Role.PROVIDER, "STARTED"): lambda peer: fetched(peer, "ATP0201").reaches("STARTED"),
    (Role.PROVIDER, "SUSPENDED"): lambda peer: fetched(peer, "ATP0203").reaches("STARTED").told(T.SUSPEND),
    (Role.PROVIDER, "COMPLETED"): lambda peer: fetched(peer, "ATP0202").reaches("STARTED").told(T.COMPLETE),
    (Role.PROVIDER, "TERMINATED"): lambda peer: fetched(peer, "ATP0301").told(T.TERMINATE),
    (Role.CONSUMER, "REQUESTED"): lambda peer: fetching(peer, "ATPC0101"),
    (Role.CONSUMER, "STARTED"): lambda peer: fetching(peer, "ATPC0101").told(T.START),
    (Role.CONSUMER, "SUSPENDED"): lambda peer: fetching(peer, "ATPC0103").told(T.START, T.SUSPEND),
    (Role.CONSUMER, "COMPLETED"): lambda peer: fetching(peer, "ATPC0102").told(T.START, T.COMPLETE),
    (Role.CONSUMER, "TERMINATED"): lambda peer: fetching(peer, "ATPC0105").told(T.TERMINATE),
}
"""The same for transfers."""
