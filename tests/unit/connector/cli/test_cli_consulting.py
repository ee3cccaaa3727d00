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


def test_a_consent_that_is_not_there_cannot_be_left_out(asked):
    code, _, told = asked(consent(), verb="what-if", more=["--without", "Consent/none"])
    assert code == 2
    assert "Consent/c1" in told
