"""A holder that was put back from a backup asks to be told again: every consent and opt-out of our people there.

What stands is said again in its order, under the same signatures; of a consent that has ended the end alone, which a
holder takes whatever it knows. When all of it has been answered the next heartbeat says so. Until then the holder
stands as not yet reached on the pages of the people concerned.
"""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

from connector.ports import Transaction
from connector.records import Delivery, OutboxMessage, Setting, WalletConsent
from connector.services.context import Context
from connector.services.wallet.opting_out import SEND_OPT_OUT, OptOuts
from connector.services.wallet.speaking import GIVING
from connector.services.wallet.versions import SEND_CONSENT, Versions

_MARK = "told-again:"
_ANSWERED = (403, 404, 409, 410)
"""A no to something said again, tried again all the same where it is a stop: the holder knows nobody it is about."""


class Repeating:
    """Says everything again to one holder, and knows when that is done."""

    def __init__(self, context: Context, versions: Versions, opt_outs: OptOuts) -> None:
        self._context = context
        self._versions = versions
        self._opt_outs = opt_outs
        for one in (versions, opt_outs):
            one.when_answered = self._answered

    def repeat(self, tx: Transaction, holder: str, since: datetime) -> None:
        """The holder asks for all it was told before `since`; asked for the same again, nothing is begun anew."""
        kept = tx.get(Setting, _MARK + holder)
        if kept is not None and kept.value == since.isoformat():
            return
        tx.put(Setting(name=_MARK + holder, value=since.isoformat()))
        said = tx.find(WalletConsent, holder=holder)
        said.sort(key=lambda one: (one.id, one.version))
        for _id, versions in groupby(said, key=lambda one: one.id):
            self._say(tx, list(versions))
        self._opt_outs.tell_again(tx, holder)
        self._context.log(tx, "holder.told-again", holder, {"since": since.isoformat()})

    def _say(self, tx: Transaction, versions: list[WalletConsent]) -> None:
        newest = versions[-1]
        tx.alter(
            OutboxMessage, {"standing": "dead", "reason": "dropped", "error": "said again", "body": None},
            about=newest.id, kind=SEND_CONSENT, standing="waiting",
        )  # fmt: skip
        for one in versions if newest.state in GIVING else versions[-1:]:
            known = tx.get(Delivery, one.id, one.version)
            if known is not None and known.standing != "refused":
                tx.change(known, standing="waiting")
                self._versions.say_again(tx, one)

    def said(self, tx: Transaction, holder: str) -> datetime | None:
        """Since when the holder asked, once everything has been answered; None before, or where nothing was asked."""
        kept = tx.get(Setting, _MARK + holder)
        if kept is None:
            return None
        left = tx.find(OutboxMessage, recipient=holder, kind=[SEND_CONSENT, SEND_OPT_OUT], standing="waiting")
        return datetime.fromisoformat(kept.value) if all(one.status in _ANSWERED for one in left) else None

    def taken(self, tx: Transaction, holder: str) -> None:
        """The holder asks no more."""
        tx.remove(Setting, name=_MARK + holder)

    def _answered(self, tx: Transaction, holder: str) -> None:
        """One more was answered: the last of them has the holder told at once."""
        if self.said(tx, holder) is not None:
            tx.ring("links")
