"""What is wrong with a policy by the ODRL Information Model 2.2: where, what, and what would be right."""

from dataclasses import replace
from time import perf_counter

import pytest

from policy.odrl import read
from policy.odrl.inheritance import inherited
from policy.odrl.model import Action, Constraint, Entity, Kind, Literal, Logical, Policy, Rule
from policy.odrl.validation import Severity, problems

ODRL = "http://www.w3.org/ns/odrl/2/"
XSD = "http://www.w3.org/2001/XMLSchema#"
DATA, HOLDER, USER = (Entity(f"https://example.org/{name}") for name in ("data", "holder", "user"))
USE = Action(f"{ODRL}use")


def permission(**parts):
    """A permission to use the data."""
    return Rule(**{"kind": Kind.PERMISSION, "actions": (USE,), "targets": (DATA,)} | parts)


def prohibition(**parts):
    """A prohibition of transferring the data."""
    stated = {"actions": (Action(f"{ODRL}transfer"),), "targets": (DATA,)}
    return Rule(kind=Kind.PROHIBITION, **stated | parts)


def duty(name="use", **parts):
    """A duty with this action."""
    return Rule(kind=Kind.DUTY, **{"actions": (Action(ODRL + name),)} | parts)


def policy(**parts):
    """A Set of one permission with a profile, so that only what is asked about can be wrong."""
    stated = {"uid": "urn:p", "kind": "Set", "profiles": ("https://example.org/profile",)}
    return Policy(**stated | {"permissions": (permission(),)} | parts)


def limited(term):
    """A policy whose permission has this constraint."""
    return policy(permissions=(permission(terms=(term,)),))


def limit(left="count", operator="lteq", *right, **parts):
    """A constraint over one of ODRL's left operands."""
    return Constraint(ODRL + left, operator, right or (Literal("10", f"{XSD}integer"),), **parts)


def told(found, severity):
    """Where and what the problems of this severity say."""
    return [(one.path, one.message) for one in problems(found) if one.severity is severity]


def errors(found):
    """Where and what the errors say."""
    return told(found, Severity.ERROR)


def warnings(found):
    """Where and what the warnings say."""
    return told(found, Severity.WARNING)


def test_a_policy_with_nothing_wrong_has_no_problem():
    assert problems(policy()) == ()
    assert problems(Policy(uid="urn:p", kind="Set", permissions=(permission(),))) == ()


@pytest.mark.parametrize("uid", ["", "policy one", "_:b0", "p"])
def test_a_policy_needs_an_iri_as_its_identifier(uid):
    assert [path for path, _ in errors(policy(uid=uid))] == ["/uid"]


def test_a_policy_needs_a_rule():
    assert errors(policy(permissions=())) == [
        ("", "the policy has no rule; state a permission, a prohibition or an obligation")
    ]


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        (permission(actions=()), ["/permission/0/action"]),
        (permission(targets=()), ["/permission/0/target"]),
        (permission(actions=(), targets=()), ["/permission/0/action", "/permission/0/target"]),
    ],
)
def test_a_permission_needs_an_action_and_a_target(rule, missing):
    assert [path for path, _ in errors(policy(permissions=(rule,)))] == missing


def test_what_the_policy_states_for_all_its_rules_is_not_missing_in_them():
    bare = Rule(kind=Kind.PERMISSION)
    whole = policy(
        kind="Agreement",
        permissions=(bare, bare),
        actions=(USE,),
        targets=(DATA,),
        assigners=(HOLDER,),
        assignees=(USER,),
    )
    assert problems(whole) == ()


def test_an_obligation_needs_an_action_and_no_target():
    assert errors(policy(permissions=(), obligations=(duty(),))) == []
    assert [path for path, _ in errors(policy(obligations=(duty(actions=()),)))] == ["/obligation/0/action"]


