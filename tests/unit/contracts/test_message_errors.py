"""What is refused beyond the schemas, and how a refusal reads."""

import copy
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages import (
    ContractAgreementMessage,
    ContractOfferMessage,
    ContractRequestMessage,
    MessageError,
    RootCatalog,
    RootDataset,
    TransferCompletionMessage,
    TransferRequestMessage,
)
from contracts.names import CONTEXT_URL
from contracts.terms import BoundTerms, Selection, with_terms
from policy.odrl.vocabulary import SELECTION

OFFER = {
    "@id": "o-1",
    "@type": "Offer",
    "target": "dataset-1",
    "permission": [
        {"action": "use", "constraint": [{"leftOperand": "purpose", "operator": "isA", "rightOperand": "dpv:Purpose"}]}
    ],
}
REQUEST = {
    "@context": [CONTEXT_URL],
    "@type": "ContractRequestMessage",
    "@id": "m-1",
    "consumerPid": "c-1",
    "callbackAddress": "https://c.example/dsp",
    "offer": OFFER,
}
AGREEMENT = {
    "@context": [CONTEXT_URL],
    "@type": "ContractAgreementMessage",
    "@id": "m-2",
    "consumerPid": "c-1",
    "providerPid": "p-1",
    "agreement": {
        "@id": "a-1",
        "@type": "Agreement",
        "target": "dataset-1",
        "assigner": "provider",
        "assignee": "consumer",
        "timestamp": "2026-11-22T04:44:00Z",
        "permission": [{"action": "use"}],
    },
}


def refusal(model: type, body: object) -> MessageError:
    with pytest.raises(MessageError) as caught:
        model.read(body)
    assert "\n" not in str(caught.value)
    return caught.value


def request(change: Callable[[dict], object]) -> dict:
    body = copy.deepcopy(REQUEST)
    change(body)
    return body


def agreement(**changes: object) -> dict:
    body = copy.deepcopy(AGREEMENT)
    body["agreement"].update(changes)
    return body


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda b: b.pop("@context"), f"/@context is missing; accepted: an array of strings that holds {CONTEXT_URL}"),
        (lambda b: b.update({"@context": CONTEXT_URL}), "/@context is not an array of strings; accepted: an array"),
        (lambda b: b.update({"@context": ["https://x.example"]}), "/@context does not hold the DSP 2025-1 context"),
        (lambda b: b.pop("@type"), "/@type is missing; accepted: ContractRequestMessage"),
        (lambda b: b.pop("consumerPid"), "/consumerPid is missing; accepted: an identifier of 1 to 2048 characters"),
        (lambda b: b.update(consumerPid=5), "/consumerPid is not a string; accepted: an identifier"),
        (lambda b: b.update(consumerPid=None), "/consumerPid is null; accepted: an identifier"),
        (lambda b: b.pop("callbackAddress"), "the body has neither providerPid nor callbackAddress; accepted: exactly"),
        (lambda b: b.update(providerPid="p"), "the body has both providerPid and callbackAddress; accepted: exactly"),
        (lambda b: b["offer"].pop("target"), "/offer/target is missing; accepted: the id of one dataset"),
        (
            lambda b: b["offer"].update(permission=[]),
            "/offer/permission is not a list of rules; accepted: an array",
        ),
        (
            lambda b: b["offer"].pop("permission"),
            "/offer has neither permission nor prohibition; accepted: at",
        ),
        (
            lambda b: b["offer"]["permission"][0].update(action={"@id": "use"}),
            "/offer/permission/0/action is not an action; accepted: a string such as use",
        ),
        (
            lambda b: b["offer"]["permission"][0]["constraint"][0].update(rightOperand=5),
            "/offer/permission/0/constraint/0/rightOperand is not an operand; accepted: a string, an",
        ),
        (
            lambda b: b["offer"]["permission"][0]["constraint"][0].update(operator="like"),
            "/offer/permission/0/constraint/0/operator is not a known operator; accepted: one of eq, gt",
        ),
        (
            lambda b: b["offer"]["permission"][0].update(duty=[{"action": "delete", "target": "x"}]),
            "/offer/permission/0/duty/0/target must not be here",
        ),
    ],
)
def test_a_refusal_is_one_line_that_says_where_what_and_what_would_do(change: Callable, line: str) -> None:
    error = refusal(ContractRequestMessage, request(change))
    assert str(error).startswith(line)
    assert str(error) == f"{error.path or 'the body'} {error.what}; accepted: {error.accepted}"


