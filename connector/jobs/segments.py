"""Fetching a release segment by segment from a provider of ours: listed, each by its strong validator, gone on with.

What the sender takes back (410: somebody in it stopped, or what it was made of changed) is dropped, and the list is
read again: it names what took its place, or nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from connector.dataplane.tally import Dropped
from connector.dataplane.unpacking import NotOpened, TooLarge
from connector.jobs.intake import NotOurs
from connector.jobs.pulling import (
    CLOSED,
    Again,
    Closed,
    Ended,
    authorized,
    code_of,
    document,
    not_refused,
    or_nothing,
)
from connector.outbound.answer import MIB, Caps
from connector.outbound.faults import Unreachable
from connector.services.exchange import speech
from connector.services.received.listing import Listed, Listing, NoListing, read_listing

if TYPE_CHECKING:
    from connector.jobs.arrival import Arrivals
    from connector.jobs.piecewise import Piecewise
    from connector.outbound.answer import Answer
    from connector.outbound.guard import Destination
    from connector.outbound.incoming import Incoming
    from connector.records import Transfer
    from connector.services.context import Context
    from contracts import edc

NO_DELTA = "The sender does not know what we carry on from, or sends no changes alone: ask for a whole release."
TOO_LARGE = "A segment, or a line of it, is larger than one may be. Nothing more is fetched; its sender can tell why."
_LISTS = Caps(body=32 * MIB)
_REASONS = Caps(body=MIB)
_PAUSE = 1.0
_TAKEN_BACK = 100
"""Segments a sender may take back in one attempt; then we wait, as for any other no."""
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_SUCCESSOR = re.compile(r".*/segments/([0-9a-f]{32,128})(?:\?.*)?")


class SegmentPull:
    """One attempt at one release."""

    def __init__(
        self, context: Context, arrivals: Arrivals, reach: edc.Reach, destination: Callable[[str], Destination]
    ) -> None:
        self._context = context
        self._arrivals = arrivals
        self._reach = reach
        self._destination = destination

    async def attempt(self, transfer: Transfer) -> Piecewise | None:
        """Everything that is listed; None where the sender has no segments. Raises Again, Closed, Ended."""
        arrival = await self._awaiting_manifest(transfer) or await self._begun(transfer)
        if arrival is None:
            return None
        taken_back = 0
        try:
            while (wanted := arrival.next()) is not None:
                if await self._is_fetched(arrival, wanted):
                    continue
                taken_back += 1
                if taken_back > _TAKEN_BACK:
                    raise Again("the sender takes back what it lists, again and again", refused=True)
                await self._relisted(arrival)
        except Dropped:
            raise Again("what had come of a segment was dropped") from None
        except (TooLarge, NotOurs):
            await arrival.anew()
            raise Ended(TOO_LARGE, "broken") from None
        except NotOpened as fault:
            await arrival.anew()
            raise Again(f"a segment cannot be opened: {fault}", refused=True) from None
        finally:
            await asyncio.shield(arrival.close())
        return arrival

    async def _begun(self, transfer: Transfer) -> Piecewise | None:
        continues = await self._arrivals.continues(transfer.pid)
        listing = await self._listing(continues)
        if listing is None and continues:
            raise Ended(NO_DELTA)
        if listing is None:
            return None
        arrival = self._arrivals.piecewise(transfer, listing)
        await arrival.begin()
        return arrival

    async def _awaiting_manifest(self, transfer: Transfer) -> Piecewise | None:
        """Where every segment is here, and the sender has signed for exactly that: asking for a list begins anew."""
        known = await self._arrivals.all_here(transfer.pid)
        if known is None:
            return None
        answer = await self.ask("/manifest")
        jws = document(answer.body).get("manifest") if answer.ok else None
        if not isinstance(jws, str) or speech.unverified_claim(jws, "release") != known.release:
            return None
        arrival = self._arrivals.piecewise(transfer, known)
        await arrival.begin()
        return arrival if arrival.next() is None else None

    # --- the list -----------------------------------------------------------------------------------------------------

    async def _listing(self, continues: str) -> Listing | None:
        """What the release consists of, once that is planned; None where the sender has no such list."""
        query = f"?{urlencode({'continues': continues})}" if continues else ""
        answer = await self.ask(f"/segments{query}")
        if answer.status == 404:
            return None
        if answer.status == 202:
            raise Again("the sender is preparing it", waiting=True)
        if answer.status == 409 and continues:
            raise Ended(NO_DELTA)
        not_refused(answer.status, answer.body, "nothing")
        _admitted(answer.status, code_of(document(answer.body)))
        try:
            return read_listing(orjson.loads(answer.body))
        except (orjson.JSONDecodeError, NoListing) as fault:
            why = str(fault) if isinstance(fault, NoListing) else "it is no JSON"
            raise Again(f"the list of segments cannot be read: {why}", refused=True) from None

    async def ask(self, path: str) -> Answer:
        """A short answer below the transfer's address. Raises Again when none comes."""
        url = self._reach.endpoint + path
        try:
            return await self._context.outbound.send(
                "GET", url, to=self._destination(url), headers=authorized(self._reach), content=b"", caps=_LISTS
            )
        except Unreachable as fault:
            raise Again(str(fault)) from None

    async def _relisted(self, arrival: Piecewise) -> None:
        listing = await self._listing(await self._arrivals.continues(arrival.transfer.pid))
        if listing is None or not await arrival.relist(listing):
            raise Again("the sender lists other segments than before")

    # --- one segment --------------------------------------------------------------------------------------------------

    async def _is_fetched(self, arrival: Piecewise, one: Listed) -> bool:
        """Take one segment in; False when the sender has taken it back."""
        encoding, stored = await arrival.stored(one)
        if arrival.is_all(one, stored):
            await arrival.open(one, encoding, stored, stored)
            await arrival.whole()
            return True
        headers = authorized(self._reach) | _after(one, encoding, stored)
        url = f"{self._reach.endpoint}/segments/{one.id}"
        stream = self._context.outbound.stream
        # What has begun in one encoding goes on in it.
        asked = encoding if stored else "zstd"
        try:
            async with stream(url, to=self._destination(url), headers=headers, encoding=asked) as incoming:
                if incoming.status == 410:
                    problem = document(await incoming.read())
                    if code_of(problem) == "not-open":
                        raise Closed
                    await arrival.gone(one, _successor(problem))
                    return False
                if incoming.status == 403:
                    not_refused(403, await incoming.read(), "nothing more")
                if incoming.status in (412, 416):
                    await arrival.anew()
                    raise Again("what has come of a segment cannot be gone on with")
                _admitted(incoming.status)
                start, size = _placed(incoming, one, stored)
                await arrival.open(one, incoming.encoding, start, size)
                await _take(arrival, incoming)
        except Unreachable as fault:
            raise Again(str(fault)) from None
        await arrival.whole()
        return True


