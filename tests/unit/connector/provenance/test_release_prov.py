"""Provenance of a release, judged by other people's libraries: prov for PROV-JSON, rdflib for RDF, fhir.resources."""

import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fhir.resources.R4B.provenance import Provenance
from hypothesis import given
from hypothesis import strategies as st
from prov.model import ProvActivity, ProvAgent, ProvAssociation, ProvDocument, ProvEntity
from rdflib import RDF, RDFS, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic

from connector.provenance.facts import PARTICIPANTS, Party, ReleasedFile, ReleaseFacts
from connector.provenance.fhir import fhir_provenance
from connector.provenance.prov import release_ntriples, release_prov

PROV = Namespace("http://www.w3.org/ns/prov#")
TERM = Namespace("urn:concord:term:")
RELEASE = URIRef("urn:uuid:0d0f9a3e-0000-4000-8000-000000000001")

FACTS = ReleaseFacts(
    release=str(RELEASE),
    started_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    ended_at=datetime(2026, 3, 1, 9, 31, 2, 500000, tzinfo=UTC),
    dataset="https://hospital.example/datasets/records",
    agreement="urn:uuid:0d0f9a3e-0000-4000-8000-000000000002",
    study="urn:uuid:0d0f9a3e-0000-4000-8000-000000000003",
    profile="urn:concord:profile:research-default",
    profile_sha256="a" * 64,
    provider=Party("urn:concord:st-elisabeth-hospital:3f9a2c1b", 'St Elisabeth "Hospital"'),
    recipient=Party("urn:concord:heart-lab:00112233", "Heart Lab\nZürich"),
    software_name="concord",
    software_version="0.1.0",
    files=(
        ReleasedFile(
            id="urn:uuid:0d0f9a3e-0000-4000-8000-000000000004",
            sha256="b" * 64,
            media_type="application/fhir+ndjson",
            bytes=123456,
            resources=321,
        ),
    ),
    withheld_people={"no-consent": 12, "refused": "fewer than 10"},
    withheld_resources={"category-not-covered": 40},
)


def graph(facts):
    return Graph().parse(data=release_ntriples(facts), format="nt")


def document(facts):
    return ProvDocument.deserialize(content=json.dumps(release_prov(facts)), format="json")


def oracle(facts):
    """PROV-O as the oracle writes it after reading our PROV-JSON."""
    with warnings.catch_warnings():
        # The oracle passes rdflib an encoding it does not need.
        warnings.filterwarnings("ignore", "NTSerializer always uses UTF-8", UserWarning)
        written = document(facts).serialize(format="rdf", rdf_format="nt")
    found = Graph().parse(data=written, format="nt")
    # It leaves out the direct statement where a qualified one says more; PROV-O asks for both.
    for activity, node in list(found.subject_objects(PROV.qualifiedAssociation)):
        found.add((activity, PROV.wasAssociatedWith, found.value(node, PROV.agent)))
    return found


@pytest.mark.parametrize("id", ["edc-consumer", "Ärzte & Co", "a b", "1:2", ":"])
def test_a_recipient_whose_id_is_no_iri_is_named_by_one(id):
    party = Party.of_member(id, "EDC")
    assert party.id.startswith(PARTICIPANTS)
    assert URIRef(party.id) in set(Graph().parse(data=release_ntriples(replace(FACTS, recipient=party))).all_nodes())


def test_a_recipient_whose_id_is_an_iri_keeps_it():
    assert Party.of_member("urn:concord:heart-lab:00112233", "Heart Lab").id == "urn:concord:heart-lab:00112233"


def test_both_forms_state_the_same_graph():
    assert isomorphic(oracle(FACTS), graph(FACTS))


def test_the_oracle_finds_every_thing_and_relation():
    read = document(FACTS)
    assert {str(record.identifier.uri) for record in read.get_records(ProvEntity)} == {
        FACTS.dataset,
        FACTS.agreement,
        FACTS.study,
        FACTS.profile,
        FACTS.files[0].id,
        f"{RELEASE}#withheld-people-no-consent",
        f"{RELEASE}#withheld-people-refused",
        f"{RELEASE}#withheld-resources-category-not-covered",
    }
    (activity,) = read.get_records(ProvActivity)
    assert (activity.get_startTime(), activity.get_endTime()) == (FACTS.started_at, FACTS.ended_at)
    assert len(list(read.get_records(ProvAgent))) == 3
    assert len(list(read.get_records(ProvAssociation))) == 3


