"""A person takes their papers away; an officer opens a file, with a ground and nothing personal in an address."""

from __future__ import annotations

import pytest

from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import Visitor


@pytest.fixture
def person():
    return Visitor(portal("wallet"), "patient")


@pytest.fixture
def space():
    return portal("hospital")


@pytest.fixture
def officer(space):
    return Visitor(space, "dpo")


@pytest.fixture
def files(space):
    return space.state.participant.services.rights.files


def test_the_receipt_shows_what_was_read_who_signed_and_how_to_stop(person):
    page = person.open("/me/receipts/urn:uuid:c-2")
    for said in ("The words you read", "Six researchers of the Heart Rhythm Group", "her mother", "You said yes",
                 "You can stop on any day", "urn:uuid:c-2", "version 2", "urn:uuid:contract-1", "study-page/1",
                 "substantial", "entry 41", "cd" * 32):  # fmt: skip
        assert said in page.text, said


def test_everything_can_be_taken_away_in_one_file(person):
    page = person.open("/me/permissions")
    assert "/me/file" in page.links.values()
    assert "/me/file.zip" in person.open("/me/file").links.values()
    answer = person.client.get("/me/file.zip")
    assert answer.content == b"PK"
    assert answer.headers["content-disposition"] == 'attachment; filename="everything-about-me.zip"'
    assert answer.headers["cache-control"] == "no-store"


def test_a_file_is_opened_with_a_ground_and_nobodys_name_is_in_an_address(officer, files):
    officer.open("/dpo/people")
    page = officer.send("Find", ground="access", reference="2026/17", text="jansen")
    assert officer.path == "/dpo/people"
    assert "Maria Jansen" in page.text
    page = officer.send("Open the file of Maria Jansen")
    assert officer.path == "/dpo/people/file"
    assert files.opened == [("person-1", "access", "2026/17")]
    for said in ("Maria Jansen", "The person asks what is kept about them", "2026/17", "412", "Heart Rhythm Group",
                 "the person's wallet is being told"):  # fmt: skip
        assert said in page.text, said


def test_without_a_ground_nobody_is_looked_for(officer, files):
    officer.open("/dpo/people")
    page = officer.send("Find", text="jansen")
    assert officer.status == 400
    assert "Maria Jansen" not in page.text
    assert "Choose why you need this person's file" in page.text
    assert files.opened == []


def test_a_file_cannot_be_opened_by_an_address_alone(officer, files):
    assert officer.client.get("/dpo/people/file").status_code == 405
    assert files.opened == []


def test_the_register_is_shown_and_taken_away(officer):
    page = officer.open("/dpo/register")
    for said in ("Share heart records for the study Heart", "NO GROUND ON FILE", "dpo@h.example", "They may use it."):
        assert said in page.text, said
    for form in ("html", "csv", "json", "zip"):
        assert officer.client.get(f"/dpo/register.{form}").status_code == 200
    assert officer.client.get("/dpo/register.docx").status_code == 400


@pytest.mark.parametrize("path", ["/dpo/people", "/dpo/register", "/dpo/register.csv"])
def test_only_the_officer_sees_these_pages(space, path):
    assert Visitor(space, "steward").client.get(path).status_code == 403
