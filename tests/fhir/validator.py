"""`python -m tests.fhir.validator [SPACE]` (`make fhir-validator`): nothing that leaves is worse FHIR than it came.

HAPI's instance validator reads what was released, in base R4, and what it came from; of no kind of error at no element
may there be more in what was released. Without SPACE every packaged profile is tried on some of the demo's people.
SPACE is the directory of a data space that `concord demo --once --directory SPACE` left behind: what its research group
received is read. The exit code is 0 when nothing grew. The first run fetches HAPI's jars through Maven.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from connector.deidentify.preparing import prepare as release
from connector.deidentify.profile import load_profile, packaged_profiles
from connector.demo.bundles import shipped
from connector.ports import Parcel, Task
from connector.sources.fhir import Prepared, prepare, read_bundles
from tests.fhir.jars import HERE, Missing, collected
from tests.unit.connector.deidentify.coders import Domain

PEOPLE = 7
_ERRING = "patient-01.json.gz"
AS_OF = date(2024, 6, 1)
_LINE = 64 * 1024 * 1024


class Error(NamedTuple):
    """A kind of error at an element."""

    kind: str
    element: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one file: resources, errors, and the words of the first of each (synthetic data only)."""

    resources: int
    errors: Counter[Error]
    words: dict[Error, str]


@dataclass
class Validator:
    """The validator's process, asked file by file."""

    process: asyncio.subprocess.Process
    log: Path

    async def read(self, file: Path) -> Report:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{file}\n".encode())
        await self.process.stdin.drain()
        line = await self.process.stdout.readline()
        if not line:
            last = self.log.read_text(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"the validator ended with {await self.process.wait()}: {''.join(last)}")
        said = json.loads(line)
        errors, words = Counter[Error](), {}
        for one in said["errors"]:
            error = Error(one["kind"], one["element"])
            errors[error], words[error] = one["count"], one["words"]
        return Report(said["resources"], errors, words)


@asynccontextmanager
async def validating(scratch: Path) -> AsyncIterator[Validator]:
    """The process, ended in the end. Raises Missing."""
    jars = await asyncio.to_thread(collected, "validator")
    log = scratch / "validator.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            "java", "-Xmx1536m", "-cp", f"{jars}/*", str(HERE / "ValidateFhir.java"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=_LINE,
        )  # fmt: skip
    try:
        yield Validator(process, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def grown(before: Report, after: Report) -> list[str]:
    """Of what there is more afterwards, in words."""
    return [
        f"{error.element}: {error.kind}: {count} times, {before.errors[error]} in the input; {after.words[error]}"
        for error, count in sorted(after.errors.items())
        if count > before.errors[error]
    ]


def inputs(count: int | None = None) -> list[Prepared]:
    """The demo's people; with `count` only so many, the smallest, and one whose records had an error when they came."""
    every = sorted(shipped().glob("*.json.gz"), key=lambda path: path.stat().st_size)
    files = [file for file in every if count is None or file in every[:count] or file.name == _ERRING]
    return [prepare(source) for file in files for source in read_bundles(file)]


def write(file: Path, lines: Iterable[bytes]) -> Path:
    """As NDJSON."""
    file.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in lines))
    return file


def bodies(people: Sequence[Prepared], kinds: frozenset[str] | None = None) -> Iterable[bytes]:
    """Their records, of these kinds."""
    return (one.body for two in people for one in two.records if kinds is None or one.resource_type in kinds)


def kinds_in(report: Report) -> frozenset[str]:
    """The kinds of resource in which errors were found."""
    return frozenset(error.element.partition(".")[0] for error in report.errors)


async def try_profiles(validator: Validator, scratch: Path) -> int:
    """Every packaged profile for records, on some people; returns how many made anything worse."""
    people, worse = inputs(PEOPLE), 0
    before = await validator.read(write(scratch / "input.ndjson", bodies(people)))
    print(f"input: {before.resources} resources, {before.errors.total()} errors", flush=True)
    for name in packaged_profiles():
        profile = load_profile(name)
        if profile.format == "fhir-r4":
            worse += await _one(validator, before, name, write(scratch / f"{name}.ndjson", _released(name, people)))
    return worse


def _released(name: str, people: Sequence[Prepared]) -> Iterable[bytes]:
    """What would leave under a profile: made by what the release workers call."""
    digest, domain = load_profile(name).digest, Domain()
    for one in people:
        subject = one.people[0].id
        parcel = Parcel(domain.person(subject), subject, tuple(record.body for record in one.records), ())
        for made in release(Task(name, digest, AS_OF, (parcel,))):
            yield from (line for line in made.lines if isinstance(line, bytes))


async def read_space(validator: Validator, scratch: Path, space: Path) -> int:
    """What the research group of a demonstration received; returns 1 if it is worse than what it came from."""
    lines = [line for file in sorted(received(space)) for line in file.read_bytes().splitlines() if line.strip()]
    if not lines:
        print(f"nothing was received in {space}")
        return 1
    after = await validator.read(write(scratch / "released.ndjson", lines))
    kinds = kinds_in(after)
    # What is without an error afterwards cannot have grown: of the input only kinds with errors are read.
    before = await validator.read(write(scratch / "input.ndjson", bodies(inputs(), kinds)))
    return _told("demo", before, after)


def received(space: Path) -> list[Path]:
    """Files of FHIR records below the research group's directory."""
    found = (space / "research" / "received").rglob("*.ndjson")
    return [file for file in found if b'"resourceType"' in file.read_bytes()[:4096]]


async def finds_errors(validator: Validator, scratch: Path) -> bool:
    """Whether it finds what is wrong with a record that was de-identified too much: else its silence says nothing."""
    broken = b'{"resourceType":"Observation","id":"a","code":{"text":"x"},"valueQuantity":{"value":"1"}}'
    found = await validator.read(write(scratch / "broken.ndjson", [broken]))
    elements = {error.element for error in found.errors}
    return any(".status" in words for words in found.words.values()) and any("value" in one for one in elements)


async def _one(validator: Validator, before: Report, name: str, file: Path) -> int:
    return _told(name, before, await validator.read(file))


def _told(name: str, before: Report, after: Report) -> int:
    worse = grown(before, after)
    verdict = "FAILED" if worse else "ok    "
    print(f"{verdict} {name}: {after.resources} resources, {after.errors.total()} errors", flush=True)
    for line in worse:
        print(f"       {line}", flush=True)
    return int(bool(worse))


async def run(space: Path | None) -> int:
    """Returns the exit code."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="concord-validator-") as folder:
        scratch = Path(folder)
        async with validating(scratch) as validator:
            if not await finds_errors(validator, scratch):
                print("FAILED the validator does not find errors that are there")
                return 1
            worse = await (read_space(validator, scratch, space) if space else try_profiles(validator, scratch))
    print(f"{time.monotonic() - started:.0f} s; {'something grew' if worse else 'nothing grew'}")
    return 1 if worse else 0


def main() -> int:
    """See the module."""
    try:
        return asyncio.run(run(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
    except Missing as fault:
        print(f"the validator cannot run: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
