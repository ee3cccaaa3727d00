"""Telling wallets what became of their people's data here: released, streamed, asked for and refused, or looked at.

Who has no wallet (no link, or one to our own desk) is not told by message: their desk prints it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.ports import Transaction
from connector.problems import Problem
from connector.records import Link
from connector.services.context import Context
from connector.services.releasing.contract import Contract
from contracts import exchange as wire

SEND_USES = "exchange.uses"
_PORTION = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a person's timeline. `refused` is the reason in words; None when data were sent."""

    link: str
    wallet: str
    resources: int
    refused: str | None = None


def tell(
    tx: Transaction, context: Context, contract: Contract, release: str, lines: Iterable[Line], at: datetime
) -> None:
    """Queue the lines for each person's wallet, a few hundred to a message; part of the caller's transaction."""
    by_wallet: defaultdict[str, list[wire.Use]] = defaultdict(list)
    for line in lines:
        if line.link and line.wallet != context.me.id:
            by_wallet[line.wallet].append(_use(context, contract, line, at))
    for wallet, uses in by_wallet.items():
        _send(tx, context, wallet, uses, release)


@dataclass(frozen=True, slots=True)
class Look:
    """Something that staff here did with one person's data: what `kind`, whose staff, why in words, how many records.

    `about` is what the log calls it; it must be the same each time the same act is told.
    """

    kind: wire.UseKind
    about: str
    reason: str
    by: str
    by_name: str
    resources: int = 0


def tell_of(tx: Transaction, context: Context, person: str, look: Look, at: datetime) -> bool:
    """Queue one line for the wallet of a person; part of the caller's transaction. Whether they have one to tell."""
    told = False
    for link in tx.find(Link, person=person, standing=["active", "disputed"]):
        if link.wallet != context.me.id:
            use = wire.Use(
                link=link.id, at=at, kind=look.kind, recipient=look.by, recipient_name=look.by_name, study=None,
                agreement=None, resources=look.resources, reason=look.reason,
            )  # fmt: skip
            told = _send(tx, context, link.wallet, [use], look.about) or told
    return told


def _send(tx: Transaction, context: Context, wallet: str, uses: Sequence[wire.Use], about: str) -> bool:
    try:
        address = context.members.exchange(wallet)
    except Problem:
        return False  # the wallet is no active member any more; its people have no page to read this on
    for start in range(0, len(uses), _PORTION):
        body = wire.Uses(uses=tuple(uses[start : start + _PORTION])).wire()
        context.deliveries.send(
            tx, recipient=wallet, url=f"{address}/uses", kind=SEND_USES, body=body, about=about, lane=f"uses:{wallet}"
        )
    return True


def _use(context: Context, contract: Contract, line: Line, at: datetime) -> wire.Use:
    sent = wire.UseKind.STREAM if contract.action == "stream" else wire.UseKind.RELEASE
    return wire.Use(
        link=line.link, at=at, kind=sent if line.refused is None else wire.UseKind.REFUSED,
        recipient=contract.recipient, recipient_name=context.members.name_of(contract.recipient),
        study=contract.terms.study, agreement=contract.agreement.id, resources=line.resources, reason=line.refused,
    )  # fmt: skip
