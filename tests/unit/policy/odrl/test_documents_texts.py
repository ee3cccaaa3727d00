"""Texts that are no document: each refused once, with its place and its cause."""

import json

import pytest

from policy.odrl.documents import read_document
from policy.odrl.documents.limits import MAX_NESTING, MAX_TEXT
from policy.odrl.model import PolicyError

W3C = "http://www.w3.org/ns/odrl.jsonld"
TURTLE = "@prefix odrl: <http://www.w3.org/ns/odrl/2/> .\n<urn:p> a odrl:Set ;\n  "


def refusal(text, media_type=None):
    """Why a text is refused: its place and the whole message."""
    with pytest.raises(PolicyError) as caught:
        read_document(text, media_type)
    return caught.value.pointer, str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "cause"),
    [
        ('{"uid": "urn:p",}', "line 1, column 17", "not JSON"),
        ('{"uid": "urn:a"}\n{"uid": "urn:b"}', "line 2, column 1", "Extra data"),
        ('{\n "uid": "urn:a",\n "uid": "urn:b"}', "line 3, column 2", "'uid' stands twice"),
        ('{"a": {"b": 1, "b": 2}}', "line 1, column 16", "'b' stands twice"),
        ('{"\\u0061": 1, "a": 2}', "line 1, column 15", "'a' stands twice"),
        ('{"uid": 5}', "/uid", "an id is a text"),
        ('{"@id": ""}', "/@id", "an id is a text"),
        ('{"permission": [{"@id": null}]}', "/permission/0/@id", "an id is a text"),
        ('{"a": "\\u0000"}', "/a", "a null"),
        ('{"a": ["x", "\\ud800"]}', "/a/1", "surrogate"),
        ('{"a": NaN}', "", "NaN is no number"),
        ('{"a": 1e999}', "", "too large a number"),
        ("[" * (MAX_NESTING + 1), f"line 1, column {MAX_NESTING + 1}", "deeper than"),
        (f"{TURTLE}odrl:permission [ odrl:action ] .", "line 3, column 32", "not Turtle"),
        (f"{TURTLE}ex:p 1 .", "line 3, column 3", 'Prefix "ex:" not bound'),
        (f"{TURTLE}odrl:permission <urn:a b> .", "line 3, column 1", "may not hold ' '"),
        (f"{TURTLE}odrl:permission " + "[ odrl:duty " * (MAX_NESTING + 1), "line 3, column 979", "deeper than"),
        ("<urn:g> { <urn:p> a <urn:q> }", "line 1, column 9", "named graphs"),
        (b"<urn:p> a \xff", "line 1, column 11", "not UTF-8"),
        ("<urn:p> <urn:q> 'a\0' .", "line 1, column 19", "a null"),
        ("<urn:p>\n<urn:q> 'a\\u0000' .", "line 2, column 1", "a null"),
    ],
)
def test_a_broken_text_is_refused_with_its_place_and_cause(text, place, cause):
    found, message = refusal(text)
    assert (found, cause in message) == (place, True), message


@pytest.mark.parametrize("place", ["target", "assignee", "action"])
@pytest.mark.parametrize("text", ["urn:a b", "{{name}}", "a\nb", "<a>"])
def test_what_cannot_be_an_iri_is_refused_with_its_pointer(place, text):
    rule = {"action": "use", place: text}
    found, message = refusal(json.dumps({"@context": W3C, "uid": "urn:p", "permission": [rule]}))
    assert (found, "an IRI may not hold" in message) == (f"/permission/0/{place}", True)


@pytest.mark.parametrize("uid", ["policy-1", "#p", "/p", "1"])
def test_a_policy_with_a_relative_id_is_refused(uid):
    for text in (
        json.dumps({"@context": W3C, "@type": "Set", "uid": uid}),
        f"<{uid}> a <http://www.w3.org/ns/odrl/2/Set> .",
    ):
        assert refusal(text)[0] == "/uid"


def test_a_policy_without_an_id_and_two_of_one_id_are_refused():
    assert refusal(json.dumps({"@context": W3C, "@type": "Set", "permission": []}))[0] == "/uid"
    text = f"{TURTLE}odrl:uid <urn:q> . <urn:q> a odrl:Offer ."
    assert "two policies have the id urn:q" in refusal(text)[1]


@pytest.mark.parametrize(
    ("text", "media_type", "name"),
    [
        ('<?xml version="1.0"?><rdf:RDF/>', None, "RDF/XML"),
        ("---\nuid: p", None, "YAML"),
        ("%YAML 1.2", None, "YAML"),
        ("", "application/trig", "application/trig"),
        ("", "text/yaml; charset=utf-8", "text/yaml"),
        ("", "", "no media type"),
        ("policy:\n  uid: p", None, "not Turtle"),
        ("null", None, "not Turtle"),
    ],
)
def test_another_form_is_refused_with_those_that_are_accepted(text, media_type, name):
    message = refusal(text, media_type)[1]
    assert name in message
    assert "accepted are Turtle (text/turtle), N-Triples (application/n-triples) and JSON-LD or JSON" in message


def test_a_text_has_a_largest_size():
    assert read_document("#" * MAX_TEXT).policies == ()
    for text in ("#" * (MAX_TEXT + 1), b" " * (MAX_TEXT + 1)):
        assert "larger than" in refusal(text)[1]


def test_the_form_is_known_from_the_text_or_said_by_the_media_type():
    policy = "<urn:p> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/ns/odrl/2/Set> ."
    for media_type in (None, "text/turtle", "application/n-triples; charset=utf-8"):
        assert [one.uid for one in read_document(policy, media_type).policies] == ["urn:p"]
    json_ld = json.dumps({"@context": W3C, "@type": "Set", "uid": "urn:p"})
    for text in (json_ld, f"[{json_ld}]", f"\ufeff\n {json_ld}", f"\ufeff{json_ld}".encode()):
        for media_type in (None, "application/ld+json", "application/json"):
            assert [one.uid for one in read_document(text, media_type).policies] == ["urn:p"]
    assert read_document("[ a <urn:t> ] .").rest
    assert read_document("[] a <urn:t> .").rest
