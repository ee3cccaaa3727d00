"""docs/deidentification.md says what the profiles do: examples come out as shown, kinds and words are theirs."""

import json
import re
from datetime import date

import orjson
import pytest

from connector.cli.program import run
from connector.deidentify.deidentifier import Deidentifier
from connector.deidentify.profile import load_profile, packaged_profiles
from connector.deidentify.shapes import ONE_OF, RULES
from tests.house.tree import REPOSITORY

PAGE = (REPOSITORY / "docs" / "deidentification.md").read_text(encoding="utf-8")
BEFORE, AFTER = re.findall(r"```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMPARED = PAGE[PAGE.index("## The same under the other profiles") : PAGE.index("**research-minimal** has")]
ROWS = [line.strip("| ").split(" | ") for line in COMPARED.splitlines() if line.startswith("|") and "`" in line]
NAMES = ("research-standard", "research-minimal", "safe-harbor")
NOTHING = "–"
OF = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/4711"}}
RECORDS = {
    "born": lambda told: {"resourceType": "Patient", "id": "4711", "birthDate": told},
    "died": lambda told: {"resourceType": "Patient", "id": "4711", "deceasedDateTime": told},
    "seen": lambda told: {**OF, "onsetDateTime": told},
    "fell": lambda told: {**OF, "onsetAge": {"value": int(told), "code": "a"}},
    "lives": lambda told: {"resourceType": "Patient", "id": "4711", "address": [{"state": told}]},
    "postcode": lambda told: {
        "resourceType": "Patient",
        "id": "4711",
        "address": [{"postalCode": told, "country": "US"}],
    },
    "country": lambda told: {"resourceType": "Patient", "id": "4711", "address": [{"country": told}]},
    "the": lambda told: {**OF, "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": told}]}},
}
FOUND = {
    "born": r'"birthDate":"([^"]*)"', "died": r'"deceasedDateTime":"([^"]*)"', "seen": r'"onsetDateTime":"([^"]*)"',
    "fell": r'"value":(\d+)', "lives": r'"state":"([^"]*)"', "postcode": r'"postalCode":"([^"]*)"',
    "country": r'"country":"([^"]*)"', "the": r'"display":"([^"]*)"',
}  # fmt: skip


class Anna:
    """A coder that hands out what the page shows."""

    code = json.loads(AFTER)["subject"]["reference"].removeprefix("Patient/")
    days = -52

    def person(self, person: str) -> "Anna":
        return self

    def id(self, resource_type: str, resource_id: str) -> str:
        return self.code if resource_type == "Patient" else json.loads(AFTER)["id"]

    def seal(self, text: str) -> str:
        return ""


def put(name: str, record: bytes) -> bytes:
    deidentifier = Deidentifier(load_profile(name), Anna(), as_of=date(2026, 11, 21))
    return deidentifier.apply(record, "anna", "4711").body


def test_the_record_of_the_page_comes_out_as_the_page_shows():
    body = put("research-standard", BEFORE.encode())
    assert json.loads(body) == json.loads(AFTER)
    assert b"132.0" in body


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_what_the_page_compares_is_what_the_profiles_do(row):
    what, told = row[0].split()[0], re.search(r"`([^`]*)`", row[0])[1]
    for name, wanted in zip(NAMES, row[1:], strict=True):
        found = re.search(FOUND[what], put(name, orjson.dumps(RECORDS[what](told))).decode())
        assert (found[1] if found else NOTHING) == wanted.strip("`"), name


def test_the_page_compares_as_many_things_as_it_should():
    assert len(ROWS) >= 12
    assert {row[0].split()[0] for row in ROWS} == RECORDS.keys()


def test_the_page_names_every_profile_and_every_kind_of_record_that_can_leave():
    assert re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE) == ["research-standard", *NAMES[1:], "device-stream"]
    assert set(packaged_profiles()) == {*NAMES, "device-stream"}
    for listed, profiles in (
        (r"each with its own list of elements:\n\n(.*?)\n\n", ("research-standard", "safe-harbor")),
        (r"Under research-minimal these: (.*?)\.\n", ("research-minimal",)),
    ):
        named = re.findall(r"\w+", re.search(listed, PAGE, re.DOTALL)[1])
        for name in profiles:
            assert re.findall(r"^\[resources\.(\w+)\]", load_profile(name).text, re.MULTILINE) == named


def test_every_rule_is_explained_in_the_file_and_on_the_page():
    """All but those for device data, and those of which the page tells as part of another."""
    header = load_profile("research-standard").text.partition("\nname = ")[0]
    words = PAGE[PAGE.index("| to | write |") :]
    for rule in (RULES | {ONE_OF.strip(), "extension"}) - {"person"}:
        assert re.search(rf"(^#|[ ,]) *{re.escape(rule)}\b", header, re.MULTILINE), rule
        if rule not in {"moment", "samples", "time"}:
            assert re.search(rf"`{re.escape(rule)}\b", words), rule


def test_the_commands_of_the_page_are_commands(capsys):
    commands = re.search(r"```sh\n(concord profile check.*?)```", PAGE, re.DOTALL)[1].splitlines()
    assert len(commands) == 5
    for line in commands:
        words = line.split()[1:]
        verb = words[:2] if words[0] == "profile" else words[:1]
        assert run([*verb, "--help"]) == 0
        shown = capsys.readouterr().out
        assert all(option in shown for option in words if option.startswith("--"))