@pytest.mark.parametrize(
    ("kind", "parties", "missing"),
    [
        ("Offer", {}, ["assigner"]),
        ("Offer", {"assigners": (HOLDER,)}, []),
        ("Agreement", {}, ["assigner", "assignee"]),
        ("Agreement", {"assigners": (HOLDER,)}, ["assignee"]),
        ("Agreement", {"assigners": (HOLDER,), "assignees": (USER,)}, []),
        ("Set", {}, []),
        ("Policy", {}, []),
    ],
)
def test_each_rule_of_an_offer_names_the_assigner_and_of_an_agreement_both(kind, parties, missing):
    for place, rule in (("permission", permission), ("prohibition", prohibition), ("obligation", duty)):
        whole = policy(**{"kind": kind, "permissions": ()} | {f"{place}s": (rule(**parties),)})
        assert [path for path, _ in errors(whole)] == [f"/{place}/0/{name}" for name in missing]


def test_what_a_parent_may_still_state_is_only_warned_of():
    child = policy(kind="Agreement", assignees=(USER,), inherits=("urn:parent",))
    assert errors(child) == []
    assert [path for path, _ in warnings(child)] == ["/permission/0/assigner"]
    assert "parent" in warnings(child)[0][1]
    parent = policy(uid="urn:parent", assigners=(HOLDER,))
    assert problems(inherited(child, {"urn:parent": parent})) == ()
    without = inherited(child, {"urn:parent": policy(uid="urn:parent")})
    assert [path for path, _ in errors(without)] == ["/permission/0/assigner"]


@pytest.mark.parametrize(
    ("whole", "path"),
    [
        (policy(profiles=("not an iri",)), "/profile/0"),
        (policy(inherits=("urn:q", "parent")), "/inheritFrom/1"),
        (policy(inherits=("urn:q", "urn:p")), "/inheritFrom/1"),
        (policy(permissions=(permission(kind=Kind.DUTY),)), "/permission/0/@type"),
        (policy(permissions=(permission(uid="urn:p"),)), "/permission/0/uid"),
        (policy(permissions=(permission(uid="urn:r"), permission(uid="urn:r", targets=(USER,)))), "/permission/1/uid"),
    ],
)
def test_identifiers_and_kinds_must_be_what_they_are_for(whole, path):
    assert [found for found, _ in errors(whole)] == [path]


def test_a_duty_that_several_permissions_refer_to_is_the_same_duty():
    rules = tuple(permission(targets=(one,), duties=(duty(uid="urn:duty"),)) for one in (DATA, USER))
    whole = policy(permissions=rules)
    assert problems(whole) == ()


@pytest.mark.parametrize(
    ("whole", "path"),
    [
        (policy(permissions=(permission(remedies=(duty(),)),)), "/permission/0/remedy"),
        (policy(permissions=(permission(consequences=(duty(),)),)), "/permission/0/consequence"),
        (policy(prohibitions=(prohibition(duties=(duty(),)),)), "/prohibition/0/duty"),
        (policy(prohibitions=(prohibition(consequences=(duty(),)),)), "/prohibition/0/consequence"),
        (policy(obligations=(duty(remedies=(duty(),)),)), "/obligation/0/remedy"),
        (
            policy(obligations=(duty(consequences=(duty(consequences=(duty(),)),)),)),
            "/obligation/0/consequence/0/consequence",
        ),
        (
            policy(permissions=(permission(duties=(duty(consequences=(duty(consequences=(duty(),)),)),)),)),
            "/permission/0/duty/0/consequence/0/consequence",
        ),
        (
            policy(prohibitions=(prohibition(remedies=(duty(consequences=(duty(),)),)),)),
            "/prohibition/0/remedy/0/consequence",
        ),
        (policy(permissions=(permission(duties=(duty(actions=()),)),)), "/permission/0/duty/0/action"),
    ],
)
def test_duties_remedies_and_consequences_stand_where_they_belong(whole, path):
    assert [found for found, _ in errors(whole)] == [path]


def test_a_consequence_of_a_duty_or_obligation_and_a_remedy_are_fine():
    whole = policy(
        permissions=(permission(duties=(duty(consequences=(duty(),)),)),),
        prohibitions=(prohibition(remedies=(duty(),)),),
        obligations=(duty(consequences=(duty(),)),),
    )
    assert problems(whole) == ()


