"""The other participants: who is known, how they are called, and that what claims to come from them does."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from connector.identity import tokens, trust
from connector.identity.faults import Unauthenticated
from connector.identity.jws import JwsProblem, read_unverified
from connector.identity.members import Member, Place, Standing
from connector.identity.speaking import PeerIdentity
from connector.identity.statements import LONGEST_STATEMENT
from connector.outbound.guard import Destination, clear
from connector.ports import Clock, Signer, Store, Transaction
from connector.problems import Problem, invalid, unauthenticated
from connector.records import MemberEntry
from connector.services import tracing
from connector.services.delivery import wake_recipient
from connector.services.exchange.restored import asked_since
from connector.services.rereading import Rereading
from connector.services.used_tokens import UsedTokens
from policy.facts import Recipient

if TYPE_CHECKING:
    from connector.outbound.answer import Answer
    from connector.outbound.client import Outbound

_REMEMBERED = 50

log = logging.getLogger("concord.trust")


class SignedRequests:
    """The production way of speaking (`PeerIdentity`): every request carries a token signed over its very bytes."""

    def __init__(
        self, signer: Signer, clock: Clock, me: str, known: tokens.MemberLookup, shared: Store | None = None
    ) -> None:
        self._signer = signer
        self._clock = clock
        self._me = me
        self._known = known
        self._replays = UsedTokens(clock, shared)
        self.learn: Callable[[str], Awaitable[bool]] | None = None
        """Reads a member's keys again; whether there are new ones."""
        self.turned_away: deque[tuple[datetime, str]] = deque(maxlen=_REMEMBERED)
        """When a request was refused, and the code of why; the caller is never told, and whoever it was is not kept."""

    async def authenticate(self, authorization: str | None, body: bytes) -> Member:
        """See the port. Never says why a token was refused; the code is for our own log."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated("A bearer token of a known participant is needed", "no-token")
        try:
            return await self._verified(token, body)
        except Unauthenticated as refused:
            log.info("a request was refused: %s", refused.code)
            self.turned_away.append((self._clock(), refused.code))
            raise unauthenticated() from None

    def named(self, authorization: str) -> str:
        """Who a token says it is from, before anything is verified; empty for what is no token of ours."""
        scheme, _, token = authorization.partition(" ")
        try:
            return tokens.claimed_issuer(token) if scheme.lower() == "bearer" else ""
        except Unauthenticated:
            return ""

    async def _verified(self, token: str, body: bytes) -> Member:
        """By a key we know, or by one that the member's own document, signed by a key we know, lists now."""
        try:
            return await self._verified_once(token, body)
        except Unauthenticated as refused:
            if refused.code != "key" or self.learn is None or not await self.learn(tokens.claimed_issuer(token)):
                raise
        return await self._verified_once(token, body)

    async def _verified_once(self, token: str, body: bytes) -> Member:
        return await tokens.verify(token, body, self._me, self._known, self._replays, self._clock())

    def sign_with(self, signer: Signer) -> None:
        """Sign with another key from the next request on."""
        self._signer = signer

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
        *,
        several: bool = False,
    ) -> None:
        self._store = store
        self._outbound = outbound
        self._clock = clock
        self._known: dict[str, Member] = {}
        shared = store if several else None  # other processes of ours have to know which tokens were used
        self._identity = identity(self) if identity else SignedRequests(signer, clock, me, self.get, shared)
        self._changing = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._rereading = Rereading(self, lambda address, to: self._outbound.get(address, to=to), clock)
        if isinstance(self._identity, SignedRequests):
            self._identity.learn = self.learn
        self.myself: Member | None = None
        self.noting: Callable[[Transaction, Member, Member], None] | None = None
        """Writes into the log that a member (as it was) shows another key (as it is now)."""

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
        async with self._writing:
            before = self._known.get(member.id)
            if member.standing is not Standing.ACTIVE:
                self._known[member.id] = member  # whoever hears the bell must find the door shut
            try:
                self._known[member.id] = await self._store.write(lambda tx: self._keep(tx, member, before))
            except Exception:
                if before is not None and self._known.get(member.id) is member:
                    self._known[member.id] = before
                raise

    async def learned(self, before: Member, found: Member) -> bool:
        """Take over the keys of `found`, unless the entry shows others than `before` by now; everything else stays.

        Somebody may have suspended the member meanwhile, or told us another key: here, or at another process of ours.
        """

        def command(tx: Transaction) -> Member | None:
            row = tx.get(MemberEntry, before.id)
            known = Member.model_validate(row.entry) if row is not None else None
            if known is None or known.origin != before.origin or _keys_of(known) != _keys_of(before):
                return None
            return self._keep(tx, known.model_copy(update=_keys_of(found)), known)

        async with self._writing:
            member = await self._store.write(command)
            if member is not None:
                self._known[member.id] = member
        return member is not None

    def _keep(self, tx: Transaction, member: Member, held: Member | None) -> Member:
        """Write an entry, made of the one that was `held`. What another process learned of its keys meanwhile stays."""
        known = tx.get(MemberEntry, member.id)
        before = Member.model_validate(known.entry) if known is not None else None
        if before is not None and held is not None and _keys_of(held) == _keys_of(member):
            member = member.model_copy(update=_keys_of(before))
        if before is not None and before.keys != member.keys and self.noting is not None:
            self.noting(tx, before, member)
        entry = member.model_dump(mode="json")
        heard_at = known.heard_at if known else None
        tx.put(MemberEntry(
            id=member.id, origin=member.origin, standing=str(member.standing), entry=entry, heard_at=heard_at
        ))  # fmt: skip
        tx.ring("consents")  # on a wallet's standing rests what may leave of its people
        tx.ring("transfers")  # and on everybody's, what runs between us
        tx.ring("members")  # of which every process that serves us has a copy
        return member

    async def learn(self, id: str) -> bool:
        """Read a member's keys again from its own document, at most every few seconds; whether there are new ones."""
        return await self._rereading.learn(id)

    async def expect(self, id: str, jws: str) -> None:
        """A statement of this member is about to be checked: if it names a key we do not know, read its keys again."""
        member = self._known.get(id)
        if member is not None and _key_named(jws) not in {jwk["kid"] for jwk in member.statement_keys}:
            await self._rereading.learn(id, patient=True)

    def sign_with(self, signer: Signer) -> None:
        """Speak with another key from the next request on."""
        if isinstance(self._identity, SignedRequests):
            self._identity.sign_with(signer)

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

    async def post(self, recipient: str, url: str, body: Mapping[str, Any], *, traced: bool = False) -> Answer:
        """POST a message to an address its recipient named. Raises Problem, OutboundRefused, Unreachable.

        `traced`: it says which trace it is part of, as nothing does that may be about a person.
        """
        member = self.reachable(recipient)
        return await self._outbound.post_json(
            url, orjson.dumps(body), to=self._identity.destination(member, url), authorization=self._as(member),
            headers=tracing.headers(traced),
        )  # fmt: skip

    async def fetch(self, recipient: str, url: str, *, traced: bool = False) -> Answer:
        """GET from an address its recipient named, `traced` as in `post`. Raises as it does."""
        member = self.active(recipient)
        to, headers = self._identity.destination(member, url), tracing.headers(traced)
        return await self._outbound.get(url, to=to, authorization=self._as(member), headers=headers)

    def _as(self, recipient: Member) -> Callable[[bytes], str]:
        return lambda sent: self._identity.authorization(recipient, sent)

    async def authenticate(self, authorization: str | None, body: bytes) -> Member:
        """The active member that sent this body. Raises Problem 401."""
        return await self._identity.authenticate(authorization, body)

    def named(self, authorization: str) -> str:
        """The active member that an `Authorization` header names; empty when it names none. Proves nothing.

        Where another identity than ours decides, everybody who says something is one.
        """
        if not isinstance(self._identity, SignedRequests):
            return authorization and "somebody"
        known = self._known.get(self._identity.named(authorization))
        return known.id if known is not None and known.standing is Standing.ACTIVE else ""

    def heard(self, tx: Transaction, id: str) -> None:
        """Note that a member has just spoken to us, so that what waits for it goes out now."""
        silent = bool(tx.find(MemberEntry, id=id, heard_at=None))
        if not silent or asked_since(tx, id) is None:  # else it counts as silent until it has said everything again
            tx.alter(MemberEntry, {"heard_at": self._clock()}, id=id)
        if silent:
            tx.ring("consents")
        wake_recipient(tx, self._clock, id)

    async def add(self, url: str, fingerprint: str, *, allow_http: bool = False, new_key: bool = False) -> Member:
        """Learn to know the participant at `url` by its own signed document. Raises Problem 400."""
        async with self._changing:
            try:
                return await trust.add_member(
                    url, fingerprint, fetch=lambda address, to: self._outbound.get(address, to=to), register=self,
                    now=self._clock(), allow_http=allow_http, new_key=new_key,
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


def _keys_of(member: Member) -> dict[str, object]:
    """The part of an entry that the member's own document decides."""
    return {name: getattr(member, name) for name in ("keys", "retired", "fingerprint", "said_at")}


def _key_named(jws: str) -> str:
    """The key a statement says it is signed by; empty for what is none."""
    try:
        return str(read_unverified(jws, LONGEST_STATEMENT)[0].get("kid", ""))
    except JwsProblem:
        return ""
