"""Which releases in segments run, and which of those are left over from transfers that have ended."""

from __future__ import annotations

from connector.ports import Transaction
from connector.records import Release, Transfer

_OVER = ("COMPLETED", "TERMINATED")


def running_of(tx: Transaction, transfer: str) -> Release | None:
    """The plan of a transfer that runs; None when there is none."""
    found = tx.find(Release, transfer=transfer, standing="running")
    return next((one for one in found if one.asked is not None), None)


def all_running(tx: Transaction) -> list[Release]:
    """Every plan that runs."""
    return [one for one in tx.find(Release, standing="running") if one.asked is not None]


def orphans(tx: Transaction) -> list[Release]:
    """Plans that run although their transfers are over."""
    return [one for one in all_running(tx) if left_over(tx, one.id) is not None]


def left_over(tx: Transaction, id: str) -> Release | None:
    """A running release whose transfer is over."""
    release = tx.get(Release, id)
    transfer = tx.get(Transfer, release.transfer) if release is not None else None
    over = transfer is None or transfer.state in _OVER
    return release if release is not None and release.standing == "running" and over else None
