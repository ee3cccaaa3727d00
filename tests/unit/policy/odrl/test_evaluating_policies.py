"""Whole policies: where the behaviours differ, conflicts, duties, collections, what is left open, and the report."""

import json
from datetime import UTC, datetime

import pytest

from policy.decision import Outcome
from policy.odrl.documents import read_document
from policy.odrl.evaluating import (
    BEHAVIOURS,
    CONCORD,
    OVAL,
    SOLIDLAB,
    W3C,
    Deontic,
    DutyState,
    Performed,
    Request,
    State,
    compile_policy,
)
from policy.odrl.evaluating.asking import read_request
from policy.odrl.evaluating.rdf_report import report_graph
from policy.odrl.evaluating.rdf_writer import REPORT
from policy.odrl.evaluating.report import Activation, Control
from policy.odrl.evaluating.world import read_state
from policy.odrl.model import XSD, Literal, PolicyError
from policy.odrl.reading import read
from policy.odrl.vocabulary import ODRL

NOW = datetime(2026, 11, 22, tzinfo=UTC)
READ = Request(f"{ODRL}read", "urn:t", "urn:p")
RULE = {"action": "use", "target": "urn:t", "assignee": "urn:p"}


def policy(kind="Set", **said):
    return read({"@id": "urn:policy", "@type": kind, **said})


def verdict(read_policy, behaviour=CONCORD, request=READ, **known):
    compiled = compile_policy(read_policy, behaviour)
    found = compiled.verdict(request, State(now=NOW, **known))
    assert compiled.report(request, State(now=NOW, **known)).outcome is found
    return found


def outcomes(read_policy, **known):
    return {name: verdict(read_policy, behaviour, **known).value for name, behaviour in BEHAVIOURS.items()}


def test_an_offer_is_a_proposition_to_some_and_a_policy_to_others():
    found = outcomes(policy("Offer", permission=[RULE]))
    assert found == {"concord": "deny", "w3c": "deny", "solidlab": "permit", "oval": "permit"}


def test_a_rule_without_action_or_target_permits_all_to_some_and_nothing_to_others():
    text = "@prefix odrl: <http://www.w3.org/ns/odrl/2/> . <urn:p> a odrl:Set ; odrl:permission <urn:r> ."
    bare = compile_policy(read_document(f"{text} <urn:r> a odrl:Permission .").policies[0], SOLIDLAB)
    assert bare.verdict(READ, State()) is Outcome.PERMIT
    assert verdict(policy(permission=[{"action": "use"}]), W3C) is Outcome.DENY
    assert verdict(policy(permission=[{"action": "use"}])) is Outcome.DENY


def test_a_prohibition_that_does_not_say_of_what_it_is_leaves_all_undecided():
    found = outcomes(policy(permission=[RULE], prohibition=[{"action": "read"}]))
    assert found["concord"] == "indeterminate"
    assert found["w3c"] == "permit"


def test_an_unfulfilled_duty_blocks_unless_somebody_does_it_or_only_its_violation_would():
    owed = policy(permission=[RULE | {"duty": [{"@id": "urn:d", "action": "odrl:delete"}]}])
    assert outcomes(owed) == {"concord": "deny", "w3c": "deny", "solidlab": "permit", "oval": "permit"}
    assert verdict(owed, executors=frozenset({"delete"})) is Outcome.PERMIT
    done = (Performed(f"{ODRL}delete", at=datetime(2026, 1, 1, tzinfo=UTC)),)
    assert verdict(owed, performed=done) is Outcome.PERMIT
    assert verdict(owed, performed=(Performed(f"{ODRL}delete", at=datetime(2027, 1, 1, tzinfo=UTC)),)) is Outcome.DENY
    broken = {"urn:d": DutyState(Deontic.VIOLATED)}
    assert "permit" not in outcomes(owed, duties=broken).values()


def test_duties_that_somebody_carries_out_go_with_the_permit():
    owed = policy(permission=[RULE | {"duty": [{"action": "odrl:delete"}]}])
    report = compile_policy(owed).report(READ, State(now=NOW, executors=frozenset({"delete"})))
    assert report.obligations == ("delete",)


@pytest.mark.parametrize(
    ("conflict", "expected"),
    [
        ("perm", {"concord": "deny", "w3c": "permit", "solidlab": "permit", "oval": "permit"}),
        ("prohibit", {"concord": "deny", "w3c": "deny", "solidlab": "deny", "oval": "deny"}),
        ("invalid", {"concord": "deny", "w3c": "deny", "solidlab": "deny", "oval": "deny"}),
    ],
)
def test_a_prohibition_always_wins_here_and_elsewhere_as_the_policy_says(conflict, expected):
    assert outcomes(policy(permission=[RULE], prohibition=[RULE], conflict=conflict)) == expected


