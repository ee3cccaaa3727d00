"""The figures in Prometheus' text form. Gauges are read from the store when asked; counters start with the process.

Labels are roles, states, kinds of message and codes of the table of causes: words of this product, never anybody's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from connector.ports import Transaction
from connector.records import LogEntry, Negotiation, Notice, OutboxMessage, Quarantined, Release, Transfer
from connector.services.context import Context
from connector.services.why.causes import is_known
from contracts.names import NegotiationState, TransferState

disable_created_metrics()  # type: ignore[no-untyped-call] # a time beside each counter tells nothing here
ROLES = ("provider", "consumer")
STEPS = {"received": "received_at", "stopped": "stopped_at", "erased": "erased_at"}
SECONDS = (0.1, 0.5, 1, 5, 30, 60, 600, 3600, 86_400, 604_800, 2_592_000)
_LATEST = 1000
OTHER = "other"


class Metrics:
    """One per process; built only where metrics are on."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, context: Context) -> None:
        self._context = context
        self._registry = registry = CollectorRegistry()
        self._since: dict[str, datetime] = dict.fromkeys(("release", *STEPS), context.clock())
        self._counted: dict[tuple[str, ...], int] = {}

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"concord_{name}", words, labels, registry=registry)

        self._negotiations = gauge("negotiations", "Negotiations by our role and their state.", "role", "state")
        self._transfers = gauge("transfers", "Transfers by our role and their state.", "role", "state")
        self._waiting = gauge("deliveries_waiting", "Messages of ours that have not arrived.", "standing")
        self._oldest = gauge("deliveries_oldest_age_seconds", "Age of the oldest message that waits.")
        self._unsigned = gauge("log_unsigned_entries", "Entries of the log that no checkpoint covers yet.")
        self._stops = gauge("withdrawals_open", "Withdrawals whose recipient has not answered all that is asked.")
        self._held = gauge("quarantined_people", "People whose records the leak check holds back.")
        self._running = gauge("releases_running", "Releases that are being handed over.")
        self._free = gauge("disk_free_bytes", "Bytes free on the disk of the participant's directory.")
        self._low = gauge("disk_low", "1 while less is free than the watermark.")
        self._bytes = Counter("concord_released_bytes", "Bytes handed over in releases that ended.", registry=registry)
        self._releases = Counter("concord_releases", "Releases that ended.", ["standing"], registry=registry)
        self._messages = Counter(
            "concord_messages", "Messages of ours that were settled.", ["kind", "outcome"], registry=registry
        )
        self._refusals = Counter(
            "concord_refusals", "Requests and callers refused here, by code.", ["code"], registry=registry
        )
        self._reach = Histogram(
            "concord_withdrawal_seconds", "From a person's stop to the recipient's answer.", ["step"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip

        for step in STEPS:
            self._reach.labels(step)  # there from the first look on

    async def text(self) -> bytes:
        """Everything as it is now."""
        await self._context.store.read(self._look)
        self._count()
        disk = self._context.disk
        self._free.set(disk.free())
        self._low.set(disk.low())
        return generate_latest(self._registry)

    def _look(self, tx: Transaction) -> None:
        for role in ROLES:
            for state in NegotiationState:
                self._negotiations.labels(role, state.lower()).set(tx.count(Negotiation, role=role, state=str(state)))
            for moved in TransferState:
                self._transfers.labels(role, moved.lower()).set(tx.count(Transfer, role=role, state=str(moved)))
        self._queues(tx)
        self._released(tx)
        for step in STEPS:
            self._reached(tx, step)

    def _queues(self, tx: Transaction) -> None:
        waiting: dict[str, Any] = {"standing": "waiting"}
        total, aside = tx.count(OutboxMessage, **waiting), tx.count(OutboxMessage, dead_at__ne=None, **waiting)
        failing = tx.count(OutboxMessage, failing_since__ne=None, dead_at=None, **waiting)
        for standing, count in (("unreachable", aside), ("failing", failing), ("waiting", total - aside - failing)):
            self._waiting.labels(standing).set(count)
        oldest = tx.find(OutboxMessage, order="sequence", limit=1, **waiting)
        written = oldest[0].created_at if oldest else None
        self._oldest.set((self._context.clock() - written).total_seconds() if written else 0)
        self._unsigned.set(tx.count(LogEntry, position=None))
        self._stops.set(tx.count(Notice, next_at__ne=None))
        self._held.set(tx.count(Quarantined, standing="held"))
        self._running.set(tx.count(Release, standing="running"))

    def _released(self, tx: Transaction) -> None:
        """Releases that ended since the last look."""
        while rows := tx.find(Release, finished_at__gt=self._since["release"], order="finished_at", limit=_LATEST):
            for one in rows:
                self._bytes.inc(one.bytes)
                self._releases.labels(one.standing).inc()
            self._since["release"] = rows[-1].finished_at or self._since["release"]

    def _reached(self, tx: Transaction, step: str) -> None:
        """Answers to withdrawals that came since the last look."""
        field = STEPS[step]
        after: dict[str, Any] = {f"{field}__gt": self._since[step]}
        for one in tx.find(Notice, order=field, limit=_LATEST, **after):
            at = getattr(one, field)
            if one.effective_at is not None:
                self._reach.labels(step).observe(max(0.0, (at - one.effective_at).total_seconds()))
            self._since[step] = at

    def _count(self) -> None:
        """What was counted in this process since the last look."""
        for key, count in list(self._context.tally.counts.items()):
            more, (name, *words) = count - self._counted.get(key, 0), key
            self._counted[key] = count
            if more <= 0:
                continue
            if name == "message":
                self._messages.labels(*words).inc(more)
            elif name == "refusal":
                self._refusals.labels(words[0] if is_known(words[0]) else OTHER).inc(more)
