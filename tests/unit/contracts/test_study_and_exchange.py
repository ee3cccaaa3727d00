"""Study requests and the consent exchange: strict, and written again exactly as they came."""

import copy
from collections.abc import Callable

import pytest
from jsonschema import Draft202012Validator

from contracts import exchange
from contracts.duties import duty_id
from contracts.exchange import CLAIMS, EXCHANGES, json_schemas
from contracts.faults import MessageError
from contracts.shape import Strict
from contracts.study import StudyApproval, StudyRequest, approval_fault, study_digest

UUID = "urn:uuid:6bcea82e-c509-443d-ba8c-8eef25984c07"
AT = "2026-11-22T04:44:00Z"
LATER = "2026-12-22T04:44:00Z"
HASH = "a" * 64
JWS = "eyJhbGciOiJFZERTQSJ9.e30.c2ln"
HOLDER = "urn:concord:st-elisabeth-hospital:3f9a2c1b"
WALLET = "urn:concord:wallet:00000001"
STUDY = {
    "id": UUID,
    "version": 1,
    "title": "Heart and sleep",
    "summary": "We study how sleep and the heart go together. People with e.g. asthma are welcome",
    "words": dict.fromkeys(
        ("why", "who_sees", "stored_where", "if_you_say_no", "risks", "money"), "Plain words.\nOn two lines."
    ),
    "organisation": "urn:concord:research:1",
    "organisation_name": "Research group",
    "recipients": ["urn:concord:research:1"],
    "purposes": ["https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"],
    "data": [
        {
            "holder": HOLDER,
            "dataset": "d-1",
            "title": "Sleep and laboratory results",
            "categories": ["laboratory", "sleep"],
        }
    ],
    "window": {"start": "2020-01-01", "end": None},
    "published_at": AT,
    "answer_until": LATER,
    "valid_until": "2027-12-22T04:44:00.25Z",
    "contact": {"name": "Ann", "email": "ann@example.org"},
}
USE = {
    "link": "l",
    "at": AT,
    "kind": "refused",
    "recipient": "r",
    "recipient_name": "R",
    "study": None,
    "agreement": None,
    "resources": 0,
    "reason": "No consent.",
}
STATEMENT = {
    "notice": UUID,
    "agreement": "a",
    "answer": "erased",
    "at": AT,
    "objects": 2,
    "lines": 3,
    "bytes": 4,
    "bytes_after": 0,
    "held": [
        {"id": UUID, "kind": "received", "lines": 3, "bytes": 3},
        {"id": UUID[:-1] + ("1" if UUID[-1] != "1" else "2"), "kind": "model", "lines": 0, "bytes": 1},
    ],
    "remaining": [],
    "ground": None,
    "backups_by": None,
}
RECIPIENT = {
    "notice": UUID, "name": "R", "participant": "urn:concord:r:1", "agreement": "a", "kind": "pause", "stop_by": LATER,
    "deadline": LATER, "backups_by": None, "by_hand": False,
}  # fmt: skip
TRACKING = {
    "notice": UUID, "kind": "erase", "at": AT, "stop_by": AT, "deadline": LATER, "backups_by": LATER, "overdue_at": AT,
    "reminded_at": AT, "escalated_at": None, "suspended_at": None, "check": "gone", "checked_at": AT, "by_hand": True,
    "noted": [{"answer": "exception", "at": AT, "ground": "GDPR art. 17(3)(d)"}],
}  # fmt: skip
OFFER = {"@id": UUID, "@type": "Offer", "target": "d-1", "assigner": "p", "assignee": "c",
         "permission": [{"action": "use"}]}  # fmt: skip