def test_a_policy_that_contradicts_itself_is_void_as_a_whole_where_it_does_not_say_who_wins():
    both = policy(permission=[RULE, {"action": "use", "target": "urn:other"}], prohibition=[RULE | {"action": "read"}])
    other = READ._replace(target="urn:other")
    assert verdict(both, OVAL, other) is Outcome.DENY
    assert verdict(both, CONCORD, other) is Outcome.PERMIT


def test_a_refinement_decides_the_doing_and_not_the_activation():
    limit = {"@value": "1200", "@type": "xsd:integer"}
    dpi = {"leftOperand": "resolution", "operator": "lteq", "rightOperand": limit}
    refined = policy(permission=[RULE | {"action": {"rdf:value": "odrl:print", "refinement": [dpi]}}])
    for dots, control in (("1000", Control.PERMIT), ("1300", Control.DENY)):
        features = {f"{ODRL}resolution": (Literal(dots, f"{XSD}integer"),)}
        request = Request(f"{ODRL}print", "urn:t", "urn:p", features)
        rule = compile_policy(refined).report(request, State(now=NOW)).rules[0]
        assert (rule.activation, rule.control) == (Activation.ACTIVE, control)


def test_members_of_a_collection_are_those_the_state_lists():
    gathered = {"@type": "AssetCollection", "source": "urn:all"}
    group = policy(permission=[RULE | {"target": gathered}])
    assert verdict(group, part_of={"urn:t": frozenset({"urn:all"})}) is Outcome.PERMIT
    assert verdict(group, part_of={"urn:x": frozenset({"urn:all"})}) is Outcome.NOT_APPLICABLE
    assert verdict(group) is Outcome.INDETERMINATE


def test_a_forbidden_thing_without_a_name_may_be_anything():
    for nameless in ({"@id": "_:k", "@type": "AssetCollection"}, {"@id": "_:k"}):
        forbidden = RULE | {"target": nameless}
        assert verdict(policy(permission=[RULE], prohibition=[forbidden])) is Outcome.INDETERMINATE


def test_a_unit_must_agree():
    paid = {"leftOperand": "payAmount", "operator": "eq", "rightOperand": "5.00", "unit": "urn:euro"}
    priced = policy(permission=[RULE | {"constraint": [paid]}])
    features = {f"{ODRL}payAmount": (Literal("5", f"{XSD}decimal"),)}
    assert verdict(priced, request=READ._replace(features=features)) is Outcome.INDETERMINATE
    units = {f"{ODRL}payAmount": "urn:euro"}
    assert verdict(priced, request=READ._replace(features=features, units=units)) is Outcome.PERMIT


def test_what_is_inherited_and_not_joined_is_never_evaluated():
    for behaviour in BEHAVIOURS.values():
        assert verdict(policy(permission=[RULE], inheritFrom="urn:parent"), behaviour) is Outcome.INDETERMINATE


def test_an_answer_holds_until_the_first_instant_that_can_change_it():
    times = [
        {"leftOperand": "dateTime", "operator": "gteq", "rightOperand": "2026-01-01T00:00:00Z"},
        {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": "2026-12-31"},
    ]
    limited = compile_policy(policy(permission=[RULE | {"constraint": times}]))
    assert limited.report(READ, State(now=NOW)).valid_until == datetime(2027, 1, 1, tzinfo=UTC)
    assert limited.report(READ, State(now=datetime(2028, 1, 1, tzinfo=UTC))).valid_until is None


def test_a_missing_fact_is_named_as_missing():
    early = {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2027-01-01T00:00:00Z"}
    report = compile_policy(policy(permission=[RULE | {"constraint": [early]}])).report(READ, State())
    assert report.outcome is Outcome.INDETERMINATE
    assert [cause.text for cause in report.because] == ["It is not known what time it is."]


@pytest.mark.parametrize(
    ("asked", "forbidden"),
    [
        (READ._replace(target="urn:whole"), RULE | {"target": "urn:t"}),
        (READ._replace(party="urn:whole"), RULE | {"assignee": "urn:p"}),
        (READ._replace(action=f"{ODRL}use"), RULE | {"action": "print"}),
    ],
)
def test_whoever_asks_for_a_whole_asks_for_its_forbidden_part(asked, forbidden):
    permitted = {"action": "use", "target": asked.target, "assignee": asked.party}
    parts = {"urn:t": frozenset({"urn:whole"}), "urn:p": frozenset({"urn:whole"})}
    whole = policy(permission=[permitted], prohibition=[forbidden])
    assert verdict(whole, request=asked, part_of=parts) is Outcome.INDETERMINATE
    assert verdict(policy(permission=[permitted]), request=asked, part_of=parts) is Outcome.PERMIT


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("https://w3id.org/dpv#Marketing", Outcome.DENY),
        ("https://w3id.org/dpv#DirectMarketing", Outcome.INDETERMINATE),
        ("https://w3id.org/dpv#Purpose", Outcome.INDETERMINATE),
        ("https://w3id.org/dpv#Marketing ", Outcome.INDETERMINATE),
        ("dpv:MARKETING", Outcome.INDETERMINATE),
        ("https://w3id.org/dpv#AcademicResearch", Outcome.PERMIT),
    ],
)
def test_a_forbidden_purpose_is_not_evaded_by_another_spelling_or_a_narrower_one(purpose, expected):
    forbidden = RULE | {"constraint": [{"leftOperand": "purpose", "operator": "eq", "rightOperand": "dpv:Marketing"}]}
    both = policy(permission=[RULE], prohibition=[forbidden])
    known = {f"{ODRL}purpose": (Literal(purpose),)}
    assert verdict(both, request=READ._replace(features=known)) is expected


