"""`concord policy explain` says why a request is answered so, and what would permit it; so does `evaluate`."""

import json

import pytest

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
