"""Access tokens for pulling data: opaque, random, kept only as a hash, good for one transfer until one moment."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.identity.faults import Unauthenticated

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """What is stored of a token: its hash, the transfer it opens, and when it ends."""

    token_hash: str
    transfer: str
    expires_at: datetime


def new_token() -> str:
    """A fresh token, 256 random bits in base64url. It exists in clear only in the answer that hands it over."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """The form a token is stored and found in: sha-256, hexadecimal. The token is random, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def grant(transfer: str, now: datetime, lifetime: timedelta) -> tuple[str, AccessGrant]:
    """A token for one transfer, and what to store of it."""
    token = new_token()
    return token, AccessGrant(token_hash(token), transfer, now + lifetime)


def check_access(token: str, stored: AccessGrant | None, transfer: str, now: datetime) -> None:
    """Let `token` open `transfer`, or raise Unauthenticated. The comparison takes the same time whatever differs."""
    known = stored or AccessGrant("", "", now)
    same = hmac.compare_digest(token_hash(token).encode(), known.token_hash.encode())
    if stored is None or not same or not hmac.compare_digest(transfer.encode(), known.transfer.encode()):
        raise Unauthenticated("access-token")
    if now >= stored.expires_at:
        raise Unauthenticated("expired")
