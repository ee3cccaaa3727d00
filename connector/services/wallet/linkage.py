"""The token by which the places with a person's data use one code for them in one study, where the person agreed.

It is made of a secret that this wallet keeps for that person and study alone, and it is the same for every holder. Once
they stop and want everything deleted, the secret is destroyed: a later yes comes with another token.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256

from connector.ports import Transaction
from connector.services.context import Context
from connector.services.sealed import SealedInTransaction
from policy.consent import ConsentRecord, State


def token(tx: Transaction, context: Context, account: str, record: ConsentRecord) -> str | None:
    """What goes with this version of a consent: the token, or nothing; a stop that erases destroys its secret."""
    domain = context.vault.domain(f"linkage {record.study}", SealedInTransaction(tx))
    if record.state is State.WITHDRAWN and record.on_withdrawal == "erase":
        domain.destroy(account)
    return urlsafe_b64encode(domain.token(account)).decode().rstrip("=") if record.linkage else None


def token_again(tx: Transaction, context: Context, account: str, record: ConsentRecord) -> str | None:
    """The same for a version that is said again: nothing is destroyed a second time, and nothing new is made."""
    domain = context.vault.domain(f"linkage {record.study}", SealedInTransaction(tx))
    return urlsafe_b64encode(domain.token(account)).decode().rstrip("=") if record.linkage else None


def digest(token: str | None) -> str | None:
    """By which the signed delivery names the token it comes with."""
    return None if token is None else sha256(token.encode()).hexdigest()
