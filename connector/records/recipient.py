"""What a recipient keeps of what it received, by code only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedTransfer:
    """One transfer's file. `standing`: receiving, complete, broken, ended; `verified` is the manifest check.

    `bytes`, `lines` and `people` count what arrived; `finding` says in words what the check found, and what was erased
    since. `manifest` holds the manifest's claims, and the signed text itself as "jws"; `last_event` is of a stream.
    `revisions` is {"revisions": [...]}: the manifests of our own that follow the sender's, one for each time the file
    was rewritten without somebody, each naming the digest of the one before. `kind` is records, stream, or opaque: a
    foreign connector's bytes, of which `media_type` and `digest` (SHA-256, hex)
    are all there is to know. Of a release in `segments`, `release` is the sender's id, and `continues` the digest
    of the manifest of ours that it carries on from.
    """

    key_width: ClassVar[int] = 1
    transfer: str
    agreement: Indexed[str]
    kind: str = "records"
    path: str = ""
    standing: str = "receiving"
    bytes: int = 0
    lines: int = 0
    people: int = 0
    verified: bool | None = None
    finding: str = ""
    manifest: Json | None = None
    last_event: int = 0
    media_type: str = ""
    digest: str = ""
    revisions: Json | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    release: str = ""
    continues: str = ""
    segments: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSegment:
    """One segment of a release as it arrives: `stored` of its bytes are here; once it is whole they join the file.

    `id` is the sender's strong validator, `place` where its lines begin in the sender's count, `sha256` what arrived.
    `standing`: waiting, coming, here, gone (the sender replaced it: `successor`). `stored` and `size` count the body as
    it is sent, `bytes` what it opens to. `people` counts those in it; `joined`: the first of them is the last one of
    the segment before, known by `edge`, a digest of the last one's code salted with the transfer.
    """

    key_width: ClassVar[int] = 2
    transfer: str
    number: int
    id: str = ""
    standing: str = "waiting"
    successor: str = ""
    deletions: bool = False
    stored: int = 0
    size: int | None = None
    place: int = 0
    lines: int = 0
    sha256: str = ""
    bytes: int = 0
    people: int = 0
    joined: bool = False
    edge: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedPerson:
    """How much of one code arrived in one transfer; `end_offset` is where its last line ended in the sender's count."""

    key_width: ClassVar[int] = 2
    transfer: str
    code: Indexed[str]
    agreement: Indexed[str] = ""
    lines: int = 0
    bytes: int = 0
    end_offset: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A code that must never come back under this agreement, and what was done about it.

    `answer` is how it stands beyond *stopped*: waiting (people here still have to rebuild or erase something, until
    `deadline`), erased or exception; empty while the connector itself is at work. Counts are those of the objects.
    """

    key_width: ClassVar[int] = 2
    agreement: str
    code: str
    notice: Indexed[str] = ""
    kind: str = "erase"
    cut: Json | None = None
    received_at: datetime | None = None
    stopped_at: datetime | None = None
    erased_at: datetime | None = None
    objects: int = 0
    lines: int = 0
    bytes: int = 0
    bytes_after: int = 0
    deadline: datetime | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """Something a recipient made of what it received: a file, a table, a model or a result, and what it was made of.

    `parents` is {"transfers": [...], "derivations": [...]}. `codes` is {"codes": [...]} where it is known of whom it
    is, else None: then it may hold anybody of its parents. `by_row`: a file of ours each of whose lines or rows carries
    somebody's code, so that we can rewrite it. `standing`: kept, rebuilt, erased, or stays (with `why`).
    """

    key_width: ClassVar[int] = 1
    id: str
    agreement: Indexed[str]
    kind: str = "file"
    name: str = ""
    path: str = ""
    parents: Json | None = None
    codes: Json | None = None
    by_row: bool = False
    digest: str = ""
    standing: str = "kept"
    why: str = ""
    registered_at: datetime | None = None
    registered_by: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedObject:
    """One thing that held a person when their notice came; whoever sent the notice may ask whether it is gone.

    `about` is the transfer it came in, or the derivation. `standing`: held, counted (`lines`, `bytes` and
    `bytes_after` are exact, and were noted before anything was rewritten), waiting (for a person here), erased
    (rewritten or deleted by us), rebuilt or gone (as a person here says: `settled_by`), or stays (`why`: the ground).
    """

    key_width: ClassVar[int] = 2
    notice: str
    id: str
    agreement: Indexed[str] = ""
    kind: str = "received"
    about: str = ""
    code: str = ""
    erased_at: datetime | None = None
    lines: int = 0
    bytes: int = 0
    bytes_after: int = 0
    standing: str = "held"
    why: str = ""
    settled_by: str = ""
