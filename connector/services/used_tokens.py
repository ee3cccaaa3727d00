"""Which tokens of other participants have been used: in memory, and where several processes serve us, in the store too.

There a token is noted before anything is done for it. What is done in a transaction may note it in that same one
(`Spending`), so that a message costs one commit; everything else notes it by itself.
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime, timedelta

from connector.identity.replay import MemoryReplayStore
from connector.ports import Clock, Duplicate, Store, Transaction
from connector.problems import unauthenticated
from connector.records import UsedToken

TOKEN_TIME = timedelta(seconds=120)
"""No token is accepted longer than this after it was made."""

MARGIN = timedelta(hours=1)
"""How much longer a used token is remembered: a clock that is set back makes what had ended good again."""
MOST = 50_000
"""More than these are remembered only while they are good: some 20 MB."""


class UsedTokens:
    """Implements `connector.identity.replay.ReplayStore`.

    Tokens issued before this process started are refused: they may have been used. The sender's courier takes that 401
    for "later" and comes again with a fresh token.
    """

    def __init__(self, clock: Clock, shared: Store | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self._seen = MemoryReplayStore()
        self._started = clock().replace(microsecond=0)
        self._swept_at = self._started

    async def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """See the port."""
        now = self._clock()  # ours: a sender whose clock is ahead must not make us forget too early
        if now < self._started:
            # Our clock was set back behind our start. What was used in the time to come cannot be known any more; a
            # message's own @id keeps it from counting twice.
            self._started = self._swept_at = now.replace(microsecond=0)
        if until - TOKEN_TIME < self._started:
            return False
        if abs(now - self._swept_at) > TOKEN_TIME:
            self._swept_at = now
            self._seen.forget(now - MARGIN)
            self._seen.shorten(MOST, now)
        if not await self._seen.remember(issuer, jti, until):
            return False
        return self._shared is None or await self._noted(self._shared, UsedToken(issuer=issuer, jti=jti, until=until))

    async def _noted(self, store: Store, token: UsedToken) -> bool:
        waiting = _WAITING.get()
        if waiting is not None:
            waiting.token = token
            return True
        try:
            await store.write(lambda tx: tx.add(token))
        except Duplicate:
            return False
        return True


class Spending:
    """A token that was found good and is still to be noted, by the transaction it is used in."""

    def __init__(self) -> None:
        self.token: UsedToken | None = None

    def note(self, tx: Transaction) -> None:
        """Note it, if there is one. Raises Problem 401 when another process has taken it."""
        if self.token is not None:
            try:
                tx.add(self.token)
            except Duplicate:
                raise unauthenticated() from None

    async def alone(self, store: Store) -> None:
        """Note it in a transaction of its own: the one it was to be noted in was taken back. Raises Problem 401."""
        if self.token is not None:
            await store.write(self.note)


_WAITING: ContextVar[Spending | None] = ContextVar("token", default=None)


def spending() -> Spending:
    """From now on, in this request: what is found good waits here to be noted."""
    made = Spending()
    _WAITING.set(made)
    return made


def unspent() -> Spending:
    """What waits to be noted in this request; from now on nothing waits any more."""
    found = _WAITING.get() or Spending()
    _WAITING.set(None)
    return found
