"""The independent verifier, run as a stranger would: a process of its own that cannot import anything of ours."""

import base64
import json
import subprocess
import sys

import pytest

from connector.provenance.checkpoint import sign_checkpoint
from connector.provenance.entry import SALT_BYTES, Entry, commit, erase
from connector.provenance.export import (
    CHECKPOINT_NAME,
    KEY_NAME,
    LOG_NAME,
    VERIFIER_NAME,
    export_lines,
    verifier_script,
)
from connector.provenance.merkle import EMPTY_ROOT
from tests.unit.connector.provenance.sample_log import ORIGIN, SampleLog, entry


def run(directory):
    command = [sys.executable, "-I", VERIFIER_NAME, "."]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.returncode, done.stdout.strip()


@pytest.fixture
def export(tmp_path):
    log = SampleLog(11, (9,))
    explained = Entry(11, entry(11).at, "log.erased", "urn:x", {"entries": [2]}, bytes(SALT_BYTES))
    rows = [erase(row) if row.position == 2 else row for row in log.rows] + [commit(explained)]
    (tmp_path / LOG_NAME).write_bytes(b"".join(export_lines(rows)))
    (tmp_path / CHECKPOINT_NAME).write_text(log.notes[0], encoding="utf-8")
    public = base64.urlsafe_b64encode(log.public).rstrip(b"=").decode()
    (tmp_path / KEY_NAME).write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": public}))
    (tmp_path / VERIFIER_NAME).write_bytes(verifier_script())
    return tmp_path


def edit(export, position, change):
    lines = (export / LOG_NAME).read_bytes().splitlines(keepends=True)
    lines[position] = change(lines[position])
    (export / LOG_NAME).write_bytes(b"".join(lines))


def test_an_untouched_export_holds(export):
    code, said = run(export)
    assert code == 0
    assert said.startswith(f"ok: 12 entries of {ORIGIN} (key ")
    assert said.endswith("hold, 9 of them signed")


def test_the_script_is_short_and_stands_alone():
    text = verifier_script().decode()
    assert len(text.splitlines()) < 100
    assert not any(name in text for name in ("import connector", "from connector", "from policy", "import policy"))


@pytest.mark.parametrize(
    ("position", "old", "new"),
    [
        (0, b"release.chunk", b"release.Chunk"),
        (4, b'"people":4', b'"people":5'),
        (3, b"Z\xc3\xbcrich", b"Zurich"),
        (6, b'"at":"2026', b'"at":"2025'),
        (7, b'"salt":"07', b'"salt":"08'),
        (8, b"urn:uuid:0008", b"urn:uuid:0009"),
        (5, b'"index":5', b'"index":6'),
        (9, b'"people":9', b'"people": 9'),
        (10, b'"leaf":"', b'"leaf":"0'),
        (2, b'"body":null', b'"body":{}'),
    ],
)
def test_a_changed_line_is_named(export, position, old, new):
    def change(line):
        assert old in line
        return line.replace(old, new)

    edit(export, position, change)
    code, said = run(export)
    assert code == 1
    assert said.startswith(f"FAILED: entry {position} is bad")


def test_lost_and_swapped_lines_are_named(export):
    whole = (export / LOG_NAME).read_bytes()
    lines = whole.splitlines(keepends=True)
    (export / LOG_NAME).write_bytes(b"".join(lines[:3]))
    assert run(export) == (1, "FAILED: entry 3 is missing: 9 were signed")
    lines[4], lines[5] = lines[5], lines[4]
    (export / LOG_NAME).write_bytes(b"".join(lines))
    assert run(export)[1].startswith("FAILED: entry 4 is bad: out of order")


def test_an_entry_rewritten_with_its_own_hashes_does_not_reach_the_signed_root(export):
    other = SampleLog(11, (9,))
    forged = next(iter(export_lines([other.rows[0]._replace(position=1)])))
    edit(export, 1, lambda line: forged)
    code, said = run(export)
    assert code == 1
    assert "the signed root does not match" in said


@pytest.mark.parametrize("name", [CHECKPOINT_NAME, KEY_NAME, LOG_NAME])
def test_a_missing_or_empty_file_fails(export, name):
    (export / name).write_bytes(b"")
    assert run(export)[0] == 1
    (export / name).unlink()
    assert run(export)[0] == 1


def test_a_changed_signature_key_or_size_fails(export):
    note = (export / CHECKPOINT_NAME).read_text(encoding="utf-8")
    (export / CHECKPOINT_NAME).write_text(note.replace("\n9\n", "\n8\n"), encoding="utf-8")
    assert run(export) == (1, "FAILED: the signature of checkpoint.txt does not match")
    (export / CHECKPOINT_NAME).write_text(note, encoding="utf-8")
    other = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
    (export / KEY_NAME).write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": other}))
    assert run(export) == (1, "FAILED: checkpoint.txt is not signed by key.json")


def test_an_entry_emptied_without_an_explanation_fails(export):
    (export / LOG_NAME).write_bytes(b"".join((export / LOG_NAME).read_bytes().splitlines(keepends=True)[:-1]))
    assert run(export) == (1, "FAILED: 1 entries were emptied unexplained, 9 of 11 are signed")


def test_entries_of_which_none_is_signed_fail(export):
    nothing = sign_checkpoint(0, EMPTY_ROOT, SampleLog(0, ()).signer)
    (export / CHECKPOINT_NAME).write_text(nothing, encoding="utf-8")
    assert run(export) == (1, "FAILED: 0 entries were emptied unexplained, 0 of 12 are signed")
    (export / LOG_NAME).write_bytes(b"")
    assert run(export)[0] == 0
