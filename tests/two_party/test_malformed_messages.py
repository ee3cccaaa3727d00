"""A malformed message of every type gets one clear error, leaves every table as it was, and is forgotten.

The messages are made by breaking good ones, key by key. Each test compares everything stored before and after.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio

from connector.identity.statements import StatementType
from connector.records import (
    RECORDS,
    Agreement,
    InboxMessage,
    Link,
    Negotiation,
    Notice,
    Setting,
    Transfer,
    WalletConsent,
    WalletLink,
)
from connector.services.exchange.linking import code_digest
from contracts.names import CONTEXT_URL
from policy.instants import wire
from tests.two_party import story
from tests.two_party.malformed import WRONG, broken
from tests.two_party.puppet import DSP, Key, Puppet
from tests.two_party.space import Party, make_empty_store, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOT_TEXT = tuple(value for value in WRONG if value != "\x00")
CODE = "2345-6789-ABCD"
CONTEXT = (None, 7, [], {}, CONTEXT_URL, ["https://example.org/context"], [7])


class Scene:
    """A hospital and a puppet that has something of every kind there; the puppet also plays wallet and recipient."""

    def __init__(self, hospital: Party, puppet: Puppet) -> None:
        self.hospital, self.puppet = hospital, puppet
        self.key = Key()

    async def set(self) -> None:
        self.offer = await story.offer_dataset(self.hospital)
        both = {"counterparty": self.puppet.id, "callback": self.puppet.callback}
        made = {
            "n_provider": Negotiation(pid=story.urn(), role="provider", their_pid=story.urn(), state="AGREED", **both),
            "n_consumer": Negotiation(
                pid=story.urn(),
                role="consumer",
                their_pid=story.urn(),
                state="REQUESTED",
                dataset=story.RECORDS,
                offer=self.asked(),
                **both,
            ),
            "agreement": Agreement(
                id=story.urn(), role="provider", counterparty=self.puppet.id, negotiation="n", dataset=story.RECORDS
            ),
            "received": Agreement(
                id=story.urn(), role="consumer", counterparty=self.puppet.id, negotiation="m", dataset=story.RECORDS
            ),
            "link": Link(id=story.urn(), person="p", wallet=self.puppet.id, person_key=self.key.bare),
            "notice": Notice(id=story.urn(), consent=story.urn(), recipient=self.puppet.id, agreement=story.urn()),
            "wallet_link": WalletLink(id=story.urn(), account="a", holder=self.puppet.id),
            "wallet_consent": WalletConsent(id=story.urn(), version=1, account="a", holder=self.puppet.id),
        }
        for name, agreement in (("t_provider", made["agreement"]), ("t_consumer", made["received"])):
            role = name[2:]
            state = "STARTED" if role == "provider" else "REQUESTED"
            made[name] = Transfer(
                pid=story.urn(), role=role, their_pid=story.urn(), agreement=agreement.id, state=state, **both
            )
        for name, record in made.items():
            setattr(self, name, record)
        await self.hospital.add(*made.values())

    def asked(self) -> dict[str, Any]:
        return {**self.offer, "target": story.RECORDS}

    def pids(self, process) -> dict[str, str]:
        ours, theirs = process.pid, process.their_pid
        return {
            "providerPid": ours if process.role == "provider" else theirs,
            "consumerPid": theirs if process.role == "provider" else ours,
        }

    async def everything(self) -> list[Any]:
        """All that is stored, except the note that health checks leave, and the refusals that are kept as answers."""
        kinds = [kind for kind in RECORDS if kind not in (Setting, InboxMessage)]
        return await self.hospital.store.read(lambda tx: [record for kind in kinds for record in tx.find(kind)])

    async def refuses(self, path: str, bodies, check) -> int:
        """Send every body; each is refused, and nothing at all has changed at the end."""
        before, number = await self.everything(), 0
        for name, body in bodies:
            answer = await self.puppet.post(self.hospital, path, body)
            check(name, answer)
            number += 1
        assert await self.everything() == before
        ready = await self.puppet.get(self.hospital, "/health/ready", token="")
        assert ready.status_code == 200
        return number


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory):
    directory = tmp_path_factory.mktemp("scene")
    async with opened(directory, make_empty_store(directory)) as space:
        hospital = await space.add("hospital", "hospital")
        puppet = await Puppet.raised(space.client)
        await puppet.join(hospital)
        made = Scene(hospital, puppet)
        await made.set()
        yield made
        await puppet.close()


def dsp(type: str, **keys: Any) -> dict[str, Any]:
    return {"@context": [CONTEXT_URL], "@type": type, "@id": story.urn()} | keys


def protocol_error(kind: str):
    def check(name: str, answer) -> None:
        assert answer.status_code == 400, f"{name}: {answer.status_code} {answer.text}"
        body = answer.json()
        assert body["@type"] == kind, name
        assert body["@context"] == [CONTEXT_URL], name
        assert isinstance(body["code"], str), name
        assert body["reason"], name
        if kind != "CatalogError":
            assert body["providerPid"], name
            assert body["consumerPid"], name

    return check


def problem(name: str, answer) -> None:
    assert answer.status_code == 400, f"{name}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json", name
    assert {"type", "title", "status", "detail"} <= set(answer.json()), name
    assert "\n" not in answer.json()["detail"], name


HEAD = {("@context",): CONTEXT, ("@type",): (*NOT_TEXT, "Offer", "ContractNegotiation", "CatalogRequestMessage")}
PIDS = {("providerPid",): (*WRONG, "x" * 2049), ("consumerPid",): (*WRONG, "x" * 2049)}
POLICY = {("@id",): WRONG, ("@type",): (*NOT_TEXT, "Set"), ("target",): WRONG}


def inside(key: str, places: dict) -> dict:
    return {(key, *place): wrong for place, wrong in places.items()}


def negotiation_messages(scene) -> dict[str, tuple[str, dict[str, Any], dict]]:
    """path, a good message, and which of its keys may not be missing or wrong."""
    provider, consumer = scene.n_provider, scene.n_consumer
    to_provider, to_consumer = (f"{DSP}/negotiations/{one.pid}" for one in (provider, consumer))
    agreement = scene.asked() | {
        "@id": story.urn(),
        "@type": "Agreement",
        "assigner": scene.puppet.id,
        "assignee": scene.hospital.id,
        "timestamp": "2026-01-01T00:00:00Z",
    }
    agreed = POLICY | {("assigner",): WRONG, ("assignee",): WRONG, ("timestamp",): (*WRONG, "yesterday", "2026-13-01")}
    terms = {("permission",): tuple(value for value in WRONG if value not in ({},)), ("prohibition",): (7, "x", [7])}
    callback = {("callbackAddress",): (*WRONG, "http://127.0.0.1:1/", "https://10.0.0.1/", "ftp://example.org/", "x")}
    return {
        "ContractRequestMessage": (
            f"{DSP}/negotiations/request",
            dsp(
                "ContractRequestMessage",
                consumerPid=story.urn(),
                callbackAddress=scene.puppet.callback,
                offer=scene.asked(),
            ),
            HEAD | {("consumerPid",): (*WRONG, "x" * 2049), ("offer",): WRONG} | inside("offer", POLICY) | callback,
        ),
        "ContractOfferMessage": (
            f"{to_consumer}/offers",
            dsp("ContractOfferMessage", **scene.pids(consumer), offer={**scene.asked(), "@id": story.urn()}),
            HEAD | PIDS | {("offer",): WRONG} | inside("offer", POLICY),
        ),
        "ContractAgreementMessage": (
            f"{to_consumer}/agreement",
            dsp("ContractAgreementMessage", **scene.pids(consumer), agreement=agreement),
            HEAD | PIDS | {("agreement",): WRONG} | inside("agreement", agreed | terms),
        ),
        "ContractAgreementVerificationMessage": (
            f"{to_provider}/agreement/verification",
            dsp("ContractAgreementVerificationMessage", **scene.pids(provider)),
            HEAD | PIDS,
        ),
        "ContractNegotiationEventMessage": (
            f"{to_provider}/events",
            dsp("ContractNegotiationEventMessage", **scene.pids(provider), eventType="ACCEPTED"),
            HEAD | PIDS | {("eventType",): (*WRONG, "finalized", "TERMINATED")},
        ),
        "ContractNegotiationTerminationMessage": (
            f"{to_provider}/termination",
            dsp("ContractNegotiationTerminationMessage", **scene.pids(provider), code="c", reason=["r"]),
            HEAD | PIDS | {("code",): (None, 7, [], {}), ("reason",): (None, 7, [], {}, "text")},
        ),
    }


ADDRESS = {
    "@type": "DataAddress", "endpointType": "x", "endpoint": "https://example.org",
    "endpointProperties": [{"@type": "EndpointProperty", "name": "authorization", "value": "t"}],
}  # fmt: skip
REQUEST = {
    ("consumerPid",): (*WRONG, "x" * 2049), ("agreementId",): WRONG, ("format",): (*WRONG, "HttpData-PUSH"),
    ("callbackAddress",): (*WRONG, "http://127.0.0.1:1/", "https://192.168.1.1/", "gopher://x"),
}  # fmt: skip
START = {("dataAddress",): WRONG, ("dataAddress", "@type"): (*NOT_TEXT, "Address")}
START |= {("dataAddress", "endpointType"): (None, 7, [], {})}
TOLD = {("code",): (None, 7, [], {}), ("reason",): (None, 7, [], {}, "text")}


def transfer_messages(scene) -> dict[str, tuple[str, dict[str, Any], dict]]:
    provider, consumer = scene.t_provider, scene.t_consumer
    to_provider, to_consumer = (f"{DSP}/transfers/{one.pid}" for one in (provider, consumer))
    ours, why = scene.pids(provider), {"code": "c", "reason": ["r"]}
    asked = {"consumerPid": story.urn(), "agreementId": scene.agreement.id, "format": "HttpData-PULL"}
    asked |= {"callbackAddress": scene.puppet.callback}
    given = scene.pids(consumer) | {"dataAddress": ADDRESS}
    messages = {
        "Request": (f"{DSP}/transfers/request", asked, REQUEST),
        "Start": (f"{to_consumer}/start", given, PIDS | START),
        "Completion": (f"{to_provider}/completion", ours, PIDS),
        "Suspension": (f"{to_provider}/suspension", ours | why, PIDS | TOLD),
        "Termination": (f"{to_provider}/termination", ours | why, PIDS | TOLD),
    }
    return {
        f"Transfer{name}Message": (path, dsp(f"Transfer{name}Message", **body), HEAD | keys)
        for name, (path, body, keys) in messages.items()
    }


OPTIONAL = {("code",), ("reason",), ("dataAddress", "endpoint")}


def breakings(body, keys):
    """All broken copies; a key that may be left out is only given wrong values."""
    for name, copy in broken(body, keys):
        if not (name.startswith("without") and tuple(name.removeprefix("without ").split("/")) in OPTIONAL):
            yield name, copy


@pytest.mark.parametrize(
    "type",
    [
        "ContractRequestMessage",
        "ContractOfferMessage",
        "ContractAgreementMessage",
        "ContractAgreementVerificationMessage",
        "ContractNegotiationEventMessage",
        "ContractNegotiationTerminationMessage",
    ],
)
async def test_a_malformed_negotiation_message_is_refused_and_leaves_no_trace(scene, type):
    path, good, keys = negotiation_messages(scene)[type]
    assert await scene.refuses(path, breakings(good, keys), protocol_error("ContractNegotiationError")) > 20


@pytest.mark.parametrize(
    "type",
    [
        "TransferRequestMessage",
        "TransferStartMessage",
        "TransferCompletionMessage",
        "TransferSuspensionMessage",
        "TransferTerminationMessage",
    ],
)
async def test_a_malformed_transfer_message_is_refused_and_leaves_no_trace(scene, type):
    path, good, keys = transfer_messages(scene)[type]
    assert await scene.refuses(path, breakings(good, keys), protocol_error("TransferError")) > 20


async def test_a_malformed_catalogue_request_is_refused_and_leaves_no_trace(scene):
    good = dsp("CatalogRequestMessage", filter=[])
    keys = {place: tuple(value for value in wrong if value != "CatalogRequestMessage") for place, wrong in HEAD.items()}
    bodies = [*broken(good, keys), *((f"filter = {value!r}", good | {"filter": value}) for value in (None, 7, {}, "x"))]
    await scene.refuses(f"{DSP}/catalog/request", bodies, protocol_error("CatalogError"))


@pytest.mark.parametrize("kind", ["negotiations", "transfers"])
async def test_every_message_type_at_every_other_types_address_is_refused(scene, kind):
    messages = negotiation_messages(scene) if kind == "negotiations" else transfer_messages(scene)
    error = "ContractNegotiationError" if kind == "negotiations" else "TransferError"
    before = await scene.everything()
    for type, (path, _, _) in messages.items():
        for other, (_, body, _) in messages.items():
            if other != type:
                answer = await scene.puppet.post(scene.hospital, path, body)
                assert (answer.status_code, answer.json()["@type"]) == (400, error), f"{other} at {path}: {answer.text}"
    assert await scene.everything() == before


def exchange_claims(scene) -> dict[StatementType, dict[str, Any]]:
    """Good claims for every statement that travels inside a body."""
    puppet, hospital, notice = scene.puppet, scene.hospital, scene.notice
    now, later = wire(datetime.now(UTC)), wire(datetime.now(UTC) + timedelta(days=30))
    study = story.study_claims(puppet.id, (hospital.id, story.RECORDS))
    return {
        StatementType.STUDY: study,
        StatementType.APPROVAL: {"study": study["id"], "study_digest": "0" * 64, "holder": puppet.id,
                                 "datasets": [story.RECORDS], "approved_at": now},
        StatementType.LINK_PROOF: {"code_digest": code_digest(CODE), "holder": hospital.id, "wallet": puppet.id},
        StatementType.DELIVERY: {"consent_digest": "0" * 64, "holder": hospital.id, "delivered_at": now},
        StatementType.CONSENT: {"link": scene.link.id},
        StatementType.NOTICE: {"notice": story.urn(), "agreement": scene.received.id, "study": study["id"], "code": "c",
                               "kind": "erase", "effective_at": now, "deadline": later, "cut": {},
                               "stop_by": later, "backups_by": later},
        StatementType.STATEMENT: {"notice": notice.id, "agreement": notice.agreement, "answer": "erased", "at": now,
                                  "objects": 0, "lines": 0, "bytes": 0, "bytes_after": 0, "held": [],
                                  "remaining": [], "ground": None, "backups_by": None},
    }  # fmt: skip


def exchange_messages(scene) -> dict[str, tuple[str, dict[str, Any]]]:
    """Good bodies of the consent exchange, by name: path and body."""
    puppet, typ = scene.puppet, StatementType
    scene.claims = exchange_claims(scene)
    persons = (typ.LINK_PROOF, typ.CONSENT)
    says = {
        one: puppet.say(one, claims, signer=scene.key if one in persons else None)
        for one, claims in scene.claims.items()
    }
    proof = {"code": CODE, "wallet_person": story.urn(), "person_key": scene.key.bare, "proof": says[typ.LINK_PROOF]}
    progress = {"consent": scene.wallet_consent.id, "version": 1, "holder": puppet.id, "recipient": puppet.id,
                "recipient_name": "P", "notice": scene.notice.id, "statement": says[typ.STATEMENT]}  # fmt: skip
    use = {"link": scene.wallet_link.id, "at": wire(datetime.now(UTC)), "kind": "release", "recipient": puppet.id,
           "recipient_name": "P", "study": story.urn(), "agreement": story.urn(), "resources": 1,
           "reason": None}  # fmt: skip
    return {
        "StudyToHolder": ("/studies", {"study": says[typ.STUDY]}),
        "StudyToWallet": ("/studies", {"study": says[typ.STUDY], "approval": says[typ.APPROVAL]}),
        "LinkRequest": ("/links", proof),
        "ConsentDelivery": ("/consents", {"consent": says[typ.CONSENT], "delivery": says[typ.DELIVERY]}),
        "Heartbeat": ("/heartbeat", {"links": 1}),
        "WithdrawalNotice": ("/withdrawals", {"notice": says[typ.NOTICE]}),
        "StatementDelivery": ("/statements", {"statement": says[typ.STATEMENT]}),
        "Progress": (
            "/progress",
            progress | {"tracking": scene.puppet.say(StatementType.TRACKING, tracking(progress))},
        ),
        "Uses": ("/uses", {"uses": [use]}),
    }


def tracking(progress):
    """How a holder says that a withdrawal goes."""
    dates = ("backups_by", "overdue_at", "reminded_at", "escalated_at", "suspended_at", "checked_at")
    at = "2027-01-01T00:00:00Z"
    said = {"notice": progress["notice"], "kind": "erase", "at": "2026-01-01T00:00:00Z", "stop_by": at, "deadline": at}
    return said | dict.fromkeys(dates) | {"check": None, "by_hand": False, "noted": []}


EXCHANGES = (
    "StudyToHolder",
    "StudyToWallet",
    "LinkRequest",
    "ConsentDelivery",
    "Heartbeat",
    "WithdrawalNotice",
    "StatementDelivery",
    "Progress",
    "Uses",
)


@pytest.mark.parametrize("name", EXCHANGES)
async def test_a_malformed_message_of_the_exchange_is_refused_and_leaves_no_trace(scene, name):
    path, good = exchange_messages(scene)[name]
    wrong = {key: (None, [], {}, "", 7.5, True, "a..b") for key in good}
    if name == "LinkRequest":
        wrong["code"] = (None, 7, [], "", "x" * 65, "'; drop table--", "\x00")
    if name in ("Progress",):
        wrong |= {key: (None, 7, [], {}, "") for key in ("recipient_name", "holder", "recipient")}
        wrong["statement"] = (7, [], {}, "", "a..b")  # null says: nothing new of the recipient's own
    if name == "LinkRequest":
        wrong |= {"wallet_person": (None, 7, [], {}, "", "x" * 2049)}
    bodies = list(broken(good, {(key,): values for key, values in wrong.items()}))
    if name == "StudyToWallet":
        bodies = [one for one in bodies if one[0] != "without approval"]  # that is another message, and a good one
    await scene.refuses("/consent" + path, [*bodies, ("an unknown key", good | {"extra": 1})], problem)


@pytest.mark.parametrize(
    ("name", "key", "typ"),
    [
        ("StudyToHolder", "study", StatementType.STUDY),
        ("StudyToWallet", "approval", StatementType.APPROVAL),
        ("LinkRequest", "proof", StatementType.LINK_PROOF),
        ("ConsentDelivery", "delivery", StatementType.DELIVERY),
        ("WithdrawalNotice", "notice", StatementType.NOTICE),
        ("StatementDelivery", "statement", StatementType.STATEMENT),
    ],
)
async def test_a_signed_statement_that_lacks_a_part_is_refused_and_leaves_no_trace(scene, name, key, typ):
    path, good = exchange_messages(scene)[name]
    signer = scene.key if typ is StatementType.LINK_PROOF else None
    claims = scene.claims[typ]
    wrong = {
        (claim,): (7.5, True) if isinstance(value, int) else (7, True, {"x": []}) for claim, value in claims.items()
    }
    bodies = [
        (what, good | {key: scene.puppet.say(typ, said, signer=signer)})
        for what, said in [*broken(claims, wrong), ("an unknown claim", claims | {"extra": 1})]
        if 7.5 not in said.values()  # it has no canonical form and cannot even be signed
    ]
    await scene.refuses("/consent" + path, bodies, problem)


@pytest.mark.parametrize("typ", [one for one in StatementType if one is not StatementType.STATEMENT])
async def test_a_statement_of_another_type_does_not_count_as_one(scene, typ):
    _, good = exchange_messages(scene)["StatementDelivery"]
    other = {"statement": scene.puppet.say(typ, scene.claims[StatementType.STATEMENT])}
    await scene.refuses("/consent/statements", [(typ, good | other)], problem)


TRICKS = {
    "no signature": lambda jws: jws.rpartition(".")[0] + ".",
    "signature of something else": lambda jws: jws[:-4] + ("AAAA" if jws[-4:] != "AAAA" else "BBBB"),
    "padding": lambda jws: jws + "==",
    "four parts": lambda jws: jws + ".e30",
    "alg none": lambda jws: "eyJhbGciOiJub25lIiwidHlwIjoiY29uY29yZC1zdGF0ZW1lbnQranN3cyJ9." + jws.partition(".")[2],
    "white space": lambda jws: jws.replace(".", " .", 1),
}


@pytest.mark.parametrize("trick", TRICKS)
async def test_a_statement_whose_signature_was_tricked_with_is_refused(scene, trick):
    path, good = exchange_messages(scene)["StatementDelivery"]
    await scene.refuses("/consent" + path, [(trick, {"statement": TRICKS[trick](good["statement"])})], problem)


async def test_good_messages_would_have_been_taken(scene):
    """Last, since it changes things: what was broken above was good before."""
    for type, (path, body, _) in (negotiation_messages(scene) | transfer_messages(scene)).items():
        if type in (
            "ContractRequestMessage",
            "TransferRequestMessage",
            "TransferStartMessage",
            "TransferCompletionMessage",
            "ContractOfferMessage",
            "ContractAgreementVerificationMessage",
        ):
            answer = await scene.puppet.post(scene.hospital, path, body)
            assert answer.status_code in (200, 201), f"{type}: {answer.text}"
    taken = {
        "StudyToHolder": 202,
        "Heartbeat": 200,
        "WithdrawalNotice": 200,
        "StatementDelivery": 200,
        "Uses": 200,
        "LinkRequest": 404,
        "Progress": 200,
    }
    for name, status in taken.items():
        path, body = exchange_messages(scene)[name]
        answer = await scene.puppet.post(scene.hospital, "/consent" + path, orjson.dumps(body))
        assert answer.status_code == status, f"{name}: {answer.text}"
