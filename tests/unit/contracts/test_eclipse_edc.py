"""Eclipse EDC's own spellings of data addresses and filters, read and written beside the specification's."""

import pytest

from contracts import edc, schemas
from contracts.messages import DataAddress, TransferRequestMessage, TransferStartMessage
from contracts.names import MessageType

HTTP = "https://w3id.org/idsa/v4.1/HTTP"
DATA = "http://127.0.0.1:8080/data/releases/1"
IRI = "https://w3id.org/edc/v0.0.1/ns/"


def address(kind: str = HTTP, endpoint: str | None = None, **properties: str) -> DataAddress:
    """An address as a peer writes it; `edc__x` stands for EDC's full name of x."""
    entries = [
        {"@type": "EndpointProperty", "name": name.replace("edc__", IRI), "value": value}
        for name, value in properties.items()
    ]
    said = {"@type": "DataAddress", "endpointType": kind, "endpoint": endpoint, "endpointProperties": entries}
    return DataAddress.read({key: value for key, value in said.items() if value})


def started(one: DataAddress) -> dict:
    pids = {"provider_pid": "urn:uuid:1", "consumer_pid": "urn:uuid:2"}
    return TransferStartMessage(id="urn:uuid:3", data_address=one, **pids).wire()


def test_the_specifications_address_is_read_with_its_token_as_a_bearer():
    found = edc.read_address(address(endpoint=DATA, authorization="abc", authType="bearer"))
    assert found == (DATA, "Bearer abc")


def test_another_scheme_than_bearer_is_named_as_it_stands():
    assert edc.read_address(address(endpoint=DATA, authorization="abc", authType="DPoP")) == (DATA, "DPoP abc")


def test_edcs_address_is_read_from_its_properties_and_its_token_goes_out_as_it_is():
    found = edc.read_address(
        address(edc__endpoint=DATA, edc__authType="bearer", edc__endpointType=HTTP, edc__authorization="ey.J.x")
    )
    assert found == (DATA, "ey.J.x")


def test_a_prefixed_name_of_edc_is_read_as_its_full_one():
    assert edc.read_address(address(**{"edc:endpoint": DATA, "edc:authorization": "t"})) == (DATA, "t")


def test_where_both_spellings_are_there_the_specifications_counts():
    found = edc.read_address(
        address(endpoint=DATA, authorization="ours", edc__endpoint="https://other.example", edc__authorization="theirs")
    )
    assert found == (DATA, "Bearer ours")


@pytest.mark.parametrize("name", ["https://evil.example/ns/endpoint", "http://w3id.org/edc/v0.0.1/ns/endpoint", "x"])
def test_a_property_of_a_stranger_is_not_taken_for_edcs(name):
    assert edc.read_address(address(**{name: DATA})) is None


def test_an_address_without_an_endpoint_leads_nowhere():
    assert edc.read_address(address(authorization="abc")) is None


@pytest.mark.parametrize("token", ["a\r\nx-more: 1", "a\nb", " a", "é", "a" * 9000])
def test_a_token_that_cannot_stand_in_a_header_is_no_address(token):
    assert edc.read_address(address(edc__endpoint=DATA, edc__authorization=token)) is None
    assert edc.read_address(address(endpoint=DATA, authorization=token + "\n")) is None


def test_an_address_without_a_token_is_asked_without_one():
    assert edc.read_address(address(endpoint=DATA)) == (DATA, None)


def test_both_forms_say_the_same_twice_and_still_satisfy_the_schema():
    both = edc.both_forms(address(endpoint=DATA, authorization="abc", authType="bearer"))
    names = {one.name: one.value for one in both.endpoint_properties}
    assert names == {
        "authorization": "abc", "authType": "bearer", IRI + "endpointType": HTTP, IRI + "endpoint": DATA,
        IRI + "authorization": "abc", IRI + "authType": "bearer",
    }  # fmt: skip
    assert both.endpoint == DATA
    assert not list(schemas.validator(MessageType.TRANSFER_START).iter_errors(started(both)))
    assert edc.read_address(both) == (DATA, "Bearer abc")


def test_writing_both_forms_again_changes_nothing():
    once = edc.both_forms(address(endpoint=DATA, authorization="abc", authType="bearer"))
    assert edc.both_forms(once) == once


def test_edc_reads_its_own_form_from_what_we_write():
    both = edc.both_forms(address(endpoint=DATA, authorization="abc", authType="bearer"))
    theirs = {one.name.removeprefix(IRI): one.value for one in both.endpoint_properties if one.name.startswith(IRI)}
    assert (theirs["endpoint"], theirs["authorization"]) == (DATA, "abc")


def test_a_push_as_edc_asks_for_it_is_read():
    assert edc.read_push(address("HttpData", edc__baseUrl=DATA)) == (DATA, None)
    asked = address("HttpData", edc__baseUrl=DATA, edc__authKey="authorization", edc__authCode="Bearer x")
    assert edc.read_push(asked) == (DATA, "Bearer x")


def test_a_push_in_the_specifications_form_is_read():
    assert edc.read_push(address(endpoint=DATA, authorization="x", authType="bearer")) == (DATA, "Bearer x")


@pytest.mark.parametrize(
    "more",
    [
        {"edc__path": "elsewhere"}, {"edc__secretName": "alias"}, {"edc__method": "DELETE"},
        {"edc__authKey": "X-Api-Key", "edc__authCode": "k"},
    ],
    ids=["a further path", "a secret of their vault", "another method", "another header"],
)  # fmt: skip
def test_a_push_that_asks_for_what_we_do_not_do_is_refused(more):
    assert edc.read_push(address("HttpData", edc__baseUrl=DATA, **more)) is None


def test_a_push_without_an_address_is_refused():
    assert edc.read_push(address("HttpData", edc__method="POST")) is None


def test_our_push_address_is_understood_by_either_and_satisfies_the_schema():
    ours = edc.push_address(DATA, "abc")
    assert edc.read_push(ours) == (DATA, "Bearer abc")
    theirs = {one.name.removeprefix(IRI): one.value for one in ours.endpoint_properties if one.name.startswith(IRI)}
    assert theirs == {"baseUrl": DATA, "authKey": "Authorization", "authCode": "Bearer abc"}
    assert ours.endpoint_type == "HttpData"
    asked = TransferRequestMessage(
        id="urn:uuid:1", consumer_pid="urn:uuid:2", agreement_id="urn:uuid:3", format="HttpData-PUSH",
        callback_address="http://127.0.0.1/dsp", data_address=ours,
    ).wire()  # fmt: skip
    assert not list(schemas.validator(MessageType.TRANSFER_REQUEST).iter_errors(asked))


EVERYTHING = {"@type": "QuerySpec", "limit": 50, "offset": 0, "sortOrder": "ASC", "filterExpression": []}


def test_edcs_query_for_everything_is_no_filter():
    assert edc.without_query([EVERYTHING]) is None
    assert edc.without_query([{"@type": "QuerySpec"}]) is None
    assert edc.without_query(None) is None
    assert edc.without_query([EVERYTHING, {"text": "heart"}]) == [{"text": "heart"}]


@pytest.mark.parametrize(
    "query",
    [
        EVERYTHING | {"offset": 50},
        EVERYTHING | {"filterExpression": [{"operandLeft": "id", "operator": "=", "operandRight": "x"}]},
        EVERYTHING | {"sortField": "id"},
        {"limit": 50, "offset": 0},
        "QuerySpec",
    ],
)
def test_a_query_that_asks_for_less_stays_and_can_be_refused(query):
    assert edc.without_query([query]) == [query]
