"""`concord consent decide` and `what-if`: what consents in files say, and that what is empty or broken is no."""

import json
from pathlib import Path

import pytest

from connector.cli.program import run

CONSENTS = Path(__file__).parents[3] / "vectors" / "consent" / "ihe-pcf"
CASES = json.loads((CONSENTS / "cases.json").read_text("utf-8"))["cases"]
RESEARCH = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}


def consent(**changes):
    return {
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/p1"},
        "dateTime": "2025-01-01",
        "policy": [{"uri": "urn:policy"}],
        "provision": {"type": "permit", "purpose": [RESEARCH]},
    } | changes


@pytest.fixture
def asked(tmp_path, capsys):
    """Ask about consents (each a value, or text for a file that is none); returns exit code, answer, standard error."""
    (tmp_path / "consents").mkdir()

    def ask(*consents, request=None, verb="decide", more=()):
        for number, one in enumerate(consents):
            text = one if isinstance(one, str) else json.dumps(one)
            (tmp_path / "consents" / f"{number}.json").write_text(text)
        plain = {"patient": "Patient/p1", "purposeOfUse": [RESEARCH], "actor": "Organization/o", "as_of": "2026-01-01"}
        (tmp_path / "request.json").write_text(json.dumps(plain if request is None else request))
        files = ["--consents", str(tmp_path / "consents"), "--request", str(tmp_path / "request.json")]
        code = run(["consent", verb, *files, *map(str, more), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return ask


def test_a_consent_that_covers_the_request_is_a_yes(asked):
    code, answer, _ = asked(consent())
    assert (code, answer["outcome"], answer["residual"]) == (0, "permit", [])


@pytest.mark.parametrize(
    ("consents", "outcome"),
    [
        ((), "not-applicable"),
        ((consent(patient={"reference": "Patient/other"}),), "not-applicable"),
        ((consent(status="inactive"),), "not-applicable"),
        ((consent(provision={"type": "deny"}),), "deny"),
        ((consent(), consent(id="c2", provision={"type": "deny"})), "deny"),
        ((consent(), "this is not JSON"), "indeterminate"),
        ((consent(), consent(id="c2", modifierExtension=[{"url": "urn:x", "valueBoolean": True}])), "indeterminate"),
        ((consent(provision=7),), "indeterminate"),
    ],
)
def test_what_is_empty_forbidden_or_broken_is_a_no(asked, consents, outcome):
    code, answer, _ = asked(*consents)
    assert (code, answer["outcome"], answer["released"]) == (1, outcome, [])


@pytest.mark.parametrize("request_", [[], {}, {"patient": 7}, {"patient": "Patient/p1", "purposeOfUse": "HRESCH"}])
def test_a_request_that_cannot_be_understood_is_one_line_and_no_answer(asked, request_):
    code, answer, told = asked(consent(), request=request_)
    assert (code, answer) == (2, None)
    assert told.count("\n") == 1
    assert "request" in told


def test_a_folder_that_is_not_there_is_one_line(tmp_path, capsys):
    (tmp_path / "r.json").write_text("{}")
    assert (
        run(["consent", "decide", "--consents", str(tmp_path / "nothing"), "--request", str(tmp_path / "r.json")]) == 2
    )
    assert "there is no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_requests_of_the_guide_are_read_as_they_stand(case, tmp_path, capsys):
    file = tmp_path / "request.json"
    file.write_text(json.dumps(case["request"]))
    one = CONSENTS / "consents" / f"Consent-{case['consent']}.json"
    around = CONSENTS / "resources"
    code = run(
        ["consent", "decide", "--consents", str(one), "--resources", str(around), "--request", str(file), "--json"]
    )
    answer = json.loads(capsys.readouterr().out)
    assert code == (0 if case["expect"]["token"] == "issued" else 1)
    # The paper of another consent is a document like any other, as long as nobody says that it is not.
    flows = [one for one in answer["released"] if not one.startswith("DocumentReference/")]
    assert flows == sorted(case["expect"].get("released", []))


OBSERVATION = {"resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"}}
DENIAL = consent(id="no", provision={"type": "deny"})


def bundle(*resources, **entry):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one, **entry} for one in resources]}


@pytest.mark.parametrize(
    "file",
    [
        bundle(bundle(DENIAL)),
        {"resourceType": "Parameters", "parameter": [{"name": "a", "resource": DENIAL}]},
        {"resourceType": "Parameters", "parameter": [{"name": "a", "part": [{"name": "b", "resource": DENIAL}]}]},
        {"resourceType": "Parameters", "parameter": [{"name": "a", "resource": bundle(DENIAL)}]},
    ],
)
def test_a_denial_is_found_however_deep_it_stands(asked, file):
    _, answer, _ = asked(bundle(consent()), file)
    assert (answer["outcome"], answer["released"]) == ("deny", [])


@pytest.mark.parametrize(
    "file",
    [
        {"resourceType": "Bundle", "entry": [{"resource": ["a consent"]}]},
        {"resourceType": "Bundle", "entry": [7]},
        {"resourceType": "Bundle", "entry": {"resource": {}}},
        {"resourceType": "Parameters", "parameter": [{"part": 7}]},
        {"resourceType": ["Consent"]},
        {"id": "of no kind"},
        '{"resourceType": "Bundle", "entry": [{"resource": ' * 40 + "{}" + "}]}" * 40,
    ],
)
def test_what_cannot_be_looked_into_may_hold_a_denial(asked, file):
    _, answer, _ = asked(consent(), file)
    assert (answer["outcome"], answer["unknown"]) == ("indeterminate", ["directives: unreadable"])


