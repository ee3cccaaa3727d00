"""Chapter 7: the data protection officer looks back; the log is checked without us; and nothing identifying left."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector.demo.bundles import identifiers
from connector.demo.desk import again
from connector.demo.offices import Office
from connector.demo.scan import Place, files_of, scan
from connector.demo.stage import Stage

_VERIFY_SECONDS = 120


async def play(stage: Stage) -> None:
    """History, replay, offline verification, scan."""
    stage.narrator.chapter("What happened can be proved")
    await _replay(stage)
    await _verify_logs(stage)
    with stage.narrator.working("Looking for anything that names a person"):
        places = await asyncio.to_thread(scan_space, stage)
    remember(stage, places)
    stage.narrator.done(
        "Identifiers of the input in released data, logs or research-side files", str(stage.report.leaks)
    )


async def _replay(stage: Stage) -> None:
    """The hospital's officer makes a decision of the contract again, from what was kept of it."""
    history = await stage.hospital.staff.get(f"/api/dpo/contracts/{stage.found.agreement}")
    decision = next(one for one in history["decisions"] if one["outcome"] == "permit")
    again_made = await again(
        lambda: stage.hospital.staff.once("POST", f"/api/dpo/decisions/{decision['id']}/replay", {}), "a replay"
    )
    stage.report.replay = {"decision": decision["id"], "outcome": again_made["outcome"], "same": again_made["same"]}
    stage.narrator.done(
        f"The officer reads {len(history['entries'])} entries about the contract and replays one decision",
        "the same" if again_made["same"] else "it differs",
    )


async def _verify_logs(stage: Stage) -> None:
    """Every log exported, and checked by the exported script in a process that has nothing of ours."""
    logs = [await _verify_one(office) for office in stage.offices]
    stage.report.audit = {
        "entries": sum(one["entries"] for one in logs), "verified": all(one["verified"] for one in logs), "logs": logs
    }  # fmt: skip
    if stage.report.audit["verified"]:
        stage.narrator.done(
            "Four logs were exported and verified offline", f"{stage.report.audit['entries']:,} entries"
        )


async def _verify_one(office: Office) -> dict[str, Any]:
    with TemporaryDirectory(prefix="concord-log-") as folder:
        target = Path(folder) / "log"

        async def export() -> Any:
            shutil.rmtree(target, ignore_errors=True)
            return await office.staff.once("POST", "/api/audit/export", {"directory": str(target)})

        exported = await again(export, f"the log of {office.name} is exported")
        verified = await asyncio.to_thread(_run_verifier, target)
    return {"name": office.name, "entries": exported["entries"], "verified": verified}


def _run_verifier(target: Path) -> bool:
    # -I: neither our packages nor the environment; the script brings what it needs.
    command = [sys.executable, "-I", str(target / "verify_export.py"), str(target)]
    done = subprocess.run(command, capture_output=True, timeout=_VERIFY_SECONDS, check=False)  # noqa: S603
    return done.returncode == 0 and done.stdout.startswith(b"ok:")


def scan_space(stage: Stage) -> list[Place]:
    """Everything that must hold no identifier: the research group's directory and records, and all processes' logs."""
    logs = {*stage.space.glob("*/*.log"), *stage.space.glob("*/*.err")}
    with TemporaryDirectory(prefix="concord-records-") as folder:
        if database := stage.research.staff.served.home.database:
            from connector.storage.databases import write_out

            write_out(database, Path(folder))
        return scan(identifiers(stage.bundles), {*files_of(stage.space / "research"), *logs, *files_of(Path(folder))})


def remember(stage: Stage, places: list[Place]) -> None:
    """Add what a scan found to the report: the scan before the erasure saw bytes that the last one does not."""
    known = {(one["file"], one["offset"]) for one in stage.report.leak_places}
    fresh = [{"file": one.file, "offset": one.offset, "kind": one.kind} for one in places]
    stage.report.leak_places += [one for one in fresh if (one["file"], one["offset"]) not in known]
    stage.report.leaks = len(stage.report.leak_places)
