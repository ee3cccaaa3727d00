"""The German broad consent: two clocks, packages, several consents, what people refused."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.decision import Outcome
from policy.directives.asking import Asking
from policy.directives.broad import broad_answer, is_broad
from policy.directives.broad_days import Behaviour, Retrospective, Said, days_by_code
from policy.directives.broad_terms import terms
from policy.directives.reading import read_directive
from policy.directives.windows import Window, within
from policy.purposes import ACT_REASON
from policy.residual import ItemFacts, Residual, Scope

SYSTEM = "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3"
OID = SYSTEM.removeprefix("urn:oid:")
PATIENT = "Patient/p"
RESEARCH = f"{ACT_REASON}HRESCH"


def said(kind, policy, start=None, end=None):
    period = {name: value for name, value in (("start", start), ("end", end)) if value}
    concept = {"coding": [{"system": SYSTEM, "code": f"{OID}.{policy}"}]}
    return {"type": kind, "code": [concept], **({"period": period} if period else {})}


def consent(*provisions, id="c", given="2020-09-01", root="deny", **more):
    return read_directive(
        {
            "resourceType": "Consent", "id": id, "status": "active", "patient": {"reference": PATIENT},
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "57016-8"}]}], "dateTime": given,
            "provision": {"type": root, **({"provision": list(provisions)} if provisions else {})}, **more,
        }
    )  # fmt: skip


USE = said("permit", 8, "2020-09-01", "2050-08-31")
COLLECT = said("permit", 6, "2020-09-01", "2025-08-31")
BACK = said("permit", 45, "2020-09-01", "2050-08-31")
WHOLE = consent(USE, COLLECT)


def asking(at="2024-06-01", purposes=(RESEARCH,), **more):
    now = datetime.fromisoformat(at).replace(hour=12, tzinfo=UTC)
    return Asking(now=now, subjects=frozenset({PATIENT}), requester=frozenset({"urn:x"}), purposes=purposes, **more)


def windows(answer):
    return [(one.start, one.end) for one in answer.scopes]


def test_a_whole_consent_permits_research_with_the_days_of_its_window():
    answer = broad_answer([WHOLE], asking())
    assert answer.outcome is Outcome.PERMIT
    assert answer.scopes == (Scope(None, None, date(2020, 9, 1), date(2025, 8, 31)),)
    assert [one.code for one in answer.because] == ["directive-permits"]


def test_the_two_clocks_run_apart_the_window_closes_and_the_use_goes_on():
    assert windows(broad_answer([WHOLE], asking("2049-01-01"))) == [(date(2020, 9, 1), date(2025, 8, 31))]
    assert broad_answer([WHOLE], asking("2050-09-02")).outcome is Outcome.NOT_APPLICABLE


def test_the_answer_says_when_it_may_change():
    (opens, closes) = sorted(broad_answer([WHOLE], asking()).changes)
    assert opens == datetime(2020, 9, 1, tzinfo=UTC)
    assert closes == datetime(2050, 9, 1, tzinfo=UTC)


def test_a_yes_without_the_whole_package_is_none():
    assert broad_answer([consent(USE)], asking()).outcome is Outcome.NOT_APPLICABLE
    assert broad_answer([consent(COLLECT)], asking()).outcome is Outcome.NOT_APPLICABLE
    halves = [consent(USE, id="a"), consent(COLLECT, id="b")]
    assert broad_answer(halves, asking()).outcome is Outcome.NOT_APPLICABLE


def test_a_renewal_extends_the_use_and_not_the_window_of_the_first():
    first = consent(
        said("permit", 8, "2010-01-01", "2015-01-01"), said("permit", 6, "2010-01-01", "2012-01-01"), id="1"
    )
    again = consent(USE, COLLECT, id="2")
    assert broad_answer([first], asking()).outcome is Outcome.NOT_APPLICABLE
    found = windows(broad_answer([first, again], asking()))
    assert found == [(date(2010, 1, 1), date(2012, 1, 1)), (date(2020, 9, 1), date(2025, 8, 31))]


@pytest.mark.parametrize("policy", [8, 1])
def test_a_refusal_of_the_use_from_any_consent_closes_it(policy):
    refusal = consent(said("deny", policy, "2023-01-01"), id="r", given="2023-01-01")
    assert broad_answer([WHOLE, refusal], asking()).outcome is Outcome.DENY
    assert broad_answer([WHOLE, refusal], asking("2022-06-01")).outcome is Outcome.PERMIT


def test_a_complete_withdrawal_closes_everything_whatever_else_it_lists():
    document = [{"uri": f"urn:oid:{next(oid for oid, kind in terms().documents.items() if kind == 'withdrawal')}"}]
    gone = consent(USE, COLLECT, id="w", given="2023-01-01", policy=document)
    assert is_broad(gone)
    assert broad_answer([WHOLE, gone], asking()).outcome is Outcome.DENY


def test_a_refusal_without_any_provision_is_a_no_to_everything():
    category = [{"coding": [{"system": "urn:x", "code": "2.16.840.1.113883.3.1937.777.24.2.184"}]}]
    assert broad_answer([WHOLE, consent(id="n", category=category)], asking()).outcome is Outcome.DENY


def test_refused_days_are_taken_from_the_window_and_bind_other_consents_too():
    refusal = consent(said("deny", 6, "2022-01-01", "2022-12-31"), id="r")
    answer = broad_answer([WHOLE, refusal], asking())
    assert windows(answer) == [(date(2020, 9, 1), date(2021, 12, 31)), (date(2023, 1, 1), date(2025, 8, 31))]
    study = Residual.of([Scope(None, None, None, None)], answer.rules)
    inside, outside = date(2022, 6, 1), date(2023, 6, 1)
    assert study.judge(ItemFacts("Observation", "laboratory", inside, inside, "d")) != 0
    assert study.judge(ItemFacts("Observation", "laboratory", outside, outside, "d")) == 0


def test_looking_back_begins_the_window_in_1900_and_ends_with_its_own_yes():
    answer = broad_answer([consent(USE, COLLECT, BACK)], asking())
    assert windows(answer) == [(date(1900, 1, 1), date(2025, 8, 31))]
    short = consent(USE, COLLECT, said("permit", 45, "2020-09-01", "2022-01-01"))
    assert windows(broad_answer([short], asking())) == [(date(2020, 9, 1), date(2025, 8, 31))]


def test_a_refusal_signed_later_takes_back_what_looking_back_had_added():
    refusal = consent(said("deny", 45, "2023-01-01"), id="r", given="2023-01-01")
    answer = broad_answer([consent(USE, COLLECT, BACK), refusal], asking())
    assert windows(answer) == [(date(2020, 9, 1), date(2025, 8, 31))]


def test_past_days_that_another_consent_refused_are_not_looked_back_to():
    refusal = consent(said("deny", 45, "1950-01-01", "1959-12-31"), id="r")
    answer = broad_answer([consent(USE, COLLECT, BACK), refusal], asking())
    assert windows(answer) == [(date(1900, 1, 1), date(1949, 12, 31)), (date(1960, 1, 1), date(2025, 8, 31))]


def test_refused_days_before_the_consent_are_not_looked_back_to():
    refusal = consent(said("deny", 6, "2000-01-01", "2009-12-31"), id="r")
    both = [consent(USE, COLLECT, BACK), refusal]
    expected = [(date(1900, 1, 1), date(1999, 12, 31)), (date(2010, 1, 1), date(2025, 8, 31))]
    assert windows(broad_answer(both, asking())) == expected
    assert windows(broad_answer(both, asking(), Behaviour.TORCH)) == [(date(1900, 1, 1), date(2025, 8, 31))]


def test_a_yes_lasts_no_longer_than_its_policy_does():
    long = consent(said("permit", 8, "2020-09-01"), said("permit", 6, "2020-09-01", "2090-01-01"))
    assert windows(broad_answer([long], asking())) == [(date(2020, 9, 1), date(2025, 9, 1))]
    assert broad_answer([long], asking("2051-01-01")).outcome is Outcome.NOT_APPLICABLE


def test_a_yes_with_a_condition_of_another_kind_is_none_and_a_no_with_one_is_a_no():
    limited = USE | {
        "actor": [{"role": {"coding": [{"system": "urn:r", "code": "x"}]}, "reference": {"reference": "A/1"}}]
    }
    assert broad_answer([consent(limited, COLLECT)], asking()).outcome is Outcome.NOT_APPLICABLE
    against = said("deny", 8) | {"class": [{"system": "urn:c", "code": "x"}]}
    assert broad_answer([WHOLE, consent(against, id="r")], asking()).outcome is Outcome.DENY


@pytest.mark.parametrize("module", [1, 48])
def test_a_yes_to_a_module_is_no_yes_to_its_policies(module):
    assert broad_answer([consent(said("permit", module), COLLECT)], asking()).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    "purposes", [(), (f"{ACT_REASON}TREAT",), ("https://w3id.org/dpv#Marketing",), (RESEARCH, "urn:x")]
)
def test_it_permits_nothing_but_research(purposes):
    assert broad_answer([WHOLE], asking(purposes=purposes)).outcome is not Outcome.PERMIT


def test_in_care_it_has_no_say():
    refusal = consent(said("deny", 8), id="r")
    answer = broad_answer([refusal], asking(purposes=(f"{ACT_REASON}TREAT",), care=True))
    assert answer.outcome is Outcome.NOT_APPLICABLE
    assert answer.changes == answer.rules == ()
    assert broad_answer([refusal], asking(purposes=("urn:unknown",), care=True)).outcome is Outcome.NOT_APPLICABLE
    assert broad_answer([refusal], asking(purposes=("urn:unknown",))).outcome is Outcome.DENY


def test_a_period_that_cannot_be_read_lets_nobody_tell():
    torn = consent(said("permit", 8, "2020-09-01", "2019-01-01"), COLLECT, id="torn")
    answer = broad_answer([WHOLE, torn], asking())
    assert answer.outcome is Outcome.INDETERMINATE
    assert "torn" in answer.unknown[0]


def test_other_packages_ask_for_their_own_policies():
    sample = consent(said("permit", 22, "2020-09-01", "2050-01-01"), said("permit", 19, "2020-09-01", "2025-01-01"))
    assert broad_answer([sample], asking()).outcome is Outcome.NOT_APPLICABLE
    assert broad_answer([sample], asking(), package="biomat").outcome is Outcome.PERMIT
    assert broad_answer([WHOLE], asking(), package="mdat-outside-gdpr").outcome is Outcome.NOT_APPLICABLE


def test_every_gate_of_a_package_has_to_be_open():
    ended = consent(USE, COLLECT, said("permit", 49, "2020-09-01", "2022-01-01"))
    assert broad_answer([ended], asking("2021-06-01"), package="mdat-outside-gdpr").outcome is Outcome.PERMIT
    assert broad_answer([ended], asking(), package="mdat-outside-gdpr").outcome is Outcome.NOT_APPLICABLE


def test_days_count_only_from_a_consent_that_carries_every_policy():
    days = Window(date(2020, 1, 1), date(2020, 12, 31))
    half, whole = [Said("a", days, permits=True)], [Said("a", days, permits=True), Said("b", days, permits=True)]
    for behaviour in Behaviour:
        assert days_by_code([half], ("a", "b"), {}, behaviour) == {}
        assert set(days_by_code([half, whole], ("a", "b"), {}, behaviour)) == {"a", "b"}


def test_an_unknown_behaviour_or_package_is_an_error():
    with pytest.raises(ValueError, match="other"):
        broad_answer([WHOLE], asking(), "other")
    with pytest.raises(KeyError):
        broad_answer([WHOLE], asking(), package="other")


def test_a_consent_without_policy_codes_is_not_of_this_kind():
    assert not is_broad(consent())
    assert is_broad(WHOLE)


one_said = st.builds(
    lambda code, first, length, permits: Said(
        code, Window(date(2000 + first, 1, 1), date(2000 + first + length, 6, 30)), permits
    ),
    st.sampled_from(["use", "collect", "back"]),
    st.integers(0, 20),
    st.integers(0, 9),
    st.booleans(),
)
consents = st.lists(st.lists(one_said, max_size=6), max_size=4)
LOOKS = {"collect": Retrospective(("back",), date(1900, 1, 1))}


@given(consents, one_said, st.integers(0, 3))
def test_adding_a_refusal_never_adds_a_day(several, extra, where):
    before = days_by_code(several, ("use", "collect"), LOOKS)
    refusal = extra._replace(permits=False)
    changed = [[*one, refusal] if number == where else one for number, one in enumerate(several)]
    for more in (changed, [*several, [refusal]]):
        after = days_by_code(more, ("use", "collect"), LOOKS)
        assert all(within(before.get(code, ()), days) for code, found in after.items() for days in found)


@given(consents, st.randoms())
def test_the_order_of_consents_and_provisions_has_no_effect(several, chance):
    turned = [chance.sample(one, len(one)) for one in chance.sample(several, len(several))]
    for behaviour in Behaviour:
        assert days_by_code(turned, ("use", "collect"), LOOKS, behaviour) == days_by_code(
            several, ("use", "collect"), LOOKS, behaviour
        )


@given(consents)
def test_ours_never_allows_a_day_that_torch_does_not(several):
    ours = days_by_code(several, ("use", "collect"), LOOKS)
    theirs = days_by_code(several, ("use", "collect"), LOOKS, Behaviour.TORCH)
    assert all(within(theirs.get(code, ()), days) for code, found in ours.items() for days in found)
