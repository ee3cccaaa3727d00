"""One schedule's world: two participants, the network between them, the time, the faults, and somebody who watches."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from connector.problems import Problem
from tests.faults.simulation.faults import Faults
from tests.faults.simulation.judge import Judge, Seen
from tests.faults.simulation.network import Network
from tests.faults.simulation.party import MEMBERS, NAMES, Life, Party

BACK_WITHIN = (0.05, 5.0)
"""Seconds a participant is down after a crash, unless it is a long one."""


class World:
    """Holds everything; lives for one schedule."""

    def __init__(self, seed: str, faults: Faults, directory: Path, templates: dict[str, Path], clocks: float) -> None:
        self.seed, self.faults, self._clocks = seed, faults, clocks
        self._loop = asyncio.get_running_loop()
        self.trace: list[tuple[float, str, str]] = []
        self.network = Network(self)
        self.patience = 7.0
        self.judge = Judge(self.note, self._moved)
        self.watchers: list[Any] = []
        self.parties = {name: Party(self, name, directory, templates[name]) for name in NAMES}
        for party in self.parties.values():
            self._set_clock(party)
        self._background: set[asyncio.Task[Any]] = set()
        self._outside = contextvars.copy_context()

    def at(self, url: str) -> Party:
        """Who is reached there."""
        return next(self.parties[name] for name in NAMES if url.startswith(MEMBERS[name].origin + "/"))

    def other(self, name: str) -> Party:
        """The one of the two that it is not."""
        return self.parties["B" if name == "A" else "A"]

    def note(self, who: str, what: str) -> None:
        """A line of the trace."""
        self.trace.append((self._loop.time(), who, what))

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work that belongs to the world and not to a life."""
        task = self._loop.create_task(work, context=self._outside.copy())
        self._background.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.judge.finds(f"the simulation itself fails with {error!r}")

    @property
    def busy(self) -> bool:
        """Whether something of the world is still to come."""
        return bool(self._background)

    def delay(self, kind: str) -> float:
        """How long the disk takes."""
        slow = kind == "disk" and self.faults.strikes("slow disk")
        return self.faults.between(kind, 0.05, 2.0) if slow else self.faults.between(kind, 0.0001, 0.004)

    def crash(self, life: Life, point: str) -> bool:
        """Whether the process dies at this point; then it is dead, and comes up again later."""
        if not life.alive:
            return True
        if life is not life.party.life or not life.party.up or not self.faults.strikes(f"dies {point}"):
            return False
        self.die(life.party, point)
        return True

    def die(self, party: Party, point: str) -> None:
        """Kill a participant now."""
        down = self.faults.between("down", *BACK_WITHIN)
        if self.faults.strikes("down for long"):
            down = 3600.0
        self.note(party.name, f"DIES {point}, is down for {down:.2f} s")
        party.kill()
        self.background(self._back(party, down))

    async def close(self) -> None:
        """The end of the world: everybody dies, and nothing is left running."""
        for party in self.parties.values():
            party.kill()
        for task in self._background:
            task.cancel()
        ending = [*self._background, *(task for party in self.parties.values() for task in party.life.tasks)]
        await asyncio.gather(*ending, return_exceptions=True)

    async def _back(self, party: Party, down: float) -> None:
        await asyncio.sleep(down)
        self._set_clock(party)
        self.note(party.name, "is back")
        await party.start()

    def _set_clock(self, party: Party) -> None:
        party.skew = (self.faults.number("clock") - 0.5) * 2 * self._clocks

    # --- what a token opens ------------------------------------------------------------------------------------------

    def must_be_shut(self, pid: str) -> None:
        """What its provider has decided to pause or end hands nothing over from that commit on."""
        process = self.judge.processes[next(key for key in self.judge.processes if key[1] == pid)]
        life = self.parties[process.party].life
        held = life.store.raw.execute("select parting from transfer where pid = ?", (pid,)).fetchone()[0]
        if held is not None and self._opens(process):
            self.judge.finds(f"{process.party} decided to stop the transfer {pid} ({held}) and still hands data over")

    def doors(self) -> None:
        """Once all is quiet: a consumer's token opens what is started, and nothing else."""
        for process in [one for one in self.judge.processes.values() if one.kind == "transfer"]:
            opens = self._opens(process) if process.role == "provider" else None
            if opens is not None and opens != (process.state == "STARTED"):
                self.judge.finds(f"{process.party}: the transfer {process.pid} is {process.state}, open: {opens}")

    def _opens(self, process: Seen) -> bool | None:
        """Whether the consumer's address opens the data now; None when it has none."""
        consumer, life = self.other(process.party).life, self.parties[process.party].life
        row = consumer.store.raw.execute("select data_address from transfer where pid = ?", (process.their_pid,))
        address = json.loads((row.fetchone() or ("null",))[0] or "null")
        if address is None:
            return None
        token = next(one["value"] for one in address["endpointProperties"] if one["name"] == "authorization")
        try:
            life.store.read_now(lambda tx: life.transfers.open_to(tx, process.pid, token))
        except Problem:
            return False
        return True

    def _moved(self, process: Seen) -> None:
        for watcher in self.watchers:
            watcher(process)
