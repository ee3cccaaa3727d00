"""Verbs work on a participant that nobody serves: they take its lock and do the work themselves."""

import gzip
import json
from pathlib import Path

import pytest

from connector.demo.bundles import shipped
from connector.lock import DirectoryLock, running


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("bundles") / "one.json"
    file.write_bytes(gzip.decompress(sorted(shipped().iterdir())[3].read_bytes()))
    return file


def test_records_are_imported_and_published_before_the_first_serve(concord, hospital, bundle):
    imported = concord("import", hospital, bundle, "--json")
    assert imported.code == 0
    assert imported.value["people"] == imported.value["files"] == 1
    assert imported.value["refused"] == []
    published = concord("publish", hospital, "--title", "Heart data", "--category", "conditions", "--json")
    assert published.code == 0, published.err
    assert (published.value["title"], published.value["people"]) == ("Heart data", 1)
    assert any("said yes themselves" in sentence for sentence in published.value["sentences"])
    assert running(hospital) is None


def test_the_same_bundle_again_changes_nothing(concord, hospital, bundle):
    first, second = (concord("import", "-d", hospital, bundle, "--json").value for _ in range(2))
    assert (first["changed"], second) == (first["records"], first | {"changed": 0})
    assert len(concord("audit", "verify", "-d", hospital, "--json").value["what"]) > 0


def test_what_is_not_fhir_is_refused_by_name_and_the_rest_is_taken_in(concord, hospital, bundle, tmp_path):
    orphan = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/nobody"}}
    (tmp_path / "bad.json").write_text("nonsense")
    (tmp_path / "orphan.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": orphan}]}))  # fmt: skip
    said = concord("import", hospital, bundle, tmp_path / "bad.json", tmp_path / "orphan.json", "--json")
    assert said.code == 2
    assert said.value["files"] == 1
    assert len(said.value["refused"]) == len(said.err.splitlines()) == 2
    assert "bad.json" in said.err
    assert "orphan.json" in said.err


def test_a_file_that_is_not_there_is_named(concord, hospital):
    said = concord("import", hospital, "nothing.json")
    assert (said.code, "nothing.json" in said.err) == (2, True)


def test_nothing_can_be_published_before_something_was_imported(concord, hospital):
    said = concord("publish", hospital)
    assert (said.code, "concord import" in said.err) == (2, True)


def test_a_dataset_can_be_described_in_a_file_and_on_the_command_line(concord, hospital, bundle, tmp_path):
    concord("import", hospital, bundle)
    (tmp_path / "draft.toml").write_text(
        'title = "From a file"\ndescription = "Words."\nuntil = 2031-05-06\npurposes = ["dpv:AcademicResearch"]\n'
    )
    said = concord("publish", hospital, "--file", tmp_path / "draft.toml", "--title", "From the line", "--json")
    assert said.value["title"] == "From the line"
    assert "Until 6 May 2031." in said.value["sentences"]
    assert concord("publish", hospital, "--purpose", "made-up").code == 2
    (tmp_path / "draft.toml").write_text("not = = toml")
    assert "TOML" in concord("publish", hospital, "--file", tmp_path / "draft.toml").err


def test_the_register_lists_suspends_and_refuses_in_words(concord, hospital):
    assert concord("trust", "list", "-d", hospital, "--json").value == []
    assert "empty" in concord("trust", "list", "-d", hospital).out
    said = concord("trust", "suspend", "urn:concord:nobody:00000000", "-d", hospital)
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    said = concord("trust", "add", "http://127.0.0.1:9", "--fingerprint", "00" * 32, "-d", hospital)
    assert (said.code, "does not answer" in said.err) == (2, True)


def test_people_accounts_and_link_codes(concord, hospital, bundle):
    concord("import", hospital, bundle)
    who = ["--name", "Ines", "--subject", "ines", "--role", "steward"]
    opened = concord("account", "open", *who, "-d", hospital, "--json")
    assert opened.code == 0
    assert [row["subject"] for row in concord("account", "list", "-d", hospital, "--json").value] == ["ines"]
    assert concord("account", "close", opened.value["id"], "-d", hospital).code == 0
    code = concord("link", "code", " ", "-d", hospital, "--json")
    assert code.code == 0
    assert len(code.value["code"]) == len("ABCD-EFGH-JKMN")
    assert concord("link", "code", "nobody at all", "-d", hospital).code == 2


def test_a_wallets_owner_hosts_people_and_lists_their_answers(concord, tmp_path):
    wallet = tmp_path / "wallet"
    concord("init", wallet, "--name", "Test Wallet", "--role", "wallet")
    made = concord("people", "host", "--name", "Ada Moe", "--subject", "ada", "--born", "1980-02-03", "-d", wallet)
    assert made.code == 0
    assert [row["name"] for row in concord("people", "list", "-d", wallet, "--json").value] == ["Ada Moe"]
    assert concord("consent", "list", "-d", wallet, "--json").value == []
    said = concord(
        "consent", "grant", "urn:uuid:00000000-0000-0000-0000-000000000001", "--account", "ada", "-d", wallet
    )
    assert said.code == 2
    assert concord("consent", "withdraw", "urn:uuid:x", "--account", "somebody else", "-d", wallet).code == 2


def test_studies_are_listed_and_drafts_are_read_strictly(concord, hospital, tmp_path):
    assert concord("study", "list", "-d", hospital, "--json").value == []
    draft = tmp_path / "study.toml"
    draft.write_text('title = "T"\ndata = "none"\n')
    assert "data" in concord("study", "publish", draft, "-d", hospital).err
    draft.write_text('title = "T"\nanswer_until = 2030-01-01\n')
    said = concord("study", "publish", draft, "-d", hospital)
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert concord("study", "approve", "urn:uuid:00000000-0000-0000-0000-000000000001", "-d", hospital).code == 2


def test_nothing_is_done_while_another_process_holds_the_directory(concord, hospital):
    lock = DirectoryLock(hospital).take()
    try:
        said = concord("trust", "list", "-d", hospital)
    finally:
        lock.release()
    assert (said.code, "Another process" in said.err) == (2, True)


def test_the_participant_shows_who_it_is(concord, hospital):
    shown = concord("show", "-d", hospital, "--json").value
    assert shown["name"] == "Test Hospital"
    assert shown["id"].startswith("urn:concord:test-hospital:")
    assert "concord serve" in concord("show", "-d", hospital).out
