"""What services need from the world, as protocols; `connector.wiring` plugs the implementations in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from connector.sources.folder import Piece
    from connector.sources.openmhealth import DevicePoint, PointError
    from policy.labelling import Labeller

R = TypeVar("R")
T = TypeVar("T")


class Transaction(Protocol):
    """One transaction over records (`connector.records`). Only ever used inside `Store.write` or `Store.read`.

    Conditions are `field=value`; a list or tuple means "any of"; the endings
    `__lt`, `__le`, `__gt`, `__ge`, `__ne` compare.
    """

    def get(self, kind: type[R], *key: object) -> R | None:
        """The record with this key, or None."""
        ...

    def find(
        self, kind: type[R], /, *, order: str | None = None, limit: int | None = None, **conditions: object
    ) -> list[R]:
        """Records that fulfil all conditions, ordered by `order` (a leading `-` turns it round)."""
        ...

    def rows(
        self, kind: type[Any], names: tuple[str, ...], /, *, order: str | None = None, **conditions: object
    ) -> list[tuple[Any, ...]]:
        """Only these fields of the records `find` would return, in its order: for reading many of them."""
        ...

    def count(self, kind: type[Any], /, **conditions: object) -> int:
        """How many records fulfil all conditions."""
        ...

    def add(self, record: object) -> None:
        """Insert; raises `Duplicate` when the key exists."""
        ...

    def queue(self, record: R, field: str, /, **conditions: object) -> tuple[R, bool]:
        """Insert behind every record that fulfils the conditions: `field` becomes greater than theirs, and no less
        than given. Returns the record as it was inserted, and whether it stands alone, behind nobody.

        Raises `Duplicate` when the key exists.
        """
        ...

    def put(self, record: object) -> None:
        """Insert, or replace the record with the same key."""
        ...

    def append(self, kind: type[Any], /, **fields: object) -> int:
        """Insert a record whose key is the next sequence number, which is returned."""
        ...

    def change(self, record: R, /, **changes: object) -> R:
        """Update one record; with a `revision` field by compare-and-set, raising `Stale` when somebody was faster."""
        ...

    def alter(self, kind: type[Any], changes: dict[str, object], /, **conditions: object) -> int:
        """Update all records that fulfil the conditions; returns how many."""
        ...

    def claim(
        self, kind: type[R], changes: dict[str, object], /, *, order: str, limit: int, **conditions: object
    ) -> list[R]:
        """Update the first `limit` records in this order that fulfil the conditions; returns them as they now are.

        For work that several processes take from one table: each record goes to one of them. Whoever takes it writes a
        token of its own into it, and settles it with `alter(..., token=...)`: none altered means somebody else has it.
        """
        ...

    def remove(self, kind: type[Any], /, **conditions: object) -> int:
        """Delete; at least one condition is required."""
        ...

    def ring(self, bell: str) -> None:
        """Wake whoever waits for this bell, once the transaction has committed."""
        ...


class Stale(Exception):
    """A compare-and-set met a newer revision: read again and decide again."""


class StoreFull(Exception):
    """There is no room left where records are kept: nothing of the command was done."""


class Duplicate(Exception):
    """A record with this key exists already."""


class Store(Protocol):
    """Records, changed by commands. A command is a function of a transaction; all of it happens or nothing."""

    def write(self, command: Callable[[Transaction], T]) -> Awaitable[T]:
        """Run a command and return its result once it is durable."""
        ...

    def read(self, query: Callable[[Transaction], T]) -> Awaitable[T]:
        """Run a query on a recent committed state."""
        ...

    def look(self, query: Callable[[Transaction], T]) -> Awaitable[T]:
        """The same for a few records found by key or index; a store in this process answers at once, without a thread.

        Such a query must not wait for anything, since the event loop may be waiting for it.
        """
        ...


EVERY_BELL = "*"
"""Rings in place of names that were lost: whoever waits for any bell looks again."""


NEAR = "near/"
"""A bell whose name begins so rings only in the process that rings it."""


class LeadLock(Protocol):
    """Which of the processes that use one database has the lead."""

    def watch(self, changed: Callable[[bool], None]) -> None:
        """Compete for it from now on. `changed` hears, in any thread, whether this process has it: first at once."""
        ...


class Bells(Protocol):
    """Wake-ups inside this participant: nobody sleeps and looks, somebody rings."""

    def ring(self, name: str) -> None:
        """Wake everybody waiting for `name`."""
        ...

    def wait(self, name: str, timeout: float | None = None) -> Awaitable[bool]:
        """Wait for the next ring of `name`; False when the time was up."""
        ...


class SharedGate(Protocol):
    """The release gate between processes that serve one participant. Both raise Problem 503 when it cannot be asked."""

    def inside(self, keys: Collection[tuple[str, str]]) -> AbstractAsyncContextManager[bool]:
        """A hand-over about these keys, announced to every process; False: a process is closing for one of them."""
        ...

    def closed(self, keys: Collection[tuple[str, str]], patience: float) -> AbstractAsyncContextManager[bool]:
        """No process hands over about these keys; False: a hand-over has not ended after `patience` seconds."""
        ...


class Clock(Protocol):
    """The time, as an aware UTC datetime."""

    def __call__(self) -> datetime:
        """Now."""
        ...


class Signer(Protocol):
    """A private key that signs and never shows itself."""

    @property
    def kid(self) -> str:
        """RFC 7638 thumbprint of the public key."""
        ...

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public key (RFC 8037 OKP)."""
        ...

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature over `data`."""
        ...


class LogHead(Protocol):
    """The newest signed checkpoint, kept outside the store it speaks about. Reads raise OSError or a vault's error."""

    def read(self) -> str | None:
        """The note kept, None when none ever was."""
        ...

    def keep(self, note: str) -> None:
        """Put a newer note in the place of the old one, wholly or not at all."""
        ...