def test_a_consent_names_its_patient_by_an_entry_of_the_same_bundle(asked):
    patient = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p1"}}
    denial = {"resource": consent(id="no", patient={"reference": "urn:uuid:1"}, provision={"type": "deny"})}
    _, answer, _ = asked(consent(), {"resourceType": "Bundle", "type": "collection", "entry": [patient, denial]})
    assert answer["outcome"] == "deny"


RESTRICTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
BUT_RESTRICTED = {"type": "permit", "provision": [{"type": "deny", "securityLabel": RESTRICTED["security"]}]}


def test_what_is_contained_in_a_record_is_judged_for_itself(asked):
    inside = {"resourceType": "Observation", "id": "in", "meta": RESTRICTED}
    open_one = {"resourceType": "Medication", "id": "med"}
    _, answer, _ = asked(consent(provision=BUT_RESTRICTED), OBSERVATION | {"contained": [inside, open_one]})
    assert answer["released"] == ["Observation/o1"]
    assert answer["withheld"] == [{"record": "Observation/o1#in", "released": False, "reason": "denied-by-directive"}]


def deep(levels):
    return {"extension": [deep(levels - 1)]} if levels else {"url": "urn:x"}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"meta": {"security": "x"}}, "not-labelled"),
        ({"contained": "x"}, "denied-by-directive"),
        ({"contained": ["x"]}, "denied-by-directive"),
        (deep(35), "nothing-released"),  # nobody knows what it is: a denial for all anybody can tell
    ],
)
def test_a_record_that_cannot_be_looked_into_is_withheld(asked, broken, reason):
    _, answer, _ = asked(consent(provision=BUT_RESTRICTED), OBSERVATION | broken)
    assert answer["released"] == []
    assert [one["reason"] for one in answer["withheld"]] == [reason] or answer["outcome"] == "indeterminate"


def test_a_record_that_cannot_be_looked_into_is_withheld_under_a_plain_permit_too(asked):
    _, answer, _ = asked(consent(), OBSERVATION | {"contained": "x"})
    assert (answer["outcome"], answer["withheld"][0]["reason"]) == ("permit", "unreadable")


def test_what_if_tells_which_records_would_change(asked):
    record = {"resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"}}
    code, answer, _ = asked(consent(), record, verb="what-if", more=["--without", "Consent/c1"])
    assert code == 0
    assert answer["before"]["released"] == ["Observation/o1"]
    assert answer["changes"] == [{"record": "Observation/o1", "before": "released", "after": "nothing-released"}]


def test_what_if_asks_at_another_time_with_another_consent_and_for_other_purposes(asked, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps(consent(id="c2", provision={"type": "deny"})))
    ended = consent(provision={"type": "permit", "period": {"end": "2026-06-01"}, "purpose": [RESEARCH]})
    for more in (["--then", "2027-01-01T00:00:00Z"], ["--with", other], ["--purpose", "urn:other"]):
        _, answer, _ = asked(ended, verb="what-if", more=more)
        assert (answer["before"]["outcome"], answer["after"]["outcome"] == "permit") == ("permit", False), more


def test_supposing_nothing_is_refused_and_so_is_a_purpose_that_is_none(asked):
    code, _, told = asked(consent(), verb="what-if")
    assert (code, "--then" in told) == (2, True)
    code, _, told = asked(consent(), verb="what-if", more=["--purpose", "RESEARCHING"])
    assert (code, "--purpose" in told) == (2, True)
    code, answer, _ = asked(consent(), verb="what-if", more=["--purpose", "HRESCH"])
    assert (code, answer["after"]["outcome"]) == (0, "permit")


def test_without_an_instant_it_is_now(asked):
    request = {"patient": "Patient/p1", "purposeOfUse": [RESEARCH], "actor": "Organization/o"}
    ended = consent(provision={"type": "permit", "period": {"end": "2026-01-01"}, "purpose": [RESEARCH]})
    assert asked(ended, request=request)[1]["outcome"] == "not-applicable"
    assert asked(ended, request=request, more=["--at", "2025-06-01T00:00:00Z"])[1]["outcome"] == "permit"


def test_it_is_told_how_many_consents_are_about_the_patient(asked):
    _, answer, _ = asked(consent(), consent(id="c2", patient={"reference": "Patient/other"}))
    assert (answer["consents"], answer["consents_about"]) == (2, 1)


def test_an_answer_that_rests_on_a_membership_lasts_no_longer(asked):
    ircp = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]
    team = {"role": {"coding": ircp}, "reference": {"reference": "Group/g"}}
    member = {"entity": {"reference": "Organization/o"}, "period": {"end": "2026-06-30"}}
    group = {"resourceType": "Group", "id": "g", "actual": True, "member": [member]}
    only = consent(provision={"type": "deny", "provision": [{"type": "permit", "actor": [team]}]})
    _, answer, _ = asked(only, group, {"resourceType": "Organization", "id": "o"})
    assert (answer["outcome"], answer["valid_until"]) == ("permit", "2026-07-01T00:00:00Z")


def test_a_consent_that_is_not_there_cannot_be_left_out(asked):
    code, _, told = asked(consent(), verb="what-if", more=["--without", "Consent/none"])
    assert code == 2
    assert "Consent/c1" in told
