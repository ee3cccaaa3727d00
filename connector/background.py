"""What a process of a participant does beside requests, by the part it plays.

`serving`: what every process does for itself, and, where it has the lead (`connector.services.lead`), what must not be
done twice. Messages and jobs it does itself, or, with `jobs = "celery"`, tells workers of. `worker`: messages and jobs,
and nothing else.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from connector.jobs.alarm import keep_up
from connector.jobs.courier import Courier
from connector.jobs.deadlines import Deadlines
from connector.jobs.heartbeat import Heartbeat
from connector.jobs.keykeeping import KeyKeeping
from connector.jobs.keylooking import KeyLooking
from connector.jobs.labelling import Labelling
from connector.jobs.overdue import Overdue
from connector.jobs.posting import Posting, posting_to
from connector.jobs.pruning import Pruning
from connector.jobs.runner import JobRunner
from connector.jobs.sequencer import Sequencer, log
from connector.provenance.note import NoteSigner
from connector.records import Agreement
from connector.services.context import Context
from connector.services.departures import BELL as OUTBOX
from connector.services.jobs import BELL as JOBS
from connector.services.lead import Works
from connector.services.leases import new_token
from connector.services.registry import Services
from connector.vault import Watched, WrappedVault

Part = Literal["serving", "worker"]
AT_ONCE = 4
"""Jobs at a time in a process that also serves."""


class _Looks(NamedTuple):
    """The bells at which the tables of messages and of jobs are looked at."""

    outbox: str
    jobs: str


_RUNG = _Looks(OUTBOX, JOBS)
_SWEPT = _Looks("near/swept-outbox", "near/swept-jobs")
"""In a worker the broker says what there is to do; the tables are looked at for what it did not say."""


class Worker(Protocol):
    """Something that runs until cancelled."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Work."""
        ...


class Hands(NamedTuple):
    """Who delivers and who does jobs in this process."""

    courier: Courier
    runner: JobRunner


async def begin(
    context: Context, services: Services, note_signer: NoteSigner, part: Part, *, several: bool, once: Sequence[Worker],
    at_once: int = AT_ONCE,
) -> Hands | None:  # fmt: skip
    """Start all of it; `once` are those of the workers of `connector.wiring` that must not run twice.

    Returns who does jobs here; None: workers do.
    """
    hands = _hands(context, part, several=several, at_once=at_once)
    if several:  # others serve this participant too, and may change the register
        context.tasks.spawn(keep_up(context, "members", context.members.load, log, rest=1.0))
    if isinstance(context.vault, WrappedVault):
        context.tasks.spawn(KeyKeeping(context, Watched(context.vault)).run())
    if part == "worker":
        context.lead.held = False
        context.tasks.spawn(_ready_to_render(context))
        return hands
    context.tasks.spawn(Sequencer(context, note_signer).run())  # each keeps the head of the log beside its own vault

    async def led() -> Works:
        await services.start()
        return [*(one.run() for one in _led(context, services)), services.releasing.segments.watch(),
                *(one.run() for one in once)]  # fmt: skip

    await context.lead.follow(context.tasks, led)
    context.tasks.spawn(_warm(context))
    return hands


def _hands(context: Context, part: Part, *, several: bool, at_once: int) -> Hands | None:
    """Who delivers, and who does jobs, set to work."""
    deliveries, broker = context.deliveries, context.settings.broker
    deliveries.departures.shared = several
    if broker:
        context.jobs.posted = True
        deliveries.departures.posted = part == "serving"
        posting = Posting(context, posting_to(context.me.id, broker), lanes=part == "serving")
        context.tasks.spawn(posting.run())
        if part == "serving":
            return None
    if several:
        deliveries.lease = new_token()
    looks = _SWEPT if part == "worker" else _RUNG
    courier = Courier(context, looks.outbox)
    runner = JobRunner(context, at_once, shared=several, bell=looks.jobs)
    context.tasks.spawn(courier.run())
    context.tasks.spawn(runner.run())
    return Hands(courier, runner)


def _led(context: Context, services: Services) -> Sequence[Worker]:
    """What is done once for a participant, however many processes serve it."""
    beating = (Heartbeat(context, services.wallet.repeating),) if context.me.role == "wallet" else ()
    return (
        Pruning(context), Labelling(context), *beating, Deadlines(context, services.negotiations),
        Overdue(context, services.suspending), KeyLooking(context),
    )  # fmt: skip


async def _warm(context: Context) -> None:
    """A contract has just been made: have the process ready that prepares what will be asked for under it."""
    await context.bells.wait("agreements")
    await _ready_to_render(context)


async def _ready_to_render(context: Context) -> None:
    """As soon as there is a contract under which something may be asked for."""
    while not await context.store.read(lambda tx: tx.find(Agreement, role="provider", standing="active", limit=1)):
        await context.bells.wait("agreements")
    context.data.renderer.warm()
