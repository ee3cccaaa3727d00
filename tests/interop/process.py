"""What a process and all its children use of the machine, read from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and everything below it."""
    parents = {int(place.name): _fields(place)[1] for place in Path("/proc").glob("[0-9]*") if _fields(place)}
    found, waiting = [], [pid]
    while waiting:
        here = waiting.pop()
        found.append(here)
        waiting += [child for child, parent in parents.items() if int(parent) == here]
    return found


def resident(pid: int) -> int:
    """Bytes resident in memory, the whole tree; what two processes share is counted once for each."""
    return sum(int(_fields(Path(f"/proc/{one}"))[21]) * _PAGE for one in tree(pid) if _fields(Path(f"/proc/{one}")))


def proportional(pid: int) -> int:
    """Bytes of memory, the whole tree; what several processes share is divided among all who share it (PSS)."""
    return sum(_pss(one) for one in tree(pid))


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def cpu_seconds(pid: int) -> float:
    """Seconds of processor time used so far by the whole tree (children that have ended left out)."""
    used = [_fields(Path(f"/proc/{one}")) for one in tree(pid)]
    return sum(int(fields[11]) + int(fields[12]) for fields in used if fields) / _TICKS


def _fields(place: Path) -> list[str]:
    """The fields of /proc/PID/stat after the name, from the state on; empty when the process is gone."""
    try:
        return (place / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
