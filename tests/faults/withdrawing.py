"""A whole data space in real processes, brought to the moments at which a withdrawal is hardest to carry out.

The story of the demonstration is played once, up to the people's answers; each test starts the four processes on what
it left, and takes somebody of its own who said yes.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from connector.demo import contracting, deciding, offering, setting
from connector.demo.bundles import people, shipped
from connector.demo.crews import Crew
from connector.demo.desk import Staff, until
from connector.demo.narrator import Narrator
from connector.demo.offices import Holder, ResearchGroup, Wallet, moment
from connector.demo.people import Part, cast_of
from connector.demo.space import prepare
from connector.demo.stage import Found, Stage
from connector.outbound.client import Outbound
from connector.problems import Problem

Json = dict[str, Any]
MANY = 20_000


@asynccontextmanager
async def opened(space: Path, found: Found | None = None) -> AsyncIterator[Stage]:
    """The four participants of a directory, running; with what an earlier run found."""
    bundles = shipped()
    async with AsyncExitStack() as stack:
        outbound = await stack.enter_async_context(Outbound())
        served = [Crew(home) for home in await prepare(space)]
        for one in served:
            stack.push_async_callback(one.stop)
            await one.start()
        staff = [Staff(one, outbound) for one in served]
        cast = cast_of(people(bundles), datetime.now(UTC))
        stage = Stage(
            Holder(staff[0]), Holder(staff[1]), Wallet(staff[2]), ResearchGroup(staff[3]), outbound, Narrator(), cast,
            bundles, space, 7,
        )  # fmt: skip
        if found is not None:
            stage.found = replace(found, further=[])
        try:
            yield stage
        finally:
            await stage.research.staff.served.stop()  # whichever it is by now


async def answered(space: Path, times: Mapping[str, str]) -> Found:
    """Play the story up to the answers; what it found. `times` are those of the hospital's offers for a withdrawal."""
    drafted = offering._draft

    def draft(*about: Any) -> dict[str, object]:
        return drafted(*about) | {"times": dict(times)}

    with patch.object(offering, "_draft", draft):
        async with opened(space) as stage:
            for chapter in (setting, offering, deciding):
                await chapter.play(stage)
            await _much(stage)
            return stage.found


async def _much(stage: Stage) -> None:
    """Give one who said yes so many records that a release takes seconds and fits into no socket's buffer."""
    part = [one for one in stage.cast.consenting if one.adult][-1]
    file = stage.space / "many.ndjson"
    with file.open("w") as lines:
        for number in range(MANY):
            lines.write(json.dumps(_observation(part.person.id, number)) + "\n")
    await stage.hospital.import_bundles(file)


def _observation(person: str, number: int) -> Json:
    day = date(2015, 1, 1) + timedelta(days=number % 3000)
    kind = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
    return {
        "resourceType": "Observation", "id": f"many-{number}", "status": "final", "category": [{"coding": [kind]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{person}"}, "effectiveDateTime": f"{day}T08:00:00Z",
        "valueQuantity": {"value": 60 + number % 40, "unit": "/min"},
    }  # fmt: skip


class Leaving:
    """One person who stops, in one data space."""

    def __init__(self, stage: Stage, part: Part) -> None:
        self.stage = stage
        self.account = stage.found.accounts[part.person.id]

    async def stop(self, kind: str = "erase") -> datetime:
        """Stop at the wallet; the time before it was asked."""
        asked = datetime.now(UTC)
        body = {"account": self.account, "study": self.stage.found.study, "kind": kind}
        await self.stage.wallet.staff.once("POST", "/api/consents/withdraw", body)
        return asked

    async def progress(self) -> Json:
        """What the person's page shows."""
        return await self.stage.wallet.progress(self.account, self.stage.found.study)

    async def seen(self, holder: str, wanted: Any, what: str) -> Json:
        """What the page shows of one holder, once it fits."""

        async def look() -> Json | None:
            with suppress(Problem):
                for one in (await self.progress())["holders"]:
                    if one["holder_name"] == holder and wanted(one):
                        return dict(one)
            return None

        return await until(look, what)

    async def settled(self) -> Json:
        """The page, once nothing on it waits any more."""

        async def look() -> Json | None:
            page = await self.progress()
            return page if page["finished"] else None

        return await until(look, "everybody has stopped, erased and signed")

    async def left(self, agreement: str, known: set[str]) -> tuple[int, int]:
        """(bytes after the commit by the recipient's count, lines of this person still in its files).

        `known` are the notices of those who stopped before.
        """
        mine = [one for one in await self.stage.research.erasures(agreement) if one["notice"] not in known]
        codes = [one["code"].encode() for one in mine if one["code"]]
        files = (self.stage.space / "research" / "received").rglob("*.ndjson")
        lines = sum(any(code in line for code in codes) for file in files for line in file.read_bytes().splitlines())
        return sum(one["bytes_after"] for one in mine), lines


def statements(page: Json) -> list[Json]:
    """What each recipient did, over all holders."""
    return [one for holder in page["holders"] for one in holder["recipients"]]


async def notices(stage: Stage, agreement: str) -> set[str]:
    """The notices a recipient has had under a contract."""
    return {one["notice"] for one in await stage.research.erasures(agreement)}


async def contract(stage: Stage) -> str:
    """The contract about the hospital's records, made if it is not."""
    return str((await contracting.negotiate(stage, stage.hospital, stage.found.records))["agreement"])


async def released(stage: Stage, agreement: str) -> Json:
    """One whole release, received and checked: the provider's own record of it."""
    known = {str(one["pid"]) for one in await stage.research.staff.get("/api/transfers", agreement=agreement)}
    pid = await stage.research.request_transfer(agreement, known)
    row = await stage.research.received(pid)
    assert row["manifest_verified"], row

    async def look() -> Json | None:
        newest = (await stage.hospital.releases(agreement))[0]
        return newest if newest["standing"] == "complete" else None

    return await until(look, "the release is complete")


async def begin_release(stage: Stage, agreement: str) -> None:
    """Ask for the data once more, and come back when its first chunks are on their way."""
    known = {str(one["pid"]) for one in await stage.research.staff.get("/api/transfers", agreement=agreement)}
    await stage.research.request_transfer(agreement, known)

    async def look() -> bool | None:
        rows = await stage.hospital.releases(agreement)
        return any(one["standing"] == "running" and one["bytes"] for one in rows) or None

    await until(look, "a release runs")


async def all_over(stage: Stage, agreement: str) -> list[Json]:
    """Every release of a contract, once none runs any more."""

    async def look() -> list[Json] | None:
        rows = await stage.hospital.releases(agreement)
        return rows if all(one["finished_at"] for one in rows) else None

    return await until(look, "no release runs")


def ran_at(release: Json, at: datetime) -> bool:
    """Whether a release was under way at a moment."""
    return moment(release["started_at"]) < at < moment(release["finished_at"])


@contextmanager
def frozen(crew: Crew) -> Iterator[None]:
    """The process neither reads nor answers meanwhile."""
    pid = crew.serving[0].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def kill(crew: Crew) -> None:
    """End it without a word; it is started again."""
    with suppress(ProcessLookupError):
        os.kill(crew.serving[0].pid, signal.SIGKILL)


@asynccontextmanager
async def away(stage: Stage) -> AsyncIterator[None]:
    """The research group's connector is not there."""
    home = stage.research.staff.served.home
    await stage.research.staff.served.stop()
    yield
    back = Crew(home)
    stage.research.staff.served = back
    await back.start()