AGREED = {**OFFER, "@type": "Agreement", "timestamp": AT}
SAMPLES: dict[str, dict] = {
    "StudyRequest": STUDY,
    "StudyApproval": {
        "study": UUID,
        "study_digest": HASH,
        "holder": HOLDER,
        "datasets": ["d-1"],
        "broad_consent": False,
        "approved_at": AT,
    },
    "LinkDoubtNotice": {"doubt": JWS},
    "LinkDoubt": {"link": "l-1", "holder": HOLDER, "wallet": "urn:concord:w:1", "reason": "Not me.", "at": AT},
    "LinkStandingNotice": {"standing": JWS},
    "LinkStanding": {
        "link": "l-1",
        "holder": HOLDER,
        "wallet": "urn:concord:w:1",
        "standing": "disputed",
        "at": AT,
        "successor": None,
    },
    "OptOutDelivery": {"statement": JWS},
    "OptOutStatement": {
        "opt_out": UUID,
        "link": "l-1",
        "holder": HOLDER,
        "wallet": "urn:concord:w:1",
        "at": AT,
        "reversed_at": None,
        "authority": None,
        "language": "en",
    },
    "OptOutTaken": {"receipt": JWS},
    "OptOutReceived": {"opt_out": UUID, "holder": HOLDER, "opted_out": True, "committed_at": AT},
    "StudyToHolder": {"study": JWS},
    "StudyWaiting": {"study": UUID, "state": "waiting"},
    "StudyToWallet": {"study": JWS, "approval": JWS},
    "LinkRequest": {
        "code": "ABCD-2345",
        "wallet_person": "w-1",
        "person_key": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43},
        "proof": JWS,
    },
    "LinkProof": {"code_digest": HASH, "holder": HOLDER, "wallet": WALLET},
    "LinkMade": {"link": JWS},
    "Link": {"link": "l", "holder": HOLDER, "wallet": WALLET, "wallet_person": "w-1", "linked_at": AT},
    "ConsentDelivery": {"consent": JWS, "delivery": JWS},
    "Delivery": {"consent_digest": HASH, "holder": HOLDER, "delivered_at": AT},
    "ConsentAcknowledged": {"acknowledgement": JWS},
    "Acknowledgement": {
        "consent": UUID,
        "version": 2,
        "state": "withdrawn",
        "effect": "stopped",
        "committed_at": AT,
        "recipients": [RECIPIENT],
    },
    "Heartbeat": {"links": 0, "said_again": AT},
    "HeartbeatTaken": {"say_again": AT},
    "WithdrawalNotice": {"notice": JWS},
    "Notice": {
        "notice": UUID,
        "agreement": "a",
        "study": UUID,
        "code": "P-7",
        "kind": "erase",
        "effective_at": AT,
        "stop_by": LATER,
        "deadline": LATER,
        "backups_by": LATER,
        "cut": {"urn:uuid:t": 262144},
    },
    "ResumptionNotice": {"resumption": JWS},
    "Resumption": {"notice": UUID, "agreement": "a", "code": "P-7", "at": AT},
    "ReminderNotice": {"reminder": JWS},
    "Reminder": {"notice": UUID, "agreement": "a", "kind": "stop", "due": AT, "at": LATER},
    "SuspensionNotice": {"suspension": JWS},
    "Suspension": {"agreement": "a", "standing": "suspended", "why": "Nobody answered.", "at": AT},
    "StandingNotice": {"consent": JWS},
    "Tracking": TRACKING,
    "StatementDelivery": {"statement": JWS},
    "Received": {"notice": UUID, "agreement": "a", "answer": "received", "at": AT},
    "Statement": STATEMENT,
    "Progress": {
        "consent": UUID,
        "version": 2,
        "holder": HOLDER,
        "recipient": "urn:concord:r:1",
        "recipient_name": "R",
        "notice": UUID,
        "statement": None,
        "tracking": JWS,
    },
    "Uses": {"uses": [USE, dict(USE)]},
    "EndingNotice": {"ending": JWS},
    "ContractEnd": {
        "ending": UUID,
        "agreement": "a",
        "by": HOLDER,
        "reason": "It is over.",
        "ended_at": AT,
        "erase_by": LATER,
    },
    "EndingTaken": {"receipt": JWS},
    "EndReceived": {"ending": UUID, "agreement": "a", "at": AT},
    "ErasureNotice": {"erasure": JWS},
    "ContractErased": {"ending": UUID, "agreement": "a", "at": AT, "objects": 1, "lines": 2, "bytes": 3},
    "AmendmentProposal": {"proposal": JWS},
    "ProposedTerms": {
        "amendment": UUID,
        "agreement": "a",
        "by": HOLDER,
        "policy": OFFER,
        "selection": {"cohort": None, "variables": ["sleep"], "period": None},
        "reason": "For less.",
        "proposed_at": AT,
        "answer_by": LATER,
    },
    "AmendmentAnswer": {"answer": JWS},
    "AnswerToTerms": {
        "amendment": UUID,
        "agreement": "a",
        "proposal_digest": HASH,
        "by": HOLDER,
        "answer": "accepted",
        "reason": None,
        "contract": AGREED,
        "at": AT,
    },
    "AnswerTaken": {"outcome": None},
    "DutyNotice": {"statement": JWS},
    "DutyDone": {
        "duty": duty_id("a", "/obligation/0", "urn:uuid:t"),
        "agreement": "a",
        "pointer": "/obligation/0",
        "key": "delete",
        "occasion": "urn:uuid:t",
        "by": HOLDER,
        "at": AT,
        "objects": 1,
        "lines": 2,
        "bytes": 3,
        "proof": {"link": "https://example.org/report", "digest": HASH, "words": None},
        "log": HASH,
    },
    "Done": {},
}
MODELS: dict[str, type[Strict]] = {
    model.__name__: model
    for model in (*CLAIMS, *(exchange.body for exchange in EXCHANGES), *(exchange.answer for exchange in EXCHANGES))
}


