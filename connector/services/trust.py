"""The other participants: who is known, how they are called, and that what claims to come from them does."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from connector.identity import tokens, trust
from connector.identity.faults import Unauthenticated
from connector.identity.members import Member, Place, Standing
from connector.identity.replay import MemoryReplayStore
from connector.identity.speaking import PeerIdentity
from connector.outbound.guard import Destination, clear
from connector.ports import Clock, Signer, Store, Transaction
from connector.problems import Problem, invalid, unauthenticated
from connector.records import MemberEntry
from connector.services.delivery import wake_recipient
from policy.facts import Recipient

if TYPE_CHECKING:
    from connector.outbound.answer import Answer
    from connector.outbound.client import Outbound

_TOKEN_TIME = timedelta(seconds=120)
_REMEMBERED = 50

log = logging.getLogger("concord.trust")


class _Replays:
    """Used tokens, in memory. Tokens issued before this process started are refused: they may have been used.

    The sender's courier takes that 401 for "later" and comes again with a fresh token.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen = MemoryReplayStore()
        self._started = clock().replace(microsecond=0)
        self._swept_at = self._started

    async def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """See `connector.identity.replay.ReplayStore`."""
        if until - _TOKEN_TIME < self._started:
            return False
        now = self._clock()  # ours: a sender whose clock is ahead must not make us forget too early
        if now - self._swept_at > _TOKEN_TIME:
            self._swept_at = now
            self._seen.forget(now)
        return await self._seen.remember(issuer, jti, until)


