"""docs/deidentification.md says what the profile does: its example comes out as shown, its kinds are the profile's."""

import json
import re
from datetime import date

from connector.deidentify.deidentifier import Deidentifier
from connector.deidentify.profile import load_profile
from tests.house.tree import REPOSITORY

PAGE = (REPOSITORY / "docs" / "deidentification.md").read_text(encoding="utf-8")
BEFORE, AFTER = re.findall(r"```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


class Anna:
    """A coder that hands out what the page shows."""

    code = json.loads(AFTER)["subject"]["reference"].removeprefix("Patient/")
    days = -52

    def person(self, person: str) -> "Anna":
        return self

    def id(self, resource_type: str, resource_id: str) -> str:
        return self.code if resource_type == "Patient" else json.loads(AFTER)["id"]


def test_the_record_of_the_page_comes_out_as_the_page_shows():
    profile = load_profile("research-standard")
    released = Deidentifier(profile, Anna(), as_of=date(2026, 11, 21)).apply(BEFORE.encode(), "anna", "4711")
    assert json.loads(released.body) == json.loads(AFTER)
    assert b"132.0" in released.body


def test_the_page_names_every_kind_of_record_that_can_leave():
    listed = re.search(r"each with its own list of elements:\n\n(.*?)\n\n", PAGE, re.DOTALL)[1]
    kinds = re.findall(r"^\[resources\.(\w+)\]", load_profile("research-standard").text, re.MULTILINE)
    assert re.findall(r"\w+", listed) == kinds
