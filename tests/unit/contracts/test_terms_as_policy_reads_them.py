"""A standard offer, asked for, agreed and sent: both floors read the same terms, and policy understands all of it."""

from datetime import UTC, datetime

from contracts import schemas
from contracts.agreement import make_agreement, same_terms
from contracts.messages import ContractAgreementMessage, ContractRequestMessage
from contracts.names import MessageType
from contracts.terms import BoundTerms, Selection, bound_terms, requested_purposes, with_terms
from policy import odrl
from policy.offers import research_offer

UNTIL = datetime(2027, 12, 31, tzinfo=UTC)
PURPOSES = [
    "https://w3id.org/dpv#AcademicResearch",
    "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch",
]
SELECTION = Selection(cohort=None, variables=("laboratory",), period=None)
OURS = BoundTerms(
    study="urn:uuid:6bcea82e-c509-443d-ba8c-8eef25984c07",
    study_digest="a" * 64,
    selection=SELECTION.digest,
    profile="pseudonymous",
)


def test_what_is_asked_for_is_what_policy_reads() -> None:
    offer = {**with_terms(research_offer("o-1", PURPOSES, UNTIL), OURS), "target": "d-1"}
    request = ContractRequestMessage(
        id="m-1", consumer_pid="c", callback_address="https://c.example", offer=offer, selection=SELECTION
    )
    schemas.validator(MessageType.CONTRACT_REQUEST).validate(request.wire())
    read = odrl.read(request.offer)
    stated = odrl.terms(read)
    assert read.unknown == ()
    assert BoundTerms(stated.study, stated.study_digest, stated.selection, stated.profile) == bound_terms(offer) == OURS
    assert set(stated.purposes) == set(requested_purposes(offer)) == set(PURPOSES)


def test_an_agreement_made_from_it_says_the_same_to_policy() -> None:
    offer = {**with_terms(research_offer("o-1", PURPOSES, UNTIL), OURS), "target": "d-1"}
    agreement = make_agreement("a-1", offer, "d-1", "provider", "consumer", UNTIL)
    message = ContractAgreementMessage(id="m-2", provider_pid="p", consumer_pid="c", agreement=agreement)
    schemas.validator(MessageType.CONTRACT_AGREEMENT).validate(message.wire())
    assert same_terms(offer, message.agreement) is None
    assert odrl.read(agreement).unknown == ()
    assert odrl.terms(odrl.read(agreement)) == odrl.terms(odrl.read(offer))
