"""A hospital, a research group and a contract, and the hospital's records filled in one way after the other."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector.dataplane.lines import code_of
from connector.records import RecordVersion, SourceRecord
from connector.services.holding.reach import Reach
from connector.services.holding.syncing import SyncReport
from connector.sources.fhir_server import Pace
from tests.fhir.hapi import Hapi
from tests.two_party import releases
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage
from tests.two_party.space import make_empty_store, opened
from tests.two_party.timed import timed_trio

SOURCE = "Records"
PATIENCE = 12.0
"""Seconds before the state of an export is looked at: HAPI says 120 to whoever comes too early."""
Key = tuple[str, str]


@dataclass
class Scene:
    """What scenarios share. `bodies` is everything the hospital was given, in canonical form, by type and id."""

    trio: Trio
    stage: Stage
    hapi: Hapi
    scratch: Path
    bodies: dict[Key, bytes]

    async def records(self) -> list[SourceRecord]:
        return await self.trio.hospital.find(SourceRecord, source=self.stage.source, deleted=False)

    async def empty(self) -> None:
        """Take every record out: what is there afterwards came in the next way. People stay who they are to us."""
        await self.trio.hospital.store.write(
            lambda tx: [tx.remove(kind, source=self.stage.source) for kind in (SourceRecord, RecordVersion)]
        )

    async def read(self, how: str, **asked: Any) -> SyncReport:
        """Read the server into the source."""
        services = self.trio.hospital.services
        services.syncing.pace = Pace(first=PATIENCE)
        report: SyncReport = await services.syncing.import_server(
            self.trio.hospital.acting("steward"), asked.pop("source", SOURCE), Reach(self.hapi.base, how), **asked
        )
        return report

    async def import_folder(self, folder: Path) -> None:
        hospital = self.trio.hospital
        report = await hospital.services.importing.import_fhir(hospital.acting("steward"), folder, SOURCE)
        assert not report.refused, report.refused

    async def released(self) -> dict[str, bytes]:
        """A release under the contract, as it came over the wire: the stretch of each person, by code."""
        pid, token = await releases.opened_by_hand(self.stage)
        async with releases.pulling(self.trio.hospital, pid, token) as reader:
            body = await reader.to_the_end()
        assert reader.status == 200, reader.taken[:400]
        assert reader.whole, "the release broke off"
        return by_person(body)

    async def changes_after(self, sequence: int) -> set[tuple[str, str, str]]:
        """Type, id and what happened, of every version after this number of the source."""
        found = await self.trio.hospital.find(RecordVersion, source=self.stage.source, changed__gt=sequence)
        return {(one.resource_type, one.id, one.what) for one in found}


def by_person(body: bytes) -> dict[str, bytes]:
    """The lines of each person, in their order; every person's lines stand together."""
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    order: list[str] = []
    for line in body.splitlines(keepends=True):
        code = code_of(line)
        if not order or order[-1] != code:
            order.append(code)
        found[code].append(line)
    assert len(order) == len(set(order)), "somebody's lines stand in two places"
    return {code: b"".join(lines) for code, lines in found.items()}


def write_ndjson(folder: Path, bodies: dict[Key, bytes], seed: int = 7) -> Path:
    """What an export client would have left: a file a kind, names and lines in any order, a server's stamps."""
    chance = random.Random(seed)
    folder.mkdir()
    kinds: defaultdict[str, list[bytes]] = defaultdict(list)
    for (kind, _), body in bodies.items():
        resource = _shuffled(json.loads(body, parse_float=str), chance)  # digits are kept below
        stamp = {"versionId": str(chance.randrange(9)), "lastUpdated": "2024-05-06T07:08:09.123+00:00", "source": "#x"}
        stamped = {**resource, "meta": {**stamp, **resource.get("meta", {})}}
        kinds[kind].append(_written(stamped, body))
    for kind, lines in kinds.items():
        chance.shuffle(lines)
        (folder / f"{kind}.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    return folder


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        members = [(name, _shuffled(part, chance)) for name, part in value.items()]
        chance.shuffle(members)
        return dict(members)
    return [_shuffled(part, chance) for part in value] if isinstance(value, list) else value


def _written(stamped: dict[str, Any], body: bytes) -> bytes:
    """As JSON with the digits of `body`: decimals were read as text, and are written as numbers again."""
    decimals = set[str]()
    json.loads(body, parse_float=lambda digits: decimals.add(digits) or digits)
    text = json.dumps(stamped)
    for digits in decimals:
        text = text.replace(f': "{digits}"', f": {digits}")
    return text.encode()


@asynccontextmanager
async def prepared(scratch: Path, hapi: Hapi, bundles: Sequence[Path]) -> AsyncIterator[Scene]:
    """A hospital that imported these bundles and has a contract about them, to which everybody said yes."""
    folder = scratch / "bundles"
    folder.mkdir()
    for file in bundles:
        (folder / file.name).write_bytes(file.read_bytes())
    place = scratch / "space"
    place.mkdir()
    async with opened(place, make_empty_store(scratch)) as space:
        trio, clock = await timed_trio(space)
        # All of it happens after one noon: a release says ages as of a day, which must be the same for all of them.
        now = datetime.now(UTC)
        clock.ahead = (now + timedelta(days=1)).replace(hour=12, minute=0, second=0) - now
        stage = await releases.hospital_stage(trio, folder)
        for source_id in await stage.source_ids():
            await stage.answer(source_id)
        records = await trio.hospital.find(SourceRecord, source=stage.source)
        bodies = {(one.resource_type, one.id): one.body for one in records}
        await hapi.put(bodies.values())
        yield Scene(trio, stage, hapi, scratch, bodies)
