"""Telling wallets what became of their people's data here: released, streamed, or asked for and refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from connector.ports import Transaction
from connector.problems import Problem
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
        by_wallet[line.wallet].append(_use(context, contract, line, at))
    for wallet, uses in by_wallet.items():
        try:
            address = context.members.exchange(wallet)
        except Problem:
            continue  # the wallet is no active member any more; its people have no page to read this on
        for start in range(0, len(uses), _PORTION):
            body = wire.Uses(uses=tuple(uses[start : start + _PORTION])).wire()
            context.deliveries.send(
                tx, recipient=wallet, url=f"{address}/uses", kind=SEND_USES, body=body, about=release,
                lane=f"uses:{wallet}",
            )  # fmt: skip


def _use(context: Context, contract: Contract, line: Line, at: datetime) -> wire.Use:
    sent = wire.UseKind.STREAM if contract.action == "stream" else wire.UseKind.RELEASE
    return wire.Use(
        link=line.link, at=at, kind=sent if line.refused is None else wire.UseKind.REFUSED,
        recipient=contract.recipient, recipient_name=context.members.name_of(contract.recipient),
        study=contract.terms.study, agreement=contract.agreement.id, resources=line.resources, reason=line.refused,
    )  # fmt: skip
