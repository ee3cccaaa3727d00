"""Where data may go: the EEA, adequate countries, a named ground; asked where it matters, and unknown is no."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.decide import decide
from policy.decision import Regime
from policy.facts import Recipient
from policy.law import statute, transfers
from policy.law.statute import GDPR
from policy.odrl import compiled
from tests.unit.policy.story import NOW, story
from tests.unit.policy.test_legal_permits import ANY_USE, PERMIT, codes

CLAUSES = f"{GDPR}A46-2-c"


def naming(*grounds):
    """A contract whose permission names one ground each."""
    rules = [
        {
            "action": "use",
            "constraint": [{"leftOperand": transfers.TRANSFER_GROUND, "operator": "eq", "rightOperand": one}],
        }
        for one in grounds
    ]
    return compiled(story.agreement(permission=rules))


def misses(jurisdiction="DE", hosting=("DE",), grounds=(), regime=Regime.PERMIT, now=NOW, **facts):
    """Why data may not go there, by code."""
    recipient = Recipient(jurisdiction=jurisdiction, hosting=tuple(hosting), transfer_grounds=tuple(grounds))
    known = story.facts(**{"policy": ANY_USE, "permit": PERMIT, "recipient": recipient} | facts)
    found = transfers.place_misses(story.question(regime=regime, now=now), known)
    return [cause.code for cause in found]


@pytest.mark.parametrize(
    ("jurisdiction", "hosting", "code"),
    [
        ("DE", ("FR", "NO"), None),
        ("CH", ("CH", "AT"), None),
        ("GB", ("GB",), None),
        ("DE", ("US",), "place-not-protected"),
        ("US", ("DE",), "place-not-protected"),
        ("CA", ("CA",), "place-not-protected"),
        ("CN", ("CN",), "place-not-protected"),
        ("de", ("DE",), "place-not-protected"),
        ("DE", (), "place-unknown"),
        ("", ("DE",), "place-unknown"),
    ],
)
def test_data_stays_where_the_law_protects_it(jurisdiction, hosting, code):
    assert misses(jurisdiction, hosting) == ([code] if code else [])


def test_a_decision_of_the_commission_counts_until_it_ends():
    end = statute.adequacy()["GB"].until
    assert misses("GB", ("GB",), now=end) == ["place-not-protected"]
    question, facts = (
        story.question(),
        story.facts(asks_place=True, recipient=Recipient(jurisdiction="GB", hosting=("GB",))),
    )
    open_ended = replace(facts, recipient=Recipient(jurisdiction="CH", hosting=("CH",)))
    assert end in transfers.place_changes(facts)
    assert not transfers.place_changes(open_ended)
    assert decide(question, facts).permits


@pytest.mark.parametrize(
    ("named", "on_file", "allowed"),
    [
        ([CLAUSES], [CLAUSES], True),
        ([CLAUSES], [f"{GDPR}A46-2-b", CLAUSES], True),
        ([CLAUSES], [], False),
        ([CLAUSES], [f"{GDPR}A46-2-b"], False),
        (["because we may"], ["because we may"], False),
        ([CLAUSES, f"{GDPR}A46-2-b"], [CLAUSES], False),
        ([f"{GDPR}A49-1-a"], [f"{GDPR}A49-1-a"], False),
    ],
)
def test_elsewhere_it_goes_only_on_a_ground_that_every_permission_names_and_that_is_on_file(named, on_file, allowed):
    found = misses("US", ("US",), on_file, policy=naming(*named))
    assert found == ([] if allowed else ["place-not-protected"])


def test_a_persons_consent_to_the_transfer_counts_under_consent_alone():
    ground = f"{GDPR}A49-1-a"
    assert misses("US", ("US",), [ground], Regime.CONSENT, policy=naming(ground)) == []


def test_without_a_contract_there_is_no_ground():
    assert misses("US", ("US",), [CLAUSES], policy=None) == ["place-not-protected"]


ASKING = [
    {"leftOperand": transfers.HOSTING, "operator": "eq", "rightOperand": "DE"},
    {"leftOperand": "spatial", "operator": "eq", "rightOperand": "DE"},
    {"or": [{"leftOperand": transfers.JURISDICTION, "operator": "eq", "rightOperand": "DE"}]},
]


@pytest.mark.parametrize("term", ASKING)
def test_a_contract_that_speaks_of_places_makes_them_matter(term):
    policy = compiled(story.with_constraint(term))
    assert misses("US", ("US",), regime=Regime.CONSENT, policy=policy) == ["place-not-protected"]


def test_a_provider_can_ask_for_places_under_every_ground_but_ones_own_data():
    for regime in Regime:
        expected = [] if regime is Regime.SELF else ["place-not-protected"]
        assert misses("US", ("US",), regime=regime, asks_place=True) == expected
        assert misses("US", ("US",), regime=regime) == (expected if regime is Regime.PERMIT else [])


def test_nobody_knowing_where_a_recipient_is_is_a_no_under_a_permit():
    question = story.question(regime=Regime.PERMIT)
    facts = story.facts(policy=ANY_USE, consents=(), permit=PERMIT, recipient=None)
    assert codes(decide(question, facts)) == ["place-unknown"]
    assert codes(decide(story.question(), story.facts(recipient=None, asks_place=True))) == ["place-unknown"]


def test_a_ground_is_written_in_full_in_the_law():
    assert CLAUSES in statute.transfer_grounds()
    assert all(one.words and one.regimes for one in statute.transfer_grounds().values())
    assert all(one.decision for one in statute.adequacy().values())
    assert len([code for code in statute.adequacy() if statute.in_eea(code)]) == 0


countries = st.sampled_from(["DE", "NO", "CH", "GB", "US", "CN", ""])


@given(countries, st.lists(countries, max_size=3), countries)
def test_one_more_place_never_helps(jurisdiction, hosting, further):
    before, after = misses(jurisdiction, hosting), misses(jurisdiction, [*hosting, further])
    assert not before or after or not hosting