class PersonCoder(Protocol):
    """One person inside one pseudonym domain."""

    @property
    def code(self) -> str:
        """The code name put in place of the person."""
        ...

    @property
    def days(self) -> int:
        """The date shift, the same for everything of this person in this domain."""
        ...

    def id(self, resource_type: str, resource_id: str) -> str:
        """The keyed replacement of a resource id."""
        ...

    def seal(self, text: str) -> str:
        """A text that only this holder's vault opens again, for this person in this domain; the same every time."""
        ...


class LogWriter(Protocol):
    """Adds entries to the append-only log inside a transaction."""

    def __call__(self, tx: Transaction, kind: str, subject: str, body: dict[str, Any]) -> None:
        """Append one entry; without it nothing is released."""
        ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """Records of one person: `subject` is their id inside the records, `identifiers` what must not be found after."""

    coder: PersonCoder
    subject: str
    records: tuple[bytes, ...]
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """Parcels to prepare under one profile; `as_of` is the day by which ages are grouped. It pickles.

    `text` is the profile itself where it is one of the participant's own (a worker has the packaged ones), `release`
    the FHIR release the records are in.
    """

    profile: str
    profile_digest: str
    as_of: date
    parcels: tuple[Parcel, ...]
    text: str = ""
    release: str = "R4"


class Place(NamedTuple):
    """Where a leak check found something, never what: how it was written, in which kind of record, at which element."""

    kind: str
    resource_type: str
    path: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """One parcel de-identified: per record its line (with line end), or the code of why there is none. It pickles.

    `leaks` says where identifiers were found in the lines; with one of them nothing of it may leave. `dropped` counts
    the members of the records, at all depths, that were left behind.
    """

    lines: tuple[bytes | str, ...]
    leaks: tuple[Place, ...] = ()
    dropped: int = 0


class Renderer(Protocol):
    """Prepares records for release outside the serving process."""

    def render(self, task: Task) -> Awaitable[tuple[Prepared, ...]]:
        """De-identify and scan every parcel of a task, in order."""
        ...

    def warm(self) -> None:
        """Get ready for a release that is likely to come soon."""
        ...

    def close(self) -> Awaitable[None]:
        """Let go of the workers."""
        ...


class Archive(Protocol):
    """Documents kept as files, for this participant only."""

    def keep(self, name: str, content: bytes) -> Awaitable[None]:
        """Write a document durably; the same name again replaces it."""
        ...

    def read(self, name: str) -> Awaitable[bytes | None]:
        """A document, None when there is none of this name."""
        ...


class KeptSegments(Protocol):
    """Segments prepared ahead, where every process of the participant finds them. Everything here blocks."""

    def keep(self, release: str, id: str, parts: Iterable[bytes]) -> bool:
        """Keep one, wholly or not at all; False when it is there already: that one stays. Raises OSError."""
        ...

    def read(self, release: str, id: str) -> bytes | None:
        """One, None when it is not there."""
        ...

    def drop(self, release: str, id: str) -> None:
        """One is not needed any more."""
        ...

    def tidy(self, running: Collection[str], seconds: float) -> list[tuple[str, str]]:
        """Drop what is older, or of releases that do not run; returns release and id of each that is left."""
        ...


@dataclass(frozen=True, slots=True)
class DataPorts:
    """What the data plane needs from the world.

    `pieces` reads FHIR files (`connector.sources.folder.pieces`), `batch` what a device sends
    (`connector.sources.batches.read`); both block. `labeller` is what gives records their security labels; it reads its
    rules the first time.
    """

    renderer: Renderer
    archive: Archive
    segments: KeptSegments
    pieces: Callable[[Path, Callable[[str], bool]], Iterator[Piece]]
    batch: Callable[[bytes], Iterator[tuple[int, DevicePoint | PointError, bytes]]]
    labeller: Callable[[], Labeller]


Rows = Iterable[dict[str, Any]]
