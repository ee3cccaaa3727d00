"""A push into an object store: one object for each segment of the release, then the signed manifest as the last one.

Each object goes through the gate chunk by chunk, as a fetched segment does, and is there whole or not at all. After a
pause or a crash only what is not in the store is sent; an object whose segment is no more is deleted. The first object
says what is coming and holds nothing about anybody: where it is not taken, nobody is handed over.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

from connector.jobs.outgoing import Outgoing
from connector.jobs.trying import Again
from connector.outbound.faults import Unreachable, Why
from connector.outbound.guard import clear
from connector.records import Release, ReleaseSegment, Transfer
from connector.services.processes.object_store import opened_store
from connector.services.releasing.asked import BUNDLE, PARQUET, Asked
from connector.services.releasing.closing import file_stem
from connector.services.releasing.manifest import NDJSON
from connector.services.releasing.opening import Opening
from connector.services.releasing.segments import Gone, Plan
from contracts.object_store import DIGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.outbound.answer import Answer
    from connector.outbound.guard import Destination
    from connector.outbound.object_store import StoreClient
    from connector.ports import Transaction
    from connector.services.context import Context
    from connector.services.releasing.segments import Ready
    from connector.services.releasing.service import Releasing
    from contracts.object_store import ObjectStore

ANNOUNCED, MANIFEST = "release.json", "manifest.jws"
_ENDINGS = {NDJSON: "ndjson", BUNDLE: "json", PARQUET: "parquet"}
_JSON, _JOSE = "application/json", "application/jose"


class Storing:
    """The provider's side of every push into an object store."""

    def __init__(self, context: Context, releasing: Releasing) -> None:
        self._context = context
        self._releasing = releasing

    def store_of(self, transfer: Transfer) -> ObjectStore:
        """Where a transfer goes. Raises Problem 410, VaultLockedError."""
        return opened_store(self._context, transfer.pid, dict(transfer.push_to or {}))

    async def deliver(self, transfer: Transfer, store: ObjectStore, to: Destination) -> None:
        """Put everything there that is not there yet. Raises Again, Problem, OutboundRefused."""
        clear(store.endpoint, to)  # before a release begins
        client = self._context.outbound.object_store(store, to)
        try:
            await _Delivery(self._context, self._releasing, transfer.pid, store, client).run()
        except Unreachable as fault:
            raise Again(str(fault), counts=fault.reason not in (Why.CONNECT, Why.NAME)) from None


class _Delivery:
    """One try. `_there` are the numbers of segments that are known to lie in the store."""

    def __init__(
        self, context: Context, releasing: Releasing, pid: str, store: ObjectStore, client: StoreClient
    ) -> None:
        self._context = context
        self._segments = releasing.segments
        self._pid = pid
        self._asked = Asked(store.format or NDJSON)
        self._client = client
        self._there: set[int] = set()

    async def run(self) -> None:
        """See `Storing.deliver`."""
        release = await self._complete()
        if release is None:
            await self._announce(await self._plan())
            while (row := await self._next()) is not None:
                await self._send(row)
            await self._clear()
            release = await self._segments.completed(Opening(self._pid, None, "records"))
        if release is None:
            raise Again("the release is not running any more", counts=True)
        await self._put(f"{file_stem(release.id)}/{MANIFEST}", release.manifest.encode(), _JOSE)

    async def _complete(self) -> Release | None:
        """A release of this transfer of which only the manifest is missing, or may be."""
        found = await self._context.store.read(
            lambda tx: tx.find(Release, transfer=self._pid, standing="complete", order="-finished_at", limit=1)
        )
        return found[0] if found else None

    async def _plan(self) -> Plan:
        while (plan := await self._segments.plan(self._pid, None, self._asked)) is None:
            pass  # it waits by itself
        return plan

    async def _announce(self, plan: Plan) -> None:
        release = plan.release
        said = {"release": release.id, "agreement": release.agreement, "transfer": self._pid, "format": release.format}
        await self._put(f"{file_stem(release.id)}/{ANNOUNCED}", orjson.dumps(said), _JSON)

    async def _next(self) -> ReleaseSegment | None:
        """The first segment that is not in the store, as the plan stands now; None when all are."""
        plan = await self._plan()
        for row in plan.rows:
            if row.number not in self._there and not (row.standing == "sent" and await self._is_there(plan, row)):
                return row
            self._there.add(row.number)
        return None

    async def _is_there(self, plan: Plan, row: ReleaseSegment) -> bool:
        """Whether the object is the one we would put: by our own digest beside it, and its length."""
        answer = await self._client.look(_key(plan.release, row))
        said = answer.headers.get(DIGEST, ""), answer.headers.get("content-length", "")
        return answer.ok and said == (row.digest, str(row.bytes))

    async def _send(self, row: ReleaseSegment) -> None:
        """One segment, as it may be handed over now; nothing when another stands in its place. Raises Again."""
        try:
            ready = await self._segments.open(self._pid, None, row.id, "")
        except Gone:
            return
        copy = ready.copy
        key, digest = _key(ready.release, row), sha256(copy.data).hexdigest()
        body = Outgoing(await self._client.putting(key, copy.data, copy.rendered.media_type, digest))
        try:
            if not await self._handed_over(ready, body):
                return
            answer = await body.end()
        finally:
            await body.close()
        _check(answer)
        self._there.add(row.number)

    async def _handed_over(self, ready: Ready, body: Outgoing) -> bool:
        """Whether all of it went into the body; the next look at the plan says why not. Raises Again."""
        whole = await body.ready() and await self._segments.serve(ready, body, 0, len(ready.copy.data))
        if not whole and body.over:
            _check(await body.end())
            raise Again("the store answered before it had all of an object", counts=True)
        return whole

    async def _clear(self) -> None:
        """Objects that were sent and whose segments are no more: somebody in them stopped before the release ended."""
        release, rows = await self._context.store.read(lambda tx: _gone(tx, self._pid))
        for row in rows:
            if release is not None and row.digest:
                _check(await self._client.delete(_key(release, row)))

    async def _put(self, key: str, content: bytes, media_type: str) -> None:
        _check(await self._client.put(key, content, media_type, sha256(content).hexdigest()))


def _gone(tx: Transaction, pid: str) -> tuple[Release | None, Sequence[ReleaseSegment]]:
    running = [one for one in tx.find(Release, transfer=pid, standing="running") if one.asked is not None]
    return (running[0], tx.find(ReleaseSegment, release=running[0].id, standing="gone")) if running else (None, ())


def _key(release: Release, row: ReleaseSegment) -> str:
    """`{release}/{number}.{format}`; deletions are FHIR Bundles, line by line."""
    ending = "deletions.ndjson" if row.deletions else _ENDINGS.get(release.format, "bin")
    return f"{file_stem(release.id)}/{row.number:06d}.{ending}"


def _check(answer: Answer) -> None:
    """Raises Again unless the store said yes. A redirect is a no: it is not followed."""
    if not answer.ok:
        raise Again(f"the store answered with status {answer.status}", counts=True)
