"""Reading rule files: strict, with the place of everything that is wrong, and nothing silently skipped."""

import json

import pytest

from connector.deidentify.foreign.reading import read_file
from connector.deidentify.foreign.report import NOTED, REFUSED, RuleFileError
from connector.deidentify.foreign.ruleset import RuleSet, compiled
from tests.unit.connector.deidentify.foreign.made import KEYS, rule


def refused(text: str) -> list[str]:
    with pytest.raises(RuleFileError) as fault:
        compiled(text, KEYS)
    return [str(one) for one in fault.value.findings if one.level == REFUSED]


def file(*rules, **sections) -> str:
    return json.dumps({"fhirPathRules": list(rules), **sections})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (file(whatever=1), "the file: unknown section `whatever`"),
        (file(fhirVersion="R5"), "fhirVersion: only R4 and STU3"),
        (file(processingErrors="keep"), "processingErrors: raise or skip"),
        (json.dumps({}), "fhirPathRules: a list"),
        (file({"path": "Patient.name"}), "rule 1: an object with the texts"),
        (file(rule("Patient.name", "mask")), "unknown method `mask`"),
        (file(rule("Patient.name", "remove")), "unknown method `remove`"),  # miracum's, in Microsoft's form
        (file(rule("Patient.name", "redact", keep=1)), "unknown setting of redact `keep`"),
        (file(rule("Patient.multipleBirth", "perturb")), "needs `span`"),
        (file(rule("Patient.multipleBirth", "perturb", span=1, roundTo=29)), "`roundTo`"),
        (file(rule("Patient.name", "substitute")), "needs `replaceWith`"),
        (file(rule("Patient.name", "substitute", replaceWith={"famly": "X"})), "does not have"),
        (file(rule("Patient.name", "substitute", replaceWith="X")), "no JSON object"),
        (file(rule("Patient", "substitute", replaceWith={})), "a whole resource"),
        (file(rule("Patient.active", "substitute", replaceWith="X")), "cannot take the place of a boolean"),
        (file(rule("Patient.birthDate", "generalize")), "needs `cases`"),
        (file(rule("Patient.name", "generalize", cases={"true": "'x'"})), "is about primitives"),
        (file(rule("Patient.birthDate", "generalize", cases={"$this.resolve()": "1"})), "`resolve`"),
        (file(rule("Patient.birthDate", "generalize", cases={"$this = '2000'": "1"})), "compares a date with a text"),
        (file(parameters={"customSettings": {}}), "unknown parameter `customSettings`"),
        (file(parameters={"restrictedZipCodeTabulationAreas": [36]}), "a list of texts"),
        (file(parameters={"dateShiftScope": "person"}), "resource, file or folder"),
        (file(rule("Patient.name.descendants()", "redact")), "`descendants` cannot be compiled in a path"),
        (file(rule("nodesByType('Namee')", "redact")), "no type `Namee`"),
        (file(rule("Patient.name.given[0]", "redact")), "several parents"),
        (file(rule("Patient.name.where(famly='x')", "redact")), "there is no element `famly`"),
        (file(rule("Patient.name[", "redact")), "ends too early"),
        ("{" + '"fhirPathRules": [], "fhirPathRules": []}', "a key stands twice"),
        ("{", "no JSON at line 1"),
        ("fhirPathRules: &a []\nparameters: *a", "aliases"),
        ("fhirPathRules: []\nfhirPathRules: []", "a key stands twice at line 2"),
        ("fhirPathRules: [", "no YAML"),
        ("- 1", "no object"),
        ("a: " + "[" * 30 + "]" * 30, "nested deeper"),
        ("x" * (1024 * 1024 + 1), "longer than"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, words):
    assert any(words in line for line in refused(text)), refused(text)


def test_every_rule_that_cannot_be_compiled_is_named_not_only_the_first():
    lines = refused(file(rule("Patient.x()", "redact"), rule("Patient.name", "redact"), rule("$this + 1", "redact")))
    assert [line.split(" ")[1] for line in lines] == ["1", "3"]


def test_a_condition_behind_a_rule_that_changes_what_it_reads_is_refused():
    condition = "Patient.identifier.where(type.coding.where(code='MR').exists()).value"
    first = rule("nodesByType('Coding').code", "cryptoHash")
    assert "put it first" in refused(file(first, rule(condition, "redact")))[0]
    compiled(file(rule(condition, "redact"), first), KEYS)
    # Where nothing is left of it, it can be told what the condition comes to: it never holds.
    compiled(file(rule("nodesByType('Coding').code", "redact"), rule(condition, "redact")), KEYS)


def test_what_does_nothing_is_noted():
    made = compiled(
        file(rule("Patient.nmae", "redact"), rule("Martian", "redact"), rule("Patient.name", "redact")), KEYS
    )
    assert [one.level for one in made.findings] == [NOTED, NOTED]
    assert all("it does nothing" in one.words for one in made.findings)


def test_both_forms_are_told_apart_and_the_keys_do_not_go_along():
    text = file(rule("Patient.id", "cryptoHash"), parameters={"cryptoHashKey": "very secret"})
    found, _ = read_file("\ufeff" + text)
    assert (found.dialect, found.release, len(found.digest)) == ("microsoft", "R4", 64)
    assert "very secret" not in repr(found)
    assert "very secret" not in json.dumps(found.plain)
    assert found.parameters.keys == {"cryptoHashKey": "very secret"}
    yaml, _ = read_file("fhirPathRules:\n  - path: Patient.id\n    method: CRYPTOHASH\n    truncateToMaxLength: 8\n")
    assert (yaml.dialect, yaml.rules[0].method) == ("miracum", "cryptoHash")


def test_short_digests_and_other_digests_are_noted():
    text = "fhirPathRules:\n  - path: Patient.id\n    method: cryptoHash\n    truncateToMaxLength: 8\n"
    _, noted = read_file(text + "parameters:\n  cryptoHashAlgorithm: blake3\n")
    assert [one.place for one in noted] == ["rule 1 (Patient.id)", "parameters/cryptoHashAlgorithm"]


def test_stu3_has_its_own_types():
    text = file(rule("ProcessResponse.disposition", "redact"), fhirVersion="STU3")
    found, _ = read_file(text)
    made = RuleSet(found, KEYS)
    assert not made.findings
