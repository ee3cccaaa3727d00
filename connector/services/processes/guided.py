"""What negotiations and transfers do alike: messages go to the machine, and after every step the course is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from connector.identity.members import Member
from connector.services.context import Context
from connector.services.processes.answers import Answer
from connector.services.processes.conduct import Conduct, M, P, Protocol
from connector.services.processes.courses import Course
from connector.services.processes.machine import Machine
from contracts.names import MessageType

_AT_ONCE = 16
"""Processes taken up together after a start, so that a request that comes in never waits behind thousands."""
_PATIENCE = 1.0
"""Seconds after which the next are taken up, should one of them rest after a fault."""


class Guided(Conduct[P, M]):
    """Processes of one kind, moved by a machine and guided by a course."""

    def __init__(self, context: Context, protocol: Protocol[P], course: Course[P, M]) -> None:
        self._context = context
        self._course: Course[P, M] = course
        self.machine: Machine[P, M] = Machine(context, protocol, self)

    async def receive(self, sender: Member, kind: MessageType, pid: str | None, body: Mapping[str, Any]) -> Answer:
        """One message from the counter-party. Always answers; protocol errors become error bodies."""
        return await self.machine.receive(sender, kind, pid, body, self._afterwards)

    async def state_of(self, sender: Member, pid: str) -> Answer:
        """`GET` of one process."""
        return await self.machine.state_of(sender, pid)

    async def act(self, pid: str, known: P | None = None) -> None:
        """Ask the course and carry out what it says; safe to call at any time, any number of times."""
        await self.machine.act(pid, self._course.next, known)

    async def resume(self) -> None:
        """After a start: take up every process whose next step is ours, beside whatever comes in meanwhile."""
        protocol: Protocol[P] = self.machine.protocol
        states = ["", *(str(state) for state in protocol.states if state not in protocol.final)]
        open_ones = await self._context.store.read(lambda tx: tx.rows(protocol.record, ("pid",), state=states))
        self._context.tasks.spawn(self._take_up([pid for (pid,) in open_ones]))

    async def _take_up(self, pids: list[str]) -> None:
        for start in range(0, len(pids), _AT_ONCE):
            acts = [self._context.tasks.spawn(self.act(pid)) for pid in pids[start : start + _AT_ONCE]]
            await asyncio.wait(acts, timeout=_PATIENCE)

    async def settled(self, pid: str) -> None:
        """A step of ours was acknowledged; only a course that goes on from its own steps is asked again."""
        if self._course.insistent:
            await self.act(pid)

    def at_once(self, process: P) -> M | None:
        """The course's immediate move."""
        return self._course.at_once(process)

    async def _afterwards(self, pid: str, reached: P | None) -> None:
        self._context.deliveries.wake()
        await self.act(pid, reached)
