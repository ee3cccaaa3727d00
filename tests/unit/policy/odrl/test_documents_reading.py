"""All of ODRL 2.2 in RDF, part by part: what it becomes, and what is named because it is not understood."""

import json

import pytest

from policy.odrl.documents import read_document
from policy.odrl.model import REFERENCE, Action, Constraint, Entity, Kind, Literal, Logical

ODRL = "http://www.w3.org/ns/odrl/2/"
XSD = "http://www.w3.org/2001/XMLSchema#"
PREFIXES = (
    f"@prefix odrl: <{ODRL}> . @prefix xsd: <{XSD}> . @prefix ex: <urn:ex:> .\n"
    "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n"
    "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
)


def policy(said, more="", kind="odrl:Set"):
    """The one policy that says this."""
    [found] = read_document(f"{PREFIXES}ex:p a {kind} ; {said} .\n{more}").policies
    return found


def permission(said, more=""):
    """The one permission that says this, and what was not understood."""
    found = policy(f"odrl:permission [ {said} ]", more)
    return found.permissions[0], found.unknown


def term(said, more=""):
    """The one constraint that says this, None if it was left out, and what was not understood."""
    found, unknown = permission(f"odrl:action odrl:use ; odrl:constraint {said}", more)
    return found.terms[0] if found.terms else None, unknown


def limit(value, left="odrl:count", operator="odrl:eq"):
    """A constraint as a blank node."""
    return f"[ odrl:leftOperand {left} ; odrl:operator {operator} ; odrl:rightOperand {value} ]"


def count(number):
    """The constraint that `limit` of a number is."""
    return Constraint(f"{ODRL}count", "eq", (Literal(str(number), f"{XSD}integer"),))


# --- policies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Set", "Offer", "Agreement", "Assertion", "Privacy", "Request", "Ticket"])
def test_a_policy_is_of_its_kind(kind):
    assert policy("odrl:profile ex:x", kind=f"odrl:{kind}").kind == kind
    assert policy("odrl:profile ex:x", kind=f"odrl:Policy, odrl:{kind}, ex:Contract").kind == kind


def test_a_policy_of_no_stated_kind_is_a_set_and_of_two_is_named():
    assert policy("odrl:profile ex:x", kind="odrl:Policy").kind == "Set"
    [untyped] = read_document(f"{PREFIXES} ex:p odrl:obligation [ odrl:action odrl:delete ] .").policies
    assert (untyped.uid, untyped.kind, untyped.unknown) == ("urn:ex:p", "Set", ())
    both = policy("odrl:profile ex:x", kind="odrl:Set, odrl:Offer")
    assert (both.kind, both.unknown) == ("Offer", ("/@type: Offer, Set",))


def test_uid_names_the_policy_whatever_its_node_is():
    for subject in ("ex:other", "[]", "_:p", "ex:p"):
        for uid in ("ex:p", '"urn:ex:p"', '"urn:ex:p"^^xsd:anyURI'):
            [found] = read_document(f"{PREFIXES}{subject} a odrl:Set ; odrl:uid {uid} .").policies
            assert (found.uid, found.unknown) == ("urn:ex:p", ())


def test_profile_inheritance_and_conflict_are_read():
    found = policy("odrl:profile ex:b, ex:a ; odrl:inheritFrom ex:q ; odrl:conflict odrl:prohibit")
    assert (found.profiles, found.inherits, found.conflict) == (("urn:ex:a", "urn:ex:b"), ("urn:ex:q",), "prohibit")
    assert policy("odrl:conflict ex:other").unknown == ("/conflict: urn:ex:other",)
    assert policy("odrl:conflict odrl:perm, odrl:invalid").conflict is None


def test_what_stands_at_the_policys_own_level_is_read_there():
    found = policy(f"odrl:target ex:a ; odrl:assigner ex:b ; odrl:action odrl:play ; odrl:constraint {limit(1)}")
    assert (found.target, found.assigner, found.assignee) == ("urn:ex:a", "urn:ex:b", None)
    assert (found.actions, found.terms) == ((Action(f"{ODRL}play"),), (count(1),))


