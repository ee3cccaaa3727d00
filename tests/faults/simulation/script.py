"""What happens in one schedule: who begins what, when somebody changes their mind, and which faults are about."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from connector.problems import Problem
from connector.records import Agreement, Negotiation, Transfer
from connector.services.processes.moves import (
    Accept,
    Agree,
    Complete,
    Finalize,
    MakeOffer,
    MakeRequest,
    Start,
    Suspend,
    Verify,
)
from tests.faults.simulation.courses import ENDS, Contracting, countered
from tests.faults.simulation.party import MEMBERS, NAMES, Party, dataset_of, offer_of

if TYPE_CHECKING:
    from tests.faults.simulation.judge import Seen
    from tests.faults.simulation.world import World

SCALES = (0.02, 0.3, 5.0, 120.0)
"""Seconds within which the people of a schedule act: the shorter, the more their messages cross."""
DEATHS = ("before a commit", "after a commit", "after its answer", "between answer and settling")
WEATHER: dict[str, dict[str, float]] = {
    "calm": {},
    "slow": {"slow": 0.3, "slow answer": 0.2, "slow disk": 0.1},
    "lossy": {"request lost": 0.15, "answer lost": 0.2, "busy": 0.05},
    "doubled": {"twice": 0.4, "late": 0.15, "slow": 0.2},
    "deadly": {f"dies {point}": 0.04 for point in DEATHS} | {"down for long": 0.1},
    "full disk": {"disk full": 0.06, "slow": 0.1},
    "silent": {"request lost": 0.1, "answer lost": 0.1},
    "storm": {
        "request lost": 0.1, "answer lost": 0.12, "busy": 0.05, "twice": 0.15, "late": 0.08, "slow": 0.15,
        "slow answer": 0.1, "slow disk": 0.05, "down for long": 0.05, **{f"dies {point}": 0.02 for point in DEATHS},
    },
}  # fmt: skip
KINDS = ("calm", "slow", "lossy", "doubled", "deadly", "deadly", "full disk", "silent", "storm", "storm")
SILENT_DAYS = 0.02
"""In silent weather letters are given up after half an hour, and the network is cut for an hour."""


@dataclass(frozen=True)
class Act:
    """One thing somebody does; acts are counted, so that a schedule can be shown with fewer of them."""

    number: int
    at: float
    party: str
    what: str
    role: str = ""


@dataclass(frozen=True)
class Script:
    """All that is drawn before a schedule begins."""

    weather: str
    scale: float
    begins: tuple[Act, ...]
    cuts: tuple[tuple[float, float], ...]
    deaths: tuple[Act, ...]
    minds: int
    """How many sudden moves people make in each process, at most."""
    speaks: bool
    """Whether the two speak the consent exchange."""
    clocks: float
    """By how many seconds clocks are wrong, and are set anew at a start, at most."""

    @classmethod
    def drawn(cls, seed: str) -> Script:
        """The script of a seed."""
        draw = Random(f"{seed}:script")
        weather, scale = draw.choice(KINDS), draw.choice(SCALES)
        begins = tuple(
            Act(number, draw.random() * scale, draw.choice(NAMES), "begins", draw.choice(("consumer", "provider")))
            for number in range(draw.choice((1, 1, 1, 2, 2, 3)))
        )
        cuts, deaths = [], []
        if weather == "silent":
            cuts.append((draw.random() * scale, 3600.0))
        if weather in ("lossy", "storm") and draw.random() < 0.3:
            cuts.append((draw.random() * scale * 2, draw.choice((0.5, 40.0, 3600.0))))
        if weather in ("deadly", "storm"):
            deaths = [
                Act(number, draw.random() * (scale * 2 + 1), draw.choice(NAMES), "dies")
                for number in range(draw.choice((0, 1, 2, 3)))
            ]
        minds, speaks = draw.choice((0, 1, 2, 4)), draw.random() < 0.5
        clocks = draw.choice((0.0, 0.0, 0.5, 40.0))
        return cls(weather, scale, begins, tuple(cuts), tuple(deaths), minds, speaks, clocks)


class Playing:
    """Carries a script out. What people do next follows from what the files show, at the moment it is committed."""

    def __init__(self, world: World, script: Script, without: frozenset[int]) -> None:
        self._world, self._script, self._without = world, script, without
        self._acts = 100
        self._met: set[str] = set()
        world.watchers.append(self._watch)

    def begin(self) -> None:
        """Let everything happen in its time."""
        world, script = self._world, self._script
        for act in script.begins:
            if act.number not in self._without:
                world.background(self._begins(act))
        for start, length in script.cuts:
            world.background(self._cut(start, length))
        for act in script.deaths:
            world.background(self._dies(act))

    async def _begins(self, act: Act) -> None:
        await asyncio.sleep(act.at)
        mine, other = self._world.parties[act.party], self._world.other(act.party)
        provider = other if act.role == "consumer" else mine
        offer = {**offer_of(provider.name), "assignee": MEMBERS[(mine if act.role == "consumer" else other).name].id}

        async def ask() -> str:
            begin = mine.life.negotiations.ask if act.role == "consumer" else mine.life.negotiations.offer
            return await begin(MEMBERS[other.name], dataset_of(provider.name), offer)

        await self._done(mine, f"begins a negotiation as {act.role}", ask)

    async def _done(self, party: Party, what: str, act: Any) -> Any:
        """Somebody at a participant does something, if that runs."""
        if not party.up:
            return None
        self._world.note(party.name, f"somebody {what}")
        life = party.life

        async def doing() -> Any:
            try:
                return await act()
            except Problem as problem:
                self._world.note(party.name, f"is told: {problem.status} {problem}")
            except sqlite3.Error:
                self._world.note(party.name, "is told: the disk is full")
            except Exception as error:
                if not life.alive:
                    raise asyncio.CancelledError from None
                self._world.judge.finds(f"{party.name}: somebody {what}, and that fails with {error!r}")
            return None

        task = life.run(doing())
        await asyncio.wait({task})
        if task.cancelled():
            return None
        return task.result()

    async def _cut(self, start: float, length: float) -> None:
        await asyncio.sleep(start)
        self._world.note("network", f"is cut for {length} s")
        self._world.network.cut_until = asyncio.get_running_loop().time() + length

    async def _dies(self, act: Act) -> None:
        await asyncio.sleep(act.at)
        party = self._world.parties[act.party]
        if party.up and not self._world.faults.healed:
            self._world.die(party, "at a random moment")

    # --- what follows from what happens ------------------------------------------------------------------------------

    def _watch(self, process: Seen) -> None:
        if process.pid not in self._met:
            self._met.add(process.pid)
            draw = Random(f"{self._world.seed}:minds:{process.pid}")
            for _ in range(draw.randint(0, self._script.minds)):
                self._soon(draw, lambda: self._mind(process, draw))
        if process.kind == "negotiation" and process.state == "FINALIZED" and process.role == "consumer":
            draw = Random(f"{self._world.seed}:wants:{process.pid}")
            for _ in range(draw.choice((0, 1, 1, 2))):
                self._soon(draw, lambda: self._wants(process))

    def _soon(self, draw: Random, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """After a while, unless this act has been left out."""
        self._acts += 1
        if self._acts in self._without:
            return
        self._world.background(self._later(draw.random() * self._script.scale * 2, work))

    @staticmethod
    async def _later(pause: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await asyncio.sleep(pause)
        await work()

    async def _wants(self, process: Seen) -> None:
        party = self._world.parties[process.party]

        async def ask() -> None:
            life = party.life
            agreement = await life.store.read(lambda tx: tx.get(Agreement, process.agreement))
            await life.transfers.ask(agreement)

        await self._done(party, f"wants the data of {process.agreement}", ask)

    async def _mind(self, process: Seen, draw: Random) -> None:
        """Somebody changes their mind about a process, whatever the course says."""
        party = self._world.parties[process.party]

        async def move() -> None:
            life, kind = party.life, Negotiation if process.kind == "negotiation" else Transfer
            now: Any = await life.store.read(lambda tx: tx.get(kind, process.pid))
            wanted = _whim(now, draw)
            self._world.note(party.name, f"somebody there wants {type(wanted).__name__} of {process.pid}")
            service: Any = life.negotiations if kind is Negotiation else life.transfers
            await service.move(process.pid, wanted)
            if kind is Transfer and now.role == "provider":
                self._world.must_be_shut(process.pid)

        await self._done(party, f"changes their mind about the {process.kind} {process.pid}", move)

    async def greet(self) -> None:
        """Each asks the other for a contract: whoever hears that sees the other alive."""
        for act in (Act(0, 0.0, "A", "begins", "consumer"), Act(0, 0.0, "B", "begins", "consumer")):
            await self._begins(act)

    async def end(self, process: Seen) -> None:
        """Somebody ends what nobody brought to an end."""
        party = self._world.parties[process.party]
        service: Any = party.life.negotiations if process.kind == "negotiation" else party.life.transfers
        await self._done(party, f"ends {process.pid}", lambda: service.move(process.pid, ENDS))


def _whim(process: Any, draw: Random) -> Any:
    """Any move at all: many of them are not possible now, and refused here or there."""
    if isinstance(process, Transfer):
        return draw.choice((Start(), Suspend("whim"), Suspend("whim"), Complete(), ENDS))
    forward = Contracting.forward(process, draw)
    offers = len((process.offers or {}).get("offers", []))
    wild = (
        Accept(),
        Agree(),
        Verify(),
        Finalize(),
        MakeOffer(countered(process.offer, offers)),
        MakeRequest(countered(process.offer, offers)),
        ENDS,
    )
    return draw.choice((forward or ENDS, forward or ENDS, ENDS, draw.choice(wild)))
