"""What we send: every message, built from any values, satisfies the schema and is read back as it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import messages as m
from contracts import schemas
from contracts.names import CONTEXT_URL, MessageType, NegotiationEvent, NegotiationState, TransferState

IDS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
TEXT = st.text(max_size=20)


def built(model: type[m.Shape], **fields: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries(fields).map(lambda given_fields: model(**given_fields))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=5,
)
CONSTRAINT = st.fixed_dictionaries(
    {
        "leftOperand": TEXT,
        "operator": st.sampled_from(["eq", "isA", "lteq"]),
        "rightOperand": TEXT | st.lists(JSON, max_size=2),
    }
)
RULE = st.fixed_dictionaries({"action": TEXT}, optional={"constraint": st.lists(CONSTRAINT, max_size=2)})
RULES = st.lists(RULE, min_size=1, max_size=2)
TERMS = {
    "prohibition": RULES,
    "obligation": RULES,
    "profile": TEXT | st.lists(TEXT, max_size=2),
    "https://x.example/k": JSON,
}
OFFER = st.fixed_dictionaries({"@id": IDS, "@type": st.just("Offer"), "permission": RULES}, optional=TERMS)
TARGETED = st.builds(lambda offer, target: {**offer, "target": target}, OFFER, IDS)
STAMP = st.just("2026-11-22T04:44:00Z")
AGREEMENT = st.builds(
    lambda offer, target, one, two, at: {
        **offer,
        "@type": "Agreement",
        "target": target,
        "assigner": one,
        "assignee": two,
        "timestamp": at,
    },
    OFFER,
    IDS,
    IDS,
    IDS,
    STAMP,
)
REASONS = st.lists(JSON, min_size=1, max_size=2).map(tuple) | st.none()
BOTH = {"provider_pid": IDS, "consumer_pid": IDS}
WHY = {"code": st.none() | TEXT, "reason": REASONS}
ID = {"id": IDS}
PROPERTY = built(m.EndpointProperty, name=TEXT, value=TEXT)
ADDRESS = st.none() | built(
    m.DataAddress,
    endpoint_type=TEXT,
    endpoint=st.none() | TEXT,
    endpoint_properties=st.none() | st.lists(PROPERTY, min_size=1, max_size=2).map(tuple),
)
SERVICE = built(m.DataService, id=IDS, endpoint_url=TEXT)
OFFERS = st.lists(OFFER, min_size=1, max_size=2).map(tuple)
DISTRIBUTION = built(m.Distribution, format=TEXT, access_service=IDS | SERVICE, has_policy=st.none() | OFFERS)
DISTRIBUTIONS = st.lists(DISTRIBUTION, min_size=1, max_size=2).map(tuple)


def described(model: type[m.Dataset]) -> st.SearchStrategy[m.Dataset]:
    extra = st.fixed_dictionaries(
        {}, optional={"dct:title": TEXT, "https://x.example/yield": JSON.filter(lambda v: v is not None)}
    )
    return st.builds(
        lambda one, two, three, more: model(id=one, has_policy=two, distribution=three, **more),
        IDS,
        OFFERS,
        DISTRIBUTIONS,
        extra,
    )


VERSION = built(
    m.Version,
    version=TEXT,
    path=TEXT,
    binding=st.just("HTTPS"),
    auth=st.none()
    | built(m.Auth, protocol=TEXT, version=TEXT, profile=st.none() | st.lists(TEXT, max_size=2).map(tuple)),
)
BUILT = {
    MessageType.VERSION_RESPONSE: built(
        m.VersionResponse, protocol_versions=st.lists(VERSION, min_size=1, max_size=2).map(tuple)
    ),
    MessageType.CATALOG_REQUEST: built(
        m.CatalogRequestMessage, **ID, filter=st.none() | st.lists(JSON, max_size=2).map(tuple)
    ),
    MessageType.DATASET_REQUEST: built(m.DatasetRequestMessage, **ID, dataset=IDS),
    MessageType.CATALOG: built(
        m.RootCatalog,
        id=IDS,
        participant_id=IDS,
        dataset=st.none() | st.lists(described(m.Dataset), min_size=1, max_size=2).map(tuple),
        service=st.none() | st.lists(SERVICE, min_size=1, max_size=2).map(tuple),
        catalog=st.none() | st.tuples(built(m.Catalog, id=IDS)),
    ),
    MessageType.DATASET: described(m.RootDataset),
    MessageType.CATALOG_ERROR: built(m.CatalogError, **WHY),
    MessageType.CONTRACT_REQUEST: built(
        m.ContractRequestMessage, **ID, consumer_pid=IDS, callback_address=IDS, offer=TARGETED
    )
    | built(m.ContractRequestMessage, **ID, consumer_pid=IDS, provider_pid=IDS, offer=TARGETED),
    MessageType.CONTRACT_OFFER: built(
        m.ContractOfferMessage, **ID, provider_pid=IDS, callback_address=IDS, offer=TARGETED
    )
    | built(m.ContractOfferMessage, **ID, consumer_pid=IDS, provider_pid=IDS, offer=TARGETED),
    MessageType.CONTRACT_AGREEMENT: built(m.ContractAgreementMessage, **ID, **BOTH, agreement=AGREEMENT),
    MessageType.CONTRACT_VERIFICATION: built(m.ContractAgreementVerificationMessage, **ID, **BOTH),
    MessageType.CONTRACT_EVENT: built(
        m.ContractNegotiationEventMessage, **ID, **BOTH, event_type=st.sampled_from(NegotiationEvent)
    ),
    MessageType.CONTRACT_TERMINATION: built(m.ContractNegotiationTerminationMessage, **ID, **BOTH, **WHY),
    MessageType.NEGOTIATION: built(m.ContractNegotiation, **BOTH, state=st.sampled_from(NegotiationState)),
    MessageType.NEGOTIATION_ERROR: built(m.ContractNegotiationError, **BOTH, **WHY),
    MessageType.TRANSFER_REQUEST: built(
        m.TransferRequestMessage,
        **ID,
        consumer_pid=IDS,
        agreement_id=IDS,
        format=IDS,
        callback_address=IDS,
        data_address=ADDRESS,
    ),
    MessageType.TRANSFER_START: built(m.TransferStartMessage, **ID, **BOTH, data_address=ADDRESS),
    MessageType.TRANSFER_COMPLETION: built(m.TransferCompletionMessage, **ID, **BOTH),
    MessageType.TRANSFER_SUSPENSION: built(m.TransferSuspensionMessage, **ID, **BOTH, **WHY),
    MessageType.TRANSFER_TERMINATION: built(m.TransferTerminationMessage, **ID, **BOTH, **WHY),
    MessageType.TRANSFER: built(m.TransferProcess, **BOTH, state=st.sampled_from(TransferState)),
    MessageType.TRANSFER_ERROR: built(m.TransferError, **BOTH, **WHY),
}


def test_every_message_type_is_built_here() -> None:
    assert set(BUILT) == set(MessageType)


@pytest.mark.parametrize("kind", MessageType)
def test_what_we_emit_satisfies_the_schema_and_is_read_back_as_it_was(kind: MessageType) -> None:
    @settings(max_examples=25, deadline=None)
    @given(BUILT[kind])
    def check(message: m.Shape) -> None:
        wire = message.wire()
        schemas.validator(kind).validate(wire)
        assert m.read(kind, wire) == message
        if kind is MessageType.VERSION_RESPONSE:
            assert "@context" not in wire
            assert "@type" not in wire
        else:
            assert wire["@context"] == [CONTEXT_URL]
            assert wire["@type"] == kind.value

    check()


def test_a_message_without_an_id_of_its_own_cannot_be_sent() -> None:
    message = m.TransferCompletionMessage(provider_pid="p", consumer_pid="c")
    with pytest.raises(ValueError, match="needs an id of its own"):
        message.wire()


def test_extra_context_entries_and_keys_are_ignored_and_never_repeated() -> None:
    edc = "https://w3id.org/edc/dspace/v0.0.1"
    body = {
        "@context": [CONTEXT_URL, edc],
        "@type": "ContractNegotiation",
        "@id": "x",
        "providerPid": "p",
        "consumerPid": "c",
        "state": "AGREED",
        "edc:extra": 1,
    }
    wire = m.ContractNegotiation.read(body).wire()
    assert wire == {
        "@context": [CONTEXT_URL],
        "@type": "ContractNegotiation",
        "providerPid": "p",
        "consumerPid": "c",
        "state": "AGREED",
    }