def test_an_asset_or_party_may_name_the_policy_itself():
    found = policy(
        "odrl:profile ex:x", "ex:a odrl:hasPolicy ex:p . ex:b odrl:assignerOf ex:p . ex:c odrl:assigneeOf ex:p ."
    )
    assert (found.target, found.assigner, found.assignee) == ("urn:ex:a", "urn:ex:b", "urn:ex:c")
    assert policy("odrl:target ex:a", "ex:a odrl:hasPolicy ex:p .").targets == (Entity("urn:ex:a"),)


# --- rules ------------------------------------------------------------------------------------------------------------


def test_rules_and_the_duties_below_them_are_read():
    found = policy(
        "odrl:permission [ odrl:action odrl:use ; odrl:duty [ odrl:action odrl:delete ; odrl:consequence "
        "[ odrl:action odrl:compensate ; odrl:compensatedParty ex:c ] ] ] ; odrl:prohibition ex:no ; "
        "odrl:obligation [ odrl:action odrl:inform ]",
        "ex:no a odrl:Prohibition ; odrl:action odrl:index ; odrl:remedy [ odrl:action odrl:anonymize ] .",
    )
    [duty] = found.permissions[0].duties
    [consequence] = duty.consequences
    assert (duty.kind, duty.action, consequence.action) == (Kind.DUTY, f"{ODRL}delete", f"{ODRL}compensate")
    assert consequence.functions == ((f"{ODRL}compensatedParty", (Entity("urn:ex:c"),)),)
    assert consequence.pointer == "/permission/0/duty/0/consequence/0"
    [prohibition] = found.prohibitions
    assert (prohibition.uid, prohibition.remedies[0].action) == ("urn:ex:no", f"{ODRL}anonymize")
    assert (found.obligations[0].action, found.unknown) == (f"{ODRL}inform", ())


def test_a_rule_may_name_several_actions_targets_and_parties_in_canonical_order():
    found, unknown = permission("odrl:action odrl:read, odrl:print ; odrl:target ex:b, ex:a ; odrl:output ex:o")
    assert [one.iri for one in found.actions] == [f"{ODRL}print", f"{ODRL}read"]
    assert [one.iri for one in found.targets] == ["urn:ex:a", "urn:ex:b"]
    assert (found.relations, unknown) == (((f"{ODRL}output", (Entity("urn:ex:o"),)),), ())


def test_a_duty_where_none_may_stand_is_read_and_named():
    found = policy("odrl:prohibition [ odrl:action odrl:use ; odrl:duty [ odrl:action odrl:delete ] ]")
    assert found.prohibitions[0].duties
    assert found.unknown == ("/prohibition/0/duty: not of a prohibition",)


def test_a_rule_that_is_only_mentioned_is_named_and_not_taken_for_one_without_limits():
    for value in ("ex:elsewhere", '"text"', "[]"):
        found = policy(f"odrl:permission {value}")
        assert (found.permissions, len(found.unknown)) == ((), 1)


def test_a_property_of_a_profile_is_a_party_or_an_asset_if_the_graph_says_so():
    said = "odrl:action odrl:inform ; ex:auditor ex:c"
    assert permission(said)[1] == ("/permission/0/urn:ex:auditor",)
    found, unknown = permission(said, "ex:auditor rdfs:subPropertyOf odrl:function .")
    assert (found.functions, unknown) == ((("urn:ex:auditor", (Entity("urn:ex:c"),)),), ())


# --- actions, assets, parties -----------------------------------------------------------------------------------------


def test_an_action_may_be_refined():
    for node in ("[", "ex:node"):
        body = f"rdf:value odrl:print ; odrl:refinement {limit(1)}, {limit(2)}"
        said, more = (f"[ {body} ]", "") if node == "[" else (node, f"{node} {body} .")
        found, unknown = permission(f"odrl:action {said}", more)
        assert (found.actions, unknown) == ((Action(f"{ODRL}print", (count(1), count(2))),), ())


