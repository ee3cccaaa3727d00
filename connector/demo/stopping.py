"""Chapter 6: a person stops in the portal while a stream and further releases run; everything is measured."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from math import ceil
from typing import Any

from connector.demo import streaming
from connector.demo.deciding import at_the_portal
from connector.demo.desk import until
from connector.demo.offices import moment
from connector.demo.portal import PersonAtPortal
from connector.demo.stage import Stage, full_name, milliseconds, subject

Json = dict[str, Any]
_BUSY_SECONDS, _MOST_RELEASES = 2.0, 8
_WORDS = ("Stopped here", "Stopped there", "Deleted there", "Statement checked")


async def play(stage: Stage, band: streaming.Band) -> None:
    """Further releases begin, the person stops, and the consequences are waited for."""
    stage.narrator.chapter(f"{full_name(stage.hero)} stops, while data flows")
    starts = stage.starts
    await streaming.flowing(stage, band)
    stage.report.stream = {"points_per_second": band.points_per_second}
    async with PersonAtPortal(stage.outbound, stage.wallet.url, subject(stage.hero)) as person:
        await at_the_portal(stage, partial(person.before_stopping, stage.found.study))
        await _begin_releases(stage)
        clicked = await at_the_portal(stage, partial(_click, stage, person))
        progress = await _all_done(stage)
        stage.report.withdrawal = {"restarted": stage.starts != starts}
        await _measure(stage, clicked, progress)
        page = await at_the_portal(stage, lambda: person.progress(stage.found.study))
    stage.report.withdrawal["page"] = {word: word in page for word in _WORDS}
    _tell(stage)


async def _begin_releases(stage: Stage) -> None:
    """Ask again for the same contract's data, and go on as soon as the first of it is on its way.

    As often as it takes to keep the hospital busy for a while: with few people one release is over in a blink.
    """
    known, wanted = {stage.found.transfer}, ceil(_BUSY_SECONDS / max(stage.found.release_seconds, 0.001))
    for _ in range(min(wanted, _MOST_RELEASES)):
        pid = await stage.research.request_transfer(stage.found.agreement, known)
        known.add(pid)
        stage.found.further.append(pid)

    async def look() -> bool | None:
        rows = await stage.hospital.releases(stage.found.agreement)
        return any(one["standing"] == "running" for one in rows) or len(rows) > len(stage.found.further) or None

    await until(look, "a further release runs")


async def _click(stage: Stage, person: PersonAtPortal) -> datetime:
    """The last click; returns its time, or that of the wallet's note if it was made before an interruption."""
    if not person.is_before_stopping:
        known = await _progress(stage)
        if known is not None:
            return moment(known["asked_at"])
        await person.before_stopping(stage.found.study)
    return await person.stop()


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


async def _measure(stage: Stage, clicked: datetime, progress: Json) -> None:
    committed = {one["holder_name"]: moment(one["reached_at"]) for one in progress["holders"]}
    await asyncio.gather(*(stage.research.received(pid) for pid in stage.found.further))
    dropped = await _dropped(stage, clicked, committed[stage.vendor.name])
    stage.report.stream |= {
        "stopped_milliseconds": milliseconds(clicked, dropped),
        "stopped_after_commit_milliseconds": milliseconds(committed[stage.vendor.name], dropped),
        "flows_on": await _flows_on(stage),
    }
    releases = await stage.hospital.releases(stage.found.agreement)
    erasures = await _erasures(stage)
    stage.report.withdrawal |= {
        "reached_milliseconds": {name: milliseconds(clicked, at) for name, at in committed.items()},
        "recipients": [_recipient(holder, one) for holder in progress["holders"] for one in holder["recipients"]],
        "bytes_after": sum(one["bytes_after"] for one in erasures),
        "bytes_erased": sum(one["bytes"] for one in erasures),
        "lines_left": await asyncio.to_thread(_lines_left, stage, [one["code"] for one in erasures]),
        "releases_running": sum(_ran_at(one, committed[stage.hospital.name]) for one in releases),
    }


def _ran_at(release: Json, at: datetime) -> bool:
    return moment(release["started_at"]) < at < moment(release["finished_at"])


async def _dropped(stage: Stage, clicked: datetime, committed: datetime) -> datetime:
    """When the running stream withheld the person's first point, as the vendor's log says.

    A stream whose process died meanwhile drops nobody: it ended with the process, and the next one began without them.
    """

    async def look() -> datetime | None:
        entries = await stage.vendor.log_entries("stream.person-dropped", clicked)
        if not entries and stage.report.withdrawal["restarted"]:
            return committed
        return moment(entries[0]["at"]) if entries else None

    return await until(look, "the stream drops the person")


async def _flows_on(stage: Stage) -> bool:
    """Whether the others' points still arrive; with nobody else in it, whether the stream is still open."""
    if len(stage.cast.wearers) > 1:
        stage.report.stream["events"] = await streaming.next_points(stage)
        return True
    row = await stage.research.transfer(stage.found.stream_transfer)
    stage.report.stream["events"] = row["resources"]
    return bool(row["state"] == "started")


async def _erasures(stage: Stage) -> list[Json]:
    agreements = (stage.found.agreement, stage.found.stream_agreement)
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
    withdrawal, stream = stage.report.withdrawal, stage.report.stream
    for holder, took in withdrawal["reached_milliseconds"].items():
        stage.narrator.done(f"{holder} has stopped", f"{took} ms after the click")
    stage.narrator.done("The running stream dropped them", f"{stream['stopped_milliseconds']} ms after the click")
    for one in withdrawal["recipients"]:
        if one["stopped"] and one["erased"] and one["statement_verified"]:
            stage.narrator.done(f"{one['name']} erased what came from {one['holder']}, and signed for it")
    count = withdrawal["bytes_after"]
    stage.narrator.done("Bytes of theirs that left after the commit, counted by the recipient", str(count))
