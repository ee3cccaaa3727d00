"""Everything a service may lean on, handed in once by `connector.wiring`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connector.ports import Clock, DataPorts, LogHead, Signer, Store, Transaction
from connector.provenance.entry import SALT_BYTES, Entry, commit
from connector.records import LogEntry
from connector.services.disk import Disk
from connector.services.duties.executors import ALL, Executors
from connector.services.lead import Lead
from connector.services.limits import Limits
from connector.services.tally import Tally
from connector.services.tracing import NO_TRACES, Traces

if TYPE_CHECKING:
    from pathlib import Path

    from connector.bells import LocalBells
    from connector.outbound.client import Outbound
    from connector.services.delivery import Deliveries
    from connector.services.gate import ReleaseGate
    from connector.services.jobs import Jobs
    from connector.services.tasks import Tasks
    from connector.services.trust import Members
    from connector.settings import Settings
    from connector.vault import FileVault


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this participant is."""

    id: str
    name: str
    role: str
    origin: str

    @property
    def dsp(self) -> str:
        """Base address of the Dataspace Protocol endpoints."""
        return f"{self.origin}/dsp/2025-1"


@dataclass(slots=True)
class Context:
    """One participant's ports. Services keep no state of their own: what must last is a record."""

    settings: Settings
    me: Identity
    store: Store
    vault: FileVault
    signer: Signer
    log_head: LogHead
    members: Members
    outbound: Outbound
    clock: Clock
    bells: LocalBells
    gate: ReleaseGate
    deliveries: Deliveries
    jobs: Jobs
    tasks: Tasks
    data: DataPorts
    random: Any  # callable: number of bytes -> bytes
    executors: Executors = ALL
    disk: Disk = field(default_factory=Disk)
    tally: Tally = field(default_factory=Tally)
    traces: Traces = NO_TRACES
    lead: Lead = field(default_factory=Lead)
    limits: Limits = field(default_factory=Limits)

    @property
    def directory(self) -> Path:
        """Where this participant keeps its files."""
        return self.settings.directory

    def log(self, tx: Transaction, kind: str, subject: str, body: dict[str, Any]) -> str:
        """Append to the evidence log in the same transaction as what it records: no entry, no act.

        Returns the entry's leaf hash (hex), by which other evidence may name it.
        """
        row = commit(Entry(0, self.clock(), kind, subject, body, self.random(SALT_BYTES)))
        tx.append(
            LogEntry, position=None, at=row.at, kind=row.kind, subject=row.subject, commitment=row.commitment,
            salt=row.salt, body=row.body, leaf_hash=row.leaf_hash,
        )  # fmt: skip
        tx.ring("log")
        return row.leaf_hash.hex()
