"""Every code of DUO: one decision table, reached by the code's meaning, by our template and by the published policy."""

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph

from policy.decision import Outcome
from policy.duo import Kind, NoTemplateError, UnknownCodeError, code, codes, matches, rules, template, template_wire
from policy.duo import terms as t
from policy.duo.page import page
from policy.duo.placeholders import MissingPlaceholderError
from policy.duo.profile import negation, published
from policy.duo.table import BY_FACT, BY_PURPOSE, PLACEHOLDERS, asked
from policy.odrl import read
from policy.odrl.documents import from_graph
from policy.odrl.evaluating import compile_policy
from policy.odrl.model import Constraint, Literal
from policy.purposes import DUODRL, label, purpose

ROOT = Path(__file__).parents[3]
PLACES = [ROOT.parent / "shared" / "spec" / "odrl" / "duo-odrl", ROOT / "tests" / "vectors" / "odrl" / "duo-odrl"]
PUBLISHED = sorted({path.stem: path for place in PLACES for path in place.glob("DUO_*.ttl")}.items())
SAID = [one.id for one in asked()]
PROPOSALS = {**BY_PURPOSE, **BY_FACT}


@cache
def of_template(term):
    """Our template, ready to ask."""
    return compile_policy(template(term, PLACEHOLDERS))


@cache
def of_document(name):
    """The published policy, ready to ask; None for a heading."""
    document = from_graph(Graph().parse(dict(PUBLISHED)[name]))
    found = published(document, f"{DUODRL}{name}", PLACEHOLDERS)
    return None if found is None else compile_policy(found)


def policy_text(name):
    """Which words of DUODRL a published policy uses."""
    return {t.NOT_A} if ":isNotA" in dict(PUBLISHED)[name].read_text("utf-8") else set()


def verdict(compiled, proposal):
    """What a policy says to a proposal."""
    return compiled.verdict(proposal.request(PLACEHOLDERS.dataset), proposal.state())


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_page_is_what_the_code_prints():
    text = (ROOT / "docs" / "duo.md").read_text("utf-8")
    assert text == page(), "run: python -m policy.duo.page > docs/duo.md"


def test_the_page_tells_something_of_every_code():
    text = page()
    tables = text[text.index("## By purpose") :]
    for one in asked():
        assert f"| {one.id} | {one.name} |" in text
        assert f"| {one.name} |" in tables or f"| {one.name} (ban) |" in tables or one.name == "NRES"


@pytest.mark.parametrize("name", list(PROPOSALS))
@pytest.mark.parametrize("term", SAID)
def test_our_template_says_what_the_code_means(term, name):
    proposal = PROPOSALS[name]
    assert not of_template(term).unknown
    said, meant = verdict(of_template(term), proposal), matches([term], proposal, PLACEHOLDERS).outcome
    assert said is meant or (len(proposal.purposes) > 1 and Outcome.PERMIT not in {said, meant})


@pytest.mark.parametrize("term", [name for name, _ in PUBLISHED])
def test_the_published_policy_says_what_our_template_says(term):
    policy = of_document(term)
    if code(term).kind is Kind.HEADING:
        assert policy is None
        return
    assert not policy.unknown
    answers = {name: (verdict(policy, one), verdict(of_template(term), one)) for name, one in PROPOSALS.items()}
    differing = {name: pair for name, pair in answers.items() if pair[0] is not pair[1]}
    # A prohibition of whatever is not of a kind leaves it open where a request is too broad to be of that kind; without
    # that prohibition it is a plain no. Neither permits.
    assert not any(Outcome.PERMIT in pair for pair in differing.values())
    assert not differing or t.NOT_A in policy_text(term)


def test_there_are_published_policies_to_compare_with():
    assert len(PUBLISHED) >= 21


# --- codes ------------------------------------------------------------------------------------------------------------


def test_all_codes_are_there():
    kinds = Counter(one.kind for one in codes().values())
    assert kinds == {Kind.PERMISSION: 5, Kind.MODIFIER: 18, Kind.INVESTIGATION: 10, Kind.HEADING: 2}


@pytest.mark.parametrize("term", ["HMB", "DUO_0000006", "DUO:0000006", "obo:DUO_0000006", code("HMB").iri])
def test_a_code_is_known_by_each_of_its_names(term):
    assert code(term) is codes()["DUO_0000006"]


@pytest.mark.parametrize("term", ["", "hmb", "DUO_9999999", "urn:other", "x" * 10**5])
def test_another_name_is_refused_and_the_known_ones_listed(term):
    with pytest.raises(UnknownCodeError, match="HMB"):
        code(term)


@pytest.mark.parametrize("one", [one for one in codes().values() if one.purpose])
def test_the_purpose_of_an_investigation_is_known_under_the_codes_own_iri_too(one):
    assert purpose(one.purpose) == purpose(one.iri)
    assert label(one.iri)


@pytest.mark.parametrize("term", ["DUO_0000001", "DUO_0000017"])
def test_a_heading_has_no_template_and_decides_nothing(term):
    with pytest.raises(NoTemplateError):
        template(term, PLACEHOLDERS)
    found = matches([term], BY_PURPOSE["biomedical"], PLACEHOLDERS)
    assert found.outcome is Outcome.DENY
    assert found.findings[0].outcome is Outcome.NOT_APPLICABLE


