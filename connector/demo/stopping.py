"""Chapter 6: a person stops in the portal while a stream and a second release run; everything is measured."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Any

from connector.demo import streaming
from connector.demo.contracting import finished_release
from connector.demo.deciding import at_the_portal
from connector.demo.desk import until
from connector.demo.offices import moment
from connector.demo.portal import PersonAtPortal
from connector.demo.stage import Stage, full_name, milliseconds, subject

Json = dict[str, Any]


async def play(stage: Stage) -> None:
    """The second release begins, the person stops, and the consequences are waited for."""
    stage.narrator.chapter(f"{full_name(stage.hero)} stops, while data flows")
    before = await streaming.points_beyond(stage, 0) if stage.found.stream_transfer else 0
    async with PersonAtPortal(stage.outbound, stage.wallet.url, subject(stage.hero)) as person:
        await at_the_portal(stage, person.sign_in)
        await _begin_second_release(stage)
        clicked = await at_the_portal(stage, partial(_click, stage, person))
        progress = await _all_done(stage)
        await _measure(stage, clicked, progress, before)
        page = await at_the_portal(stage, lambda: person.progress(stage.found.study))
    stage.report.withdrawal["page"] = {
        word: word in page for word in ("Stopped here", "Stopped there", "Deleted there")
    }
    _tell(stage)


async def _begin_second_release(stage: Stage) -> None:
    """Ask again for the same contract's data, and go on as soon as the first bytes are on their way."""
    stage.found.second = await stage.research.request_transfer(stage.found.agreement, {stage.found.transfer})

    async def look() -> bool | None:
        rows = await stage.hospital.releases(stage.found.agreement)
        return (len(rows) > 1 and rows[0]["standing"] == "running") or None

    await until(look, "the second release runs")


async def _click(stage: Stage, person: PersonAtPortal) -> datetime:
    """Both steps of the portal; returns the time of the last click, or of the wallet's note if it was made before."""
    known = await _progress(stage)
    if known is not None:
        return moment(known["asked_at"])
    return await person.withdraw(stage.found.study)


async def _progress(stage: Stage) -> Json | None:
    account = stage.found.accounts[stage.hero.person.id]
    cards = await stage.wallet.staff.get("/api/consents", account=account)
    stopped = any(one["study"] == stage.found.study and one["state"] == "withdrawn" for one in cards)
    return await stage.wallet.progress(account, stage.found.study) if stopped else None


async def _all_done(stage: Stage) -> Json:
    """The person's progress page, once nothing on it waits any more."""

    async def look() -> Json | None:
        found = await _progress(stage)
        return found if found is not None and found["finished"] else None

    with stage.narrator.working("Holders stop, recipients erase and sign"):
        return await until(look, "every recipient has erased")


async def _measure(stage: Stage, clicked: datetime, progress: Json, points_before: int) -> None:
    holders = progress["holders"]
    reached = {one["holder_name"]: milliseconds(clicked, moment(one["reached_at"])) for one in holders}
    second = await finished_release(stage, (stage.found.transfer,))
    await stage.research.received(stage.found.second)
    stopped, flows_on = None, False
    if stage.found.stream_transfer:
        dropped = await _dropped(stage, clicked)
        stopped = milliseconds(clicked, dropped)
        flows_on = await _flows_on(stage)
        stage.report.stream = {
            "events": await streaming.points_beyond(stage, points_before), "stopped_milliseconds": stopped
        }  # fmt: skip
    at_hospital = next(moment(one["reached_at"]) for one in holders if one["holder_name"] == stage.hospital.name)
    erasures = await _erasures(stage)
    stage.report.withdrawal = {
        "reached_milliseconds": reached,
        "recipients": [_recipient(holder, one) for holder in holders for one in holder["recipients"]],
        "bytes_after": sum(one["bytes_after"] for one in erasures),
        "bytes_erased": sum(one["bytes"] for one in erasures),
        "lines_left": await asyncio.to_thread(_lines_left, stage, [one["code"] for one in erasures]),
        "while_running": {
            "release": moment(second["started_at"]) < at_hospital < moment(second["finished_at"]),
            "stream": points_before > 0 and flows_on,
        },
    }  # fmt: skip


async def _dropped(stage: Stage, clicked: datetime) -> datetime:
    """When the running stream withheld the person's first point, as the vendor's log says."""

    async def look() -> datetime | None:
        entries = await stage.vendor.log_entries("stream.person-dropped", clicked)
        return moment(entries[0]["at"]) if entries else None

    return await until(look, "the stream drops the person")


async def _flows_on(stage: Stage) -> bool:
    """Whether the others' points still arrive."""
    row = await stage.research.transfer(stage.found.stream_transfer)
    return await streaming.points_beyond(stage, int(row["resources"])) > 0


async def _erasures(stage: Stage) -> list[Json]:
    agreements = [one for one in (stage.found.agreement, stage.found.stream_agreement) if one]
    return [one for agreement in agreements for one in await stage.research.erasures(agreement)]


def _recipient(holder: Json, one: Json) -> Json:
    return {
        "name": one["name"], "holder": holder["holder_name"], "stopped": one["stopped_at"] is not None,
        "erased": one["erased_at"] is not None, "statement_verified": one["verified"], "lines": one["lines"],
    }  # fmt: skip


def _lines_left(stage: Stage, codes: list[str]) -> int:
    """Lines in the research group's files that still carry a code it was asked to erase."""
    wanted = [code.encode() for code in codes]
    files = (stage.space / "research" / "received").rglob("*.ndjson")
    return sum(any(code in line for code in wanted) for file in files for line in file.read_bytes().splitlines())


def _tell(stage: Stage) -> None:
    withdrawal = stage.report.withdrawal
    for holder, took in withdrawal["reached_milliseconds"].items():
        stage.narrator.done(f"{holder} has stopped", f"{took} ms after the click")
    if stage.found.stream_transfer:
        stage.narrator.done("The running stream dropped them", f"{stage.report.stream['stopped_milliseconds']} ms")
    for one in withdrawal["recipients"]:
        if one["stopped"] and one["erased"] and one["statement_verified"]:
            stage.narrator.done(f"{one['name']} erased what came from {one['holder']}, and signed for it")
    stage.narrator.done("Bytes of theirs that left after the commit, counted by the recipient",
                        str(withdrawal["bytes_after"]))  # fmt: skip
