"""Reading a server by bulk export: ask for it, wait as the server says, read its files line by line, take it back.

FHIR Bulk Data Access 2.0 (system-level `$export`). Files are never kept: a portion of lines is taken in while the next
is on its way. What the server says it has deleted is read too; what it says it could not export ends the reading.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from connector.outbound.answer import Caps
from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import Resource, parse
from connector.sources.fhir_pieces import Part
from connector.sources.fhir_portions import line_pieces
from connector.sources.fhir_search import Batch, in_turn, instant
from connector.sources.fhir_server import FhirServer, ServerFault, faults_of, refuse

NDJSON = "application/fhir+ndjson"
_LINES = (NDJSON, "application/ndjson", "application/x-ndjson", "application/octet-stream", "text/plain")
_FILE = Caps(connect=5.0, idle=120.0)
_MOST_FILES = 100_000
_MOST_LOOKS = 100_000
_BAD = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export: what it holds, where it is, how many resources the server says are in it."""

    kind: str
    url: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export brought. `at` is the server's time that everything in it is as of."""

    at: datetime
    output: Sequence[ExportFile]
    deleted: Sequence[ExportFile]
    error: Sequence[ExportFile]
    token: bool


@dataclass(slots=True)
class Export:
    """One export of these kinds, changed after `since` (None: everything). `at` is known once it is read."""

    server: FhirServer
    kinds: Collection[str]
    since: datetime | None
    known: Callable[[str], bool]
    at: datetime | None = field(default=None, init=False)

    async def read(self) -> AsyncGenerator[Batch, None]:
        """Everything it brings, people first. Raises ServerFault."""
        status = await self._begin()
        try:
            manifest = read_manifest(await self._finished(status), self.server)
            self.at = manifest.at
            wanted = [one for one in manifest.output if one.kind in self.kinds]
            places = {kind: place for place, kind in enumerate(in_turn({one.kind for one in wanted}))}
            for file in [*sorted(wanted, key=lambda one: places[one.kind]), *manifest.deleted]:
                yield Batch(file.kind, ())
                async with aclosing(self._portions(file, manifest.token)) as portions:
                    async for batch in portions:
                        yield batch
            await self._errors(manifest)
        finally:
            await self._take_back(status)

    async def _begin(self) -> str:
        asked = f"_outputFormat={quote(NDJSON)}&_type={','.join(in_turn(self.kinds))}"
        if self.since is not None:
            asked += f"&_since={quote(instant(self.since))}"
        answer = await self.server.ask(
            f"{self.server.base}/$export?{asked}", "export", {"prefer": "respond-async"}
        )  # fmt: skip
        if answer.status != 202:
            refuse(answer.status, "export")
        return self.server.own(answer.headers.get("content-location", ""), "export")

    async def _finished(self, status: str) -> Resource:
        """The manifest, once the server has it."""
        server, pause, waited = self.server, self.server.pace.first, 0.0
        for _ in range(_MOST_LOOKS):
            await server.wait(pause)
            waited += pause
            answer = await server.ask(status, "export status")
            if answer.status != 202:
                return await server.read(answer, "export status")
            pause = max(server.pause(answer, min(pause * 2, 60.0)), 0.5)
            if waited + pause > server.pace.longest:
                break
        raise ServerFault("export status", "the export does not come to its end", f"{server.pace.longest:.0f} seconds")

    async def _portions(self, file: ExportFile, token: bool) -> AsyncGenerator[Batch, None]:
        name, count = f"export of {file.kind or 'deletions'}", 0
        portion, size = list[Part](), 0
        async with aclosing(self._lines(file.url, name, token)) as lines:
            async for part in lines:
                portion.append(part)
                size += len(part.data)
                count += 1
                if len(portion) == self.server.pace.portion or size >= self.server.pace.line_bytes:
                    yield await self._batch(name, file.kind, portion)
                    portion, size = [], 0
        if portion:
            yield await self._batch(name, file.kind, portion)
        if file.count is not None and count < file.count:
            raise ServerFault(name, "fewer lines than the server announced", "the whole file")

    async def _batch(self, name: str, kind: str, portion: list[Part]) -> Batch:
        pieces = await self.server.thought(line_pieces, name, name, kind, portion, self.known, self.server.base)
        return Batch(kind, pieces)

    async def _lines(self, url: str, name: str, token: bool) -> AsyncGenerator[Part, None]:
        """The lines of a file that hold something. Raises ServerFault."""
        server, rest, number = self.server, b"", 0
        headers = server.headers(NDJSON, token=token)
        with faults_of(name):
            async with server.door.stream(url, to=server.to, headers=headers, caps=_FILE) as incoming:
                if incoming.status != 200:
                    refuse(incoming.status, name)
                if incoming.headers.get("content-type", "").partition(";")[0].strip().lower() not in _LINES:
                    raise ServerFault(name, "the file is not NDJSON", NDJSON)
                async for chunk in incoming.chunks():
                    *whole, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else [rest + chunk]
                    if max(map(len, [*whole, rest])) > server.pace.line_bytes:
                        raise ServerFault(name, "a line is too long", f"at most {server.pace.line_bytes} bytes")
                    for line in whole:
                        number += 1
                        if line.strip():
                            yield Part(line, number)
        if rest.strip():
            yield Part(rest, number + 1)

    async def _errors(self, manifest: Manifest) -> None:
        """What the server says about its own export. Raises ServerFault when something was left out."""
        count = 0
        for file in manifest.error:
            async with aclosing(self._lines(file.url, "export errors", manifest.token)) as lines:
                async for part in lines:
                    count += _bad(part.data)
        if count:
            raise ServerFault("export", f"the server could not export everything ({count} errors)", "a whole export")

    async def _take_back(self, status: str) -> None:
        """Tell the server that we are done (4.4.4): what it answers, if it does, changes nothing any more."""
        try:
            await self.server.ask(status, "export", method="DELETE")
        except ServerFault:
            return


def read_manifest(said: Resource, server: FhirServer) -> Manifest:
    """The manifest of a finished export. Raises ServerFault."""
    where = "export manifest"
    at = said.get("transactionTime")
    try:
        time = datetime.fromisoformat(at) if isinstance(at, str) else None
        time = time.astimezone(UTC) if time is not None and time.tzinfo is not None else None
    except (ValueError, OverflowError):
        time = None
    if time is None:
        raise ServerFault(where, "it does not say what it is as of", "transactionTime, an instant")
    output, deleted, error = (_files(said.get(name, []), server, where) for name in ("output", "deleted", "error"))
    deleted = [ExportFile("", one.url, None) for one in deleted]
    return Manifest(time, output, deleted, error, said.get("requiresAccessToken") is not False)


def _files(listed: object, server: FhirServer, where: str) -> list[ExportFile]:
    if not isinstance(listed, list) or len(listed) > _MOST_FILES:
        raise ServerFault(where, "no list of files, or one that is too long", f"at most {_MOST_FILES} files")
    found = []
    for one in listed:
        kind = one.get("type") if isinstance(one, dict) else None
        if not isinstance(kind, str):
            raise ServerFault(where, "a file of no kind", "type and url of each file")
        count = one.get("count")
        found.append(ExportFile(kind, server.own(one.get("url"), where), count if type(count) is int else None))
    return found


def _bad(line: bytes) -> int:
    """How many errors an OperationOutcome tells of; a line that cannot be read is one."""
    try:
        issues = parse(line).get("issue")
    except Unreadable:
        return 1
    if not isinstance(issues, list):
        return 1
    return sum(1 for one in issues if not isinstance(one, dict) or one.get("severity") in (None, *_BAD))