OPEN = {
    "DS": "disease",
    "RS": "research",
    "GS": "region",
    "IS": "institution",
    "PS": "project",
    "US": "user",
    "TS": "until",
    "MOR": "publish_from",
    "DUO_0000032": "population",
    "DUO_0000034": "age",
    "DUO_0000035": "gender",
    "DUO_0000040": "disease",
}


@pytest.mark.parametrize(("term", "name"), OPEN.items())
def test_a_blank_without_a_value_is_named(term, name):
    with pytest.raises(MissingPlaceholderError) as caught:
        template(term, replace(PLACEHOLDERS, **{name: None}))
    assert caught.value.name == name


def test_research_of_a_kind_nobody_knows_is_no_limit():
    with pytest.raises(ValueError, match="purpose that is known here"):
        template("RS", replace(PLACEHOLDERS, research="Research"))


# --- several codes ----------------------------------------------------------------------------------------------------


def together(terms):
    """Several codes as one policy."""
    source = {"@id": "urn:offer", "@type": "Set", "target": PLACEHOLDERS.dataset, **rules(terms, PLACEHOLDERS)}
    return compile_policy(t.read_as_duo(read(source)))


def test_codes_together_ask_for_one_grant_and_every_limit():
    codes_of_a_set = ["HMB", "CC", "NPU", "GS", "IRB", "NMDS"]
    plain = replace(BY_PURPOSE["biomedical, no methods, no origins"])
    assert matches(codes_of_a_set, plain, PLACEHOLDERS).outcome is Outcome.PERMIT
    company = replace(plain, recipient_kind=t.FOR_PROFIT)
    found = matches(codes_of_a_set, company, PLACEHOLDERS)
    assert found.outcome is Outcome.DENY
    assert {one.code.name: one.words for one in found.findings if one.outcome is Outcome.DENY} == {
        "NPU": "not for profit organisation use only."
    }


def test_clinical_care_is_allowed_beside_research_not_within_it():
    care = replace(BY_PURPOSE["care"], not_for=(t.MDS,))
    assert matches(["HMB", "CC"], care, PLACEHOLDERS).outcome is Outcome.PERMIT
    assert matches(["HMB"], care, PLACEHOLDERS).outcome is Outcome.INDETERMINATE


def test_what_nobody_has_stated_is_named():
    found = matches(["HMB", "NMDS", "GS"], replace(BY_PURPOSE["EHDS research"], places=()), PLACEHOLDERS)
    assert found.outcome is Outcome.INDETERMINATE
    assert [one.words for one in found.findings] == [
        "Nobody has stated whether healthcare scientific research is a kind of health or medical or biomedical "
        "research.",
        "Nobody has stated whether healthcare scientific research is a kind of methods development research.",
        "Nobody has stated where the data is used.",
    ]


chosen = st.lists(st.sampled_from(SAID), min_size=1, max_size=4, unique=True)
anything = st.sampled_from(list(PROPOSALS.values()))


@settings(max_examples=150)
@given(chosen, anything)
def test_codes_together_as_one_policy_say_what_they_mean_together(terms, proposal):
    expected = matches(terms, proposal, PLACEHOLDERS).outcome
    assert (verdict(together(terms), proposal) is Outcome.PERMIT) is (expected is Outcome.PERMIT)


@settings(max_examples=150)
@given(chosen, st.sampled_from(["NMDS", "NPOA", "MOR", "NPU", "GS", "IRB", "PUB", "US"]), anything)
def test_a_further_limit_or_ban_never_turns_a_no_into_a_yes(terms, further, proposal):
    grants = [one for one in terms if code(one).kind in {Kind.PERMISSION, Kind.INVESTIGATION}]
    before = matches(terms, proposal, PLACEHOLDERS).outcome
    after = matches([*terms, further], proposal, PLACEHOLDERS).outcome
    if grants or before is Outcome.PERMIT:
        assert before is Outcome.PERMIT or after is not Outcome.PERMIT


@settings(max_examples=100)
@given(chosen, anything, st.sampled_from(["diseases", "places", "project", "user", "institution", "now", "purposes"]))
def test_a_fact_left_out_never_permits_what_it_did_not(terms, proposal, name):
    without = replace(proposal, **{name: () if isinstance(getattr(proposal, name), tuple) else None})
    before, after = (matches(terms, one, PLACEHOLDERS).outcome for one in (proposal, without))
    assert before is Outcome.PERMIT or after is not Outcome.PERMIT


# --- the published rendering ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a", "b", None])
def test_a_negation_is_true_false_and_unknown_where_its_term_is_false_true_and_unknown(value):
    term = Constraint("urn:left", "eq", (Literal("a"),))
    source = {
        "@id": "urn:p",
        "@type": "Set",
        "target": "urn:data",
        "permission": [{"action": "use"}],
    }
    plain = read(source)
    rule = plain.permissions[0]
    answers = []
    for one in (term, negation(term)):
        policy = replace(plain, permissions=(replace(rule, terms=(one,)),))
        request = BY_PURPOSE["biomedical"].request("urn:data")
        features = {"urn:left": (Literal(value),)} if value else {}
        answers.append(
            compile_policy(policy).verdict(request._replace(features=features), BY_FACT["otherwise"].state())
        )
    opposite = {Outcome.PERMIT: Outcome.DENY, Outcome.DENY: Outcome.PERMIT}
    assert answers[1] is opposite.get(answers[0], Outcome.INDETERMINATE)


def test_private_words_are_not_understood_in_any_other_policy():
    wire = template_wire("COL", PLACEHOLDERS)
    assert read(wire).unknown
    assert not template("COL", PLACEHOLDERS).unknown
