"""What every address of the protocol answers: who may ask, in which spelling, with what beside what is needed."""

from __future__ import annotations

import gzip
import re

import pytest

from contracts import schemas
from contracts.names import CONTEXT_URL, NIL_PID, MessageType, Role
from contracts.negotiation import NegotiationStep as N
from contracts.transfer import TransferStep as T
from tests.conformance import ids, processes
from tests.conformance.examined import examine
from tests.conformance.peer import Peer, message, urn
from tests.conformance.processes import NEGOTIATIONS, TRANSFERS, Process

ASKED = message("CatalogRequestMessage")
POSTS = [
    "/catalog/request", "/negotiations/request", "/negotiations/offers", "/transfers/request",
    *(f"/negotiations/x/{tail}" for tail in ("request", "offers", "events", "agreement", "termination")),
    "/negotiations/x/agreement/verification",
    *(f"/transfers/x/{tail}" for tail in ("start", "suspension", "completion", "termination")),
]  # fmt: skip
GETS = ["/catalog/datasets/CAT0101", "/negotiations/x", "/transfers/x"]
NEXT = re.compile(r'<([^>]+)>; ?rel="(\w+)"')


@pytest.mark.parametrize("path", POSTS)
def test_nobody_posts_without_an_authorization(peer: Peer, path: str):
    answer = peer.post(path, ASKED, {"authorization": ""})
    assert answer.status_code == 401
    if "catalog" not in path:
        assert answer.json()["providerPid"] == answer.json()["consumerPid"] == NIL_PID


@pytest.mark.parametrize("path", GETS)
def test_nobody_gets_anything_without_an_authorization(peer: Peer, path: str):
    assert peer.get(path, {"authorization": ""}).status_code == 401


def test_the_versions_are_for_everybody(peer: Peer):
    answer = peer.client.get("/.well-known/dspace-version")
    assert answer.status_code == 200
    assert schemas.validator(MessageType.VERSION_RESPONSE).is_valid(answer.json())
    assert answer.json() == {"protocolVersions": [{"version": "2025-1", "path": "/dsp/2025-1", "binding": "HTTPS"}]}


# Spelling: trailing slashes, contexts and properties nobody knows.

TELLING = {
    "event": lambda peer: (NEGOTIATIONS[Role.PROVIDER, "OFFERED"](peer), N.ACCEPT),
    "counter-request": lambda peer: (NEGOTIATIONS[Role.PROVIDER, "OFFERED"](peer), N.REQUEST),
    "verification": lambda peer: (NEGOTIATIONS[Role.PROVIDER, "AGREED"](peer), N.VERIFY),
    "offer": lambda peer: (NEGOTIATIONS[Role.CONSUMER, "REQUESTED"](peer), N.OFFER),
    "agreement": lambda peer: (NEGOTIATIONS[Role.CONSUMER, "REQUESTED"](peer), N.AGREE),
    "finalized": lambda peer: (NEGOTIATIONS[Role.CONSUMER, "VERIFIED"](peer), N.FINALIZE),
    "end of negotiation": lambda peer: (NEGOTIATIONS[Role.CONSUMER, "REQUESTED"](peer), N.TERMINATE),
    "start": lambda peer: (TRANSFERS[Role.CONSUMER, "REQUESTED"](peer), T.START),
    "suspension": lambda peer: (TRANSFERS[Role.PROVIDER, "STARTED"](peer), T.SUSPEND),
    "completion": lambda peer: (TRANSFERS[Role.CONSUMER, "STARTED"](peer), T.COMPLETE),
    "end of transfer": lambda peer: (TRANSFERS[Role.PROVIDER, "REQUESTED"](peer), T.TERMINATE),
}  # fmt: skip
SURPLUS = {
    "@context": ["https://w3id.org/edc/dspace/v0.0.1", CONTEXT_URL, "https://example.org/own"],
    "own:key": {"a": 1},
}