@pytest.mark.parametrize(
    ("term", "path"),
    [
        (Constraint("", "eq", (Literal("x"),)), "leftOperand"),
        (Constraint(f"{ODRL}count", "", (Literal("1"),)), "operator"),
        (limit("count", "or"), "operator"),
        (Constraint(f"{ODRL}count", "eq", ()), "rightOperand"),
        (limit("count", "lt", Literal("1"), Literal("2")), "rightOperand"),
        (Constraint(f"{ODRL}count", "eq", (Literal("no iri"),), by_reference=True), "rightOperandReference"),
        (Logical("or", ()), "or"),
    ],
)
def test_a_constraint_needs_each_of_its_parts(term, path):
    assert [found for found, _ in errors(limited(term))] == [f"/permission/0/constraint/0/{path}"]


def test_a_set_based_operator_may_have_a_list():
    for operator in ("isA", "hasPart", "isPartOf", "isAllOf", "isAnyOf", "isNoneOf"):
        assert problems(limited(limit("purpose", operator, Literal("a"), Literal("b")))) == ()


def test_a_constraint_is_listed_once_in_a_logical_constraint():
    named, blank = limit(node="https://example.org/c"), limit()
    [(path, message)] = errors(limited(Logical("xone", (named, named))))
    assert path == "/permission/0/constraint/0/xone/1"
    assert "twice" in message
    assert errors(limited(Logical("xone", (blank, limit())))) == []
    assert [found for found, _ in warnings(limited(Logical("xone", (blank, limit()))))] == [path]


def test_a_logical_constraint_with_one_part_is_warned_of():
    assert [path for path, _ in warnings(limited(Logical("and", (limit(),))))] == ["/permission/0/constraint/0/and"]


def test_what_joins_constraints_is_one_of_the_four_unless_a_profile_says_otherwise():
    odd = limited(Logical("https://example.org/atMost", (limit(), limit("percentage"))))
    assert errors(odd) == []
    assert [path for path, _ in errors(replace(odd, profiles=()))] == ["/permission/0/constraint/0"]
    named = limited(Logical("nor", (limit(), limit("percentage"))))
    assert [path for path, _ in errors(named)] == ["/permission/0/constraint/0"]


def test_a_problem_deep_inside_says_where():
    deep = Logical("or", (limit(), Logical("and", (limit("percentage"), Constraint("", "eq", (Literal("x"),))))))
    collection = Entity("https://example.org/all", collection=True, refinements=(deep,))
    action = Action(f"{ODRL}use", refinements=(deep,))
    whole = policy(permissions=(permission(actions=(action,), targets=(collection, DATA)),))
    assert [path for path, _ in errors(whole)] == [
        "/permission/0/action/refinement/0/or/1/and/1/leftOperand",
        "/permission/0/target/0/refinement/0/or/1/and/1/leftOperand",
    ]


@pytest.mark.parametrize(
    ("left", "value", "part"),
    [
        ("dateTime", Literal("tomorrow"), "an instant"),
        ("dateTime", Literal("2026-02-30", f"{XSD}date"), "not a value of xsd:date; write for instance 2026-01-31"),
        ("dateTime", Literal("2026-10-01T08:00Z", f"{XSD}dateTimeStamp"), "not a value of xsd:dateTimeStamp"),
        ("dateTime", Literal("https://example.org/TemplateDate", "@id"), "refers to something"),
        ("dateTime", Literal("2026-01-31", "@id"), "refers to something"),
        ("dateTime", Literal("3", f"{XSD}integer"), "an instant"),
        ("count", Literal("ten", f"{XSD}integer"), "not a value of xsd:integer; write for instance 12"),
        ("count", Literal("-1", f"{XSD}positiveInteger"), "not a value of xsd:positiveInteger"),
        ("payAmount", Literal("five"), "decimal number"),
        ("percentage", Literal("101"), "from 0 to 100"),
        ("elapsedTime", Literal("3 months"), "period"),
        ("elapsedTime", Literal("P", f"{XSD}duration"), "not a value of xsd:duration"),
        ("event", Literal("maybe", f"{XSD}boolean"), "not a value of xsd:boolean; write for instance true"),
    ],
)
def test_a_value_that_nothing_can_meet_is_warned_of(left, value, part):
    [(path, message)] = warnings(limited(limit(left, "eq", value)))
    assert path == "/permission/0/constraint/0/rightOperand"
    assert part in message
    assert errors(limited(limit(left, "eq", value))) == []


