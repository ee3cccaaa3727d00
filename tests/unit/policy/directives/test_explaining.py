"""The explanation of a judgement: the same rules, every condition, in words."""

from hypothesis import given, settings

from policy.decision import Outcome
from policy.directives.explaining import Result, Standing, explain
from policy.directives.several import ask_directives
from tests.unit.policy.directives.any_directives import askings, several
from tests.unit.policy.directives.consents import CLERK, NURSE, actor, asking, label, purpose, r4

PERMIT, DENY = {"type": "permit"}, {"type": "deny"}


def test_every_rule_that_may_count_is_told_with_what_its_conditions_came_to():
    inner = DENY | label("R") | {"actor": [actor(CLERK)]}
    steps = explain(asking(), [r4(PERMIT | purpose("TREAT") | {"provision": [inner]})])
    assert [(one.pointer, one.standing) for one in steps] == [
        ("/provision", Standing.COUNTS),
        ("/provision/provision/0", Standing.FALLS_AWAY),
    ]
    assert steps[0].conditions == (("purpose", Result.HOLDS),)
    assert steps[1].conditions == (("actor", Result.FAILS),)
    assert steps[1].words == (
        "Consent/1/provision/provision/0 forbids and falls away: actor does not hold. "
        "Of each record it asks: how sensitive it is."
    )


def test_what_lies_below_a_rule_that_falls_away_is_not_told():
    steps = explain(asking(), [r4(PERMIT | purpose("HRESCH") | {"provision": [DENY]})])
    assert [one.pointer for one in steps] == ["/provision"]


def test_a_consent_that_does_not_speak_says_why():
    found = [
        r4(PERMIT, status="inactive"),
        r4(PERMIT, id="2", dateTime="2023"),
        r4(PERMIT, id="3", patient={"reference": "Patient/2"}),
        r4(PERMIT, id="4", meta={"versionId": "1"}),
        r4(PERMIT, id="4", meta={"versionId": "2"}),
    ]
    told = [one.words for one in explain(asking(), found) if one.effect is None]
    assert told == [
        "Consent/1: it is not in force.",
        "Consent/2: it is dated in the future.",
        "Consent/3: it is a consent of another person.",
        "Consent/4#1: there is a newer version of it.",
    ]


def test_a_consent_that_nobody_understands_says_where():
    steps = explain(asking(), [r4(PERMIT, modifierExtension=[{"url": "urn:x"}])])
    assert [one.standing for one in steps] == [Standing.UNCLEAR]
    assert "/modifierExtension" in steps[0].words


def test_an_actor_with_several_roles_of_the_record_is_asked_of_each_record():
    step = explain(asking(), [r4(PERMIT | {"actor": [actor(NURSE, "AUT")]})])[0]
    assert step.asks == ("who recorded it",)
    assert step.to_json()["asks"] == ["who recorded it"]


@settings(max_examples=80, deadline=None)
@given(several(), askings())
def test_what_permits_or_denies_is_a_step_that_counts_or_may(found, request):
    said = ask_directives(request, found)
    steps = {f"{one.consent}{one.pointer}": one for one in explain(request, found)}
    for cause in said.because:
        if cause.code in {"directive-permits", "emergency-permits"}:
            assert steps[cause.pointer].standing is Standing.COUNTS
        if cause.code == "directive-denies":
            assert steps[cause.pointer].standing in {Standing.COUNTS, Standing.UNCLEAR}
    if said.outcome is Outcome.PERMIT:
        assert all(one.to_json()["words"] for one in steps.values())


def test_a_directive_that_is_none_is_told_and_raises_nothing():
    assert explain(asking(), [object()])[0].standing is Standing.UNCLEAR  # type: ignore[list-item]
