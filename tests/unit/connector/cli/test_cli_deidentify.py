"""`concord deidentify`: rule files of other tools, checked, added, and run over files."""

import json

import pytest

RULES = {
    "fhirPathRules": [
        {"path": "nodesByType('HumanName')", "method": "redact"},
        {"path": "Resource.id", "method": "cryptoHash"},
        {"path": "Patient.nmae", "method": "redact"},
    ],
    "parameters": {"cryptoHashKey": "123"},
}
PATIENT = {"resourceType": "Patient", "id": "example", "name": [{"family": "Zebulon"}]}


@pytest.fixture
def rules(tmp_path):
    file = tmp_path / "tool.json"
    file.write_text(json.dumps(RULES))
    return file


def test_a_rule_file_is_checked_with_what_is_worth_knowing(concord, rules, tmp_path):
    said = concord("deidentify", "check", rules)
    assert said.code == 0
    assert "rule 3 (Patient.nmae): leads to no element" in said.out
    bad = tmp_path / "bad.yaml"
    bad.write_text("fhirPathRules:\n  - path: Patient.x()\n    method: redact\n")
    said = concord("deidentify", "check", bad, "--json")
    assert (said.code, said.value["usable"]) == (1, False)
    assert "rule 1 (Patient.x())" in said.value["refused"][0]


def test_a_rule_file_is_added_listed_and_removed(concord, rules, hospital):
    assert concord("deidentify", "add", rules, "--name", "tool", "-d", hospital).code == 0
    assert concord("deidentify", "list", "-d", hospital, "--json").value[0]["name"] == "tool"
    assert concord("deidentify", "remove", "tool", "-d", hospital).code == 0
    assert concord("deidentify", "list", "-d", hospital, "--json").value == []
    assert concord("deidentify", "remove", "tool", "-d", hospital).code == 2


def test_files_are_run_line_by_line_and_what_is_refused_is_told_by_place(concord, rules, hospital, tmp_path):
    lines = [PATIENT, {**PATIENT, "Zebulon": 1}, {**PATIENT, "id": "other"}]
    source, out = tmp_path / "people.ndjson", tmp_path / "clean"
    source.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    said = concord("deidentify", "run", rules, source, "--out", out, "-d", hospital, "--json")
    assert said.code == 1
    assert said.value == {"files": 1, "resources": 2, "refused": ["people.ndjson, line 2: unknown-element at /"]}
    made = [json.loads(line) for line in (out / "people.ndjson").read_text().splitlines()]
    assert len({one["id"] for one in made} | {"example", "other"}) == 4
    assert "Zebulon" not in (out / "people.ndjson").read_text() + said.out + said.err
    assert (out / "people.ndjson").stat().st_mode & 0o777 == 0o600


def test_the_keys_of_the_file_give_what_its_own_tool_gives(concord, rules, tmp_path):
    source, out = tmp_path / "patient.json", tmp_path / "clean"
    source.write_text(json.dumps(PATIENT))
    assert concord("deidentify", "run", rules, source, "--keys", "file", "--out", out).code == 0
    # The id of Microsoft's patient-basic-target.json, which was made with this key.
    known = "698d54f0494528a759f19c8e87a9f99e75a5881b9267ee3926bcf62c992d84ba"
    assert json.loads((out / "patient.json").read_text())["id"] == known


def test_a_file_is_never_written_over(concord, rules, tmp_path, hospital):
    source = tmp_path / "patient.json"
    source.write_text(json.dumps(PATIENT))
    assert concord("deidentify", "run", rules, source, "--out", tmp_path, "-d", hospital).code == 2
    assert json.loads(source.read_text()) == PATIENT
