"""`make conformance`: the Dataspace Protocol's own compatibility kit against this connector, run by its fixture.

    python -m tests.conformance.kit [--times N] [--commit-delay MS] [--kill-between] [--only PATTERN] [--self-check]

Prints what the kit prints; the last line is `N passed, N failed, N skipped`, of the poorest run when there are several.
Leaves with 0 only when every run passed all 65 tests (with --only: at least one, none failed), with 1 when the kit said
no, with 2 when the kit could not be run at all.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import ids, jars
from tests.conformance.served import NotReady, Served, free_port

ALL = 65
LAUNCHER = Path(__file__).with_name("Kit.java")
LONGEST = 900.0
"""Seconds after which a run is stopped: 65 tests that each wait in vain take less."""
WAIT = 10
"""Seconds the kit waits for one message or state."""
_COUNT = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")
_NOISE = re.compile(r"SLF4J|\s*$|.*Started: ")


@dataclass(frozen=True, slots=True, order=True)
class Result:
    """How one run of the kit ended. Ordered from the poorest."""

    passed: int
    failed: int
    skipped: int

    def good(self, expected: int | None) -> bool:
        """All of the expected number passed; None: some, and none failed."""
        return self.failed == 0 and (self.passed == expected if expected is not None else self.passed > 0)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


NOTHING = Result(0, 0, 0)


def settings(connector: str | None, port: int) -> dict[str, str]:
    """The kit's properties for the connector at `connector`; None: its own, in memory."""
    ours = {"dataspacetck.dsp.local.connector": "true"} if connector is None else _about(connector)
    return {
        "dataspacetck.dsp.connector.agent.id": ids.CONNECTOR,
        "dataspacetck.callback.address": f"http://127.0.0.1:{port}",
        "dataspacetck.host": "127.0.0.1",
        "dataspacetck.port": str(port),
        "dataspacetck.dsp.default.wait": str(WAIT),
        **ours,
    }


def _about(connector: str) -> dict[str, str]:
    names = {
        "http.url": f"{connector}/dsp/2025-1",
        "http.base.url": connector,
        "negotiation.initiate.url": f"{connector}/tck/negotiations/requests",
        "transfer.initiate.url": f"{connector}/tck/transfers/requests",
        "http.headers.authorization": "the kit",
    }
    about = {f"dataspacetck.dsp.connector.{name}": value for name, value in names.items()}
    return {"dataspacetck.dsp.local.connector": "false", **about, **ids.properties()}


def run(place: Path, properties: Mapping[str, str], only: str, tell: Callable[[str], None]) -> Result:
    """Run the kit once, telling every line it says. Raises jars.Missing."""
    library = jars.collected()
    file = place / "kit.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8")
    asked = ["java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", f"{library}/*", str(LAUNCHER), str(file), only]
    kit = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    limit = threading.Timer(LONGEST, kit.kill)
    limit.start()
    try:
        return _heard(kit, tell)
    finally:
        limit.cancel()
        kit.kill()
        kit.wait()


def _heard(kit: subprocess.Popen[str], tell: Callable[[str], None]) -> Result:
    counted = NOTHING
    assert kit.stdout is not None
    with kit.stdout as said:
        for line in said:
            if found := _COUNT.fullmatch(line.strip()):
                counted = Result(*map(int, found.groups()))
            elif not _NOISE.match(line):
                tell(line.rstrip())
    if counted == NOTHING:
        tell("the kit ended without a result")
    return counted


def main(arguments: list[str] | None = None) -> int:
    """The program. Returns its exit code."""
    asked = _arguments().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the fixture and the kit end with us
    try:
        jars.require()
        with tempfile.TemporaryDirectory(prefix="concord-kit-") as place:
            results = _runs(asked, Path(place))
    except (jars.Missing, NotReady) as fault:
        print(fault, file=sys.stderr)
        print(NOTHING)
        return 2
    print(min(results), flush=True)
    return 0 if all(result.good(None if asked.only else ALL) for result in results) else 1


def _runs(asked: argparse.Namespace, place: Path) -> list[Result]:
    if asked.self_check:
        return [_told(place, None, asked, number) for number in range(asked.times)]
    results = []
    with Served(place / "connector", commit_delay=asked.commit_delay) as fixture:
        for number in range(asked.times):
            if number and asked.kill_between:
                fixture.kill()
                fixture.start()
            results.append(_told(place, fixture.url, asked, number))
        if not all(result.good(None if asked.only else ALL) for result in results):
            print(f"--- the fixture's last words\n{fixture.last_words()}")
    return results


def _told(place: Path, connector: str | None, asked: argparse.Namespace, number: int) -> Result:
    # A port of its own for each run: what an earlier run still had to hear must not reach this one.
    result = run(place, settings(connector, free_port()), asked.only, lambda line: print(line, flush=True))
    print(f"--- run {number + 1} of {asked.times}: {result}", flush=True)
    return result


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance.kit", description="Run the DSP compatibility kit."
    )
    parser.add_argument("--times", type=_positive, default=1, help="how often, against one fixture (default 1)")
    parser.add_argument("--commit-delay", type=int, default=0, metavar="MS", help="the fixture's disk is this slow")
    parser.add_argument("--kill-between", action="store_true", help="SIGKILL the fixture between two runs")
    parser.add_argument("--only", default="", metavar="PATTERN", help="only tests whose name this expression finds")
    parser.add_argument("--self-check", action="store_true", help="run the kit against its own connector instead")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
