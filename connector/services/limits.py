"""How often somebody may come: an allowance per address, per participant and per person, in this process.

An allowance is a rate a second, of which ten seconds' worth may come at once (the generic cell rate algorithm: per
caller one moment is kept, the one at which everything they used up will have been given back). Whoever comes more often
gets 429 with the seconds to wait. What makes something stop (a person's stop, an opt-out, what wallets and holders say
of them) has allowances of its own: nothing else that an address, a participant or a person does uses those up.

An address is often shared (a proxy, a hospital's way out). So whoever names a member we know in a token, or shows a
session that was verified lately, is counted apart from strangers there, and strangers who fail shut out strangers only.

The clock is the process's own (`time.monotonic`), so setting the machine's clock changes nothing.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Protocol

from connector.problems import Problem

AT_ONCE: Final = 10.0
"""Seconds' worth of a rate that may come at once."""
MOST: Final = 20_000
"""Callers remembered per allowance. A caller who has everything back is forgotten first, then the oldest."""
CODE: Final = "rate-limited"
OTHER, WAY, STOP = "other", "way", "stop"
"""What a request is about: something else, the way to a stop, a stop. Each has allowances of its own."""
_STOPS: Final = frozenset(
    (
        *("/consent/consents", "/consent/withdrawals", "/consent/opt-outs", "/consent/doubts", "/consent/heartbeat"),
        *("/consent/statements", "/consent/standings", "/consent/suspensions", "/consent/endings"),
        *("/api/consents/withdraw", "/api/consents/pause", "/api/opt-outs"),
    )
)
"""Addresses at which something is made to stop, or where what has to be known for it is told."""
_OWN: Final = ("/me/", "/steward/", "/api/desk/")
_STOP_PAGES: Final = ("/stop", "/stopped", "/pause", "/paused", "/opt-out", "/limit", "/limited")
"""Below a person's own pages and those of the desk: how the addresses end at which something is made to stop."""
_WAY: Final = frozenset({"", "sign-in", "me", "record", "static"})
"""First steps of the addresses that lead there."""
_SWEEP: Final = 1.0
_ROUNDED: Final = 1e-6
"""Seconds that are no wait: sums of steps are not exact."""
PEERS: Final = ("/dsp/", "/consent/")
"""Doors at which every request has to show by a token which participant sent it."""
_APART: Final = ("/idp/back-channel", "/health/")
"""Doors for strangers that nothing strangers do elsewhere may close."""
_LONGEST: Final = 64
"""Characters of a text that may be an address. Of a proxy's header it may be anything."""
_NOWHERE: Final = "no address"
_SAME_PLACE: Final = 64
"""Bits of an IPv6 address that count: whoever has one of them has all that begin so."""


class Rates(Protocol):
    """The settings: requests a second, 0 for as many as come."""

    @property
    def limit_address(self) -> int:
        """Of one address."""
        ...

    @property
    def limit_participant(self) -> int:
        """Of one participant, once it has shown who it is."""
        ...

    @property
    def limit_person(self) -> int:
        """Of one signed-in person."""
        ...

    @property
    def limit_refused(self) -> int:
        """Of one address, of requests that did not show who sent them. Beyond it, who names nobody we know waits."""
        ...


