"""Worker processes do the work, start late, and never outlive the process they work for."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from connector.dataplane.workers import WorkerPool
from connector.deidentify.preparing import prepare
from connector.deidentify.profile import load_profile
from connector.ports import Parcel, Task
from connector.vault import PersonCoder

PROFILE = load_profile("research-standard")
TASK = Task(
    PROFILE.name, PROFILE.digest, date(2026, 11, 22),
    (Parcel(PersonCoder(b"a" * 32), "4711", (b'{"resourceType":"Patient","id":"4711"}',), ()),),
)  # fmt: skip
SCRIPT = """
import asyncio, multiprocessing, os, signal
from tests.unit.connector.dataplane import test_workers as t

async def main():
    pool = t.WorkerPool(1, t.prepare)
    await pool.render(t.TASK)
    print(multiprocessing.active_children()[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_prepares_what_this_process_would():
    async def run():
        pool = WorkerPool(1, prepare)
        try:
            return await pool.render(TASK)
        finally:
            await pool.close()

    assert asyncio.run(run()) == prepare(TASK)


def test_a_worker_that_dies_is_replaced():
    async def run():
        pool = WorkerPool(1, prepare)
        try:
            await pool.render(TASK)
            for pid in list(pool._pool._processes):
                os.kill(pid, signal.SIGKILL)
            return await pool.render(TASK)
        finally:
            await pool.close()

    assert asyncio.run(run()) == prepare(TASK)


def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    script = tmp_path / "serving.py"
    script.write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    worker = int(ended.stdout)
    for _ in range(200):
        if not alive(worker):
            return
        time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    raise AssertionError("the worker lived on")
