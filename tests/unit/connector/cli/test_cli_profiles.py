"""`concord profile`: a profile is read, checked, compared, kept, and tried on files and on a source."""

import gzip
from pathlib import Path

import pytest

from connector.deidentify.profile import load_profile
from connector.demo.bundles import shipped

OWN = load_profile("research-minimal").text.replace('name = "research-minimal"', 'name = "ours"')


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "ours.toml"
    file.write_text(OWN, "utf-8")
    return file


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("bundles") / "one.json"
    file.write_bytes(gzip.decompress(sorted(shipped().iterdir())[3].read_bytes()))
    return file


def test_a_good_file_has_no_fault_and_a_bad_one_answers_no_with_the_line(concord, own, tmp_path):
    said = concord("profile", "check", own, "--json")
    assert (said.code, said.value["usable"], said.value["warnings"]) == (0, True, [])
    bad = tmp_path / "bad.toml"
    bad.write_text(OWN.replace('gender = "one of', 'family = "text"\ngender = "any of', 1), "utf-8")
    said = concord("profile", "check", bad, "--json")
    line = 1 + OWN[: OWN.index('gender = "one of')].count("\n")
    assert (said.code, said.value["usable"], [one["line"] for one in said.value["faults"]]) == (1, False, [line + 1])
    assert f"line {line + 1}: fault: Patient.gender" in concord("profile", "check", bad).out


def test_what_names_somebody_is_a_fault_with_its_line(concord, own):
    own.write_text(OWN + '[[resources.Patient.name]]\nfamily = "text"\n', "utf-8")
    said = concord("profile", "check", own)
    assert said.code == 1
    assert f"line {OWN.count(chr(10)) + 2}: fault: Patient.name.family keeps a text as it is" in said.out
    assert "keeps more: Patient.name.family" in said.out


def test_an_own_profile_is_kept_listed_shown_and_offered_under(concord, hospital, own, bundle):
    added = concord("profile", "add", own, "-d", hospital, "--json")
    assert added.code == 0, added.err
    listed = {row["name"]: row for row in concord("profile", "list", "-d", hospital, "--json").value}
    assert listed.keys() == {"device-stream", "research-minimal", "research-standard", "safe-harbor", "ours"}
    assert listed["ours"]["own"]
    assert concord("profile", "show", "ours", "-d", hospital, "--json").value["text"] == OWN
    assert concord("import", hospital, bundle).code == 0
    made = concord("publish", hospital, "--title", "Heart", "--category", "conditions", "--profile", "ours", "--json")
    assert (made.code, made.value["profile"]) == (0, f"ours:{added.value['digest']}")
    told = concord("profile", "coverage", "ours", "Health records", "-d", hospital, "--json")
    assert told.code == 0, told.err
    assert (told.value["people"], told.value["records"] > 50, told.value["released"] > 50) == (1, True, True)


def test_a_faulty_profile_is_not_kept(concord, hospital, own):
    own.write_text(OWN.replace('"band of 5"', '"band of 7"'), "utf-8")
    said = concord("profile", "add", own, "-d", hospital)
    assert said.code == 2
    assert "at line" in said.err
    assert "Patient.birthDate" in said.err


def test_two_profiles_are_compared_by_name_or_file_without_a_participant(concord, own):
    told = concord("profile", "diff", "research-standard", own, "--json").value
    assert {"path": "Patient.birthDate", "before": "year", "after": "band of 5"} in told["changed"]
    assert {"path": "Coding.display", "before": "label", "after": ""} in told["dropped"]
    assert told["kept"] == []
    assert "They do the same." in concord("profile", "diff", own, "research-minimal").out
    later = concord("profile", "diff", "research-standard", "safe-harbor", "--release", "R5", "--json").value
    assert {"path": "Procedure.occurrenceDateTime", "before": "date", "after": "calendar year"} in later["changed"]


def test_coverage_of_files_says_what_leaves_without_a_participant(concord, bundle):
    told = concord("profile", "coverage", "safe-harbor", bundle, "--json").value
    rows = {row["path"]: row for row in told["listed"]}
    assert rows["Patient.birthDate"]["rule"] == "year"
    assert rows["Encounter.period.start"]["changed"] == rows["Encounter.period.start"]["seen"] > 0
    assert "Patient.name" in {row["path"] for row in told["unknown"]}
    shown = concord("profile", "coverage", "safe-harbor", bundle, "--limit", "10")
    assert (shown.code, "10 records of 1 people" in shown.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["diff", "research-standard", "no-such"], "There is no participant"),
        (["diff", "research-standard", "safe-harbor", "--release", "R9"], "R9"),
        (["coverage", "device-stream", "no-such-source"], "There is no participant"),
        (["coverage", "safe-harbor", "a", "b"], "One source at a time"),
        (["check", "no-such.toml"], "no-such.toml"),
    ],
)
def test_what_cannot_be_understood_is_one_clear_line(concord, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    answer = concord("profile", *arguments)
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1, answer.err
    assert said in answer.err


def test_a_retired_profile_is_listed_as_such_and_cannot_be_offered_under(concord, hospital, own, bundle):
    assert concord("profile", "add", own, "-d", hospital).code == 0
    assert concord("import", hospital, bundle).code == 0
    said = concord("profile", "retire", "ours", "--why", "too fine", "-d", hospital, "--json")
    assert (said.code, said.value["standing"]) == (0, "retired"), said.err
    made = concord("publish", hospital, "--title", "Heart", "--category", "conditions", "--profile", "ours")
    assert made.code == 2
    assert "retired" in made.err
    assert concord("profile", "retire", "research-standard", "--why", "x", "-d", hospital).code == 2


def test_show_wants_a_name_or_a_contract_and_not_both(concord, hospital):
    for given in ((), ("ours", "--contract", "urn:uuid:1")):
        assert concord("profile", "show", *given, "-d", hospital).code == 2


def test_nothing_is_opened_for_a_case_that_is_not_there(concord, hospital, tmp_path):
    file = tmp_path / "sealed.txt"
    file.write_text("c2VhbGVk\n", "utf-8")
    said = concord("vault", "open", "urn:uuid:none", "--file", file, "-d", hospital)
    assert said.code == 2
    assert "There is no such case" in said.err
