"""`concord audit`: one changed byte is named, a damaged store is a failed verification, an export stands alone."""

import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def logged(concord, hospital):
    """A participant with a log of five entries, one checkpoint or more."""
    for number in range(5):
        who = ["--name", f"Person {number}", "--subject", f"s{number}", "--role", "dpo"]
        assert concord("account", "open", *who, "-d", hospital).code == 0
    concord("show", "-d", hospital)
    return hospital


def damaged(directory, find: bytes, change) -> None:
    store = directory / "store.db"
    data = bytearray(store.read_bytes())
    place = data.find(find)
    assert place > 0
    change(data, place)
    store.write_bytes(data)


def test_a_log_that_was_not_touched_holds(concord, logged):
    said = concord("audit", "verify", "-d", logged, "--json")
    assert said.code == 0
    assert said.value["ok"] is True
    assert said.value["entries"] >= 5


def test_one_changed_byte_names_the_first_bad_entry(concord, logged):
    before = concord("audit", "verify", "-d", logged, "--json").value["entries"]

    def flip(data, place):
        data[place + len('{"by":{"account":"')] ^= 1

    damaged(logged, b'{"by":{"account":"operator"', flip)
    said = concord("audit", "verify", "-d", logged, "--json")
    assert said.code == 1
    assert said.value["ok"] is False
    assert 0 <= said.value["first_bad"] < before
    assert f"entry {said.value['first_bad']}" in concord("audit", "verify", "-d", logged).out


def test_a_byte_that_is_no_text_any_more_names_its_entry(concord, logged):
    def spoil(data, place):
        data[place + 2] = 0xFF

    damaged(logged, b"account.opened", spoil)
    said = concord("audit", "verify", "-d", logged, "--json")
    assert (said.code, said.value["ok"]) == (1, False)
    assert said.value["first_bad"] is not None


@pytest.mark.parametrize("part", ["head", "pages"])
def test_damaged_pages_are_a_failed_verification_without_a_trace(concord, logged, part):
    data = bytearray((logged / "store.db").read_bytes())
    for place in [0] if part == "head" else range(4096 * 5, len(data), 4096):
        data[place : place + 48] = b"\xff" * 48
    (logged / "store.db").write_bytes(data)
    said = concord("audit", "verify", "-d", logged, "--json")
    assert (said.code, said.value["ok"]) == (1, False)
    assert "cannot be read" in said.value["what"]
    said = concord("audit", "export", logged.parent / "log", "-d", logged)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_an_export_verifies_without_concord_and_not_after_a_change(concord, logged, tmp_path):
    target = tmp_path / "log"
    assert concord("audit", "export", target, "-d", logged, "--json").value["entries"] >= 5
    check = [sys.executable, "-I", str(target / "verify_export.py"), str(target)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    lines = (target / "log.jsonl").read_text()
    (target / "log.jsonl").write_text(lines.replace("account.opened", "account.closed", 1))
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1
    assert concord("audit", "export", target, "-d", logged).code == 2


def test_a_checkpoint_kept_elsewhere_must_fit(concord, logged, tmp_path):
    concord("audit", "export", tmp_path / "log", "-d", logged)
    kept = tmp_path / "kept.txt"
    shutil.copy(tmp_path / "log" / "checkpoint.txt", kept)
    assert concord("audit", "verify", "--checkpoint", kept, "-d", logged).code == 0
    concord("init", tmp_path / "other", "--name", "Another One")
    concord("account", "open", "--name", "N", "--subject", "s", "--role", "dpo", "-d", tmp_path / "other")
    assert concord("audit", "verify", "--checkpoint", kept, "-d", tmp_path / "other").code == 1
    kept.write_bytes(b"\xff\xfe")
    assert concord("audit", "verify", "--checkpoint", kept, "-d", logged).code == 2
