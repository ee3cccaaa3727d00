"""One process per directory, and a note that says how to reach it, which a dead process takes with it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from connector.lock import DirectoryLock, running
from connector.problems import Problem

REPOSITORY = Path(__file__).parents[3]
HOLD = """
import sys, time
from pathlib import Path
from connector.lock import DirectoryLock
DirectoryLock(Path(sys.argv[1])).take().announce("http://127.0.0.1:9")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other_process(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_with_one_clear_line(tmp_path, other_process):
    with pytest.raises(Problem) as refused:
        DirectoryLock(tmp_path).take()
    assert refused.value.status == 409
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_running_process_is_found_with_its_address_and_token(tmp_path, other_process):
    found = running(tmp_path)
    assert (found.pid, found.url) == (other_process.pid, "http://127.0.0.1:9")
    assert len(found.token) >= 32
    assert stat.S_IMODE((tmp_path / "process.json").stat().st_mode) == 0o600


def test_a_killed_process_leaves_the_lock_and_its_note_does_not_count(tmp_path, other_process):
    os.kill(other_process.pid, signal.SIGKILL)
    other_process.wait()
    assert (tmp_path / "process.json").exists()
    assert running(tmp_path) is None
    lock = DirectoryLock(tmp_path).take()
    mine = lock.announce("http://127.0.0.1:10")
    assert running(tmp_path) == mine
    assert mine.pid == os.getpid()
    lock.release()


def test_a_released_directory_is_free_for_the_next(tmp_path):
    lock = DirectoryLock(tmp_path).take()
    lock.announce("http://127.0.0.1:9")
    lock.release()
    assert running(tmp_path) is None
    assert not (tmp_path / "process.json").exists()
    DirectoryLock(tmp_path).take().release()


def test_a_directory_nobody_ever_served_has_no_process(tmp_path):
    assert running(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "url": "u", "token": "t"}', "null"])
def test_a_note_that_cannot_be_read_does_not_count(tmp_path, other_process, note):
    (tmp_path / "process.json").write_text(note)
    assert running(tmp_path) is None


def test_every_start_has_a_token_of_its_own(tmp_path):
    lock = DirectoryLock(tmp_path).take()
    tokens = {lock.announce("u").token for _ in range(3)}
    assert len(tokens) == 3
    assert json.loads((tmp_path / "process.json").read_text())["token"] in tokens
    lock.release()


def test_somebody_who_only_looks_does_not_keep_a_process_from_starting(tmp_path):
    """`running` holds the lock for a moment; a start at that moment is not told that somebody uses the directory."""
    looking = os.open(tmp_path / "process.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_EX)
    timer = threading.Timer(0.06, os.close, [looking])
    timer.start()
    DirectoryLock(tmp_path).take().release()
    timer.join()
