"""The link of a person without a wallet: to our own desk, where staff take down what they say."""

from __future__ import annotations

from datetime import datetime

from connector.ports import Transaction
from connector.problems import conflict
from connector.records import Link
from connector.services.context import Context

DESK = "desk"


def desk_link(tx: Transaction, context: Context, person: str) -> Link | None:
    """A person's link to our own desk, if they have one. Raises Problem 409 for somebody who has a wallet."""
    found = tx.find(Link, person=person, standing="active", limit=1)
    if found and found[0].wallet != context.me.id:
        raise conflict(
            "This person has a wallet, and answers there", accepted="the wallet, or its staff at the person's request",
            code="has-a-wallet",
        )  # fmt: skip
    return found[0] if found else None


def end_desk_link(tx: Transaction, context: Context, link: Link, now: datetime) -> None:
    """The person has a wallet now: what was taken down here counts no more, and they are asked anew. Nothing moves.

    Called in the transaction that makes the new link. Raises ValueError for a link that is not our desk's.
    """
    if link.wallet != context.me.id or link.made_by != DESK:
        raise ValueError("not a link to our own desk")
    tx.change(link, standing="ended", ended_at=now)
    context.log(tx, "link.ended", link.id, {"wallet": link.wallet, "why": "the person has a wallet now"})
    tx.ring("consents")