@pytest.mark.parametrize(
    ("left", "value"),
    [
        ("dateTime", Literal("2026-02-28", f"{XSD}date")),
        ("dateTime", Literal("2024-02-29Z", f"{XSD}date")),
        ("dateTime", Literal("2026-12-31T23:59:59.5+01:00")),
        ("dateTime", Literal("2026-12-31", f"{XSD}string")),
        ("payAmount", Literal("50", f"{XSD}integer")),
        ("payAmount", Literal("5.00")),
        ("percentage", Literal("100.0", f"{XSD}decimal")),
        ("elapsedTime", Literal("P3M", f"{XSD}duration")),
        ("delayPeriod", Literal("PT60M")),
        ("count", Literal("10")),
        ("purpose", Literal("anything", "https://example.org/type")),
    ],
)
def test_a_value_of_its_kind_is_fine(left, value):
    assert problems(limited(limit(left, "eq", value))) == ()


def test_a_stated_datatype_that_differs_from_the_values_own_is_warned_of():
    whole = limited(limit("count", "eq", Literal("1", f"{XSD}integer"), datatype=f"{XSD}decimal"))
    assert [path for path, _ in warnings(whole)] == ["/permission/0/constraint/0/rightOperand"]


@pytest.mark.parametrize(
    ("unit", "value", "count"),
    [
        ("http://dbpedia.org/resource/Euro", Literal("5.00"), 0),
        ("EUR", Literal("5.00"), 1),
        ("http://dbpedia.org/resource/Euro", Literal("x"), 1),
    ],
)
def test_a_unit_is_an_iri_and_belongs_to_a_number(unit, value, count):
    found = warnings(limited(limit("absoluteSize", "eq", value, unit=Literal(unit))))
    assert [path for path, _ in found] == ["/permission/0/constraint/0/unit"] * count


@pytest.mark.parametrize(
    ("entity", "path"),
    [
        (Entity("https://example.org/all", collection=True, refinements=(limit(),)), None),
        (Entity("https://example.org/all", refinements=(limit(),)), "/permission/0/target"),
        (Entity("_:b", collection=True, refinements=(limit(),)), "/permission/0/target"),
        (
            Entity("https://example.org/all", collection=True, refinements=(limit(),), node="https://example.org/all"),
            "/permission/0/target",
        ),
    ],
)
def test_only_a_collection_named_by_its_source_is_refined(entity, path):
    found = errors(policy(permissions=(permission(targets=(entity,)),)))
    assert [place for place, _ in found] == ([path] if path else [])


def test_an_asset_or_party_should_have_an_iri():
    for name in ("", "_:b", "dataset one"):
        whole = policy(permissions=(permission(assignees=(Entity(name),)),))
        assert [path for path, _ in warnings(whole)] == ["/permission/0/assignee"]
        assert errors(whole) == []


def test_an_action_needs_a_name():
    assert [path for path, _ in errors(policy(permissions=(permission(actions=(Action(""),)),)))] == [
        "/permission/0/action"
    ]


def test_a_deprecated_term_is_named_with_its_successor():
    whole = limited(limit("device", "eq", Literal("x")))
    old = replace(whole, permissions=(replace(whole.permissions[0], actions=(Action(f"{ODRL}copy"),)),))
    assert warnings(old) == [
        ("/permission/0/action", "odrl:copy is deprecated; use odrl:reproduce"),
        ("/permission/0/constraint/0/leftOperand", "odrl:device is deprecated; use odrl:systemDevice"),
    ]


def test_a_term_nobody_defines_is_warned_of_unless_a_profile_is_named():
    odd = "https://example.org/odd"
    rule = permission(
        actions=(Action(odd),),
        terms=(Constraint(odd, odd, (Literal("x"),)),),
        functions=((odd, (USER,)),),
        relations=((odd, (DATA,)),),
    )
    named = policy(permissions=(rule,), conflict=None)
    assert problems(named) == ()
    for profiles in ((), (f"{ODRL}core",)):
        whole = replace(named, profiles=profiles)
        assert errors(whole) == []
        assert [path for path, _ in warnings(whole)] == [
            "/permission/0/action",
            "/permission/0/https://example.org/odd",
            "/permission/0/https://example.org/odd",
            "/permission/0/constraint/0/leftOperand",
            "/permission/0/constraint/0/operator",
        ]


