"""Counting what a running process asks of the kernel, with strace."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

_PATIENCE = 20.0


def installed() -> bool:
    """Whether there is an strace to count with."""
    return which("strace") is not None


@contextmanager
def traced(pid: int, calls: str, file: Path) -> Iterator[list[str]]:
    """The lines of these system calls (`fdatasync,fsync`) of all threads while the block runs; filled at its end.

    A call that another thread interrupts has its arguments in its first line. Files are named beside descriptors.
    """
    command = ["strace", "-f", "-y", "-qq", "-e", f"trace={calls}", "-o", str(file), "-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    lines: list[str] = []
    try:
        _attached(pid, tracer)
        yield lines
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(_PATIENCE)
        lines += file.read_text(errors="replace").splitlines()


def _attached(pid: int, tracer: subprocess.Popen[bytes]) -> None:
    """Wait until every thread of the process is traced."""
    deadline = time.monotonic() + _PATIENCE
    mark = f"TracerPid:\t{tracer.pid}\n"
    while not all(mark in (one / "status").read_text() for one in Path(f"/proc/{pid}/task").iterdir()):
        assert tracer.poll() is None, "strace ended"
        assert time.monotonic() < deadline, "strace does not attach"
        time.sleep(0.02)
