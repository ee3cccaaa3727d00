"""Authorization codes and access tokens of the development provider: stored as hashes, codes given out once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """What a code stands for until it is exchanged."""

    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str
    scope: str
    subject: str
    auth_time: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What an access token opens, and the code it came from."""

    code_hash: str
    subject: str
    scope: str
    expires_at: datetime


class CodeStore(Protocol):
    """Keeps both kinds until they end."""

    async def put_code(self, code_hash: str, grant: CodeGrant) -> None:
        """Keep a new code."""
        ...

    async def take_code(self, code_hash: str) -> CodeGrant | None:
        """Give the code out and forget it, in one act: of two at once, one gets None."""
        ...

    async def put_token(self, token_hash: str, grant: TokenGrant) -> None:
        """Keep a new access token."""
        ...

    async def token(self, token_hash: str) -> TokenGrant | None:
        """What this access token opens."""
        ...

    async def revoke(self, code_hash: str) -> None:
        """Forget the access tokens that came from this code."""
        ...


class MemoryCodeStore:
    """In memory, which is all the development provider needs: a restart ends every sign-in under way."""

    def __init__(self) -> None:
        self._codes: dict[str, CodeGrant] = {}
        self._tokens: dict[str, TokenGrant] = {}

    async def put_code(self, code_hash: str, grant: CodeGrant) -> None:
        """Keep a new code, and drop those that ended before it was made."""
        self._codes = {key: kept for key, kept in self._codes.items() if kept.expires_at > grant.auth_time}
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept.expires_at > grant.auth_time}
        self._codes[code_hash] = grant

    async def take_code(self, code_hash: str) -> CodeGrant | None:
        """Give the code out and forget it."""
        return self._codes.pop(code_hash, None)

    async def put_token(self, token_hash: str, grant: TokenGrant) -> None:
        """Keep a new access token."""
        self._tokens[token_hash] = grant

    async def token(self, token_hash: str) -> TokenGrant | None:
        """What this access token opens."""
        return self._tokens.get(token_hash)

    async def revoke(self, code_hash: str) -> None:
        """Forget the access tokens that came from this code."""
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept.code_hash != code_hash}
