"""What the development sign-in has to remember, where several processes of a participant answer for it.

A code may be given out by one process and exchanged at another, so both kinds are rows, beside the sign-ins under way
and forgotten with them; the seed of its signing key is sealed by the vault. Implements
`connector.identity.people.codes.CodeStore`.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from connector.identity.people.codes import CodeGrant, TokenGrant
from connector.ports import Transaction
from connector.records import Setting, SignInAttempt
from connector.services.context import Context

_SEED, _SEED_BYTES = "development-sign-in", 32


async def seed_of(context: Context) -> bytes:
    """The seed of the one key that all processes sign with; made by whoever needs it first."""
    box = context.vault.box(_SEED)
    fresh = box.seal(_SEED, context.random(_SEED_BYTES)).hex()

    def command(tx: Transaction) -> str:
        known = tx.get(Setting, _SEED)
        if known is None:
            tx.add(Setting(name=_SEED, value=fresh))
        return fresh if known is None else known.value

    return box.open(_SEED, bytes.fromhex(await context.store.write(command)))


class StoredCodes:
    """Codes and access tokens as rows, by their hashes."""

    def __init__(self, context: Context) -> None:
        self._store = context.store

    async def put_code(self, code_hash: str, grant: CodeGrant) -> None:
        """See the port."""
        await self._keep(f"code:{code_hash}", grant)

    async def take_code(self, code_hash: str) -> CodeGrant | None:
        """See the port."""
        return await self._store.write(lambda tx: _taken(tx, f"code:{code_hash}"))

    async def put_token(self, token_hash: str, grant: TokenGrant) -> None:
        """See the port."""
        await self._keep(f"token:{token_hash}", grant)

    async def token(self, token_hash: str) -> TokenGrant | None:
        """See the port."""
        row = await self._store.read(lambda tx: tx.get(SignInAttempt, f"token:{token_hash}"))
        return None if row is None else TokenGrant(**_facts(row))

    async def revoke(self, code_hash: str) -> None:
        """See the port."""

        def command(tx: Transaction) -> None:
            for row in tx.find(SignInAttempt):
                if row.id.startswith("token:") and (row.facts or {}).get("code_hash") == code_hash:
                    tx.remove(SignInAttempt, id=row.id)

        await self._store.write(command)

    async def _keep(self, id: str, grant: CodeGrant | TokenGrant) -> None:
        facts = {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(grant).items()
        }
        row = SignInAttempt(id=id, facts=facts, expires_at=grant.expires_at)
        await self._store.write(lambda tx: tx.add(row))


def _taken(tx: Transaction, id: str) -> CodeGrant | None:
    row = tx.get(SignInAttempt, id)
    if row is None:
        return None
    tx.remove(SignInAttempt, id=id)
    return CodeGrant(**_facts(row))


def _facts(row: SignInAttempt) -> dict[str, Any]:
    """As they were kept: what ends in `_at` or `_time` is a time."""
    return {
        name: datetime.fromisoformat(value) if name.endswith(("_at", "_time")) else value
        for name, value in (row.facts or {}).items()
    }
