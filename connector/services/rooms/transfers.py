"""Transfers as people read them, at either side, and the counts that go with them.

At the consumer every number about people goes through `catalog.smallnumbers`, whatever the provider wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.smallnumbers import FEWER, THRESHOLD, at_least_ten, fold
from connector.ports import Transaction
from connector.records import Agreement, ReceivedSegment, ReceivedTransfer, Release, Transfer
from connector.services.processes.transfers import PUSH, STORE_PUSH
from connector.services.received.usable import erase_by, use_ends
from connector.services.rooms.names import moment
from connector.services.rooms.views import TransferRow
from policy.reasons import REASONS


def transfer_rows(tx: Transaction, *, exact: bool, **conditions: Any) -> list[TransferRow]:
    """Transfers that fulfil the conditions, newest first. `exact` is for the provider's own staff only."""
    return [row_of(tx, one, exact=exact) for one in tx.find(Transfer, order="-created_at", **conditions)]


def row_of(tx: Transaction, transfer: Transfer, *, exact: bool) -> TransferRow:
    """One transfer with its counts."""
    return _received(tx, transfer) if transfer.role == "consumer" else _released(tx, transfer, exact=exact)


OF_A_RELEASE = {
    "leak": "Held back: an identifier was found in what should have left.",
    "withdrawal-under-way": "A withdrawal is still being told to this recipient.",
    "stopped-under-contract": "The person stopped new use under this contract.",
    "consent-changed": "The person changed their answer while the release ran.",
    "unchanged": "Nothing of theirs is new since the release before.",
    "patient-record-deleted": "The source has deleted their own record.",
    "too-large": "A single record is larger than one hand-over may be.",
    "not-selected": "The study did not ask for it.",
    "withheld-type": "A kind of record that never leaves.",
    "unknown-type": "A kind of record that no rule covers.",
    "modifier-extension": "Its meaning depends on something we do not know.",
    "shape": "It is not the record it claims to be.",
    "foreign-subject": "It is about somebody else.",
    "no-subject": "It does not say whom it is about.",
}
"""Reasons that come up while a release is prepared, beside those of a decision (`policy.reasons`)."""


def reason_words(code: str) -> str:
    """The sentence of a reason code; a code without one is written out."""
    if code in REASONS:
        return REASONS[code][1]
    return OF_A_RELEASE.get(code) or code.replace("-", " ").capitalize()


def _received(tx: Transaction, transfer: Transfer) -> TransferRow:
    known = tx.get(ReceivedTransfer, transfer.pid)
    received = known or ReceivedTransfer(transfer=transfer.pid, agreement=transfer.agreement, kind=transfer.kind)
    manifest, broken = received.manifest or {}, received.standing == "broken"
    coming = known is not None and received.standing == "receiving"
    agreement, under_way = tx.get(Agreement, transfer.agreement), _coming(tx, transfer.pid)
    return TransferRow(
        **_process(transfer), kind=received.kind, state="broken" if broken else (transfer.state or "requested").lower(),
        started_at=moment(received.started_at or transfer.created_at), finished_at=received.finished_at,
        people=at_least_ten(received.people), resources=received.lines, bytes=received.bytes,
        withheld=_safe(manifest.get("withheld")),
        withheld_resources=_counts(manifest.get("withheld_resources")), manifest_verified=received.verified,
        path=received.path, finding="" if coming else received.finding, media_type=received.media_type,
        digest=received.digest, segments=received.segments,
        segments_here=tx.count(ReceivedSegment, transfer=transfer.pid, standing="here"),
        coming=under_way.stored if under_way else 0, coming_of=under_way.size if under_way else None,
        waits_for=_waits_for(transfer, received) if coming or known is None else "",
        continues=bool(received.continues), use_ends=use_ends(tx, agreement) if agreement else None,
        erase_by=erase_by(tx, agreement, transfer.pid) if agreement and received.path else None,
    )  # fmt: skip


def _coming(tx: Transaction, pid: str) -> ReceivedSegment | None:
    """The segment under way; also one that waits to be gone on with."""
    return next(iter(tx.find(ReceivedSegment, transfer=pid, standing="coming")), None)


def _waits_for(transfer: Transfer, received: ReceivedTransfer) -> str:
    """What keeps a transfer of ours from going on, as far as it is known."""
    if transfer.state == "SUSPENDED":
        return f"The {transfer.suspended_by or 'provider'} paused it."
    if transfer.state in ("", "REQUESTED"):
        return "The provider has not started it yet."
    return received.finding if transfer.state == "STARTED" else ""


def _released(tx: Transaction, transfer: Transfer, *, exact: bool) -> TransferRow:
    newest = tx.find(Release, transfer=transfer.pid, order="-started_at", limit=1)
    release = newest[0] if newest else Release(id="", transfer=transfer.pid, agreement=transfer.agreement)
    withheld = release.withheld or {}
    return TransferRow(
        **_process(transfer), kind=transfer.kind, state=(transfer.state or "requested").lower(),
        started_at=moment(release.started_at or transfer.created_at), finished_at=release.finished_at,
        people=release.people if exact else at_least_ten(release.people), resources=release.resources,
        bytes=release.bytes,
        withheld=[(reason_words(code), str(count)) for code, count in withheld.items()] if exact else _safe(withheld),
        withheld_resources=_counts(release.withheld_resources), manifest_verified=None, path="",
    )  # fmt: skip


_DECIDING = {1: "pausing", 2: "completing", 3: "ending"}
_LONGEST = 500


def _process(transfer: Transfer) -> dict[str, Any]:
    """What either side sees of the process itself."""
    return {
        "pid": transfer.pid, "agreement": transfer.agreement, "role": transfer.role,
        "way": "store" if transfer.format == STORE_PUSH else "push" if transfer.format == PUSH else "pull",
        "suspended_by": (transfer.suspended_by or "") if transfer.state == "SUSPENDED" else "",
        "deciding": _DECIDING.get(int((transfer.parting or {}).get("rank", 0)), ""),
        "reason": _reason(transfer),
    }  # fmt: skip


def _reason(transfer: Transfer) -> str:
    """The words of whoever paused or ended it; they may be the counter-party's, so their length is bounded."""
    if transfer.state not in ("SUSPENDED", "TERMINATED") or not transfer.reason:
        return ""
    given = transfer.reason.get("reason")
    texts = [given] if isinstance(given, str) else [one for one in given or () if isinstance(one, str)]
    return (" ".join(texts) or str(transfer.reason.get("code") or ""))[:_LONGEST]


def _safe(counts: object) -> list[tuple[str, str]]:
    """People withheld, by reason, as a reader outside the provider may see them."""
    given = {str(code): count for code, count in counts.items()} if isinstance(counts, Mapping) else {}
    numbers = {code: count for code, count in given.items() if isinstance(count, int) and count >= 0}
    shown: dict[str, Any] = given | (fold(numbers) if len(numbers) == len(given) else _rounded(numbers))
    return [(reason_words(code), str(count)) for code, count in shown.items()]


def _rounded(numbers: Mapping[str, int]) -> dict[str, str]:
    """Beside texts the sum is not known: every small number is hidden, the others stay as the provider folded them."""
    return {code: FEWER if count < THRESHOLD else str(count) for code, count in numbers.items()}


def _counts(counts: object) -> list[tuple[str, int | str]]:
    if not isinstance(counts, Mapping):
        return []
    return [
        (reason_words(str(code)), count if isinstance(count, int) else str(count)) for code, count in counts.items()
    ]