@settings(max_examples=30)
@given(st.text("αβγδ", min_size=8, max_size=12))
def test_a_refusal_never_repeats_what_was_sent(secret: str) -> None:
    for change in (
        lambda b: b.update({"@type": secret}),
        lambda b: b.update({"consumerPid": secret + "\x00"}),
        lambda b: b.update({"offer": {**OFFER, "permission": secret}}),
        lambda b: b.update({"offer": {**OFFER, "permission": [{secret: secret}]}}),
    ):
        assert secret not in str(refusal(ContractRequestMessage, request(change)))


@pytest.mark.parametrize("rules", ["permission", "prohibition", "obligation"])
def test_no_rule_may_name_a_target_of_its_own(rules: str) -> None:
    targeted = [{"action": "use", "target": "other"}]
    error = refusal(ContractRequestMessage, request(lambda b: b["offer"].update({rules: targeted})))
    assert error.path == f"/offer/{rules}/0/target"
    assert refusal(ContractAgreementMessage, agreement(**{rules: targeted})).path == f"/agreement/{rules}/0/target"


@pytest.mark.parametrize(
    "stamp", [None, 5, "", "2026-11-22", "x2026-11-22T04:44:00Z", "2026-11-22T04:44:00Zx", "2026-11-22T25:00:00Z"]
)
def test_an_agreement_needs_the_time_it_was_made(stamp: object) -> None:
    assert refusal(ContractAgreementMessage, agreement(timestamp=stamp)).path == "/agreement/timestamp"
    without = copy.deepcopy(AGREEMENT)
    del without["agreement"]["timestamp"]
    assert refusal(ContractAgreementMessage, without).path == "/agreement/timestamp"


@pytest.mark.parametrize("stamp", ["2026-11-22T04:44:00Z", "2026-11-22T04:44:00.123456+00:00", "2026-11-22T04:44:00"])
def test_any_xsd_date_time_will_do(stamp: str) -> None:
    assert ContractAgreementMessage.read(agreement(timestamp=stamp)).agreement["timestamp"] == stamp


@pytest.mark.parametrize("term", [1.5, 2**53, "\ud800", {"@value": 0.5}])
def test_a_policy_without_a_canonical_form_is_refused(term: object) -> None:
    error = refusal(ContractRequestMessage, request(lambda b: b["offer"].update({"https://x.example/t": term})))
    assert error.path.startswith("/offer")


def test_a_policy_nested_without_end_is_refused_not_a_crash() -> None:
    constraint: object = {"leftOperand": "a", "operator": "eq", "rightOperand": "b"}
    for _ in range(5000):
        constraint = {"and": [constraint]}
    nested = [{"action": "use", "constraint": [constraint]}]
    assert refusal(ContractRequestMessage, request(lambda b: b["offer"].update(permission=nested))).path == "/offer"


@pytest.mark.parametrize("wrong", ["", "a\x00b", "a\nb", "x" * 2049])
def test_an_identifier_is_neither_empty_nor_endless_nor_made_of_control_characters(wrong: str) -> None:
    for key in ("@id", "consumerPid", "callbackAddress"):
        assert refusal(ContractRequestMessage, request(lambda b, key=key: b.update({key: wrong}))).path == f"/{key}"
    assert refusal(ContractRequestMessage, request(lambda b: b["offer"].update(target=wrong))).path == "/offer/target"
    assert refusal(ContractAgreementMessage, agreement(assignee=wrong)).path == "/agreement/assignee"


