"""The demonstration from its first process to its last word."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from connector.demo import contracting, deciding, offering, proving, setting, stopping, streaming
from connector.demo.balancing import Balancer
from connector.demo.bundles import people, shipped
from connector.demo.crews import Crew
from connector.demo.desk import Staff, Unfulfilled
from connector.demo.narrator import Door, Narrator
from connector.demo.offices import Holder, ResearchGroup, Wallet
from connector.demo.people import Cast, cast_of
from connector.demo.portal import PageTrouble
from connector.demo.processes import CannotStart
from connector.demo.servers import Servers
from connector.demo.space import CHARACTERS, prepare
from connector.demo.stage import Stage, full_name, subject
from connector.outbound.client import Outbound
from connector.problems import Problem, invalid
from connector.sources.fhir import SourceError

_NO = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    once: bool = False
    json: Path | None = None
    directory: Path | None = None
    bundles: Path | None = None
    seed: int = 7
    servers: Servers | None = None
    """Where the production engine runs; None: the embedded one."""


def play(wish: Wish) -> int:
    """Play the story; returns the exit code. Raises Problem for input that no story can be played with."""
    if wish.json is not None and not wish.json.resolve().parent.is_dir():
        raise invalid("The folder for the report does not exist", str(wish.json))
    bundles = (wish.bundles or shipped()).resolve()
    cast = _cast(bundles)
    passing = wish.once and wish.directory is None
    space = Path(mkdtemp(prefix="concord-demo-")) if passing else wish.directory or Path("data-space")
    try:
        return asyncio.run(_play(wish, bundles, cast, space.resolve()))
    except CannotStart as fault:
        raise Problem(503, "cannot-start", str(fault)) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0
    finally:
        if passing:
            _leave_nothing(wish, space)


def _leave_nothing(wish: Wish, space: Path) -> None:
    shutil.rmtree(space, ignore_errors=True)
    if wish.servers is not None:
        for one in CHARACTERS:
            wish.servers.drop(space, one.folder)


def _cast(bundles: Path) -> Cast:
    try:
        cast = cast_of(people(bundles), datetime.now(UTC))
    except (SourceError, ValueError) as fault:
        raise invalid(f"The bundles cannot be used: {fault}", str(bundles)) from None
    if cast.withdrawing is None:
        raise invalid("Nobody in these bundles can decide", str(bundles), "at least one living adult")
    return cast


async def _play(wish: Wish, bundles: Path, cast: Cast, space: Path) -> int:
    narrator = Narrator()
    narrator.title("Concord", "A consent-driven health data space, in one story. The people in it are synthetic.")
    async with AsyncExitStack() as stack:
        outbound = await stack.enter_async_context(Outbound())
        homes = await prepare(space, wish.servers)
        served = [Crew(home) for home in homes]
        for one in served:
            if len(one.serving) > 1:
                await stack.enter_async_context(Balancer(one.home.port, [port for _, port in one.home.serving]))
            stack.push_async_callback(one.stop)
        with narrator.working(f"{sum(len(one.everybody) for one in served)} processes start"):
            await asyncio.gather(*(one.start() for one in served))
        staff = [Staff(one, outbound) for one in served]
        stage = Stage(
            Holder(staff[0]), Holder(staff[1]), Wallet(staff[2]), ResearchGroup(staff[3]), outbound, narrator, cast,
            bundles, space, wish.seed,
        )  # fmt: skip
        try:
            return await _tell(wish, stage, served, stack)
        except (Unfulfilled, PageTrouble, Problem) as fault:
            narrator.broken(str(fault))
            return _NO


async def _tell(wish: Wish, stage: Stage, served: list[Crew], stack: AsyncExitStack) -> int:
    stage.round = 1 + len(await stage.research.study_titles())
    await stage.research.end_running_transfers()
    for chapter in (setting, offering, deciding, contracting):
        await chapter.play(stage)
    bands = await stack.enter_async_context(streaming.bands(stage))
    await streaming.play(stage)
    proving.remember(stage, await asyncio.to_thread(proving.scan_space, stage))
    await stopping.play(stage, bands[stage.hero.person.id])
    await proving.play(stage)
    code = _conclude(wish, stage, served)
    if wish.once:
        await stage.research.end_running_transfers()
    else:
        await _stay(stage)
    return code


def _conclude(wish: Wish, stage: Stage, served: list[Crew]) -> int:
    report = stage.report
    report.participants = [
        {
            "name": one.home.character.name, "role": one.home.character.role, "url": one.home.url,
            "pid": one.serving[0].pid, "participant_id": one.home.participant_id,
            "directory": str(one.home.directory), "processes": one.to_json(),
        }
        for one in served
    ]  # fmt: skip
    report.round = stage.round
    report.engine = "embedded" if wish.servers is None else "production"
    report.restarts = {one.home.character.role: one.restarts for one in served}
    claims = report.claims()
    if wish.json is not None:
        wish.json.write_text(json.dumps(report.to_json(), indent=2, default=str) + "\n", "utf-8")
    stage.narrator.verdict(claims)
    return 0 if all(claim.holds for claim in claims) else _NO


async def _stay(stage: Stage) -> None:
    """Until somebody presses Ctrl-C, or the process is asked to end."""
    stage.narrator.doors(_doors(stage))
    stage.narrator.last(f"The participants' files are in {stage.space}. Press Ctrl-C to end the space.")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, ended.set)
    with contextlib.suppress(asyncio.CancelledError):
        await ended.wait()


def _doors(stage: Stage) -> list[Door]:
    """A sign-in link per role."""
    sharing = next((part for part in stage.cast.consenting if not part.withdraws), None)
    patients = [("Patient who stopped", stage.hero, "Your permissions: what stopped, where, when, who signed for it")]
    if sharing is not None:
        patients.append(("Patient who shares", sharing, "Your permissions, then Stop sharing; Who used your data"))
    doors = [
        Door(role, full_name(part), f"{stage.wallet.url}/sign-in?as={subject(part)}", look)
        for role, part, look in patients
    ]
    for office in (stage.research, stage.hospital, stage.vendor):
        for account, name, roles in setting.STAFF[office.role]:
            role, look = setting.LOOK[roles[0]]
            doors.append(Door(role, f"{name}, {office.name}", f"{office.url}/sign-in?as={account}", look))
    return doors
