"""Duties as a policy states them: which are known, with which parameters, and which nobody could carry out."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.odrl import PolicyError, compiled, read
from policy.odrl.comparison import excess
from policy.odrl.duties import BY_ACTION, KNOWN, Ower, Period, keeps, period, read_duty, rule, stated, undone, words
from policy.odrl.operands import NotUnderstoodError
from policy.odrl.vocabulary import CONCORD, DUTIES, ODRL, XSD

ALL = frozenset(KNOWN)
SINCE = datetime(2026, 1, 31, 12, tzinfo=UTC)


def policy(*obligations, duty=(), **more):
    permission = {"action": "use"} | ({"duty": list(duty)} if duty else {})
    return {"@id": "urn:o", "@type": "Offer", "permission": [permission], "obligation": list(obligations)} | more


def owed(action, left="", operator="lteq", right="", kind=None, **more):
    value = {"@value": right, "@type": f"{XSD}{kind}"} if kind else right
    terms = [{"leftOperand": left, "operator": operator, "rightOperand": value}] if left else []
    return {"action": action} | ({"constraint": terms} if terms else {}) | more


def only(obligation, **more):
    [found] = stated(read(policy(obligation, **more)))
    return found


def test_every_known_duty_is_known_to_the_reader_by_each_of_its_actions():
    assert {iri: one.key for iri, one in BY_ACTION.items()} == dict(DUTIES)


@pytest.mark.parametrize("iri", sorted(BY_ACTION))
def test_each_action_is_read_as_its_duty(iri):
    known = BY_ACTION[iri]
    time = {"left": "elapsedTime", "right": "P30D", "kind": "duration"} if known.timed else {}
    found = only(owed(iri, **time))
    assert (found.key, found.by, found.pointer) == (known.key, known.by, "/obligation/0")


@pytest.mark.parametrize("left", ["elapsedTime", "odrl:delayPeriod", f"{ODRL}elapsedTime"])
@pytest.mark.parametrize("kind", [None, "duration"])
def test_a_period_stands_in_a_constraint_or_as_a_refinement_of_the_action(left, kind):
    constrained = owed("delete", left, "lteq", "P30D", kind)
    refined = {"action": {"rdf:value": {"@id": "odrl:delete"}, "refinement": constrained["constraint"]}}
    assert only(constrained) == only(refined)
    assert only(constrained).due(SINCE) == SINCE + timedelta(days=30)


def test_the_last_instant_is_the_one_that_is_meant():
    day = datetime(2027, 12, 31, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    assert only(owed("delete", "dateTime", "lteq", "2027-12-31", "date")).until == day + timedelta(days=1) - tick
    assert only(owed("delete", "dateTime", "lt", "2027-12-31", "date")).until == day - tick
    assert only(owed("delete", "dateTime", "lteq", "2027-12-31T00:00:00Z", "dateTime")).until == day
    assert only(owed("delete", "elapsedTime", "lt", "P1D")).due(SINCE) == SINCE + timedelta(days=1) - tick


def test_a_month_ends_with_its_last_day():
    assert Period(1).after(SINCE) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert Period(13, timedelta(days=1)).after(SINCE) == datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert only(owed("concord:report", "elapsedTime", "lteq", "P9999Y")).due(SINCE) is None


NOT_UNDERSTOOD = [
    owed("concord:report"),
    owed("delete", "count", "lteq", "3"),
    owed("delete", "dateTime", "gteq", "2027-01-01"),
    owed("delete", "dateTime", "lteq", "soon"),
    owed("delete", "dateTime", "lteq", "9999-12-31T23:59:59.999999Z"),
    owed("delete", "elapsedTime", "lteq", "30 days"),
    owed("delete", "elapsedTime", "lteq", "-P30D"),
    owed("delete", "elapsedTime", "gteq", "P30D"),
    owed("delete", "elapsedTime", "lteq", "P99999999999D"),
    owed("delete", "elapsedTime", "lteq", "P30D", "string"),
    owed("delete", "recipient", "eq", "urn:somebody"),
    owed("concord:pseudonymise", "elapsedTime", "lteq", "P30D"),
    owed("delete") | {"constraint": [owed("x", "elapsedTime", right=one)["constraint"][0] for one in ("P1D", "P2D")]},
    owed("concord:report") | {"constraint": [*owed("x", "elapsedTime", right="P1D")["constraint"],
                                            *owed("x", "dateTime", right="2027-01-01")["constraint"]]},
    owed("delete") | {"constraint": [{"or": owed("x", "elapsedTime", right="P1D")["constraint"]}]},
    owed("delete", consequence=[owed("inform")]),
    owed("delete", target="urn:other"),
    owed("delete", assignee="urn:other"),
    owed("inform", trackedParty="urn:somebody"),
    owed("inform", informedParty={"@type": "PartyCollection", "source": "urn:all"}),
    owed("compensate"),
    owed("odrl:nextPolicy"),
    {"action": ["delete", "inform"]},
    {"constraint": []},
]  # fmt: skip


@pytest.mark.parametrize("obligation", NOT_UNDERSTOOD)
def test_a_duty_that_is_not_understood_is_nobodys_and_its_policy_is_never_evaluated(obligation):
    source = policy(obligation)
    found = undone(read(source), ALL)
    assert [one.pointer for one in found] == ["/obligation/0"]
    assert any(one.startswith("/obligation/0") for one in compiled(source).unknown)


def test_a_duty_may_name_the_asset_and_the_parties_of_its_contract_again():
    parties = {"target": "urn:d", "assigner": "urn:h", "assignee": "urn:r"}
    same = owed("delete", target="urn:d", assignee="urn:r", assigner="urn:h")
    assert only(same, **parties).key == "delete"
    swapped = owed("delete", target="urn:d", assignee="urn:h")
    assert [one.name for one in undone(read(policy(swapped, **parties)), ALL)] == ["delete"]
    for who in ("urn:h", "urn:r"):
        assert only(owed("concord:pseudonymise", assignee=who), **parties).by is Ower.PROVIDER
    assert compiled(policy(same, duty=[owed("concord:pseudonymise")], **parties)).unknown == ()


def test_whom_to_tell_is_named_as_a_function_or_as_recipient():
    told = only(owed("inform", informedParty="urn:h"))
    assert told == only(owed("inform", "recipient", "eq", "urn:h"))
    assert told.party == "urn:h"
    both = owed("inform", "recipient", "eq", "urn:h", informedParty="urn:h")
    assert undone(read(policy(both)), ALL)


def test_what_is_done_anyway_may_be_said():
    before = owed("concord:pseudonymise", "event", "lt", {"@id": "odrl:policyUsage"})
    assert only(before).key == "pseudonymise"
    on_allow = owed("idsc:NOTIFY", "idsc:NOTIFICATION_LEVEL", "eq", {"@value": "idsc:ON_ALLOW"})
    assert only(on_allow).key == "inform"
    assert undone(read(policy(owed("concord:pseudonymise", "event", "gt", {"@id": "odrl:policyUsage"}))), ALL)


def test_each_duty_without_an_executor_is_named_with_its_place_and_what_would_be_accepted():
    source = policy(owed("delete"), owed("inform"), duty=[owed("concord:pseudonymise"), owed("anonymize")])
    found = undone(read(source), {"pseudonymise", "delete"})
    assert [(one.pointer, one.name) for one in found] == [
        ("/permission/0/duty/1", "anonymise"), ("/obligation/1", "inform"),
    ]  # fmt: skip
    assert {one.accepted for one in found} == {"pseudonymise, delete"}
    assert undone(read(source), ALL) == ()
    assert len(undone(read(source), frozenset())) == 4


def test_a_remedy_is_owed_only_once_something_went_wrong():
    source = policy()
    source["prohibition"] = [{"action": "sell", "remedy": [owed("anonymize")]}]
    del source["obligation"]
    assert stated(read(source)) == ()


# --- keeping what was offered -----------------------------------------------------------------------------------------

texts = st.sampled_from(
    ["delete", "delete:P30D", "delete:P10D", "delete:P1M", "delete:2027-01-01", "delete:2028-01-01", "inform",
     "inform:P1D", "report:P60D", "report:P1Y", "report:2027-01-01", "log", "publish-results:P12M"]
)  # fmt: skip


def duty_rule(text):
    return read(policy(rule(text))).obligations[0]


@pytest.mark.parametrize(
    ("mine", "offered", "holds"),
    [
        ("delete:P30D", "delete:P30D", True),
        ("delete:P10D", "delete:P30D", True),
        ("delete:P40D", "delete:P30D", False),
        ("delete:P28D", "delete:P1M", True),
        ("delete:P29D", "delete:P1M", False),
        ("delete:P12M", "delete:P1Y", True),
        ("delete", "delete:P30D", False),
        ("delete:P30D", "delete", True),
        ("delete:2027-01-01", "delete:P30D", False),
        ("report:2027-01-01", "report:2028-01-01", True),
        ("report:2028-01-02", "report:2028-01-01", False),
        ("inform", "log", False),
    ],
)
def test_a_duty_is_kept_by_the_same_one_no_later(mine, offered, holds):
    assert keeps(duty_rule(mine), duty_rule(offered)) is holds


def test_a_request_that_puts_a_duty_off_asks_for_more_than_is_on_offer():
    offer, later = (read(policy(rule(text))) for text in ("delete:P30D", "delete:P90D"))
    assert [one.code for one in excess(offer, later)] == ["term-missing"]
    assert excess(later, offer) == ()


def test_telling_somebody_is_kept_only_by_telling_them():
    told, anybody = (
        read(policy(one)).obligations[0] for one in (owed("inform", informedParty="urn:h"), owed("inform"))
    )
    assert (keeps(told, anybody), keeps(anybody, told)) == (True, False)


@given(texts, texts, st.integers(0, 200 * 365 * 24).map(lambda hours: SINCE + timedelta(hours=hours)))
def test_what_keeps_a_duty_is_due_no_later(mine, offered, since):
    if not keeps(duty_rule(mine), duty_rule(offered)):
        return
    narrow, wide = read_duty(duty_rule(mine)).due(since), read_duty(duty_rule(offered)).due(since)
    assert wide is None or (narrow is not None and narrow <= wide)


@given(texts)
def test_a_duty_is_written_read_and_said_and_keeps_itself(text):
    found = read_duty(duty_rule(text))
    assert found.key == text.partition(":")[0]
    assert keeps(duty_rule(text), duty_rule(text))
    assert words(found).endswith(".")
    assert "{" not in words(found)


def test_people_read_the_time_of_a_duty():
    assert words(only(rule("delete:P1Y1DT2H"))) == (
        "The data must be deleted within 1 year and 1 day and 2 hours after it arrived."
    )
    assert words(only(rule("publish-results:2027-12-31"))) == "The results must be published by 31 December 2027."
    assert words(only(rule("report:2027-12-31T08:00:00Z"))) == (
        "The recipient must report to the data holder by 31 December 2027, 08:00 UTC."
    )


@pytest.mark.parametrize("text", ["fly", "delete:", "", ":P30D", "delete:P", "report:soon", "report:2027-02-30"])
def test_what_is_no_duty_is_not_written(text):
    with pytest.raises(ValueError, match="P30D"):
        rule(text)


def test_a_time_that_cannot_be_read_is_refused_with_what_could_be():
    with pytest.raises(ValueError, match="P is not a period"):
        rule("delete:P")


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_period(text):
    try:
        found = period(text)
    except ValueError:
        return
    assert found.shortest <= found.longest


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["action", "constraint", "leftOperand", "operator", "rightOperand", "@value"]),
                        inner, max_size=4), max_leaves=12))  # fmt: skip
def test_no_duty_whatever_it_holds_ends_in_anything_but_an_answer(value):
    try:
        found = read(policy(value) | {"obligation": [value] if not isinstance(value, list) else value})
    except PolicyError:
        return
    for one in found.obligations:
        with suppress(NotUnderstoodError):
            assert read_duty(one, found).key in KNOWN


def test_our_own_terms_are_ours():
    assert {iri for iri, one in BY_ACTION.items() if iri.startswith(CONCORD)} >= {
        f"{CONCORD}log", f"{CONCORD}report", f"{CONCORD}publishResults",
    }  # fmt: skip