def changed(name: str, change: Callable[[dict], object]) -> dict:
    body = copy.deepcopy(SAMPLES[name])
    change(body)
    return body


def refusal(name: str, body: object) -> MessageError:
    with pytest.raises(MessageError) as caught:
        MODELS[name].read(body)
    assert "\n" not in str(caught.value)
    return caught.value


def test_there_is_a_sample_of_every_body_answer_and_claim() -> None:
    assert set(SAMPLES) == set(MODELS) == set(json_schemas())


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_read_is_written_again_exactly_and_fits_its_exported_schema(name: str) -> None:
    message = MODELS[name].read(SAMPLES[name])
    assert message.wire() == SAMPLES[name]
    assert MODELS[name].read(message.wire()) == message
    schema = json_schemas()[name]
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(SAMPLES[name])


@pytest.mark.parametrize("name", SAMPLES)
def test_an_unknown_key_or_a_missing_one_is_refused_without_repeating_it(name: str) -> None:
    assert "do-not-repeat-me" not in str(refusal(name, {**SAMPLES[name], "do-not-repeat-me": 1}))
    for key in SAMPLES[name].keys() - set(MODELS[name].LATER):
        error = refusal(name, {k: v for k, v in SAMPLES[name].items() if k != key})
        assert (error.path, error.what) == (f"/{key}", "is missing")
    for body in (None, [], "x", 1):
        assert refusal(name, body).what == "is not an object"


@pytest.mark.parametrize(
    "moment", ["2026-11-22", "2026-11-22T04:44:00", "2026-11-22T04:44:00+00:00", "2026-11-22T04:44:00.10Z", 5, None]
)
def test_a_time_has_one_accepted_form(moment: object) -> None:
    assert refusal("Delivery", changed("Delivery", lambda b: b.update(delivered_at=moment))).path == "/delivered_at"


