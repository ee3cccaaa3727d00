"""The manifests of a received file: the sender's signed one, then one of our own for each time the file was rewritten.

Each of ours names the digest of the file as it was then and the digest of the manifest before (SHA-256 over the text of
its JWS, as the sender's own manifests do). The sender's names each segment by its own digest, and the file is checked
slice by slice; ours is about the file as one. So anybody with the file, the chain and two public keys can check,
offline, that what lies there is what was received, less what was taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from connector.problems import Problem
from connector.records import ReceivedTransfer
from connector.services.exchange import speech
from connector.services.releasing.manifest import Manifest, ReleasedPart
from contracts.fields import Count, Digest, Instant, Ordinal, Participant, Reference, UrnUuid
from contracts.shape import Strict

if TYPE_CHECKING:
    from connector.dataplane.tally import Contents
    from connector.services.context import Context

Keys = Iterable[Mapping[str, str]]
_NONE = "There is no manifest of this file: it has not arrived whole, or is not what its sender said"


class Revision(Strict):
    """Claims signed by the recipient: the file now. `notice` is what it was rewritten for.

    It is null where lines were kept out on arrival, since those they are about had stopped before. `previous` is null
    only for the first manifest of a file that its sender made none for: a stream, or what broke off.
    """

    number: Ordinal
    previous: Digest | None
    by: Participant
    agreement: Reference
    transfer: Reference
    notice: UrnUuid | None
    lines: Count
    bytes: Count
    sha256: Digest
    taken_out: Count
    at: Instant


@dataclass(frozen=True, slots=True)
class Chain:
    """What a check of one file found. `manifests` are the signed texts, the first one first."""

    transfer: str
    ok: bool
    what: str
    manifests: list[str]
    path: str = ""


def extended(
    context: Context, row: ReceivedTransfer, now: Contents, notice: str | None, taken_out: int
) -> dict[str, Any]:
    """The `revisions` of a transfer with one more, signed."""
    known = manifests_of(row)
    claims = Revision(
        number=len(_ours(row)) + 1, previous=_digest(known[-1]) if known else None, by=context.me.id,
        agreement=row.agreement, transfer=row.transfer, notice=notice, lines=now.lines, bytes=now.bytes,
        sha256=now.sha256, taken_out=taken_out, at=context.clock(),
    )  # fmt: skip
    return {"revisions": [*_ours(row), speech.say(context, speech.REVISION, claims.wire())]}


def manifests_of(row: ReceivedTransfer) -> list[str]:
    """The signed manifests of a file, the sender's first."""
    theirs = (row.manifest or {}).get("jws")
    return [*([theirs] if isinstance(theirs, str) and theirs else []), *_ours(row)]


@dataclass(frozen=True, slots=True)
class _Stated:
    """What the newest manifest says of the file; `files` are its slices, where a sender names them."""

    sha256: str
    bytes: int
    files: tuple[ReleasedPart, ...] = ()


def checked(
    row: ReceivedTransfer, contents: Contents | None, theirs: Keys, ours: Keys, slices: Sequence[Contents] | None = None
) -> Chain:
    """Whether the file is what the newest of its manifests says, and each manifest follows from the one before.

    `slices` are the pieces of the file as `cuts` has them.
    """
    found = Chain(row.transfer, ok=False, what="", manifests=manifests_of(row), path=row.path)
    try:
        newest = _followed(row, list(theirs), list(ours))
    except (Problem, ValueError) as fault:
        return replace(found, what=fault.detail if isinstance(fault, Problem) else str(fault))
    ok, what = _compared(row, contents, newest, slices)
    return replace(found, ok=ok, what=what)


def _compared(
    row: ReceivedTransfer, contents: Contents | None, newest: _Stated | None, slices: Sequence[Contents] | None
) -> tuple[bool, str]:
    """Whether a file is what its newest manifest says, and that in words."""
    stream = row.kind == "stream"
    if contents is None:
        return True, "The manifests hold; the file is deleted"
    if newest is None:
        return stream, "A stream has no manifest until something is taken out of it" if stream else _NONE
    if newest.files and contents.bytes == newest.bytes and slices is not None and len(slices) == len(newest.files):
        other = [part for part, one in zip(newest.files, slices, strict=True) if not _is(one, part)]
        if other:
            return False, f"Segment {other[0].segment} of the file is not what its newest manifest says"
    elif newest.files or contents.sha256 != newest.sha256 or contents.bytes != newest.bytes:
        return False, "The file is not what its newest manifest says"
    return True, f"The file is what its newest manifest says, after {_times(len(_ours(row)))}"


def _is(one: Contents, part: ReleasedPart) -> bool:
    return (one.sha256, one.bytes, one.lines) == (part.sha256, part.bytes, part.resources)


def opaque(row: ReceivedTransfer, size: int | None) -> Chain:
    """A foreign connector's bytes: nothing is signed about them."""
    what = "Deleted" if size is None else "Bytes of a foreign connector, about which nothing is signed"
    return Chain(row.transfer, ok=size in (None, row.bytes), what=what, manifests=[], path=row.path)


def claimed_bytes(row: ReceivedTransfer) -> int | None:
    """How many bytes from its start the newest manifest is about; None when there is none."""
    ours = _ours(row)
    value = speech.unverified_claims(ours[-1]).get("bytes") if ours else (row.manifest or {}).get("bytes")
    return value if isinstance(value, int) else None


def cuts(row: ReceivedTransfer) -> list[int]:
    """The sizes of the pieces that the sender's manifest says a file consists of; none once it was rewritten."""
    files = (row.manifest or {}).get("files") if not _ours(row) else None
    sizes = [one.get("bytes") for one in files or () if isinstance(one, Mapping)]
    return [size for size in sizes if isinstance(size, int)] if isinstance(files, list) else []


def _followed(row: ReceivedTransfer, theirs: Keys, ours: Keys) -> _Stated | None:
    """What the newest manifest states, each following from the one before; None without any.

    Raises Problem, ValueError.
    """
    newest: _Stated | None = None
    before: str | None = None
    sent = (row.manifest or {}).get("jws")
    if isinstance(sent, str) and sent:
        claims = speech.hear_keys(sent, speech.MANIFEST, theirs, Manifest)
        newest, before = _Stated(claims.sha256, claims.bytes, claims.files), _digest(sent)
    moment: datetime | None = None
    for number, jws in enumerate(_ours(row), 1):
        one = speech.hear_keys(jws, speech.REVISION, ours, Revision)
        if (one.number, one.previous, one.agreement, one.transfer) != (number, before, row.agreement, row.transfer):
            raise ValueError(f"Manifest {number} of ours does not follow from the one before")
        if moment is not None and one.at < moment:
            raise ValueError(f"Manifest {number} of ours is older than the one before")
        newest, before, moment = _Stated(one.sha256, one.bytes), _digest(jws), one.at
    return newest


def _ours(row: ReceivedTransfer) -> list[str]:
    given = (row.revisions or {}).get("revisions", [])
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def _digest(jws: str) -> str:
    return sha256(jws.encode()).hexdigest()


def _times(count: int) -> str:
    return "no rewriting" if not count else "one rewriting" if count == 1 else f"{count} rewritings"
