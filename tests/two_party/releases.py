"""The acts of a release, for two-party tests: records imported, people who answered, a contract, slow pulls."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from connector.identity import access
from connector.records import Dataset, Person, ReceivedTransfer, SourceRecord, Transfer
from connector.services.sealed import SealedInTransaction
from connector.services.steward.views import DatasetDraft
from connector.services.wallet.views import Answer
from policy.categories import CATEGORIES
from tests.two_party import story
from tests.two_party.space import Party

if TYPE_CHECKING:
    from tests.two_party.conftest import Trio

BUNDLES = Path(str(files("connector.demo") / "data" / "bundles"))
RECORD_KINDS = sorted(key for key, one in CATEGORIES.items() if one.source == "record")
DEVICE_KINDS = sorted(key for key, one in CATEGORIES.items() if one.source == "device")


@dataclass
class Stage:
    """A holder with people and a dataset, and a research group that may ask for it."""

    holder: Party
    research: Party
    wallet: Party
    dataset: str
    source: str
    study: str = ""
    agreement: str = ""
    space_client: Any = None
    people: dict[str, story.Patient] = field(default_factory=dict)
    """By the id the source knows them by."""

    async def answer(self, source_id: str, decision: str = "yes", **limits: Any) -> None:
        """Link a person (once) and let them answer the study."""
        if source_id not in self.people:
            person = (await self.holder.find(Person, source=self.source, source_id=source_id))[0]
            account = await self.wallet.services.wallet.host(
                self.wallet.acting("operator"), person.name or "Ann", f"subject-{story.urn()}"
            )
            actor = self.wallet.acting("patient", account, person.name)
            await self.wallet.services.wallet.link(actor, self.holder.id, await story.link_code(self.holder, person.id))
            self.people[source_id] = story.Patient(actor, person.id)
        categories = limits.pop("categories", None)
        chosen = {self.dataset: categories} if decision == "yes" else {}
        await self.wallet.services.wallet.answer(
            self.people[source_id].actor, self.study, Answer(decision, chosen, **limits)
        )
        await self.wallet.quiet()

    async def everybody_agrees(self) -> None:
        """Everybody in the source is linked and says yes."""
        for source_id in await self.source_ids():
            await self.answer(source_id)

    async def withdraw(self, source_id: str, kind: str = "erase") -> None:
        """Withdraw, and wait until the holder has acknowledged."""
        await self.wallet.services.wallet.withdraw(self.people[source_id].actor, self.study, kind)

    async def source_ids(self) -> list[str]:
        """Everybody in the source."""
        return sorted(person.source_id for person in await self.holder.find(Person, source=self.source))

    async def records_of(self, source_id: str) -> list[SourceRecord]:
        person = (await self.holder.find(Person, source=self.source, source_id=source_id))[0]
        return await self.holder.find(SourceRecord, source=self.source, person=person.id)

    async def order_of_release(self) -> list[str]:
        """Source ids in the order people are released in under the contract: that of their codes."""
        people = {person.id: person for person in await self.holder.find(Person, source=self.source)}
        vault, agreement = self.holder.context.vault, self.agreement
        coders = await self.holder.store.write(
            lambda tx: vault.domain(agreement, SealedInTransaction(tx)).people(people)
        )
        return [people[id].source_id for id in sorted(people, key=lambda id: coders[id].code)]

    async def transfer(self) -> str:
        """Ask for the data; returns the consumer's pid."""
        return str(
            await self.research.services.research.request_transfer(self.research.acting("researcher"), self.agreement)
        )

    async def received(self, pid: str, standing: str = "complete") -> ReceivedTransfer:
        """What the research group received, once it stands so."""
        return await self.research.eventually(ReceivedTransfer, pid, where=lambda row: row.standing == standing)


async def publish(stage: Stage, kind: str = "records") -> None:
    """Dataset, study, approval, contract."""
    steward = stage.holder.acting("steward")
    draft = DatasetDraft(
        title="All records", description="What we know.", keywords=["records"], source=stage.source, kind=kind,
        categories=RECORD_KINDS if kind == "records" else DEVICE_KINDS, purposes=[story.RESEARCH],
        until=datetime.now(UTC).date() + timedelta(days=300),
    )  # fmt: skip
    stage.dataset = await stage.holder.services.steward.publish_dataset(steward, draft)
    stage.study = await story.approved_study(stage.research, stage.holder, stage.dataset, stage.wallet)


async def agree(stage: Stage) -> None:
    """Negotiate the contract."""
    dataset = await stage.holder.get(Dataset, stage.dataset)
    assert dataset is not None
    pid = await story.ask(stage.research, stage.holder, dataset.offer or {}, stage.study, dataset=stage.dataset)
    done = await story.outcome(stage.research, pid)
    assert done.state == "FINALIZED", done.reason
    await story.counterpart(stage.holder, pid)
    stage.agreement = str(done.agreement)