TURTLE = """@prefix odrl: <http://www.w3.org/ns/odrl/2/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
<urn:p> a odrl:Agreement ; odrl:target <urn:t> ; odrl:assigner <urn:a> ; odrl:assignee <urn:b> ;
  odrl:permission [ odrl:action odrl:print, odrl:read ; odrl:constraint
    [ odrl:leftOperand odrl:dateTime ; odrl:operator odrl:lt ;
      odrl:rightOperand "2027-01-01T00:00:00Z"^^xsd:dateTime ],
    [ odrl:leftOperand odrl:purpose ; odrl:operator odrl:isA ;
      odrl:rightOperand <https://w3id.org/dpv#Marketing> ] ] ."""


def _atomic_json():
    limit = {"@value": "2027-01-01T00:00:00Z", "@type": "xsd:dateTime"}
    terms = [
        {"leftOperand": "purpose", "operator": "isA", "rightOperand": {"@id": "https://w3id.org/dpv#Marketing"}},
        {"leftOperand": "dateTime", "operator": "lt", "rightOperand": limit},
    ]
    rules = [{"target": "urn:t", "action": name, "constraint": terms} for name in ("read", "print")]
    said = {"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Agreement", "uid": "urn:p"}
    return json.dumps(said | {"assigner": "urn:a", "assignee": "urn:b", "permission": rules})


def test_the_report_is_the_same_however_the_policy_was_written():
    known = {f"{ODRL}purpose": (Literal("https://w3id.org/dpv#DirectMarketing"),)}
    request = Request(f"{ODRL}read", "urn:t", "urn:b", known)
    reports = [
        compile_policy(read_document(text).policies[0]).report(request, State(now=NOW)).to_json()
        for text in (TURTLE, _atomic_json())
    ]
    assert reports[0] == reports[1]
    assert reports[0]["outcome"] == "permit"


def test_the_report_as_rdf_has_the_states_of_every_premise():
    graph = report_graph(compile_policy(policy(permission=[RULE]), W3C).report(READ, State(now=NOW)))
    assert set(graph.objects(None, REPORT.controlState)) == {REPORT.Permit}
    assert len(set(graph.subjects(REPORT.satisfactionState, REPORT.Satisfied))) == 3


def test_requests_and_states_can_be_written_in_our_own_json():
    asked = {
        "action": "read",
        "target": "urn:t",
        "party": "urn:p",
        "features": {"count": 3},
        "at": "2026-11-22T00:00:00Z",
    }
    request = read_request(json.dumps(asked))
    assert request.features == {f"{ODRL}count": (Literal("3", f"{XSD}integer"),)}
    assert request.at == NOW
    state = read_state(
        json.dumps({"now": "2026-11-22T00:00:00Z", "partOf": {"urn:t": ["urn:c"]}, "executors": ["delete"]})
    )
    assert (state.now, state.part_of, state.executors) == (NOW, {"urn:t": frozenset({"urn:c"})}, frozenset({"delete"}))


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (read_request, '{"action": "read", "feature": {}}', "/feature: .* accepted: action, target, party, features"),
        (read_request, '{"features": {}, "acton": "use"}', "/acton: "),
        (read_state, '{"now": "2026-11-22T00:00:00Z", "part_of": {}}', "/part_of: .* accepted: now, features"),
        (read_state, '{"action": "read", "features": {}}', "/action: "),
        (read_state, '{"performed": [{"action": "read", "when": "2026-11-22T00:00:00Z"}]}', "/performed/0/when: "),
        (read_state, '{"@type": "Offer", "permission": [{"action": "use"}]}', "not a state of the world"),
    ],
)
def test_a_key_that_is_not_known_is_named_and_not_lost(read, text, words):
    with pytest.raises(PolicyError, match=words):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"features": {}}',
        "<a> <b> .",
        "[" * 100_000,
        '{"action": "use", "features": 7}',
        '{"a": ' * 60,
    ],
)
def test_what_is_no_request_is_refused_with_one_clear_error(text):
    with pytest.raises(PolicyError):
        read_request(text)


@pytest.mark.parametrize(
    "text", ['{"now": "yesterday"}', '{"performed": {}}', '{"duties": {"urn:d": "done"}}', "nonsense"]
)
def test_what_is_no_state_is_refused_with_one_clear_error(text):
    with pytest.raises(PolicyError):
        read_state(text)
