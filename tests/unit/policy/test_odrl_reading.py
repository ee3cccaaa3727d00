"""Reading policies off the wire: what is understood, what is named, what is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.odrl import PolicyError, compiled, read
from policy.odrl.model import Constraint, Literal, Logical
from policy.odrl.reading import MAX_DEPTH, MAX_VALUES
from policy.odrl.terms import stated
from tests.unit.policy.story import story

ODRL = "http://www.w3.org/ns/odrl/2/"
EXAMPLES = Path(__file__).parents[2] / "vectors" / "dsp" / "negotiation" / "example"


def with_rule(**rule):
    """An offer with one permission."""
    return {"@id": "urn:uuid:o", "@type": "Offer", "permission": [{"action": "use", **rule}]}


def test_the_protocols_examples_are_read():
    found = 0
    for path in sorted(EXAMPLES.glob("*.json")):
        message = json.loads(path.read_text("utf-8"))
        for key in ("offer", "agreement"):
            if isinstance(message.get(key), dict):
                found += 1
                policy = compiled(message[key])
                assert policy.policy.uid == message[key]["@id"]
                assert policy.permissions
    assert found >= 4


def test_the_protocols_time_limit_is_understood():
    message = json.loads((EXAMPLES / "contract-offer-message.json").read_text("utf-8"))
    assert compiled(message["offer"]).unknown == ()


def constraint(left, operator, right):
    """A constraint in wire form."""
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


@pytest.mark.parametrize("prefix", ["", "odrl:", ODRL])
def test_bare_prefixed_and_full_terms_are_the_same(prefix):
    terms = {f"{prefix}leftOperand" if prefix != "" else "leftOperand": f"{prefix}purpose"}
    terms |= {f"{prefix}operator": f"{prefix}isA", f"{prefix}rightOperand": "dpv:AcademicResearch"}
    rule = {f"{prefix}action": f"{prefix}use", f"{prefix}constraint": [terms]}
    policy = read({"@id": "urn:uuid:o", "@type": f"{prefix}Offer", f"{prefix}permission": [rule]})
    assert policy == read(with_rule(constraint=[constraint("purpose", "isA", "dpv:AcademicResearch")]))
    assert policy.unknown == ()


def test_references_and_typed_values_are_read_as_what_they_say():
    plain = constraint("dateTime", "lteq", "2027-12-31T00:00:00Z")
    typed = {
        "leftOperand": {"@id": "odrl:dateTime"},
        "operator": {"@id": "odrl:lteq"},
        "rightOperand": {"@value": "2027-12-31T00:00:00Z", "@type": "xsd:dateTime"},
    }
    one, other = (read(with_rule(constraint=[term])).permissions[0].terms[0] for term in (plain, typed))
    assert isinstance(one, Constraint)
    assert isinstance(other, Constraint)
    assert (one.left, one.operator) == (other.left, other.operator)
    assert other.right == (Literal("2027-12-31T00:00:00Z", "http://www.w3.org/2001/XMLSchema#dateTime"),)


def test_one_value_may_stand_where_a_list_may():
    listed = with_rule(constraint=[constraint("recipient", "eq", "a")], duty=[{"action": "concord:pseudonymise"}])
    single = with_rule(constraint=constraint("recipient", "eq", "a"), duty={"action": "concord:pseudonymise"})
    assert read(listed) == read(single | {"permission": single["permission"][0]})


def test_joined_constraints_are_read_at_any_depth():
    inner = {"andSequence": {"@list": [constraint("recipient", "eq", "a")]}}
    term = read(with_rule(constraint=[{"or": [inner, {"xone": [inner]}]}])).permissions[0].terms[0]
    assert isinstance(term, Logical)
    assert [part.operator for part in term.parts] == ["andSequence", "xone"]


def test_deprecated_actions_are_read_as_their_successors():
    assert read(with_rule() | {"prohibition": [{"action": "copy"}]}).prohibitions[0].action == f"{ODRL}reproduce"


def test_a_rules_own_target_and_assignee_are_terms_of_it():
    rule = read(with_rule(target="urn:uuid:d", assignee="urn:a")).permissions[0]
    assert [(term.left, term.right[0].text) for term in stated(rule)] == [
        ("https://w3id.org/concord/ns#dataset", "urn:uuid:d"),
        (f"{ODRL}recipient", "urn:a"),
    ]


def test_what_only_describes_is_passed_over():
    assert read(with_rule(**{"dct:title": "A rule"}) | {"dct:description": "An offer"}).unknown == ()


NAMED = [
    (with_rule(action="fly"), "/permission/0/action: fly"),
    (with_rule(action="odrl:secondaryUse"), "/permission/0/action: odrl:secondaryUse"),
    (
        with_rule(action={"rdf:value": "use", "refinement": [constraint("count", "lteq", 5)]}),
        "/permission/0/action",
    ),
    (with_rule(action=["use", "sell"]), "/permission/0/action"),
    (with_rule(refinement=[]), "/permission/0/refinement"),
    (with_rule(**{"ex:limit": 3}), "/permission/0/ex:limit"),
    (with_rule(target={"@type": "AssetCollection", "source": "x"}), "/permission/0/target"),
    (with_rule(duty=[{"action": "compensate"}]), "/permission/0/duty/0/action"),
    (
        with_rule(duty=[{"action": "concord:pseudonymise", "consequence": [{"action": "compensate"}]}]),
        "/permission/0/duty/0",
    ),
    (
        with_rule(duty=[{"action": "delete", "constraint": [constraint("count", "lteq", "3")]}]),
        "/permission/0/duty/0/constraint/0/leftOperand: count",
    ),
    (with_rule(constraint=["x"]), "/permission/0/constraint/0"),
    (with_rule(constraint=[{}]), "/permission/0/constraint/0/operator"),
    (with_rule(constraint=[constraint("purpose", "isLike", "x")]), "/permission/0/constraint/0/operator: isLike"),
    (with_rule(constraint=[constraint("count", "lteq", 5)]), "/permission/0/constraint/0/leftOperand"),
    (with_rule(constraint=[constraint("recipient", "isAnyOf", [])]), "/permission/0/constraint/0/rightOperand"),
    (
        with_rule(constraint=[constraint("recipient", "isAnyOf", ["a", None])]),
        "/permission/0/constraint/0/rightOperand",
    ),
    (with_rule(constraint=[constraint("recipient", "eq", "a") | {"unit": "x"}]), "/permission/0/constraint/0/unit"),
    (with_rule(constraint=[constraint("recipient", "eq", {"@value": "a", "@language": "en"})]), "rightOperand"),
    (with_rule(constraint=[{"or": []}]), "/permission/0/constraint/0/or"),
    (with_rule(constraint=[{"or": [constraint("recipient", "eq", "a")], "and": []}]), "/permission/0/constraint/0/and"),
    (with_rule(constraint=[constraint("recipient", "isA", "a")]), "/permission/0/constraint/0/operator: isA"),
    (with_rule(constraint=[constraint("recipient", "eq", ["a", "b"])]), "several values for eq"),
    (with_rule(constraint=[constraint("purpose", "hasPart", "dpv:AcademicResearch")]), "operator: hasPart"),
    (with_rule(constraint=[constraint("purpose", "isA", "AcademicResearch")]), "rightOperand: AcademicResearch"),
    (with_rule(constraint=[constraint("concord:consent", "neq", "per-person")]), "rightOperand: per-person"),
    (with_rule(constraint=[constraint("concord:consent", "eq", "broad")]), "rightOperand: broad"),
    (with_rule(constraint=[constraint("dateTime", "lteq", "2027-01-01T00:00:00")]), "/permission/0/constraint/0"),
    (with_rule(constraint=[constraint("elapsedTime", "lteq", "P30D")]), "/permission/0/constraint/0/leftOperand"),
    (with_rule() | {"prohibition": [{"action": "fly"}]}, "/prohibition/0/action: fly"),
    (with_rule() | {"prohibition": [{"action": "use", "remedy": [{"action": "delete"}]}]}, "/prohibition/0"),
    (with_rule() | {"obligation": [{"action": "fly"}]}, "/obligation/0/action: fly"),
    (with_rule() | {"inheritFrom": "urn:x"}, "/inheritFrom"),
    (with_rule() | {"profile": "urn:x"}, "/profile"),
    (with_rule() | {"conflict": "whatever"}, "/conflict"),
    (with_rule() | {"target": 3}, "/target"),
    (with_rule() | {"odrl:permission": []}, "/odrl:permission"),
    (with_rule(**{"@type": "Ticket"}), "/permission/0/@type"),
]


@pytest.mark.parametrize(("source", "named"), NAMED)
def test_what_is_not_understood_is_named_with_its_place(source, named):
    unknown = compiled(source).unknown
    assert any(named in name for name in unknown), unknown


NO_POLICIES = [
    None,
    [],
    "policy",
    {},
    {"@id": "urn:x"},
    {"@type": "Offer"},
    {"@id": "", "@type": "Offer"},
    {"@id": 3, "@type": "Offer"},
    {"@id": "urn:x", "@type": "Thing"},
    {"@id": "urn:x", "@type": ["Offer"]},
]


@pytest.mark.parametrize("source", NO_POLICIES)
def test_what_is_no_policy_is_refused(source):
    with pytest.raises(PolicyError):
        read(source)


def test_endless_nesting_and_endless_lists_are_refused():
    deep: dict = constraint("recipient", "eq", "a")
    for _ in range(10_000):
        deep = {"and": [deep]}
    for term in (deep, constraint("recipient", "isAnyOf", ["a"] * MAX_VALUES)):
        with pytest.raises(PolicyError, match=f"{MAX_VALUES} values or {MAX_DEPTH} levels"):
            compiled(with_rule(constraint=[term]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
def test_what_is_not_json_is_refused(value):
    with pytest.raises(PolicyError):
        compiled(with_rule(**{"dct:title": value}))


def test_the_source_is_kept_as_it_was():
    source = story.agreement(**{"dct:title": "Größe", "ex:number": 1.5})
    policy = compiled(source)
    assert policy.to_json() == source
    assert compiled(policy.to_json()) == policy
    assert compiled(policy.to_json()).unknown == policy.unknown


def test_text_that_looks_like_code_stays_text():
    hostile = ["__import__('os').system('true')", "{{7*7}}", "${jndi:ldap://x}", "'; DROP TABLE consent; --"]
    for text in hostile:
        policy = compiled(with_rule(constraint=[constraint("recipient", "eq", text)]))
        assert policy.policy.permissions[0].terms[0].right == (Literal(text),)


def test_a_name_is_cut_short_and_stripped_of_control_signs():
    name = compiled(with_rule(action="a\x1b[31m" + "b" * 999)).unknown[0]
    assert len(name) <= 200
    assert name.isprintable()


RULE_KEYS = ["permission", "prohibition", "obligation", "duty", "action", "constraint", "target", "assignee"]
TERM_KEYS = [
    "leftOperand",
    "operator",
    "rightOperand",
    "or",
    "and",
    "@value",
    "@list",
    "@id",
    "@type",
    "profile",
    "x:y",
]
keys = st.sampled_from(RULE_KEYS + TERM_KEYS)
texts = st.sampled_from(["use", "Offer", "purpose", "eq", "isA", "dateTime", "dpv:AcademicResearch", "2027-01-01", ""])
anything = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=25,
)


@given(st.dictionaries(keys, anything, max_size=6))
def test_whatever_arrives_ends_in_a_policy_or_a_refusal(source):
    try:
        policy = compiled({"@id": "urn:x", "@type": "Agreement"} | source)
    except PolicyError:
        return
    assert isinstance(policy.unknown, tuple)
