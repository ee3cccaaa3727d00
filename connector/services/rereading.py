"""Learning a member's new keys: its own document is read again, and believed when a key we know has signed it.

Somebody who does not know the key could make us read by naming keys that do not exist. So a member's document is read
by one at a time, whoever else asks waits for that, and not again for some seconds.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from connector.identity import trust
from connector.identity.members import Member, Standing

if TYPE_CHECKING:
    from connector.identity.trust import Fetch
    from connector.ports import Clock
    from connector.services.trust import Members

REST = 5.0
"""Seconds after reading a member's document in which it is not read again."""

log = logging.getLogger("concord.trust")


class Rereading:
    """Reads documents again for one register. It keeps the times of its last reads in memory, one for each member."""

    def __init__(self, members: Members, fetch: Fetch, clock: Clock) -> None:
        self._members = members
        self._fetch = fetch
        self._clock = clock
        self._reading: dict[str, asyncio.Task[bool]] = {}
        self._read_at: dict[str, float] = {}

    async def learn(self, id: str, *, patient: bool = False) -> bool:
        """Whether a member has keys now that it did not have before. False for nobody.

        Too soon after a look it is False too, unless the caller is `patient`: then there is another look in time.
        """
        if patient:
            await asyncio.sleep(self._rest(id))
        member = self._members.known(id)
        if member is None or member.standing is Standing.REMOVED:
            return False
        running = self._reading.get(id)
        if running is None:
            if self._rest(id):
                return False
            self._read_at[id] = asyncio.get_running_loop().time()
            running = self._reading[id] = asyncio.create_task(self._read(member))
            running.add_done_callback(lambda _done: self._reading.pop(id, None))
        return await asyncio.shield(running)

    def _rest(self, id: str) -> float:
        """Seconds until this member's document may be read again."""
        now = asyncio.get_running_loop().time()
        return max(0.0, self._read_at.get(id, now - REST) + REST - now)

    async def _read(self, member: Member) -> bool:
        found = await trust.read_again(member, fetch=self._fetch, register=self._members, now=self._clock())
        if found is not None and await self._members.learned(member, found):
            log.info("a member shows a newer key, and its document is signed by one we know")
            return True
        known = self._members.known(member.id)
        return known is not None and known.keys != member.keys