class SignedRequests:
    """The production way of speaking (`PeerIdentity`): every request carries a token signed over its very bytes."""

    def __init__(self, signer: Signer, clock: Clock, me: str, known: tokens.MemberLookup) -> None:
        self._signer = signer
        self._clock = clock
        self._me = me
        self._known = known
        self._replays = _Replays(clock)
        self.turned_away: deque[tuple[datetime, str]] = deque(maxlen=_REMEMBERED)
        """When a request was refused, and the code of why; the caller is never told, and whoever it was is not kept."""

    async def authenticate(self, authorization: str | None, body: bytes) -> Member:
        """See the port. Never says why a token was refused; the code is for our own log."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated("A bearer token of a known participant is needed", "no-token")
        try:
            return await tokens.verify(token, body, self._me, self._known, self._replays, self._clock())
        except Unauthenticated as refused:
            log.info("a request was refused: %s", refused.code)
            self.turned_away.append((self._clock(), refused.code))
            raise unauthenticated() from None

    def authorization(self, recipient: Member, body: bytes) -> str:
        """See the port."""
        return f"Bearer {tokens.mint(self._signer, self._me, recipient.id, body, self._clock())}"

    def destination(self, member: Member, url: str) -> Destination:  # noqa: ARG002 - the port's form
        """Public https, or exactly the origin in the register."""
        return member.destination


class Members:
    """The members register in the store, with a copy in memory for the hot path."""

    def __init__(
        self,
        store: Store,
        outbound: Outbound,
        signer: Signer,
        clock: Clock,
        me: str,
        identity: Callable[[Members], PeerIdentity] | None = None,
    ) -> None:
        self._store = store
        self._outbound = outbound
        self._clock = clock
        self._known: dict[str, Member] = {}
        self._identity = identity(self) if identity else SignedRequests(signer, clock, me, self.get)
        self._changing = asyncio.Lock()
        self.myself: Member | None = None

    async def load(self) -> None:
        """Read the register; call once at the start and after another process may have changed it."""
        entries = await self._store.read(lambda tx: tx.find(MemberEntry))
        self._known = {entry.id: Member.model_validate(entry.entry) for entry in entries}

    async def get(self, id: str) -> Member | None:
        """The entry with this id, whatever its standing (the MembersRegister port)."""
        return self._known.get(id)

    async def all(self) -> list[Member]:
        """Every entry, ordered by id (the MembersRegister port)."""
        return [self._known[id] for id in sorted(self._known)]

    async def put(self, member: Member) -> None:
        """Add or replace an entry (the MembersRegister port). One that is not active is let in nowhere from now on."""
        entry = MemberEntry(
            id=member.id, origin=member.origin, standing=str(member.standing), entry=member.model_dump(mode="json")
        )

        def command(tx: Transaction) -> None:
            known = tx.get(MemberEntry, member.id)
            tx.put(replace(entry, heard_at=known.heard_at if known else None))
            tx.ring("consents")  # on a wallet's standing rests what may leave of its people
            tx.ring("transfers")  # and on everybody's, what runs between us
            tx.ring("members")  # of which every process that serves us has a copy

        before = self._known.get(member.id)
        if member.standing is not Standing.ACTIVE:
            self._known[member.id] = member  # whoever hears the bell must find the door shut
        try:
            await self._store.write(command)
        except Exception:
            if before is not None and self._known.get(member.id) is member:
                self._known[member.id] = before
            raise
        self._known[member.id] = member

    @property
    def turned_away(self) -> Sequence[tuple[datetime, str]]:
        """When requests were refused lately, and why; empty where another identity than ours decides."""
        return tuple(getattr(self._identity, "turned_away", ()))

    def known(self, id: str) -> Member | None:
        """The entry with this id, from memory."""
        return self._known.get(id)

    def others(self) -> list[Member]:
        """Every active member."""
        return [self._known[id] for id in sorted(self._known) if self._known[id].standing is Standing.ACTIVE]

    def everybody(self) -> list[Member]:
        """Every active member, and this participant itself."""
        return [*self.others(), *([self.myself] if self.myself else [])]

    def name_of(self, id: str) -> str:
        """How a participant is called; its id when we do not know it."""
        if self.myself is not None and id == self.myself.id:
            return self.myself.name
        found = self._known.get(id)
        return found.name if found else id

    def active(self, id: str) -> Member:
        """An active member. Raises Problem 400."""
        found = self._known.get(id)
        if found is None or found.standing is not Standing.ACTIVE:
            raise invalid("This participant is not an active member", "participant", "an active member of the register")
        return found

    def reachable(self, id: str) -> Member:
        """A participant we know, however it stands: a suspended one is still told of withdrawals. Raises Problem."""
        found = self._known.get(id)
        if found is None:
            raise invalid("We do not know this participant", "participant", "a member of the register")
        return found

    def place_of(self, id: str) -> Recipient | None:
        """Where a participant is and keeps data, as a fact for a decision; None when nobody has said."""
        found = self._known.get(id)
        return None if found is None or found.place is None else Recipient(**found.place.model_dump())

    def speaks_exchange(self, id: str) -> bool:
        """Whether a participant can be told of withdrawals by message at all."""
        found = self._known.get(id)
        return found is not None and found.consent is not None

    def exchange(self, id: str) -> str:
        """The base address of a participant's consent exchange. Raises Problem 400 when it has none."""
        member = self.reachable(id)
        if member.consent is None:
            raise invalid(f"{member.name} does not speak the consent exchange", "participant")
        return member.consent

    def check_callback(self, member: Member, address: str) -> None:
        """Whether we may call this address, which the member named. Raises OutboundRefused."""
        clear(address, self._identity.destination(member, address))

    def destination(self, member: Member, url: str) -> Destination:
        """Where a request to an address this member named may go."""
        return self._identity.destination(member, url)

    async def post(self, recipient: str, url: str, body: Mapping[str, Any]) -> Answer:
        """POST a message to an address its recipient named. Raises Problem, OutboundRefused, Unreachable."""
        member = self.reachable(recipient)
        return await self._outbound.post_json(
            url, orjson.dumps(body), to=self._identity.destination(member, url), authorization=self._as(member)
        )

    async def fetch(self, recipient: str, url: str) -> Answer:
        """GET from an address its recipient named. Raises Problem, OutboundRefused, Unreachable."""
        member = self.active(recipient)
        return await self._outbound.get(url, to=self._identity.destination(member, url), authorization=self._as(member))

    def _as(self, recipient: Member) -> Callable[[bytes], str]:
        return lambda sent: self._identity.authorization(recipient, sent)

    async def authenticate(self, authorization: str | None, body: bytes) -> Member:
        """The active member that sent this body. Raises Problem 401."""
        return await self._identity.authenticate(authorization, body)

    def heard(self, tx: Transaction, id: str) -> None:
        """Note that a member has just spoken to us, so that what waits for it goes out now."""
        if tx.find(MemberEntry, id=id, heard_at=None):
            tx.ring("consents")
        tx.alter(MemberEntry, {"heard_at": self._clock()}, id=id)
        wake_recipient(tx, self._clock, id)

    async def add(self, url: str, fingerprint: str, *, allow_http: bool = False) -> Member:
        """Learn to know the participant at `url` by its own signed document. Raises Problem 400."""
        async with self._changing:
            try:
                return await trust.add_member(
                    url, fingerprint, fetch=lambda address, to: self._outbound.get(address, to=to), register=self,
                    now=self._clock(), allow_http=allow_http,
                )  # fmt: skip
            except trust.TrustRefused as refused:
                raise Problem(400, f"trust-{refused.code}", "The participant was not added", str(refused)) from None

    async def set_place(self, id: str, place: Place) -> Member:
        """Note where a member is and keeps data; from the next decision on it counts. Raises Problem 400."""
        async with self._changing:
            try:
                return await trust.set_place(id, place, register=self)
            except trust.TrustRefused as refused:
                raise Problem(400, f"trust-{refused.code}", "The register was not changed", str(refused)) from None

    async def set_standing(self, id: str, standing: str) -> Member:
        """Suspend, remove or listen again to a member. Raises Problem 400."""
        async with self._changing:
            try:
                return await trust.set_standing(id, Standing(standing), register=self)
            except trust.TrustRefused as refused:
                raise Problem(400, f"trust-{refused.code}", "The register was not changed", str(refused)) from None