def test_the_triples_answer_what_left_why_and_for_whom():
    found = graph(FACTS)
    file = URIRef(FACTS.files[0].id)
    assert found.value(file, TERM.sha256) == Literal("b" * 64)
    assert found.value(file, PROV.wasGeneratedBy) == RELEASE
    assert found.value(file, PROV.wasDerivedFrom) == URIRef(FACTS.dataset)
    assert set(found.objects(RELEASE, PROV.used)) == {
        URIRef(iri) for iri in (FACTS.dataset, FACTS.agreement, FACTS.study, FACTS.profile)
    }
    roles = {
        found.value(node, PROV.hadRole): found.value(node, PROV.agent)
        for node in found.objects(RELEASE, PROV.qualifiedAssociation)
    }
    assert roles == {
        TERM.provider: URIRef(FACTS.provider.id),
        TERM.recipient: URIRef(FACTS.recipient.id),
        TERM.software: URIRef("urn:concord:software:concord:0.1.0"),
    }
    assert found.value(URIRef(FACTS.recipient.id), RDFS.label) == Literal("Heart Lab\nZürich")


def test_withheld_counts_are_told_by_reason_and_in_the_words_given():
    found = graph(FACTS)
    told = {
        (str(found.value(node, TERM.reason)), found.value(node, TERM.people).toPython())
        for node in found.subjects(RDF.type, TERM.Withheld)
        if found.value(node, TERM.people) is not None
    }
    assert told == {("no-consent", 12), ("refused", "fewer than 10")}


def test_no_form_knows_a_person():
    classes = set(graph(FACTS).objects(None, RDF.type))
    assert PROV.Person not in classes
    shown = release_ntriples(FACTS) + json.dumps(release_prov(FACTS)) + json.dumps(fhir_provenance(FACTS))
    assert not any(word in shown for word in ("Patient", "Practitioner", "foaf"))


def test_a_release_without_study_files_or_withheld_people_is_told_too():
    bare = replace(FACTS, study=None, files=(), withheld_people={}, withheld_resources={})
    assert isomorphic(oracle(bare), graph(bare))


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('\n\r\t"\\'), min_size=1, max_size=30)


@given(NAMES)
def test_any_name_survives_in_every_form(name):
    facts = replace(FACTS, provider=Party(FACTS.provider.id, name))
    assert graph(facts).value(URIRef(FACTS.provider.id), RDFS.label) == Literal(name)
    labels = {
        label for record in document(facts).get_records(ProvAgent) for label in record.get_attribute("prov:label")
    }
    assert name in labels


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "records"},
        {"dataset": "https://a.example/<x>"},
        {"agreement": ""},
        {"release": "urn:uuid:1> <urn:x> <urn:y"},
        {"software_version": "1 2"},
        {"profile_sha256": "A" * 64},
        {"withheld_people": {"Not a code": 3}},
        {"ended_at": datetime(2026, 3, 1, 9, 29, tzinfo=UTC)},
        {"started_at": datetime(2026, 3, 1)},  # noqa: DTZ001
    ],
)
def test_facts_that_would_not_be_valid_provenance_are_refused(change):
    with pytest.raises(ValueError, match=r"IRI|digest|reason|release ends"):
        replace(FACTS, **change)


def test_the_fhir_resource_is_valid_r4():
    resource = fhir_provenance(FACTS)
    read = Provenance.model_validate_json(json.dumps(resource))
    assert json.loads(read.model_dump_json()) == resource


def test_the_fhir_resource_names_files_contract_and_parties():
    resource = fhir_provenance(FACTS)
    assert [target["identifier"]["value"] for target in resource["target"]] == [FACTS.files[0].id]
    assert resource["policy"] == [FACTS.agreement, FACTS.study, FACTS.profile]
    assert [agent["type"]["coding"][0]["code"] for agent in resource["agent"]] == ["custodian", "assembler", "IRCP"]
    assert resource["entity"][0]["what"]["identifier"]["value"] == FACTS.dataset
    with pytest.raises(ValueError, match="at least one"):
        fhir_provenance(replace(FACTS, files=()))