def test_a_policy_that_says_it_uses_the_core_alone_is_warned_once_of_other_terms():
    rule = permission(actions=(Action(f"{ODRL}play"),), terms=(limit("purpose", "isA", Literal("x")), limit()))
    assert warnings(policy(permissions=(rule, rule), profiles=())) == []
    [(path, message)] = warnings(policy(permissions=(rule, rule), profiles=(f"{ODRL}core",)))
    assert path == "/profile"
    assert "odrl:play, odrl:purpose, odrl:count" in message


def test_a_value_in_place_of_a_left_operand_is_odres_way_of_writing_and_warned_of():
    term = Constraint("2024-01-01", "lt", (Literal("x"),), given=Literal("2024-01-01", f"{XSD}date"))
    whole = policy(permissions=(permission(terms=(term,)),))
    assert errors(whole) == []
    assert [path for path, _ in warnings(whole)] == ["/permission/0/constraint/0/leftOperand"]


@pytest.mark.parametrize(("conflict", "path"), [("perm", None), ("ex:mine", "/conflict")])
def test_a_strategy_is_one_of_the_three_or_a_profiles(conflict, path):
    whole = policy(conflict=conflict, profiles=())
    assert [found for found, _ in warnings(whole)] == ([path] if path else [])
    assert problems(policy(conflict=conflict)) == ()


def test_a_constraint_of_the_whole_policy_is_warned_of():
    assert [path for path, _ in warnings(policy(terms=(limit(),)))] == ["/constraint"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [("Ticket", "/assignee"), ("Request", None), ("Privacy", "/permission"), ("Assertion", None)],
)
def test_the_vocabularys_own_kinds_have_their_customs(kind, path):
    whole = policy(kind=kind, assigners=(HOLDER,), assignees=(USER,))
    assert [found for found, _ in warnings(whole)] == ([path] if path else [])
    assert errors(whole) == []


# --- contradictions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "forbidden", "strategy", "found"),
    [
        ({}, {"actions": (Action(f"{ODRL}print"),)}, None, True),
        ({"actions": (Action(f"{ODRL}print"),)}, {"actions": (USE,)}, "invalid", True),
        ({}, {"actions": (USE,)}, "perm", False),
        ({}, {"actions": (USE,)}, "prohibit", False),
        ({}, {}, None, False),
        ({}, {"actions": (USE,), "targets": (HOLDER,)}, None, False),
        ({"assignees": (USER,)}, {"actions": (USE,), "assignees": (HOLDER,)}, None, False),
        ({"assignees": (USER,)}, {"actions": (USE,)}, None, True),
        ({"assignees": (Entity("_:a"),)}, {"actions": (USE,), "assignees": (Entity("_:a"),)}, None, False),
        ({}, {"actions": (USE,), "terms": (limit(),)}, None, True),
        ({"terms": (limit(),)}, {"actions": (USE,), "terms": (limit(),)}, None, False),
    ],
)
def test_a_prohibition_of_what_is_permitted_voids_the_policy_unless_one_wins(allowed, forbidden, strategy, found):
    rules = {"permissions": (permission(**allowed),), "prohibitions": (prohibition(**forbidden),)}
    said = [path for path, message in warnings(policy(conflict=strategy, **rules)) if "void" in message]
    assert said == (["/prohibition/0"] if found else [])