@pytest.mark.parametrize("name", TELLING)
@pytest.mark.parametrize("slash", ["", "/"])
def test_unknown_contexts_and_properties_and_a_slash_at_the_end_are_borne(peer: Peer, name: str, slash: str):
    process, step = TELLING[name](peer)
    answer = peer.post(process.path(step) + slash, process.say(step) | SURPLUS)
    assert answer.status_code == 200, answer.text
    assert peer.get(process.path() + slash).json()["state"] == answer.json()["state"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_first_messages_may_hold_what_nobody_knows(peer: Peer, slash: str):
    first = {
        "/negotiations/request": processes.initial_request(peer, "ACN0202"),
        "/negotiations/offers": processes.initial_offer(peer, "ACNC0204"),
        "/transfers/request": processes.initial_transfer(peer, "ATP0301"),
    }
    for path, body in first.items():
        assert peer.post(path + slash, body | SURPLUS).status_code == 201, path


def test_a_callback_address_with_a_slash_at_the_end_is_called_as_the_binding_spells_it(peer: Peer):
    body = processes.initial_request(peer, "ACN0204") | {"callbackAddress": f"{peer.callback}/"}
    assert peer.post("/negotiations/request", body).status_code == 201
    heard = peer.awaits("ContractOfferMessage", body["consumerPid"])
    assert heard.path == f"/dsp/negotiations/{body['consumerPid']}/offers"


@pytest.mark.parametrize("callback", ["http://192.0.2.1/dsp", "https://example.org/dsp", "ftp://127.0.0.1/", "nothing"])
def test_the_fixture_calls_nobody_but_this_machine(peer: Peer, callback: str):
    body = processes.initial_request(peer, "ACN0202") | {"callbackAddress": callback}
    answer = peer.post("/negotiations/request", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "callback-refused")


# What a message names must exist, and belong to it.


def test_an_offer_nobody_made_is_refused(peer: Peer):
    body = processes.initial_request(peer, "ACN0202")
    for wrong in ({"@id": "CD123:ACN0203:456"}, {"@id": urn()}, {"target": "CAT0101"}, {"target": ids.UNKNOWN}):
        asked = body | {"@id": urn(), "offer": body["offer"] | wrong}
        answer = peer.post("/negotiations/request", asked)
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown-offer")
        assert (answer.json()["providerPid"], answer.json()["consumerPid"]) == (NIL_PID, body["consumerPid"])


def test_an_agreement_nobody_made_is_not_found(peer: Peer):
    for unknown in (urn(), ids.CONSUMER_AGREEMENTS[0]):
        answer = peer.post("/transfers/request", processes.initial_transfer(peer, unknown))
        assert answer.status_code == 404
        assert answer.json()["providerPid"] == NIL_PID


def test_a_format_that_is_not_offered_is_refused(peer: Peer):
    answer = peer.post("/transfers/request", processes.initial_transfer(peer, "ATP0301") | {"format": "Pigeon"})
    assert answer.status_code == 400


@pytest.mark.parametrize("wrong", ["providerPid", "consumerPid"])
@pytest.mark.parametrize("name", TELLING)
def test_a_message_with_the_pid_of_another_process_is_refused(peer: Peer, name: str, wrong: str):
    process, step = TELLING[name](peer)
    before = process.state()
    answer = peer.post(process.path(step), process.say(step) | {wrong: urn()})
    assert answer.status_code == 400, answer.text
    assert {key: answer.json()[key] for key in process.pids} == process.pids
    assert process.state() == before


@pytest.mark.parametrize(
    "changed",
    [{"target": "CAT0101"}, {"assigner": "somebody"}, {"assignee": "somebody"}, {"permission": [{"action": "sell"}]},
     {"prohibition": [{"action": "sell"}]}, {"obligation": [{"action": "delete"}]}, {"profile": "urn:x"}],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_an_agreement_that_is_not_what_was_asked_is_refused(peer: Peer, changed):
    process = NEGOTIATIONS[Role.CONSUMER, "REQUESTED"](peer)
    body = process.say(N.AGREE)
    answer = peer.post(process.path(N.AGREE), body | {"agreement": body["agreement"] | changed})
    assert (answer.status_code, answer.json()["code"]) == (400, "agreement-differs")
    assert process.state() == "REQUESTED"
    process.told(N.AGREE)


# The catalogue.


def pages(peer: Peer) -> list[dict]:
    """Every page, by following `next`."""
    answer, found = peer.post("/catalog/request", ASKED), []
    while True:
        assert answer.status_code == 200
        examine(answer.json(), MessageType.CATALOG)
        found.append(answer.json())
        links = dict(reversed(link) for link in NEXT.findall(answer.headers.get("link", "")))
        assert set(links) <= {"next", "previous"}
        assert ("previous" in links) == (len(found) > 1)
        if "next" not in links:
            return found
        assert links["next"].startswith(f"{peer.url}/dsp/2025-1/catalog/request?")
        answer = peer.post("/catalog/request" + links["next"].partition("/catalog/request")[2], ASKED)


def test_following_the_links_shows_every_dataset_once_and_the_kits_on_the_first_page(peer: Peer):
    found = pages(peer)
    assert len(found) == 3
    shown = [dataset["@id"] for page in found for dataset in page["dataset"]]
    assert len(shown) == len(set(shown))
    assert set(shown) == {*ids.DATASETS, *ids.more(250)}
    assert {*ids.KNOWN, *ids.PROVIDED} <= {dataset["@id"] for dataset in found[0]["dataset"]}
    assert {page["participantId"] for page in found} == {ids.CONNECTOR}


def test_a_page_before_is_the_page_one_came_from(peer: Peer):
    first = peer.post("/catalog/request", ASKED)
    onward = dict(reversed(link) for link in NEXT.findall(first.headers["link"]))["next"]
    second = peer.post("/catalog/request" + onward.partition("/catalog/request")[2], ASKED)
    back = dict(reversed(link) for link in NEXT.findall(second.headers["link"]))["previous"]
    again = peer.post("/catalog/request" + back.partition("/catalog/request")[2], ASKED)
    assert again.json()["dataset"] == first.json()["dataset"]


@pytest.mark.parametrize("token", ["x", "", "-1", "MTA=", "%00", "9" * 400])
def test_a_continuation_token_that_is_none_is_refused(peer: Peer, token: str):
    assert peer.post(f"/catalog/request?continuationToken={token}", ASKED).status_code == 400


def test_a_dataset_says_only_what_the_context_declares(peer: Peer):
    dataset = peer.get("/catalog/datasets/CAT0101").json()
    examine(dataset, MessageType.DATASET)
    assert dataset["@id"] == "CAT0101"
    declared = {key for key in dataset if not key.startswith(("dct:", "dcat:", "https://"))}
    assert declared == {"@context", "@id", "@type", "hasPolicy", "distribution"}
    assert len([key for key in dataset if key.startswith("https://")]) <= 1
    assert [offer["@id"] for offer in dataset["hasPolicy"]] == [ids.offer_id("CAT0101")]
    assert all("target" not in offer for offer in dataset["hasPolicy"])
    assert dataset == {"@context": [CONTEXT_URL]} | pages(peer)[0]["dataset"][ids.DATASETS.index("CAT0101")]


@pytest.mark.parametrize("id", [ids.UNKNOWN, "a%2Fb", "%00", "%F0%9F%98%80", "x" * 3000])
def test_a_dataset_that_is_not_there_is_an_error_of_the_catalogue(peer: Peer, id: str):
    assert peer.get(f"/catalog/datasets/{id}").status_code in (400, 404)


@pytest.mark.parametrize("filter", [[{"x": 1}], ["select *"], [[]], [7]], ids=str)
def test_a_filter_that_is_not_understood_is_refused_clearly(peer: Peer, filter):
    answer = peer.post("/catalog/request", ASKED | {"filter": filter})
    assert answer.status_code == 400
    assert answer.json()["reason"]


def test_an_empty_filter_keeps_everything(peer: Peer):
    answer = peer.post("/catalog/request", ASKED | {"filter": []})
    assert len(answer.json()["dataset"]) == 100


@pytest.mark.parametrize("wanted", ["gzip", "gzip, deflate;q=0.5", "*", "identity", "gzip;q=0", "br"])
def test_the_catalogue_is_packed_only_for_those_who_can_unpack_it(peer: Peer, wanted: str):
    headers = {"authorization": "a peer", "content-type": "application/json", "accept-encoding": wanted}
    asked = peer.client.build_request("POST", "/dsp/2025-1/catalog/request", json=ASKED, headers=headers)
    answer = peer.client.send(asked, stream=True)
    raw = b"".join(answer.iter_raw())
    packed = answer.headers.get("content-encoding")
    assert packed in ((None,) if wanted in ("identity", "gzip;q=0", "br") else ("gzip", None))
    assert packed == "gzip" or wanted != "gzip"
    plain = gzip.decompress(raw) if packed else raw
    assert plain == peer.client.send(peer.client.build_request(
        "POST", "/dsp/2025-1/catalog/request", json=ASKED, headers=headers | {"accept-encoding": "identity"}
    )).content  # fmt: skip
    assert "accept-encoding" in answer.headers.get("vary", "").lower()


def test_a_process_of_the_other_kind_is_not_found(peer: Peer):
    """A pid is of one kind: a negotiation is no transfer."""
    negotiation, transfer = NEGOTIATIONS[Role.PROVIDER, "REQUESTED"](peer), TRANSFERS[Role.PROVIDER, "REQUESTED"](peer)
    assert peer.get(f"/transfers/{negotiation.theirs}").status_code == 404
    assert peer.get(f"/negotiations/{transfer.theirs}").status_code == 404
    other = Process(peer, "transfers", Role.PROVIDER, negotiation.theirs, negotiation.ours, "ATP0301")
    assert other.tell(T.TERMINATE).status_code == 404
    assert negotiation.state() == "REQUESTED"
