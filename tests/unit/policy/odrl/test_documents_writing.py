"""Writing documents: from the model, not from what was read; nothing lost, nothing made up."""

import json
from dataclasses import replace

import pytest
from rdflib import RDF, URIRef

from policy.odrl.documents import Document, from_graph, ordered, read_document, to_graph, write
from policy.odrl.model import (
    REFERENCE,
    XSD,
    Action,
    Constraint,
    Entity,
    Kind,
    Literal,
    Logical,
    Policy,
    PolicyError,
    Rule,
)
from policy.odrl.reading import read
from tests.vectors.independent import difference, graph_of

ODRL = "http://www.w3.org/ns/odrl/2/"
PREFIXES = (
    f"@prefix odrl: <{ODRL}> . @prefix ex: <urn:ex:> . @prefix dct: <http://purl.org/dc/terms/> .\n"
    "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n"
)
LIMIT = "odrl:leftOperand odrl:count ; odrl:operator odrl:eq ; odrl:rightOperand"
TEXT = f"""{PREFIXES}
ex:p a odrl:Policy ; dct:title "Title"@en ; odrl:profile ex:profile ; odrl:permission ex:rule , [
        odrl:action [ rdf:value odrl:print ; odrl:refinement [ odrl:xone ( [ {LIMIT} 2 ] ex:shared [ {LIMIT} 1 ] ) ] ] ;
        odrl:target [ odrl:source ex:all ] ; odrl:constraint ex:shared ] .
ex:rule a odrl:Permission ; odrl:uid ex:rule ; odrl:action odrl:pay ; odrl:constraint ex:shared .
ex:shared a odrl:Constraint ; {LIMIT} ( "b" "a" ) .
ex:asset odrl:hasPolicy ex:p .
"""
CHANGES = {
    "kind": "Offer",
    "profiles": ("urn:ex:other",),
    "inherits": ("urn:ex:parent",),
    "conflict": "perm",
    "targets": (Entity("urn:ex:other"),),
    "assigners": (Entity("urn:ex:someone"),),
    "actions": (Action(f"{ODRL}read"),),
    "functions": ((f"{ODRL}informedParty", (Entity("urn:ex:someone"),)),),
    "terms": (Constraint(f"{ODRL}count", "lt", (Literal("7"),)),),
    "permissions": (),
    "obligations": (Rule(kind=Kind.DUTY, actions=(Action(f"{ODRL}delete"),)),),
}


def back(document, form):
    """The policies of a document that was written and read again."""
    return read_document(write(document, form)).policies


@pytest.mark.parametrize("form", ["turtle", "json-ld"])
def test_a_document_is_written_as_it_was_in_every_choice_of_words(form):
    document = read_document(TEXT)
    stated = graph_of(TEXT, ".ttl")
    written = write(document, form)
    assert not difference(to_graph(document), stated)
    assert not difference(graph_of(written, ".ttl" if form == "turtle" else ".jsonld"), stated)
    assert read_document(written).policies == document.policies
    assert write(read_document(written), form) == written


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("form", ["turtle", "json-ld"])
def test_a_changed_policy_is_written_changed(field, form):
    document = read_document(TEXT)
    changed = replace(document.policies[0], **{field: CHANGES[field]})
    # A target that the asset states itself is no longer said by anybody.
    [found] = back(replace(document, policies=(changed,)), form)
    assert found == ordered(changed) != document.policies[0]


def test_what_was_read_as_policy_is_not_kept_as_rest():
    document = read_document(TEXT)
    said = {(str(subject), str(predicate)) for subject, predicate, _ in document.rest}
    assert said == {
        ("urn:ex:p", "http://purl.org/dc/terms/title"),
        ("urn:ex:rule", str(RDF.type)),
        ("urn:ex:shared", str(RDF.type)),
    }
    nothing = replace(document, policies=())
    assert len(to_graph(nothing)) == len(document.rest)


def test_a_part_changed_in_one_place_only_is_written_apart_or_refused():
    blank = TEXT.replace("ex:shared", "_:shared")
    for text, named in ((blank, False), (TEXT, True)):
        document = read_document(text)
        policy = document.policies[0]
        rules = tuple(
            replace(rule, terms=(replace(rule.terms[0], operator="neq"),)) if rule.uid is None else rule
            for rule in policy.permissions
        )
        changed = replace(document, policies=(replace(policy, permissions=rules),))
        if named:
            with pytest.raises(PolicyError, match="two that differ have the id urn:ex:shared"):
                write(changed, "turtle")
        else:
            assert back(changed, "turtle") == (ordered(changed.policies[0]),)


