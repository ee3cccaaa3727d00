"""Contexts of JSON-LD: only what is bundled, nothing is ever fetched, and no key is passed over in silence."""

import json
import socket

import pytest

from policy.odrl.documents import read_document, write
from policy.odrl.documents.contexts import BUNDLED, MAX_CONTEXTS, MAX_ENTRIES
from policy.odrl.model import PolicyError

W3C = "http://www.w3.org/ns/odrl.jsonld"
ODRL = "http://www.w3.org/ns/odrl/2/"
EVIL = "http://evil.example/context.jsonld"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Any attempt to reach out is an error of the test."""

    def refuse(*_args, **_more):
        raise AssertionError("somebody tried to use the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def policy(context, **parts):
    """A policy under a context, as text."""
    return json.dumps({"@context": context, "@type": "Set", "uid": "urn:p"} | parts)


def only(text):
    """The one policy of a text."""
    [found] = read_document(text).policies
    return found


@pytest.mark.parametrize(
    ("context", "pointer"),
    [
        (EVIL, "/@context"),
        ([W3C, EVIL], "/@context/1"),
        ("context.jsonld", "/@context"),
        ("file:///etc/passwd", "/@context"),
        ({"@import": EVIL}, "/@context/@import"),
        ({"x": {"@id": "urn:x", "@context": EVIL}}, "/@context/x/@context"),
        (
            [W3C, {"x": {"@id": "urn:x", "@context": [{"y": {"@id": "urn:y", "@context": EVIL}}]}}],
            "/@context/1/x/@context/0/y/@context",
        ),
    ],
)
def test_a_context_that_is_not_bundled_is_refused_by_name_with_those_that_are(context, pointer):
    with pytest.raises(PolicyError) as caught:
        read_document(policy(context))
    assert caught.value.pointer == pointer
    assert "not bundled and none is ever fetched" in str(caught.value)
    assert all(address in str(caught.value) for address in BUNDLED)


def test_a_context_deep_inside_is_refused_too():
    for part in ({"permission": [{"@context": EVIL}]}, {"urn:x": {"@list": [{"@context": [EVIL]}]}}):
        with pytest.raises(PolicyError, match="not bundled"):
            read_document(policy(W3C, **part))


@pytest.mark.parametrize(
    "context", [W3C, "https://www.w3.org/ns/odrl.jsonld", [W3C], [W3C, {"ex": "urn:ex:"}], {"@import": W3C}]
)
def test_the_context_of_w3c_is_bundled_however_it_is_asked_for(context):
    found = only(policy(context, permission=[{"action": "read", "target": "urn:a"}]))
    assert [action.iri for action in found.permissions[0].actions] == [f"{ODRL}read"]


def test_the_address_of_a_context_may_be_the_value_of_a_prefix_and_is_not_followed():
    report = {"@context": {"odrl": EVIL, "ex": "http://example.org/"}, "@id": "ex:report", "ex:of": {"@id": "odrl:x"}}
    document = read_document(json.dumps(report))
    assert document.policies == ()
    # JSON-LD 1.1: a term is a prefix only if its IRI ends in a delimiter, and this one does not.
    assert [str(value) for _, _, value in document.rest] == ["odrl:x"]


def test_the_id_is_the_same_from_uid_from_at_id_and_from_turtle():
    by_uid = read_document(policy(W3C))
    by_id = read_document(json.dumps({"@context": W3C, "@type": "Set", "@id": "urn:p"}))
    assert by_uid == by_id == read_document(f"<urn:p> a <{ODRL}Set> .")


def test_the_slips_of_the_published_context_mean_what_they_should_and_are_kept():
    limits = [{"leftOperand": "industry", "operator": "neq", "rightOperand": "x", "dataType": "xsd:string"}]
    document = read_document(policy(W3C, permission=[{"action": "use", "constraint": limits}]))
    [term] = document.policies[0].permissions[0].terms
    assert (term.left, term.operator, term.datatype) == (
        f"{ODRL}industry",
        "neq",
        "http://www.w3.org/2001/XMLSchema#string",
    )
    assert document.policies[0].unknown == ()
    for form in ("turtle", "json-ld"):
        assert read_document(write(document, form)) == document
    assert "odrl:neg" in write(document, "turtle")


@pytest.mark.parametrize("context", [W3C, [W3C, {"constrain": None}]])
def test_a_key_that_stands_for_nothing_is_named_and_never_written_away(context):
    limits = [{"leftOperand": "count", "operator": "lt", "rightOperand": 3}]
    document = read_document(policy(context, permission=[{"action": "use", "target": "urn:a", "constrain": limits}]))
    assert document.policies[0].unknown == ("/permission/0/constrain",)
    for form in ("turtle", "json-ld", "wire"):
        with pytest.raises(PolicyError, match="/permission/0/constrain: stands for nothing"):
            write(document, form)


def test_a_misspelt_type_is_named():
    for context in (W3C, {"odrl": ODRL, "uid": "@id", "permission": {"@id": "odrl:permission", "@type": "@id"}}):
        found = only(
            json.dumps({"@context": context, "@type": "Ofer", "uid": "urn:p", "permission": [{"action": "use"}]})
        )
        assert "/@type: Ofer" in found.unknown


def test_scoped_contexts_apply():
    scoped = {
        "rule": {
            "@id": f"{ODRL}permission",
            "@context": {"does": {"@id": f"{ODRL}action", "@type": "@vocab"}, "look": f"{ODRL}read"},
        }
    }
    found = only(json.dumps({"@context": [W3C, scoped], "@type": "Set", "uid": "urn:p", "rule": [{"does": "look"}]}))
    assert found.permissions[0].action == f"{ODRL}read"


def test_an_empty_context_hides_the_outer_one_and_an_absent_one_means_the_wire_form():
    assert only(json.dumps({"@type": "Set", "@id": "urn:p", "conflict": "perm"})).conflict == "perm"
    inner = {"@context": None, "@id": "urn:q", "@type": f"{ODRL}Set", "conflict": "perm"}
    found = only(json.dumps({"@context": W3C, "@id": "urn:doc", "hasPolicy": inner}))
    assert (found.conflict, found.unknown) == (None, ("/conflict",))


def test_contexts_are_limited_in_number_and_size():
    for context in ([{}] * (MAX_CONTEXTS + 1), {f"t{number}": "urn:t" for number in range(MAX_ENTRIES + 1)}):
        with pytest.raises(PolicyError, match="more than"):
            read_document(policy(context))
    for context in (5, True, [["x"], 5], {"x": 5.5, "y": [1]}):
        with pytest.raises(PolicyError, match=r"a context is|stands for|not bundled"):
            read_document(policy(context))


def test_contexts_within_contexts_for_thousands_of_nodes_are_refused_in_time():
    scoped = {"T": {"@id": "urn:T", "@context": {f"t{number}": f"urn:t{number}" for number in range(1_900)}}}
    for nodes in ([{"@type": "T"}] * 9_000, [{"T": {"@id": "urn:x"}}] * 9_000):
        with pytest.raises(PolicyError, match="contexts within contexts"):
            read_document(json.dumps({"@context": scoped, "@graph": nodes}))
    null = {"@context": None, "urn:x": {"@context": scoped, "urn:y": [{"@type": "T"}] * 9_000}}
    with pytest.raises(PolicyError, match="contexts within contexts"):
        read_document(json.dumps(null))


def test_terms_that_define_each_other_are_refused():
    with pytest.raises(PolicyError, match="nested too deeply"):
        read_document(json.dumps({"@context": {"a": "b:x", "b": "a:y"}, "@id": "urn:p", "a:q": 1}))
