"""A person stops at the worst moments, with real processes: not a byte of theirs is released after the holder's commit.

In each case the wallet shows a holder as not yet reached until it is, and every recipient ends with a statement that
was checked, or with something overdue that the person can see.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from connector.demo import streaming
from connector.demo.offices import moment
from connector.demo.people import Part
from connector.demo.stage import Found, Stage
from tests.faults.withdrawing import (
    Leaving,
    all_over,
    answered,
    away,
    begin_release,
    contract,
    frozen,
    kill,
    notices,
    opened,
    ran_at,
    released,
    statements,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> tuple[Path, Found]:
    """A data space in which people have answered; the processes are ended."""
    space = tmp_path_factory.mktemp("withdrawals") / "space"
    return space, asyncio.run(answered(space, {"stop": "PT4S"}))


def play(story: tuple[Path, Found], act: Callable[[Stage], Awaitable[None]]) -> None:
    """Start the four processes on the story's directories, and do something with them."""

    async def one() -> None:
        async with opened(*story) as stage:
            await act(stage)

    asyncio.run(one())


def adult(stage: Stage, number: int) -> Part:
    """One of those who said yes, without a band; everybody is used once."""
    worn = {part.person.id for part in stage.cast.wearers}
    return [one for one in stage.cast.consenting if one.adult and one.person.id not in worn][number]


def wearer(stage: Stage, number: int) -> Part:
    return [one for one in stage.cast.wearers if one in stage.cast.consenting][number]


def all_done(page: dict[str, Any]) -> bool:
    return all(
        one["received_at"] and one["stopped_at"] and one["erased_at"] and one["verified"] for one in statements(page)
    )


def test_who_stops_between_the_contract_and_its_first_release_is_not_in_it(story):
    async def act(stage: Stage) -> None:
        agreement = await contract(stage)
        before = await stage.hospital.consented(stage.found.study, stage.found.records)
        leaving = Leaving(stage, adult(stage, 0))
        await leaving.stop()
        page = await leaving.settled()
        assert statements(page) == []  # nobody ever received them, so nobody has to be told
        made = await released(stage, agreement)
        assert made["people"] == before - 1
        assert made["withheld"]["withdrawn"] == 1
        assert await leaving.left(agreement, set()) == (0, 0)

    play(story, act)


def test_who_stops_while_chunks_are_on_their_way_is_in_none_of_those_that_follow(story):
    async def act(stage: Stage) -> None:
        agreement = await contract(stage)
        await released(stage, agreement)
        known = await notices(stage, agreement)
        leaving = Leaving(stage, adult(stage, 1))
        await begin_release(stage, agreement)
        with frozen(stage.research.staff.served):
            await leaving.stop()
            holder = await leaving.seen(stage.hospital.name, lambda one: one["reached_at"], "the hospital has stopped")
            assert [one["received_at"] for one in holder["recipients"]] == [None]  # it cannot have been told yet
        page = await leaving.settled()
        assert all_done(page)
        rows = await all_over(stage, agreement)
        assert any(ran_at(one, moment(holder["reached_at"])) for one in rows)
        assert await leaving.left(agreement, known) == (0, 0)

    play(story, act)


def test_who_stops_while_their_band_sends_is_dropped_from_the_stream(story):
    async def act(stage: Stage) -> None:
        part = wearer(stage, 0)
        async with streaming.bands(stage) as bands:
            await streaming.play(stage)
            await streaming.flowing(stage, bands[part.person.id])
            agreement = stage.found.stream_agreement
            leaving = Leaving(stage, part)
            asked = await leaving.stop()
            page = await leaving.settled()
            await streaming.next_points(stage)
            assert all_done(page)
            assert await stage.vendor.log_entries("stream.person-dropped", asked)
            assert await leaving.left(agreement, set()) == (0, 0)

    play(story, act)


def test_a_recipient_that_is_away_is_told_when_it_is_back_and_the_person_sees_that_it_waits(story):
    async def act(stage: Stage) -> None:
        agreement = await contract(stage)
        await released(stage, agreement)
        known = await notices(stage, agreement)
        leaving = Leaving(stage, adult(stage, 2))
        async with away(stage):
            await leaving.stop()
            holder = await leaving.seen(stage.hospital.name, lambda one: one["reached_at"], "the hospital has stopped")
            waiting = holder["recipients"][0]
            assert (waiting["received_at"], waiting["erased_at"], waiting["verified"]) == (None, None, False)
            await asyncio.sleep(2)
            assert not (await leaving.progress())["finished"]
        page = await leaving.settled()
        assert all_done(page)
        assert await leaving.left(agreement, known) == (0, 0)

    play(story, act)


def test_a_wallet_killed_right_after_its_commit_still_reaches_every_holder(story):
    async def act(stage: Stage) -> None:
        agreement = await contract(stage)
        await released(stage, agreement)
        known = await notices(stage, agreement)
        leaving = Leaving(stage, adult(stage, 3))
        await leaving.stop()
        kill(stage.wallet.staff.served)
        page = await leaving.settled()
        assert all_done(page)
        assert len(statements(page)) == 1
        assert await leaving.left(agreement, known) == (0, 0)

    play(story, act)


def test_a_holder_that_is_away_is_shown_as_not_yet_reached_until_it_is(story):
    async def act(stage: Stage) -> None:
        agreement = await contract(stage)
        await released(stage, agreement)
        known = await notices(stage, agreement)
        leaving = Leaving(stage, adult(stage, 4))
        with frozen(stage.hospital.staff.served):
            await leaving.stop()
            holder = await leaving.seen(stage.hospital.name, lambda one: one["sent_at"], "it is on its way")
            assert holder["reached_at"] is None
            assert not (await leaving.progress())["finished"]
        page = await leaving.settled()
        assert all_done(page)
        assert await leaving.left(agreement, known) == (0, 0)

    play(story, act)


def test_a_recipient_that_refuses_to_hear_is_shown_as_overdue_until_it_has_done_its_part(story):
    async def act(stage: Stage) -> None:
        agreement = await contract(stage)
        await released(stage, agreement)
        known = await notices(stage, agreement)
        leaving = Leaving(stage, wearer(stage, 1))
        member = f"/api/members/{stage.hospital.id}"
        await stage.research.staff.once("POST", f"{member}/suspend", {})  # from now on it answers the hospital with 401
        await leaving.stop()
        holder = await leaving.seen(
            stage.hospital.name, lambda one: one["recipients"] and one["recipients"][0]["overdue"], "it is overdue"
        )
        assert holder["reached_at"]
        assert (holder["recipients"][0]["received_at"], holder["recipients"][0]["verified"]) == (None, False)
        await stage.research.staff.once("POST", f"{member}/activate", {})
        page = await leaving.settled()
        assert all_done(page)
        assert await leaving.left(agreement, known) == (0, 0)

    play(story, act)