def test_names_of_actions_are_tolerated_as_texts_bare_and_deprecated():
    for said, name in (('"use"', "use"), ("<delete>", "delete"), ("odrl:pay", "compensate"), ('"odrl:read"', "read")):
        found, unknown = permission(f"odrl:action {said}")
        assert (found.action, unknown) == (f"{ODRL}{name}", ())


def test_an_unknown_action_stays_and_is_named():
    found, unknown = permission("odrl:action ex:view")
    assert (found.action, unknown) == ("urn:ex:view", ("/permission/0/action: urn:ex:view",))


def test_what_stands_inside_an_action_beside_its_refinements_is_named():
    assert permission("odrl:action [ rdf:value odrl:use ; odrl:target ex:a ]")[1] == ("/permission/0/action/0/target",)


@pytest.mark.parametrize(("side", "kind"), [("target", "AssetCollection"), ("assignee", "PartyCollection")])
def test_a_collection_is_known_by_its_source_and_refined(side, kind):
    for typed in ("", f"a odrl:{kind} ;"):
        found, unknown = permission(f"odrl:{side} [ {typed} odrl:source ex:all ; odrl:refinement {limit(1)} ]")
        entities = getattr(found, f"{side}s")
        assert (entities, unknown) == ((Entity("urn:ex:all", collection=True, refinements=(count(1),)),), ())
    found, _ = permission(f"odrl:{side} ex:c", f"ex:c a odrl:{kind} .")
    assert getattr(found, f"{side}s") == (Entity("urn:ex:c", collection=True),)


def test_a_party_that_is_only_described_is_nobody_we_know():
    found, unknown = permission("odrl:assignee [ ex:role ex:nurse ]")
    assert found.assignees == (Entity(""),)
    assert unknown == ("/permission/0/assignee/0/uid", "/permission/0/assignee/0/urn:ex:role")


def test_facts_about_an_asset_are_no_part_of_the_policy():
    document = read_document(f"{PREFIXES}ex:p odrl:permission [ odrl:target ex:a ] . ex:a ex:name 'A' .")
    assert (document.policies[0].unknown, len(document.rest)) == ((), 1)


# --- constraints ------------------------------------------------------------------------------------------------------


def test_every_part_of_a_constraint_is_read():
    said = "odrl:leftOperand odrl:payAmount ; odrl:operator odrl:lteq ; odrl:rightOperand '5'"
    found, unknown = term(f"[ {said} ; odrl:unit ex:euro ; odrl:dataType xsd:decimal ; odrl:status 3 ]")
    five = (Literal("5", f"{XSD}decimal"),)
    assert (found.left, found.operator, found.right, found.datatype) == (
        f"{ODRL}payAmount",
        "lteq",
        five,
        f"{XSD}decimal",
    )
    assert (found.unit, found.status, unknown) == (Literal("urn:ex:euro", REFERENCE), Literal("3", f"{XSD}integer"), ())


def test_a_value_may_be_named_by_where_it_is():
    found, _ = term("[ odrl:leftOperand odrl:count ; odrl:operator odrl:eq ; odrl:rightOperandReference ex:there ]")
    assert (found.by_reference, found.right) == (True, (Literal("urn:ex:there", REFERENCE),))


def test_values_repeated_or_in_a_list_are_the_same_values():
    texts = (Literal("a"), Literal("b", language="en"))
    assert term(limit('"b"@en, "a"'))[0].right == term(limit('( "b"@en "a" )'))[0].right == texts


def test_a_value_in_the_place_of_the_left_operand_is_given():
    found, unknown = term(limit('"2025-01-01"^^xsd:date', left='"2024-01-01"^^xsd:date'))
    assert (found.given, found.left, unknown) == (Literal("2024-01-01", f"{XSD}date"), "2024-01-01", ())


@pytest.mark.parametrize("operator", ["and", "or", "xone"])
def test_constraints_are_joined_by_repetition_or_in_a_list(operator):
    parts = (count(1), count(2))
    for said in (f"{limit(2)}, {limit(1)}", f"( {limit(2)} {limit(1)} )", "ex:one, ex:two"):
        more = f"ex:one a odrl:Constraint ; {limit(1)[1:-1]} . ex:two {limit(2)[1:-1]} ."
        assert term(f"[ odrl:{operator} {said} ]", more) == (Logical(operator, parts), ())


