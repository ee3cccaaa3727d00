"""The link of a person without a wallet: to our own desk, where staff take down what they say."""

from __future__ import annotations

from datetime import datetime

from connector.ports import Transaction
from connector.problems import conflict
from connector.records import Link
from connector.services.context import Context
from connector.services.exchange.withdrawal import Stopping
from policy.consent import State

DESK = "desk"


def desk_link(tx: Transaction, context: Context, person: str) -> Link | None:
    """A person's link to our own desk, if they have one, also while it is disputed: a stop goes to what stands there.

    Raises Problem 409 for somebody who has a wallet.
    """
    found = tx.find(Link, person=person, standing=["active", "disputed"], limit=1)
    if found and found[0].wallet != context.me.id:
        raise conflict(
            "This person has a wallet, and answers there", accepted="the wallet, or its staff at the person's request",
            code="has-a-wallet",
        )  # fmt: skip
    return found[0] if found else None


def end_desk_link(tx: Transaction, context: Context, stopping: Stopping, link: Link, now: datetime) -> None:
    """The person has a wallet now: what was taken down here counts no more, and they are asked anew. Nothing moves.

    Whoever received them on a consent of the desk is told to erase that: no wallet knows of this consent, so that
    nobody could stop it later. Called in the transaction that makes the new link, while the gate is closed for the
    person. Raises ValueError for a link that is not our desk's.
    """
    if link.wallet != context.me.id or link.made_by != DESK:
        raise ValueError("not a link to our own desk")
    stopping.take_back(tx, link, State.TERMINATED)
    tx.change(link, standing="ended", ended_at=now)
    context.log(tx, "link.ended", link.id, {"wallet": link.wallet, "why": "the person has a wallet now"})
    tx.ring("consents")