def test_a_policy_made_by_hand_is_written_and_read_as_itself():
    limit = Constraint(
        f"{ODRL}payAmount",
        "isAnyOf",
        (Literal("5", f"{XSD}decimal"), Literal("x", language="de"), Literal("urn:ex:v", REFERENCE)),
        unit=Literal("urn:ex:euro", REFERENCE),
        datatype=f"{XSD}decimal",
        status=Literal("1"),
    )
    given = Constraint("12:00", "lt", (Literal("13:00"),), given=Literal("12:00", f"{XSD}time"))
    duty = Rule(kind=Kind.DUTY, actions=(Action(f"{ODRL}inform"),), uid="urn:ex:duty")
    rule = Rule(
        kind=Kind.PERMISSION,
        actions=(Action(f"{ODRL}use", (Logical("andSequence", (limit, given, limit)),)),),
        targets=(Entity("urn:ex:all", collection=True, refinements=(limit,)),),
        terms=(Logical("xone", (limit, limit)),),
        duties=(duty,),
    )
    policy = Policy(uid="urn:ex:p", kind="Offer", permissions=(rule,), assigners=(Entity("urn:ex:me"),))
    for form in ("turtle", "json-ld"):
        assert back(Document((policy,)), form) == (ordered(policy),)


def test_the_wire_form_is_read_by_the_wire_reader_as_the_same_policy():
    document = read_document(TEXT)
    assert ordered(read(json.loads(write(document, "wire")))) == document.policies[0]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("odrl:permission [ odrl:action odrl:use ; ex:only ex:nurses ]", "urn:ex:only"),
        ("ex:only ex:nurses", "urn:ex:only"),
        (f"odrl:permission [ odrl:constraint [ {LIMIT} 1 ; ex:endpoint ex:e ] ]", "urn:ex:endpoint"),
        (
            "odrl:permission [ odrl:constraint [ odrl:leftOperand 1 ; odrl:operator odrl:eq ; odrl:rightOperand 1 ] ]",
            "left operand",
        ),
        ("odrl:permission [ odrl:assignee [ ex:role ex:nurse ] ]", "urn:ex:role"),
        ("odrl:permission [ odrl:constraint [ odrl:or ex:missing ] ]", "constraint"),
        ("odrl:undefined odrl:ignore . ex:q a odrl:Set", "one policy, not 2"),
        ("odrl:relation ex:r", "relations"),
    ],
)
def test_what_the_wire_form_cannot_carry_is_an_error_that_names_it(said, named):
    document = read_document(f"{PREFIXES}ex:p a odrl:Set ; {said} .")
    with pytest.raises(PolicyError, match="the wire form c") as caught:
        write(document, "wire")
    assert named in str(caught.value)


def test_an_iri_that_cannot_be_one_is_refused_in_every_form():
    policy = Policy(uid="urn:ex:p", kind="Set", targets=(Entity("urn:a b> . <urn:x> <urn:y> <urn:z"),))
    for form in ("turtle", "json-ld"):
        with pytest.raises(PolicyError, match="an IRI may not hold"):
            write(Document((policy,)), form)


def test_iris_that_look_like_a_prefixed_name_survive_jsonld():
    text = f"{PREFIXES}ex:p a odrl:Set ; odrl:target <cc:by>, <odrl:x>, <industry:x> ."
    document = read_document(text)
    assert read_document(write(document, "json-ld")).policies == document.policies


def test_a_graph_of_no_policy_comes_back_whole():
    text = f"{PREFIXES}ex:a ex:b ( 1 ( 'x'@en ) [ ex:c _:d ] ) ; ex:e _:d, 'two\\nlines \"quoted\" \\\\', '5'^^ex:t ."
    document = read_document(text)
    assert document.policies == ()
    for form, suffix in (("turtle", ".ttl"), ("json-ld", ".jsonld")):
        assert not difference(graph_of(write(document, form), suffix), graph_of(text, ".ttl"))


def test_a_list_that_something_else_mentions_is_no_list_of_ours_and_stays():
    shared = "_:l rdf:first ex:c ; rdf:rest () . ex:x ex:y _:l ."
    text = f"{PREFIXES}ex:p odrl:permission [ odrl:constraint [ odrl:or _:l ] ] . {shared}"
    document = read_document(text)
    assert document.policies[0].unknown
    assert not difference(to_graph(document), graph_of(text, ".ttl"))
    assert from_graph(to_graph(document)).policies == document.policies


def test_a_policy_with_a_blank_node_and_an_id_keeps_both():
    duty = "[ odrl:uid 'urn:ex:duty' ; odrl:action odrl:delete ]"
    text = f"{PREFIXES}[] a odrl:Set ; odrl:uid ex:p ; odrl:obligation {duty} ."
    document = read_document(text)
    assert document.policies[0].obligations[0].uid == "urn:ex:duty"
    assert not difference(to_graph(document), graph_of(text, ".ttl"))
    assert (None, URIRef(f"{ODRL}uid"), URIRef("urn:ex:p")) in to_graph(document)