def test_only_a_list_puts_a_sequence_in_order():
    parts = (count(2), count(1))
    assert term(f"[ odrl:andSequence ( {limit(2)} {limit(1)} ) ]") == (Logical("andSequence", parts), ())
    assert term(f"[ odrl:andSequence {limit(2)}, {limit(1)} ]")[1]


@pytest.mark.parametrize(
    "said",
    [
        "[ odrl:operator odrl:eq ; odrl:rightOperand 1 ]",
        "[ odrl:leftOperand odrl:count ; odrl:operator odrl:eq ]",
        "[ odrl:leftOperand odrl:count, odrl:event ; odrl:operator odrl:eq ; odrl:rightOperand 1 ]",
        limit("[ ex:a 1 ]"),
        limit("[]", left="[ ex:a 1 ]"),
        limit("()"),
        "[ odrl:or () ]",
        "[ odrl:or ex:missing ]",
        f"[ odrl:or {limit(1)} ; odrl:and {limit(2)} ]",
        f"[ odrl:or ( {limit(1)} ex:missing ) ]",
        "ex:missing",
        '"text"',
    ],
)
def test_a_constraint_that_is_not_understood_is_left_out_named_and_kept_in_the_rest(said):
    found, unknown = term(said)
    assert (found, bool(unknown)) == (None, True)
    text = f"{PREFIXES}ex:p odrl:permission [ odrl:action odrl:use ; odrl:constraint {said} ] ."
    assert any("constraint" in predicate for _, predicate, _ in read_document(text).rest)


def test_an_operator_or_property_that_is_not_odrls_is_named():
    assert term(limit(1, operator="ex:near"))[0].operator == "urn:ex:near"
    assert term(limit(1, operator="ex:near"))[1] == ("/permission/0/constraint/0/operator: urn:ex:near",)
    told = f"{limit(1)[:-1]} ; ex:endpoint ex:e ; rdfs:comment 'free' ]"
    assert term(told)[1] == ("/permission/0/constraint/0/urn:ex:endpoint",)


def test_everything_is_found_where_its_pointer_says():
    done = f"odrl:action [ rdf:value odrl:use ; odrl:refinement [ odrl:and {limit(2)}, {limit(1)} ] ]"
    found, _ = permission(f"{done} ; odrl:target [ odrl:source ex:a ; odrl:refinement {limit(3)} ]")
    [joined] = found.actions[0].refinements
    assert joined.pointer == "/permission/0/action/0/refinement/0"
    assert [part.pointer for part in joined.parts] == [f"{joined.pointer}/and/{index}" for index in (0, 1)]
    assert found.targets[0].refinements[0].pointer == "/permission/0/target/0/refinement/0"


def test_the_same_in_turtle_in_jsonld_and_in_expanded_jsonld_is_the_same_policy():
    said = f"odrl:permission [ odrl:action odrl:read ; odrl:target ex:a ; odrl:constraint {limit(1)} ]"
    limits = {"leftOperand": "count", "operator": "eq", "rightOperand": 1}
    rule = {"action": "read", "target": "urn:ex:a", "constraint": limits}
    compact = {"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Set", "uid": "urn:ex:p", "permission": rule}
    value = {"@value": "1", "@type": f"{XSD}integer"}
    limits = {
        f"{ODRL}leftOperand": {"@id": f"{ODRL}count"},
        f"{ODRL}operator": {"@id": f"{ODRL}eq"},
        f"{ODRL}rightOperand": value,
    }
    rule = {
        f"{ODRL}action": [{"@id": f"{ODRL}read"}],
        f"{ODRL}target": [{"@id": "urn:ex:a"}],
        f"{ODRL}constraint": [limits],
    }
    expanded = [{"@id": "urn:ex:p", "@type": [f"{ODRL}Set"], f"{ODRL}permission": [rule]}]
    for text in (json.dumps(compact), json.dumps(expanded)):
        assert read_document(text).policies == (policy(said),)