# --- what the reader did not understand -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "path", "severity"),
    [
        ("/permission/0/constraint/0/rightOperand", "/permission/0/constraint/0/rightOperand", Severity.ERROR),
        ("/permission/0/constraint/0/operator: similar", "/permission/0/constraint/0/operator", Severity.WARNING),
        ("/permission/0/remedy", "/permission/0/remedy", Severity.ERROR),
        ("/conflict", "/conflict", Severity.ERROR),
        ("/conflict: ex:mine", "/conflict", Severity.WARNING),
        ("/conflict: more than one value", "/conflict", Severity.ERROR),
        ("/@type: Agreement, Offer", "/@type", Severity.ERROR),
        ("/permission/1: a blank node", "/permission/1", Severity.ERROR),
        ("/permission/0/constraint: a blank node", "/permission/0/constraint", Severity.ERROR),
        ("/permission/0/constraint: https://example.org/c", "/permission/0/constraint", Severity.WARNING),
        ("/permission/0/constraint/0/andSequence: an order is stated by a list", None, Severity.ERROR),
        ("/permission/0/duty: not of a prohibition", "/permission/0/duty", Severity.ERROR),
        ("/permission/0/action", "/permission/0/action", Severity.WARNING),
        ("/permission/0/https://example.org/x: y", "/permission/0/https://example.org/x", Severity.WARNING),
        ("urn:parent#/permission/0/constraint/0/or/1", "urn:parent#/permission/0/constraint/0/or/1", Severity.ERROR),
    ],
)
def test_what_was_not_understood_is_an_error_only_where_no_vocabulary_could_help(entry, path, severity):
    [found] = problems(policy(unknown=(entry,)))
    assert (found.path, found.severity) == (path or entry.partition(":")[0], severity)


def test_what_is_said_already_is_not_said_again_as_not_understood():
    action = permission(actions=(Action("https://example.org/odd"),))
    whole = policy(profiles=(), permissions=(action,), unknown=("/permission/0/action/0: https://example.org/odd",))
    assert [one.path for one in problems(whole)] == ["/permission/0/action"]


def test_a_text_is_quoted_short_and_printable():
    long = policy(uid="x\x1b[31m" + "y" * 10_000)
    [(_, message)] = errors(long)
    assert len(message) < 200
    assert message.isprintable()


def test_a_wire_policy_is_judged_with_the_places_of_its_text():
    source = {
        "@id": "urn:uuid:1",
        "@type": "Offer",
        "profile": "https://example.org/profile",
        "permission": [{"action": "use", "constraint": [{"leftOperand": "dateTime", "operator": "lt"}]}],
    }
    assert errors(read(source)) == [
        ("/permission/0/target", "the permission has no target; name the asset it is about"),
        (
            "/permission/0/assigner",
            "an Offer says in each rule who offers it; name the assigner here or for the whole policy",
        ),
        (
            "/permission/0/constraint/0/rightOperand",
            "the constraint has no right operand, or not a value; state a text, a number or an IRI",
        ),
    ]


def test_a_policy_of_thousands_of_rules_that_all_contradict_is_judged_in_time():
    targets = tuple(Entity(f"urn:{index}") for index in range(5_000))
    whole = policy(
        permissions=tuple(permission(targets=(one,)) for one in targets),
        prohibitions=tuple(prohibition(actions=(USE,), targets=(Entity(f"{one.iri}:x"),)) for one in targets),
    )
    start = perf_counter()
    problems(whole)
    assert perf_counter() - start < 3


def test_two_rules_of_thousands_of_actions_are_judged_in_time():
    names = tuple(Action(f"urn:{index}") for index in range(5_000))
    others = tuple(Action(f"urn:x:{index}") for index in range(5_000))
    whole = policy(permissions=(permission(actions=names),), prohibitions=(prohibition(actions=others),))
    start = perf_counter()
    problems(whole)
    assert perf_counter() - start < 2


@pytest.mark.parametrize(
    "name", ["stopWithin", "backupsWithin", "freshness", "kAnonymity", "lDiversity", "tCloseness", "uniqueShare"]
)
def test_the_terms_of_our_own_duties_are_known_and_others_of_our_namespace_are_not(name):
    def said_of(left):
        term = Constraint(f"https://w3id.org/concord/ns#{left}", "lteq", (Literal("PT24H", f"{XSD}duration"),))
        found = policy(profiles=(), obligations=(duty("delete", terms=(term,)),))
        return [text for _, text in told(found, Severity.WARNING) if "left operand" in text]

    assert not said_of(name)
    assert said_of(f"{name}Long")
