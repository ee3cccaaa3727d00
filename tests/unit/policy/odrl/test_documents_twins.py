"""Two readers of the same text: the wire reader, and the expansion to RDF. They must never disagree on a policy."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.odrl.documents import Document, ordered, read_document, write
from policy.odrl.reading import read
from tests.unit.policy.odrl.wire_policies import POLICIES

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
FEWER = settings(FEW, max_examples=15)


def only(text):
    """The one policy of a text."""
    [policy] = read_document(text).policies
    return policy


@FEW
@given(POLICIES)
def test_a_wire_policy_is_the_same_policy_through_rdf(source):
    assert only(json.dumps(source)) == ordered(read(source))


@FEWER
@given(POLICIES, st.sampled_from(["turtle", "json-ld", "wire"]))
def test_a_wire_policy_is_written_and_read_as_the_same_in_every_form(source, form):
    policy = read(source)
    assert only(write(Document((policy,)), form)) == ordered(policy)
    assert only(write(read_document(json.dumps(source)), form)) == ordered(policy)


def test_a_sequence_keeps_its_order_through_rdf_and_an_array_of_the_wire_is_one():
    days = [{"leftOperand": "elapsedTime", "operator": "eq", "rightOperand": text} for text in ("P9D", "P1D", "P5D")]
    permission = {"action": "use", "constraint": [{"andSequence": days}]}
    source = {"@id": "urn:example:p", "@type": "Set", "permission": [permission]}
    under_dsp = {"@context": "https://w3id.org/dspace/2025/1/context.jsonld"} | source
    assert only(json.dumps(source)) == only(json.dumps(under_dsp)) == read(source)
    for form in ("turtle", "json-ld", "wire"):
        [term] = only(write(read_document(json.dumps(source)), form)).permissions[0].terms
        assert [part.right[0].text for part in term.parts] == ["P9D", "P1D", "P5D"]


def test_jsonld_states_no_order_by_an_array_so_a_sequence_of_one_is_named():
    days = [{"leftOperand": "elapsedTime", "operator": "eq", "rightOperand": text} for text in ("P9D", "P1D")]
    permission = {"action": "use", "constraint": [{"andSequence": days}]}
    source = {"@context": "http://www.w3.org/ns/odrl.jsonld", "@id": "urn:example:p", "permission": [permission]}
    [entry] = only(json.dumps(source)).unknown
    assert entry.startswith("/permission/0/constraint/0/andSequence: ")


def test_a_policy_under_dsps_context_is_read_as_the_wire_form():
    limit = {"leftOperand": "spatial", "operator": "eq", "rightOperand": "EU", "unit": "u"}
    source = {"@id": "urn:example:p", "@type": "Offer", "permission": [{"action": "read", "constraint": [limit]}]}
    context = {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"]}
    assert only(json.dumps(context | source)) == read(source)


def test_the_offer_inside_a_message_of_the_protocol_is_found():
    limit = {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": "2027-01-01"}
    offer = {"@id": "urn:example:p", "@type": "Offer", "permission": [{"action": "use", "constraint": [limit]}]}
    message = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "ContractRequestMessage",
        "consumerPid": "urn:example:pid",
        "callbackAddress": "https://a.example/callback",
        "offer": offer,
    }
    assert only(json.dumps(message)) == read(offer)
