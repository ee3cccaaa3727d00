"""A participant that can die at any moment: one file that lasts, and one life after the other on it.

A life is the product's own machinery (members register, negotiations, transfers, deliveries, courier) on one context.
When it ends, its tasks stop where they are, what was not committed is gone, and the next one knows only the file.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import shutil
import sys
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from connector.bells import LocalBells
from connector.identity.members import Member
from connector.jobs.courier import Courier
from connector.outbound.guard import Destination
from connector.problems import unauthenticated
from connector.records import Dataset, MemberEntry
from connector.services.context import Context, Identity
from connector.services.delivery import Deliveries
from connector.services.jobs import Jobs
from connector.services.processes.negotiations import Negotiations
from connector.services.processes.transfers import Transfers
from connector.services.tasks import Tasks
from connector.services.trust import Members
from connector.settings import Settings
from connector.storage import SqliteStore
from policy.offers import research_offer
from tests.faults.simulation.courses import Contracting, Moving, Plane
from tests.faults.simulation.crashing_store import CrashingStore
from tests.faults.simulation.virtual_time import EPOCH, instant

if TYPE_CHECKING:
    from connector.outbound.answer import Answer
    from tests.faults.simulation.world import World

RESEARCH = "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"
NAMES = ("A", "B")
LIVING: contextvars.ContextVar[Life | None] = contextvars.ContextVar("living", default=None)


def member(name: str, *, speaks: bool = False) -> Member:
    """A participant as the register of both holds it; one that speaks the consent exchange has an address for it."""
    origin = f"http://127.0.0.1:{7000 + NAMES.index(name)}"
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 42 + "0" if name == "A" else "A" * 42 + "4"}
    return Member(
        id=f"urn:concord:{name}", name=name, role="participant", origin=origin, dsp=f"{origin}/dsp/2025-1",
        consent=f"{origin}/consent" if speaks else None, keys=(jwk,), allow_http=True, added_at=EPOCH,
        fingerprint=hashlib.sha256(name.encode()).hexdigest(),
    )  # fmt: skip


MEMBERS = {name: member(name) for name in NAMES}


def offer_of(name: str) -> dict[str, Any]:
    """What this participant offers, as a message about it says it."""
    offer = research_offer(f"urn:offer:{name}", [RESEARCH], EPOCH + timedelta(days=365), MEMBERS[name].id)
    return {**offer, "target": dataset_of(name)}


def dataset_of(name: str) -> str:
    """Each offers one dataset."""
    return f"urn:dataset:{name}"


def make_file(path: Path, name: str, *, speaks: bool) -> None:
    """An empty store of this participant, to be copied for every schedule."""
    store = SqliteStore(path)
    offer = {key: value for key, value in offer_of(name).items() if key not in ("target", "assigner")}
    dataset = Dataset(id=dataset_of(name), source="s", title=name, offer_id=offer["@id"], offer=offer, profile="p:0a")
    known = [member(one, speaks=speaks) for one in NAMES]
    entries = [
        MemberEntry(id=one.id, origin=one.origin, standing="active", entry=one.model_dump(mode="json")) for one in known
    ]
    store.submit(lambda tx: [tx.add(record) for record in (dataset, *entries)]).result()
    store.close()


class OwnFaults(logging.Handler):
    """What a living participant logs as an error is a finding: nothing here is its own fault."""

    def emit(self, record: logging.LogRecord) -> None:
        life = LIVING.get()
        if life is not None and life.alive and not life.world.faults.chances.get("disk full"):
            life.world.judge.finds(f"{life.name} logs: {record.getMessage()} ({sys.exc_info()[1]!r})")


class _Spoken:
    """A peer identity that believes what the header says."""

    def __init__(self, members: Members, me: str) -> None:
        self._members, self._me = members, me

    async def authenticate(self, authorization: str | None, body: bytes) -> Member:
        found = self._members.known(authorization or "")
        if found is None:
            raise unauthenticated()
        return found

    def authorization(self, recipient: Member, body: bytes) -> str:
        return self._me

    def destination(self, member: Member, url: str) -> Destination:
        return member.destination


class _Sending:
    """The outbound port over the simulated network."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def post_json(self, url: str, body: bytes, *, authorization: Any, **_rest: Any) -> Answer:
        return await self._life.world.network.post(self._life, url, body, authorization(body))


