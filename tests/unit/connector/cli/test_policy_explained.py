"""`concord policy explain` says why a request is answered so, and what would permit it; so does `evaluate`."""

import json

import pytest
from rdflib import RDF, Graph, Namespace, URIRef

FORCE = Namespace("https://w3id.org/force/compliance-report#")
POLICY = {
    "@context": "http://www.w3.org/ns/odrl.jsonld",
    "@type": "Set",
    "uid": "urn:p",
    "permission": [
        {
            "action": "use",
            "target": "urn:a",
            "constraint": [
                {
                    "leftOperand": "purpose",
                    "operator": "isA",
                    "rightOperand": {"@id": "https://w3id.org/dpv#AcademicResearch"},
                }
            ],
        }
    ],
}
REQUEST = {"action": "read", "target": "urn:a", "features": {"purpose": "https://w3id.org/dpv#Marketing"}}
WORDS = "It would be permitted if the purpose were academic research, not marketing."


@pytest.fixture
def files(tmp_path):
    named = {}
    for name, value in (("policy", POLICY), ("request", REQUEST)):
        named[name] = tmp_path / f"{name}.json"
        named[name].write_text(json.dumps(value))
    return [f"--policy={named['policy']}", f"--request={named['request']}"]


@pytest.mark.parametrize("verb", ["explain", "evaluate"])
def test_a_no_says_what_would_permit_it(verb, files, concord):
    assert WORDS in " ".join(concord("policy", verb, *files).out.split())


@pytest.mark.parametrize("verb", ["explain", "evaluate"])
def test_it_says_so_to_machines_too(verb, files, concord):
    found = concord("policy", verb, *files, "--json").value["would_permit"]
    assert found["words"] == WORDS
    assert [one["of_policy"] for one in found["changes"]] == [False]


def test_a_policy_alone_is_explained_in_sentences(files, concord):
    assert "May be used for academic research." in concord("policy", "explain", files[0]).out


def test_no_policy_at_all_is_refused(concord):
    refused = concord("policy", "explain")
    assert refused.code == 2
    assert "--policy" in refused.err


@pytest.mark.parametrize("given", [["--at", "2026-11-22T09:30:00Z"], ["--request"]])
def test_a_log_takes_no_request_and_no_time(given, files, concord, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("Action,Party\nread,urn:p\n")
    asked = given if len(given) > 1 else [files[1]]
    refused = concord("policy", "evaluate", files[0], "--world", log, *asked)
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert f"at {given[0]}" in refused.err


def test_a_policy_that_the_file_does_not_hold_is_named(files, concord):
    refused = concord("policy", "explain", files[0], "--uid", "urn:nope")
    assert (refused.code, "no policy urn:nope" in refused.err) == (2, True)


def test_a_report_has_the_names_of_its_fields_as_keys(files, concord):
    found = concord("policy", "evaluate", *files, "--json").value
    assert {"valid_until", "request_rule", "would_permit"} <= found.keys()
    term = found["rules"][0]["constraints"][0]["term"]
    assert {"left_operand", "right_operand", "by_reference"} <= term.keys()


def test_an_offer_for_a_catalogue_leaves_out_its_dataset_and_who_offers_it(concord, tmp_path):
    offer = tmp_path / "offer.json"
    offer.write_text(json.dumps({"@id": "urn:o", "@type": "Offer", "permission": [{"action": "use"}]}))
    assert concord("policy", "check", offer).code == 1
    assert concord("policy", "check", "--catalogue", offer).code == 0


def test_the_report_can_be_had_as_rdf(files, concord):
    said = concord("policy", "evaluate", *files, "--turtle")
    graph = Graph().parse(data=said.out, format="turtle")
    [report] = graph.subjects(RDF.type, FORCE.PolicyReport)
    assert (said.code, graph.value(report, FORCE.policy)) == (1, URIRef("urn:p"))
    [rule] = graph.objects(report, FORCE.ruleReport)
    assert graph.value(rule, FORCE.activationState) != FORCE.Active