@pytest.mark.parametrize(
    ("name", "change", "path"),
    [
        ("StudyRequest", lambda b: b.update(id="urn:uuid:1"), "/id"),
        ("StudyRequest", lambda b: b.update(version=True), "/version"),
        ("StudyRequest", lambda b: b.update(version=0), "/version"),
        ("StudyRequest", lambda b: b.update(version=1.0), "/version"),
        ("StudyRequest", lambda b: b.update(summary="One. Two! Three?"), "/summary"),
        ("StudyRequest", lambda b: b.update(title="a\x00b"), "/title"),
        ("StudyRequest", lambda b: b.update(title=""), "/title"),
        ("StudyRequest", lambda b: b["words"].pop("risks"), "/words/risks"),
        ("StudyRequest", lambda b: b.update(recipients=[]), "/recipients"),
        ("StudyRequest", lambda b: b.update(recipients=["a", "a"]), "/recipients"),
        ("StudyRequest", lambda b: b.update(purposes=["research"]), "/purposes/0"),
        ("StudyRequest", lambda b: b["data"][0].update(categories=["secrets"]), "/data/0/categories/0"),
        ("StudyRequest", lambda b: b["data"][0].update(categories=[]), "/data/0/categories"),
        ("StudyRequest", lambda b: b["window"].update(end="2019-12-31"), "/window/end"),
        ("StudyRequest", lambda b: b["window"].update(end="2019-12"), "/window/end"),
        ("StudyRequest", lambda b: b.update(answer_until=AT), "/answer_until"),
        ("StudyRequest", lambda b: b.update(valid_until=LATER), "/valid_until"),
        ("StudyRequest", lambda b: b["contact"].update(email="nobody"), "/contact/email"),
        ("LinkRequest", lambda b: b["person_key"].update(d="A" * 43), "/person_key"),
        ("LinkRequest", lambda b: b["person_key"].update(crv="P-256"), "/person_key/crv"),
        ("LinkRequest", lambda b: b.update(code="ABCD 2345"), "/code"),
        ("LinkRequest", lambda b: b.update(proof="a.b"), "/proof"),
        ("LinkProof", lambda b: b.update(code_digest="A" * 64), "/code_digest"),
        ("Acknowledgement", lambda b: b.update(effect="maybe"), "/effect"),
        ("Acknowledgement", lambda b: b["recipients"][0].update(notice="n"), "/recipients/0/notice"),
        ("Heartbeat", lambda b: b.update(links=-1), "/links"),
        ("Notice", lambda b: b.update(cut={"t": -1}), "/cut"),
        ("Notice", lambda b: b.update(deadline="2026-11-21T04:44:00Z"), "/deadline"),
        ("Notice", lambda b: b.update(stop_by="2026-11-21T04:44:00Z"), "/deadline"),
        ("Notice", lambda b: b.update(backups_by=None), "/backups_by"),
        ("Notice", lambda b: b.update(kind="pause"), "/backups_by"),
        ("Notice", lambda b: b.update(kind="resume"), "/kind"),
        ("Suspension", lambda b: b.update(standing="ended"), "/standing"),
        ("Tracking", lambda b: b.update(check="verified"), "/check"),
        ("Tracking", lambda b: b.update(by_hand="yes"), "/by_hand"),
        ("Tracking", lambda b: b["noted"][0].update(answer="promised"), "/noted/0/answer"),
        ("Received", lambda b: b.update(answer="erased"), "/answer"),
        ("Statement", lambda b: b.update(answer="received"), "/answer"),
        ("Statement", lambda b: b.update(remaining=["A backup."]), ""),
        ("Statement", lambda b: b.update(answer="exception"), ""),
        ("ContractEnd", lambda b: b.update(erase_by="2026-11-21T04:44:00Z"), "/erase_by"),
        ("ContractEnd", lambda b: b.update(reason=""), "/reason"),
        ("ContractEnd", lambda b: b.update(ending="a"), "/ending"),
        ("ContractErased", lambda b: b.update(lines=-1), "/lines"),
        ("ProposedTerms", lambda b: b.update(answer_by=AT), "/answer_by"),
        ("ProposedTerms", lambda b: b["policy"].pop("target"), "/policy/target"),
        ("ProposedTerms", lambda b: b["policy"].update({"@type": "Agreement"}), "/policy/@type"),
        ("ProposedTerms", lambda b: b["policy"].update(limit=1.5), "/policy"),
        ("ProposedTerms", lambda b: b["selection"].update(variables=["secrets"]), "/selection/variables/0"),
        ("AnswerToTerms", lambda b: b.update(answer="maybe"), "/answer"),
        ("AnswerToTerms", lambda b: b.update(answer="declined"), "/contract"),
        ("AnswerToTerms", lambda b: b["contract"].pop("timestamp"), "/contract/timestamp"),
        ("Uses", lambda b: b.update(uses=[]), "/uses"),
        ("Uses", lambda b: b["uses"][0].update(reason=None), "/uses/0/reason"),
        ("Uses", lambda b: b["uses"][1].update(kind="release"), "/uses/1/reason"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(name: str, change: Callable, path: str) -> None:
    assert refusal(name, changed(name, change)).path == path


def test_an_exception_says_what_is_kept_and_why() -> None:
    kept = {**STATEMENT, "answer": "exception", "remaining": ["Published tables."], "ground": "Art. 17(3)(d) GDPR"}
    assert exchange.Statement.read(kept).wire() == kept


def test_a_study_digest_is_that_of_the_claims_and_an_approval_must_name_it() -> None:
    study = StudyRequest.read(STUDY)
    approval = StudyApproval.read({**SAMPLES["StudyApproval"], "study_digest": study_digest(study)})
    assert approval_fault(approval, study) is None
    second = StudyRequest.read({**STUDY, "version": 2})
    assert approval_fault(approval, second) == "it is for another version of the study"
    other = approval.model_copy(update={"study": UUID.replace("6", "7")})
    assert approval_fault(other, study) == "it is for another study"
    for update in ({"datasets": ("d-1", "d-2")}, {"holder": WALLET}):
        fault = approval_fault(approval.model_copy(update=update), study)
        assert fault == "it names a dataset the study does not ask for at this holder"


def test_what_is_asked_of_a_holder_is_what_names_it() -> None:
    study = StudyRequest.read(STUDY)
    assert [entry.dataset for entry in study.at(HOLDER)] == ["d-1"]
    assert study.at(WALLET) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"objects": 3}, {"objects": 1}, {"lines": 4}, {"bytes": 5}, {"held": []}, {"held": STATEMENT["held"][:1] * 2},
        {"answer": "stopped", "ground": "none yet"}, {"held": [{**STATEMENT["held"][0], "kind": "thought"}]},
        {"held": [{**STATEMENT["held"][0], "id": "1"}, STATEMENT["held"][1]]}, {"backups_by": "soon"},
    ],
    ids=str,
)  # fmt: skip
def test_a_statement_whose_objects_do_not_add_up_is_refused(wrong) -> None:
    with pytest.raises(MessageError):
        exchange.Statement.read({**STATEMENT, **wrong})


def test_a_stop_may_say_what_people_still_have_to_do() -> None:
    said = {**STATEMENT, "answer": "stopped", "remaining": ["1 model to be rebuilt or erased."]}
    assert exchange.Statement.read(said).wire() == said
