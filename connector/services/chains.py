"""Agreements that amend one another form a chain: one set of terms after the other, the same pseudonyms throughout."""

from __future__ import annotations

from connector.ports import Transaction
from connector.records import Agreement


def domain_of(agreement: Agreement) -> str:
    """The pseudonym domain of an agreement: the first of its chain, so that codes outlive an amendment."""
    return agreement.root or agreement.id


def domain_named(tx: Transaction, agreement: str) -> str:
    """The same by the agreement's id."""
    found = tx.get(Agreement, agreement)
    return domain_of(found) if found is not None else agreement


def chain_of(tx: Transaction, agreement: Agreement) -> list[Agreement]:
    """Every agreement of the chain, the first one first."""
    root = domain_of(agreement)
    first = tx.get(Agreement, root)
    return [*([first] if first is not None else []), *tx.find(Agreement, root=root, order="made_at")]


def chain_named(tx: Transaction, agreement: str) -> list[Agreement]:
    """The chain by the id of one agreement of it; empty where that is gone."""
    found = tx.get(Agreement, agreement)
    return chain_of(tx, found) if found is not None else []


def newest_of(tx: Transaction, agreement: Agreement) -> Agreement:
    """The agreement whose terms stand now, or stood last."""
    chain = chain_of(tx, agreement)
    chain = chain_of(tx, agreement)
    replaced = {one.replaces for one in chain}
    return next((one for one in chain if one.id not in replaced), agreement)