class Allowance:
    """One kind of caller. `rate` a second, 0: no limit."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._step = 1 / rate if rate else 0.0
        self._now = now
        self._most = most
        self._back: dict[str, float] = {}
        self._swept = -math.inf

    def take(self, caller: str) -> float:
        """0.0, and one is used; or the seconds until one is to be had, and nothing is used."""
        if not self._step:
            return 0.0
        now = self._now()
        back = max(self._back.get(caller, now), now)
        if (wait := back - now - (AT_ONCE - self._step)) > _ROUNDED:
            return wait
        if caller not in self._back and len(self._back) >= self._most:
            self._make_room(now)
        self._back[caller] = back + self._step
        return 0.0

    def left(self, caller: str) -> float:
        """The same without using anything."""
        if not self._step:
            return 0.0
        wait = self._back.get(caller, 0.0) - self._now() - (AT_ONCE - self._step)
        return wait if wait > _ROUNDED else 0.0

    def __len__(self) -> int:
        return len(self._back)

    def _make_room(self, now: float) -> None:
        """Forget who has everything back, at most once a second; else who came first."""
        if now - self._swept >= _SWEEP:
            self._swept = now
            self._back = {caller: back for caller, back in self._back.items() if back > now}
        while len(self._back) >= self._most:
            del self._back[next(iter(self._back))]


class Limits:
    """All allowances of a process; `path` is that of a request, and says which of them it uses."""

    def __init__(self, rates: Rates | None = None, now: Callable[[], float] = time.monotonic) -> None:
        def each(rate: int) -> dict[str, Allowance]:
            return {kind: Allowance(rate, now) for kind in (OTHER, WAY, STOP)}

        self._addresses = each(rates.limit_address if rates else 0)
        self._participants = each(rates.limit_participant if rates else 0)
        self._people = each(rates.limit_person if rates else 0)
        self._refused = Allowance(rates.limit_refused if rates else 0, now)
        self._sessions: dict[str, None] = {}

    def of_address(self, place: str, path: str, *, member: str = "", session: str = "") -> float:
        """The seconds this request has to wait, or 0.0.

        `member` is the active member that its token names (not verified yet), `session` the id of the session that its
        cookie names. Either is counted apart from strangers of the place, and strangers refused there do not touch it.
        """
        if path.startswith(PEERS) and not member and (wait := self._refused.left(place)):
            return wait
        return self._addresses[kind_of(path)].take(self._caller(place, path, member, session))

    def _caller(self, place: str, path: str, member: str, session: str) -> str:
        if member:
            return f"{place} {member}"
        if session:
            return session if session in self._sessions else f"{place} session"
        door = next((door for door in _APART if path.startswith(door)), "")
        return f"{place} {door}" if door else place

    def met(self, session: str) -> None:
        """A session was just found to be somebody's: what else comes from their address does not count for them."""
        if session not in self._sessions:
            while len(self._sessions) >= MOST:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[session] = None

    def over(self, session: str) -> None:
        """There is no such session (any more)."""
        self._sessions.pop(session, None)

    def refused(self, place: str) -> None:
        """Somebody there did not show who they are."""
        self._refused.take(place)

    def participant(self, id: str, path: str) -> None:
        """Count one request of a participant. Raises Problem 429."""
        _admit(self._participants[kind_of(path)].take(id))

    def person(self, account: str, path: str) -> None:
        """Count one request of a person who is signed in. Raises Problem 429."""
        _admit(self._people[kind_of(path)].take(account))


def kind_of(path: str) -> str:
    """Whether something is made to stop there, somebody is on the way to do so, or neither."""
    if path in _STOPS or (path.startswith(_OWN) and path.endswith(_STOP_PAGES)):
        return STOP
    return WAY if path.removeprefix("/").partition("/")[0] in _WAY else OTHER


def place_of(address: str) -> str:
    """Who counts as one address: an IPv4 address, or an IPv6 network of 64 bits. All that is neither is one place."""
    return _place(address) if len(address) <= _LONGEST else _NOWHERE


@lru_cache(maxsize=4096)
def _place(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return _NOWHERE
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.is_loopback:
        return "::1"
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> _SAME_PLACE << _SAME_PLACE, _SAME_PLACE)))


def too_often(wait: float) -> Problem:
    """The refusal of somebody who has to wait so many seconds."""
    seconds = max(1, math.ceil(wait))
    return Problem(
        429, CODE, "Too many requests came from here", "Nothing was done with this one", retry_after=seconds,
        accepted=f"the same again in {seconds} {'second' if seconds == 1 else 'seconds'}",
    )  # fmt: skip


def _admit(wait: float) -> None:
    if wait:
        raise too_often(wait)
