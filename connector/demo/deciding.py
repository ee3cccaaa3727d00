"""Chapter 3: people link their records and answer, in the portal; a proxy's answer is recorded by staff."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from connector.demo.desk import Interrupted, again
from connector.demo.narrator import people
from connector.demo.offices import wearer_number
from connector.demo.people import Answer, Part
from connector.demo.portal import PageTrouble, PersonAtPortal, Wish
from connector.demo.stage import Stage, birth_day, full_name, subject
from connector.outbound.browse import PageProblem
from connector.outbound.faults import Unreachable

T = TypeVar("T")
_AT_ONCE = 4


async def play(stage: Stage) -> None:
    """Accounts, links, answers, and every answer acknowledged by its holder."""
    stage.narrator.chapter("People link their records and answer")
    for part in stage.cast.parts:
        account = await stage.wallet.host(subject(part), full_name(part), birth_day(part))
        stage.found.accounts[part.person.id] = account
    stage.narrator.done(f"{stage.wallet.name} hosts {people(len(stage.cast.parts))}, each with a key of their own")
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(part: Part) -> None:
        async with gate:
            await _come_to_the_portal(stage, part)

    with stage.narrator.working("People sign in, link and answer"):
        await asyncio.gather(*(one(part) for part in stage.cast.parts))
    await stage.wallet.all_answers_arrived(list(stage.found.accounts.values()), stage.found.study)
    _count(stage)


async def _come_to_the_portal(stage: Stage, part: Part) -> None:
    """Living adults link what is theirs, and answer unless they stay silent; for a child its parent does.

    Nobody comes for the dead and for other children.
    """
    if not part.adult and part.proxy is None:
        return
    async with PersonAtPortal(stage.outbound, stage.wallet.url, subject(part)) as person:
        await _link(stage, part, person)
        if part.proxy is not None:
            account = stage.found.accounts[part.person.id]
            await stage.wallet.answer_as_proxy(account, stage.found.study, part.consents, part.proxy)
        elif part.answer is not Answer.SILENT:
            wish = Wish(yes=part.consents, categories=part.categories, window_start=part.window_start)
            await at_the_portal(stage, lambda: person.answer(stage.found.study, wish))


async def _link(stage: Stage, part: Part, person: PersonAtPortal) -> None:
    missing = await at_the_portal(stage, person.not_linked)
    for holder in (one for one in (stage.hospital, stage.vendor) if one.id in missing):
        number = wearer_number(part.person.id) if holder is stage.vendor else part.person.id
        code = await holder.link_code(number)
        if code is not None:
            await at_the_portal(stage, partial(person.link, holder.id, code))


async def at_the_portal(stage: Stage, act: Callable[[], Awaitable[T]]) -> T:
    """Do something at the portal, again from its start when the wallet's process goes away meanwhile."""

    async def attempt() -> T:
        await stage.wallet.staff.served.ready()
        try:
            return await act()
        except (Unreachable, PageProblem):
            raise Interrupted from None
        except PageTrouble as trouble:
            if trouble.status >= 500:
                raise Interrupted from None
            raise

    return await again(attempt, "a page of the portal")


def _count(stage: Stage) -> None:
    parts = stage.cast.parts
    yes = len(stage.cast.consenting)
    no = sum(part.answer is Answer.NO for part in parts)
    some = sum(part.answer in {Answer.SOME_CATEGORIES, Answer.SOME_TIME} for part in parts)
    stage.narrator.done(f"{yes} said yes ({some} of them to a part), {no} said no, {len(parts) - yes - no} are silent")
    stage.narrator.remark("Silence is no. Each answer is signed by the person and kept by every holder it is for.")
