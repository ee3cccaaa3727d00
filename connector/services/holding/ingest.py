"""Points from people's devices: checked, kept in the order they arrive, each point once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connector.identity import access
from connector.ports import Transaction
from connector.problems import Problem, invalid, unauthenticated
from connector.records import DeviceCredential, DevicePoint, Person
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.holding.taking import source_of

if TYPE_CHECKING:
    from connector.sources.openmhealth import DevicePoint as Checked

LARGEST_BATCH = 8 * 1024 * 1024
MOST_POINTS = 20_000
_PER_SECOND, _BURST = 50.0, 200.0
"""Requests of one device: what it may send for ever, and at once after a silence."""

Batch = Callable[[bytes], "Iterator[tuple[int, Checked | ValueError, bytes]]"]
"""Reads a body: per point its number (from 1), the checked point or why it is none, and the point's own bytes."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class Ingest:
    """The public ingest, and the credentials devices use. `read` is `connector.sources.batches.read`."""

    def __init__(self, context: Context, read: Batch) -> None:
        self._context = context
        self._read = read
        self._buckets: dict[str, _Bucket] = {}

    async def register_device_person(self, actor: Actor, source: str, name: str, source_id: str) -> tuple[Person, str]:
        """A person with a device; returns them and the device's token, which is kept as a hash only."""
        require(actor, "steward", "operator")
        token, now = access.new_token(), self._context.clock()

        def command(tx: Transaction) -> Person:
            made = source_of(tx, source, "openmhealth", actor)
            found = tx.find(Person, source=made.id, source_id=source_id, limit=1)
            person = found[0] if found else Person(id=new_id(), source=made.id, source_id=source_id, name=name)
            tx.put(person)
            tx.add(
                DeviceCredential(token_hash=access.token_hash(token), person=person.id, source=made.id, created_at=now)
            )
            self._context.log(tx, "device.registered", made.id, {"by": actor.entry})
            return person

        return await self._context.store.write(command), token

    async def recognise(self, token: str) -> None:
        """Whether this is a device's token; asked before anything is read. Raises Problem 401."""
        await self._context.store.read(lambda tx: self._who(tx, token))

    def admit(self, token: str) -> None:
        """Count one request of this device, once it is recognised. Raises Problem 429."""
        now, key = self._context.clock(), access.token_hash(token)
        bucket = self._buckets.get(key) or _Bucket(_BURST, now)
        bucket.tokens = min(_BURST, bucket.tokens + (now - bucket.at).total_seconds() * _PER_SECOND) - 1
        bucket.at = now
        if len(self._buckets) > 10_000:
            self._buckets.clear()
        self._buckets[key] = bucket
        if bucket.tokens < 0:
            bucket.tokens = 0.0
            raise Problem(
                429, "too-fast", "This device sends too often", accepted=f"{_PER_SECOND:.0f} requests a second"
            )

    async def accept(self, token: str, body: bytes) -> dict[str, Any]:
        """Take points in; returns {accepted, duplicate, errors: [{line, reason}]}. Raises Problem 400, 401, 507."""
        credential, person = await self._context.store.read(lambda tx: self._who(tx, token))
        self._context.disk.require()
        try:
            found = await asyncio.to_thread(lambda: list(self._read(body)))
        except ValueError as fault:
            raise invalid(str(fault), code="batch-not-accepted") from None
        errors = [{"line": line, "reason": str(point)} for line, point, _ in found if isinstance(point, ValueError)]
        good: dict[str, tuple[Checked, bytes]] = {}
        repeated = 0
        for line, point, raw in found:
            if isinstance(point, ValueError):
                continue
            if _names_another(point, person):
                errors.append({"line": line, "reason": "/header/user_id: this is another user than the device's"})
            elif point.point_id in good:
                repeated += 1
            else:
                good[point.point_id] = point, raw
        accepted = await self._context.store.write(lambda tx: self._append(tx, credential, good)) if good else 0
        return {"accepted": accepted, "duplicate": repeated + len(good) - accepted, "errors": errors}

    @staticmethod
    def _who(tx: Transaction, token: str) -> tuple[DeviceCredential, Person]:
        credential = tx.get(DeviceCredential, access.token_hash(token))
        person = tx.get(Person, credential.person) if credential else None
        if credential is None or person is None:
            raise unauthenticated("The token of a registered device is needed", "unknown-device")
        return credential, person

    def _append(self, tx: Transaction, credential: DeviceCredential, good: dict[str, tuple[Checked, bytes]]) -> int:
        ids, known, now = list(good), set[str](), self._context.clock()
        for start in range(0, len(ids), 400):
            there = tx.find(DevicePoint, person=credential.person, point_id=ids[start : start + 400])
            known.update(point.point_id for point in there)
        for point_id, (point, raw) in good.items():
            if point_id not in known:
                tx.append(
                    DevicePoint, source=credential.source, person=credential.person, point_id=point_id,
                    category=point.category, start=point.start, end=point.end, body=raw, received_at=now,
                )  # fmt: skip
        if len(known) < len(good):
            tx.ring("points")
        return len(good) - len(known)


def _names_another(point: Checked, person: Person) -> bool:
    header = point.body.get("header")
    user = header.get("user_id") if isinstance(header, dict) else None
    return user is not None and user != person.source_id
