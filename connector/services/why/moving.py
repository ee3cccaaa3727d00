"""Why data does not move, or nothing of it: the release at a provider, what arrived at a consumer.

Whatever hinders a release now is looked at now: the vault, the contract, the profile, the dataset, the risk, the leak
check. Who was held back is counted by reason, never named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from connector.ports import Transaction
from connector.records import (
    Agreement,
    Dataset,
    Quarantined,
    ReceivedTransfer,
    Release,
    RiskReport,
    Transfer,
)
from connector.services.context import Context
from connector.services.disk import CODE as DISK_LOW
from connector.services.rooms.transfers import row_of
from connector.services.rooms.views import TransferRow
from connector.services.steward.profiles import profile_named
from connector.services.why import views
from connector.services.why.letters import at_theirs, error_code, shown, standing_codes
from connector.services.why.views import CauseShown, Related
from connector.vault.errors import VaultError

_RELEASES_NOTHING = re.compile(r"The sender releases nothing(?: more)?: ([a-z-]+)\.")
_NEXT_TRY = re.compile(r"It waits for the next try: (.+)\.")
_MOST = 5


@dataclass(slots=True)
class Moved:
    """What is to be said about the data of a transfer."""

    causes: list[CauseShown] = field(default_factory=list)
    standing: str = views.GOING_ON
    decision: list[str] = field(default_factory=list)
    related: list[Related] = field(default_factory=list)
    next_words: str = ""


def moving(context: Context, tx: Transaction, found: Transfer, under: Agreement | None, *, exact: bool) -> Moved:
    """What hinders the data of a transfer, and what it came to."""
    hindered = hindrances(context, tx, under) if under is not None else []
    made = _released(tx, found) if found.role == "provider" else _received(tx, found)
    row = row_of(tx, found, exact=exact and found.role == "provider")
    made.decision = held_back(row)
    over = found.state in ("COMPLETED", "TERMINATED")
    if hindered and not over:
        made.causes, made.standing = [*hindered, *made.causes], views.HELD_UP
    if not made.causes and found.state != "TERMINATED":
        made.causes, made.standing = _plain(found)
    return made


def held_back(row: TransferRow) -> list[str]:
    """Who was held back, counted by reason; small numbers are folded already where they have to be."""
    return [f"{count} {'person' if count == '1' else 'people'}: {words}" for words, count in row.withheld]


def hindrances(context: Context, tx: Transaction, under: Agreement) -> list[CauseShown]:
    """What keeps everything under a contract from moving now, on our side."""
    codes = [*standing_codes(context, under.counterparty), *_of_contract(context, under)]
    if under.role == "provider":
        codes += _providing(context, tx, under)
    elif context.disk.low():
        codes.append("disk-low")
    names = {"AGREEMENT": under.id, "PEER": under.counterparty, "STUDY": under.study or ""}
    return [shown(code, under.end_reason if code == "agreement-ended" else "", **names) for code in codes]


def _of_contract(context: Context, under: Agreement) -> list[str]:
    if under.standing == "active":
        return ["agreement-ran-out"] if under.until is not None and under.until <= context.clock() else []
    by_itself = under.standing == "ended" and not under.ended_by
    return ["agreement-ran-out"] if by_itself else [
        {"replaced": "agreement-amended", "suspended": "agreement-suspended", "pending": "agreement-pending"}.get(
            under.standing, "agreement-ended"
        )
    ]  # fmt: skip


def _providing(context: Context, tx: Transaction, under: Agreement) -> list[str]:
    """The vault, the dataset and the profile: without one of them nothing leaves."""
    codes = ["vault-locked"] if _is_locked(context) else []
    dataset = tx.get(Dataset, under.dataset)
    if dataset is None or dataset.standing != "published":
        codes.append("dataset-withdrawn")
    known = profile_named(tx, under.profile) if under.profile else None
    if under.profile and (known is None or known.pinned != under.profile):
        codes.append("profile-not-agreed")
    return codes


def _is_locked(context: Context) -> bool:
    """A vault that cannot even say whether it is open is not."""
    try:
        return bool(getattr(context.vault, "locked", ""))
    except VaultError:
        return True


def release_causes(tx: Transaction, release: Release) -> list[CauseShown]:
    """What a release of ours met."""
    names = {"AGREEMENT": release.agreement, "ID": release.id, "STUDY": release.study}
    report = tx.get(RiskReport, release.risk) if release.risk else None
    codes = list[str]()
    if release.standing == "refused" or (report is not None and report.verdict == "refused"):
        codes.append("risk-too-high")
    if tx.count(Quarantined, release=release.id):
        codes.append("leak")
    withheld = sorted((release.withheld or {}).items(), key=lambda one: -int(one[1]) if isinstance(one[1], int) else 0)
    reasons = [str(code) for code, _ in withheld if code != "leak"]
    if release.standing == "complete" and not release.people:
        codes += ["nobody-permitted", *reasons]
    elif release.standing in ("broken", "ended"):
        codes.append(f"release-{release.standing}")
    elif withheld:
        codes += reasons
    return [shown(code, **names) for code in dict.fromkeys(codes)][:_MOST]


def _released(tx: Transaction, found: Transfer) -> Moved:
    newest = tx.find(Release, transfer=found.pid, order="-started_at", limit=1)
    if not newest:
        return Moved()
    release = newest[0]
    causes = release_causes(tx, release)
    related = [Related("release", release.id)]
    related += [Related("risk report", release.risk)] if release.risk else []
    related += [Related("quarantine", one.id) for one in tx.find(Quarantined, release=release.id, limit=_MOST)]
    if release.standing == "complete" and release.people and all(one.code != "leak" for one in causes):
        causes = [shown("done"), *causes]
    failed = release.standing in ("refused", "broken", "ended") or (causes and not release.people)
    return Moved(causes, views.HELD_UP if failed else _over(found), related=related)


def _received(tx: Transaction, found: Transfer) -> Moved:
    row = tx.get(ReceivedTransfer, found.pid)
    if row is None or found.state in ("", "REQUESTED"):
        return Moved()
    if (refused := _RELEASES_NOTHING.match(row.finding)) is not None:
        return Moved([at_theirs(shown(refused[1], row.finding))], views.FAILED)
    if row.standing == "receiving" and (waits := _NEXT_TRY.match(row.finding)) is not None:
        cause = shown(error_code(waits[1]), row.finding, PEER=found.counterparty)
        words = "It is tried again by itself, within a minute."
        return Moved([cause if cause.code == DISK_LOW else at_theirs(cause)], views.HELD_UP, next_words=words)
    if row.standing in ("broken", "ended") and found.state != "COMPLETED":
        return Moved([shown(f"release-{row.standing}", row.finding)], views.FAILED)
    if row.standing == "complete" and not row.people and row.kind == "records":
        return Moved([shown("nobody-permitted", row.finding)], _over(found))
    return Moved()


def _over(found: Transfer) -> str:
    return views.DONE if found.state == "COMPLETED" else views.GOING_ON


def _plain(found: Transfer) -> tuple[list[CauseShown], str]:
    """Where nothing is wrong."""
    if found.state == "COMPLETED":
        return [shown("done")], views.DONE
    if found.state in ("", "REQUESTED"):
        return [shown("waits-for-start" if found.role == "consumer" else "goes-on")], views.WAITING
    return [shown("waits-for-fetch" if found.role == "provider" else "goes-on")], views.GOING_ON