async def hospital_stage(trio: Trio, bundles: Path) -> Stage:
    """A hospital that imported `bundles`, published them and agreed to a contract about them."""
    report = await trio.hospital.services.importing.import_fhir(trio.hospital.acting("steward"), bundles, "Records")
    assert not report.refused
    stage = Stage(trio.hospital, trio.research, trio.wallet, "", report.source, space_client=trio.space.client)
    await publish(stage)
    await agree(stage)
    return stage


async def vendor_stage(trio: Trio, users: dict[str, str]) -> tuple[Stage, dict[str, str]]:
    """A vendor with device people; returns the stage and each user's device token."""
    tokens = {}
    source = ""
    for user, name in users.items():
        person, tokens[user] = await trio.hospital.services.ingest.register_device_person(
            trio.hospital.acting("steward"), "Bands", name, user
        )
        source = person.source
    stage = Stage(trio.hospital, trio.research, trio.wallet, "", source, space_client=trio.space.client)
    await publish(stage, "stream")
    await agree(stage)
    return stage, tokens


def point(user: str, number: int, at: datetime | None = None) -> dict[str, Any]:
    """A heart rate."""
    moment = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "header": {
            "id": f"point-{user}-{number}", "creation_date_time": moment, "user_id": user,
            "schema_id": {"namespace": "omh", "name": "heart-rate", "version": "2.0"},
        },
        "body": {"heart_rate": {"value": 60 + number % 40, "unit": "beats/min"},
                 "effective_time_frame": {"date_time": moment}},
    }  # fmt: skip


def lines_of(path: str) -> list[dict[str, Any]]:
    """A received file, line by line."""
    return [orjson.loads(line) for line in Path(path).read_bytes().splitlines()]


def content_of(path: str | Path) -> bytes:
    """A file as it is now."""
    return Path(path).read_bytes()


@dataclass
class Reader:
    """A consumer by hand: it takes the raw bytes of one pull as slowly as a test wants."""

    reader: asyncio.StreamReader
    taken: bytearray = field(default_factory=bytearray)

    async def read(self, size: int) -> bytes:
        data = await self.reader.read(size)
        self.taken += data
        return data

    async def until(self, holds: Callable[[bytes], Any]) -> bytes:
        """Read on until the body so far fulfils `holds`."""
        while not holds(self.body):
            assert await self.read(16384), "the answer ended too early"
        return self.body

    async def to_the_end(self) -> bytes:
        """The body, read to the end of the connection."""
        while await self.read(65536):
            pass
        return self.body

    @property
    def status(self) -> int:
        return int(bytes(self.taken).split(b" ", 2)[1])

    @property
    def body(self) -> bytes:
        """The body so far, taken out of its transfer coding."""
        _, _, rest = bytes(self.taken).partition(b"\r\n\r\n")
        parts = []
        while b"\r\n" in rest:
            size, _, rest = rest.partition(b"\r\n")
            parts.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) + 2 :]
        return b"".join(parts)

    @property
    def whole(self) -> bool:
        """Whether the body came to its proper end."""
        return bytes(self.taken).endswith(b"0\r\n\r\n")


@asynccontextmanager
async def pulling(
    holder: Party, pid: str, token: str, place: str = "releases", **headers: str
) -> AsyncIterator[Reader]:
    """Open a pull with a small receive buffer, so that the sender feels a slow reader soon."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", holder.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    lines = [
        f"GET /data/{place}/{pid} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Connection: close",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        yield Reader(reader)
    finally:
        writer.close()


def smallest_bundles(folder: Path, people: int) -> Path:
    """A new folder with the records of the people of whom there are fewest."""
    folder.mkdir()
    for bundle in sorted(BUNDLES.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:people]:
        shutil.copy(bundle, folder)
    return folder


async def many_records(stage: Stage, count: int) -> None:
    """Give everybody in the source `count` observations more: enough to fill every buffer between two processes."""
    for person in await stage.holder.find(Person, source=stage.source):
        rows = [_observation(stage.source, person, number) for number in range(count)]
        await stage.holder.add(*rows)


def _observation(source: str, person: Person, number: int) -> SourceRecord:
    resource = {
        "resourceType": "Observation", "id": f"extra-{person.source_id[:8]}-{number}", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": f"Patient/{person.source_id}"}, "effectiveDateTime": "2020-01-01T00:00:00Z",
        "valueQuantity": {"value": number, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }  # fmt: skip
    day = date(2020, 1, 1)
    return SourceRecord(
        source=source, resource_type="Observation", id=resource["id"], person=person.id, category="vital-signs",
        start=day, end=day, body=orjson.dumps(resource),
    )  # fmt: skip


async def opened_by_hand(stage: Stage, kind: str = "records") -> tuple[str, str]:
    """A started transfer that no puller knows of: its pid at the holder, and the token."""
    pid, token = story.urn(), access.new_token()
    await stage.holder.add(
        Transfer(
            pid=pid, role="provider", counterparty=stage.research.id, their_pid=story.urn(), agreement=stage.agreement,
            callback=stage.research.url, dataset=stage.dataset, kind=kind, state="STARTED",
            token_hash=access.token_hash(token),
        )
    )  # fmt: skip
    return pid, token