async def _take(arrival: Piecewise, incoming: Incoming) -> None:
    parts: AsyncIterator[bytes] = or_nothing(incoming.chunks(), _PAUSE)
    async with aclosing(parts) as coming:  # type: ignore[type-var] # it is a generator
        async for data in coming:
            await arrival.feed(data)


def _after(one: Listed, encoding: str, stored: int) -> dict[str, str]:
    """What asks for the rest of a segment; nothing when it begins."""
    if not stored:
        return {}
    return {"range": f"bytes={stored}-", "if-range": _etag(one, encoding)}


def _etag(one: Listed, encoding: str) -> str:
    return f'"{one.id}"' if encoding == "identity" else f'"{one.id}+{encoding}"'


def _placed(incoming: Incoming, one: Listed, stored: int) -> tuple[int, int | None]:
    """Where in the segment the body begins, and how long the whole is. Raises Again when it is something else."""
    if incoming.headers.get("etag", "").strip() != _etag(one, incoming.encoding):
        raise Again("the segment is not the one asked for", refused=True)
    if incoming.status != 206:
        length = incoming.headers.get("content-length", "")
        return 0, int(length) if length.isascii() and length.isdigit() else None
    found = _RANGE.fullmatch(incoming.headers.get("content-range", "").strip())
    if found is None or int(found[1]) != stored or int(found[2]) + 1 != int(found[3]):
        raise Again("the rest of the segment is not the one asked for", refused=True)
    return stored, int(found[3])


def _admitted(status: int, why: str = "") -> None:
    """Raises Again or Closed unless the sender lets us in; `why` is the code it gave."""
    if status == 404:
        raise Again("the sender does not know this segment", refused=True)
    if status in CLOSED:
        raise Closed
    if not 200 <= status < 300:
        raise Again(f"status {status} ({why})" if why else f"status {status}")


def _successor(problem: Mapping[str, Any]) -> str:
    """The id of what takes a segment's place; empty when nothing does, or none can be read."""
    href = problem.get("successor")
    found = _SUCCESSOR.fullmatch(href) if isinstance(href, str) else None
    return found[1] if found else ""
