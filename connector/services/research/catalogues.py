"""Fetching other participants' catalogues (DSP 2025-1): page by page, one odd dataset or absent provider at a time.

A catalogue is foreign text. What cannot be negotiated is left out; a number of people below ten is not passed on even
when its provider wrote it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from catalog.listing import CatalogUnreadable, Listing, read_catalog, read_dataset
from catalog.search import Search
from catalog.smallnumbers import FEWER, THRESHOLD
from connector.identity.members import Member
from connector.outbound.answer import Answer
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.outbound.origins import Origin
from connector.problems import Problem, missing, unavailable
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.research.views import CatalogueEntry, Offer
from connector.services.rooms.names import sentences
from contracts.messages import CatalogRequestMessage
from policy.categories import words
from policy.odrl import PolicyError, compiled

log = logging.getLogger("concord.catalogue")
PROVIDERS = ("hospital", "vendor", "participant")
_PAGES = 50
_NEXT = re.compile(r"<([^<>]+)>\s*;[^,<]*?\brel=\"?next\"?(?![\w-])", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Found:
    """A dataset as its provider lists it, with the period it is about."""

    listing: Listing
    temporal: str | None


class Catalogues:
    """The consumer's side of the catalog protocol."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def providers(self) -> list[Member]:
        """Active members that may offer data."""
        return [member for member in self._context.members.others() if member.role in PROVIDERS]

    async def everything(self) -> list[Found]:
        """Every provider's datasets; one that does not answer is left out, and noted in our own log."""
        members = self.providers()
        answers = await asyncio.gather(*(self.of(member) for member in members), return_exceptions=True)
        found: list[Found] = []
        for member, answer in zip(members, answers, strict=True):
            if isinstance(answer, Problem):
                log.warning("no catalogue", extra={"provider": member.id, "code": answer.code})
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found += answer
        return found

    async def of(self, member: Member) -> list[Found]:
        """One provider's datasets. Raises Problem 502, 503."""
        found: list[Found] = []
        url: str | None = f"{member.dsp}/catalog/request"
        visited: set[str] = set()
        while url is not None and url not in visited and len(visited) < _PAGES:
            visited.add(url)
            message = CatalogRequestMessage(id=new_id()).wire()
            answer = await self._asked(member, self._context.members.post(member.id, url, message, traced=True))
            found += _datasets(member, answer)
            url = _next_page(member, answer)
        return found

    async def one(self, member: Member, dataset: str) -> Found:
        """One dataset. Raises Problem 404, 502, 503."""
        url = f"{member.dsp}/catalog/datasets/{quote(dataset, safe=':')}"
        answer = await self._asked(member, self._context.members.fetch(member.id, url, traced=True))
        body = _parsed(member, answer)
        try:
            return Found(read_dataset(body, member.id), _period(body))
        except CatalogUnreadable:
            raise _not_understood(member) from None

    async def _asked(self, member: Member, exchange: Any) -> Answer:
        try:
            answer: Answer = await exchange
        except (OutboundRefused, Unreachable):
            raise unavailable(f"{member.name} cannot be reached now. Try again later", "provider-away") from None
        if answer.status == 404:
            raise missing(f"There is no such dataset in the catalogue of {member.name}")
        if not answer.ok:
            raise Problem(502, "provider-refused", f"{member.name} does not show its catalogue", f"{answer.status}")
        return answer

    def entry(self, found: Found) -> CatalogueEntry | None:
        """A dataset as people read it; None when none of its offers is a policy."""
        listing = found.listing
        offers = [made for offer in listing.offers if (made := _offer(offer)) is not None]
        if not offers:
            return None
        return CatalogueEntry(
            provider=listing.provider, provider_name=self._context.members.name_of(listing.provider),
            dataset=listing.id, title=listing.title, description=listing.description,
            categories=list(dict.fromkeys(words(key) for key in listing.categories)), kind=listing.kind,
            offers=offers, expected_yield=_at_least_ten(listing.expected_yield.people), temporal=found.temporal,
            later=list(listing.expected_yield.later),
        )  # fmt: skip


def narrowed(found: Iterable[Found], text: str, category: str | None) -> list[Found]:
    """What fits the words and the category, best first."""
    by_id = {(one.listing.provider, one.listing.id): one for one in found}
    search = Search(one.listing for one in by_id.values())
    hits = search.find(text, {"category": [category]} if category else None).listings
    return [by_id[hit.provider, hit.id] for hit in hits]


def _datasets(member: Member, answer: Answer) -> list[Found]:
    body = _parsed(member, answer)
    try:
        read = read_catalog(body)
    except CatalogUnreadable:
        raise _not_understood(member) from None
    if read.provider != member.id:
        raise _not_understood(member)
    if read.unreadable:
        log.warning("datasets left out", extra={"provider": member.id, "count": len(read.unreadable)})
    raw = body.get("dataset")
    periods = {
        one.get("@id"): _period(one) for one in (raw if isinstance(raw, list) else [raw]) if isinstance(one, dict)
    }
    return [Found(listing, periods.get(listing.id)) for listing in read.listings]


def _parsed(member: Member, answer: Answer) -> dict[str, Any]:
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise _not_understood(member) from None
    if not isinstance(body, dict):
        raise _not_understood(member)
    return body


def _next_page(member: Member, answer: Answer) -> str | None:
    """The next page, if it lies where the provider lives: our token is for nobody else."""
    named = _NEXT.search(answer.headers.get("link", ""))
    if named is None:
        return None
    try:
        return named[1] if Origin.parse(named[1]) == Origin.parse(member.dsp) else None
    except OutboundRefused:
        return None


def _offer(policy: Mapping[str, Any]) -> Offer | None:
    try:
        compiled(policy)
    except PolicyError:
        return None
    return Offer(str(policy["@id"]), sentences(policy), dict(policy))


def _period(body: Mapping[str, Any]) -> str | None:
    given = body.get("dct:temporal")
    if not isinstance(given, Mapping):
        return None
    start, end = (str(given.get(term) or "")[:10] for term in ("dcat:startDate", "dcat:endDate"))
    return f"{start or 'the beginning'} to {end or 'now'}" if start or end else None


def _at_least_ten(text: str) -> str | None:
    small = any(int(digits) < THRESHOLD for digits in _DIGITS.findall(text))
    return (FEWER if small else text[:60]) or None


def _not_understood(member: Member) -> Problem:
    return Problem(502, "catalogue-not-understood", f"The catalogue of {member.name} cannot be read")