def test_ids_of_any_sort_are_taken_verbatim() -> None:
    for known in ("CD123:ACN0101:456", "offerACNC0101", "YQ==:Yg==:Yw==", "5d1c", "ö ñ"):
        offer = {**OFFER, "@id": known, "target": known}
        read = ContractRequestMessage.read({**REQUEST, "offer": offer})
        assert (read.dataset, read.offer["@id"]) == (known, known)


def test_policy_terms_nobody_knows_are_kept_exactly() -> None:
    offer = {**OFFER, "conflict": "perm", "edc:x": {"b": [1, True, None]}, "inheritFrom": ["p"]}
    message = ContractRequestMessage.read({**REQUEST, "offer": offer, "edc:noise": 1})
    assert message.offer == offer
    assert message.wire() == {**REQUEST, "offer": offer}


def test_python_names_are_no_wire_names() -> None:
    body = {"@context": [CONTEXT_URL], "@type": "TransferCompletionMessage", "provider_pid": "p", "consumerPid": "c"}
    assert refusal(TransferCompletionMessage, body).path == "/providerPid"


def test_a_data_address_says_which_property_is_wrong() -> None:
    body = {
        "@context": [CONTEXT_URL],
        "@type": "TransferRequestMessage",
        "consumerPid": "c",
        "agreementId": "a",
        "format": "HttpData-PUSH",
        "callbackAddress": "https://c.example",
        "dataAddress": {
            "@type": "DataAddress",
            "endpointType": "HTTP",
            "endpointProperties": [{"@type": "EndpointProperty", "name": "authorization", "value": {"a": 1}}],
        },
    }
    error = refusal(TransferRequestMessage, body)
    assert str(error) == "/dataAddress/endpointProperties/0/value is not a string; accepted: a string"


def test_a_catalogue_says_which_distribution_is_wrong() -> None:
    offer = {key: value for key, value in OFFER.items() if key != "target"}
    service = {"@type": "DataService", "@id": "s"}
    distribution = {"@type": "Distribution", "format": "HttpData-PULL", "accessService": service}
    dataset = {"@id": "d", "hasPolicy": [offer], "distribution": [distribution]}
    catalog = {"@context": [CONTEXT_URL], "@type": "Catalog", "@id": "c", "participantId": "p", "dataset": [dataset]}
    assert refusal(RootCatalog, catalog).path == "/dataset/0/distribution/0/accessService/endpointURL"
    distribution["accessService"] = "s"
    assert RootCatalog.read(catalog).dataset
    dataset["hasPolicy"] = [OFFER]
    assert refusal(RootCatalog, catalog).path == "/dataset/0/hasPolicy/0/target"
    assert refusal(RootCatalog, {**catalog, "hasPolicy": [offer]}).path == "/hasPolicy"
    dataset["hasPolicy"] = [offer]
    root = {"@context": [CONTEXT_URL], **dataset}
    assert RootDataset.read({**root, "dct:title": "Heart"}).wire() == {**root, "@type": "Dataset", "dct:title": "Heart"}
    assert refusal(RootDataset, {**root, "@type": "Catalog"}).path == "/@type"


def test_a_selection_travels_beside_the_offer_that_names_its_digest() -> None:
    selection = Selection(cohort=None, variables=("laboratory",), period=None)
    offer = with_terms(OFFER, BoundTerms(selection=selection.digest))
    body = {**REQUEST, "offer": offer, SELECTION: selection.wire()}
    for model, sent in (
        (ContractRequestMessage, body),
        (ContractOfferMessage, {**body, "@type": "ContractOfferMessage", "consumerPid": "c", "providerPid": "p"}),
    ):
        if model is ContractOfferMessage:
            del sent["callbackAddress"]
        assert model.read(sent).selection == selection
        assert model.read(sent).wire() == sent
        other = Selection(cohort=None, variables=("imaging",), period=None).wire()
        assert refusal(model, {**sent, SELECTION: other}).what == "is not the selection the offer names"
        assert refusal(model, {**sent, "offer": OFFER}).what == "is not the selection the offer names"
        assert "accepted: only cohort, variables, period" in str(refusal(model, {**sent, SELECTION: {**other, "x": 1}}))