class Life:
    """One process of a participant, from its start to its death."""

    def __init__(self, party: Party) -> None:
        self.party, self.world, self.name = party, party.world, party.name
        self.alive = True
        self.tasks: set[asyncio.Task[Any]] = set()
        self._around = contextvars.copy_context()
        self._around.run(LIVING.set, self)
        self._around.run(self._build)

    def _build(self) -> None:
        world, me = self.world, MEMBERS[self.name]
        loop = asyncio.get_running_loop()

        def clock() -> datetime:
            return instant(loop) + timedelta(seconds=self.party.skew)

        bells = LocalBells(loop)
        self.store = CrashingStore(
            self.party.path, cast("Any", bells.ring_from_thread), crash=lambda point: world.crash(self, point),
            committed=self._committed, delay=world.delay, fails=lambda: world.faults.strikes("disk full"),
        )  # fmt: skip
        outbound = cast("Any", _Sending(self))
        self.members = Members(
            self.store, outbound, cast("Any", None), clock, me.id, lambda members: _Spoken(members, me.id)
        )
        missing = cast("Any", None)
        settings = Settings.model_construct(delivery_days=world.patience)
        identity = Identity(me.id, self.name, "participant", me.origin)
        self.context = Context(
            settings=settings, me=identity, store=self.store, vault=missing,
            signer=missing, log_head=missing, members=self.members, outbound=outbound, clock=clock, bells=bells,
            gate=missing, deliveries=Deliveries(clock), jobs=Jobs(clock), tasks=Tasks(), data=missing, random=bytes,
        )  # fmt: skip
        self.negotiations = Negotiations(self.context, Contracting(self))
        self.transfers = Transfers(self.context, Moving(self), Plane(self), self.negotiations.finalized)

    async def begin(self) -> None:
        """What `connector.wiring.build` does for these parts."""
        await self.members.load()
        self.context.tasks.spawn(Courier(self.context).run())
        await self.negotiations.resume()
        await self.transfers.resume()

    def run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that dies with this life."""
        return asyncio.get_running_loop().create_task(work, context=self._around.copy())

    def holds(self, task: asyncio.Task[Any]) -> None:
        """A task was made by this life; a dead one does nothing any more."""
        if not self.alive:
            task.cancel()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @property
    def working(self) -> bool:
        """Whether anything runs beside the courier's own loop."""
        return len(self.tasks) > (1 if self.alive else 0)

    def end(self) -> None:
        """As a power cut would."""
        self.alive = False
        self.store.close()
        for task in list(self.tasks):
            task.cancel()

    def _committed(self) -> None:
        self.world.judge.committed(self.name, self.store.raw)


class Party:
    """A participant's file, and its present life."""

    def __init__(self, world: World, name: str, directory: Path, template: Path) -> None:
        self.world, self.name = world, name
        self.path = directory / f"{name}.db"
        shutil.copyfile(template, self.path)
        self.life = cast("Life", None)
        self.up = False
        self.skew = 0.0
        """Seconds by which its clock is wrong."""

    async def start(self) -> None:
        """A new life on the file."""
        self.life = Life(self)
        self.world.judge.restarted(self.name, self.life.store.raw)
        await asyncio.wait({self.life.run(self.life.begin())})
        self.up = True

    def kill(self) -> None:
        """The end of the present life."""
        self.up = False
        self.life.end()


def task_factory(loop: asyncio.AbstractEventLoop, work: Any, **around: Any) -> asyncio.Task[Any]:
    """Tasks belong to the life in whose context they are made."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **around)
    context = around.get("context")
    life = context.get(LIVING) if context is not None else LIVING.get()
    if life is not None:
        life.holds(task)
    return task
