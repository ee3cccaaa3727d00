"""Plugs one participant together: settings in, a running set of ports, services and jobs out."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from connector.bells import LocalBells
from connector.dataplane.archive import FileArchive
from connector.dataplane.derived import DerivedFiles
from connector.dataplane.questions import QuestionProcess
from connector.dataplane.received import ReceivedFiles
from connector.dataplane.staging import StagedFiles
from connector.dataplane.workers import WorkerPool
from connector.deidentify.preparing import prepare
from connector.founding import STORE_FILE
from connector.identity.document import ParticipantDocument, introduce, write_document
from connector.identity.members import Member
from connector.identity.people.portal import ANY_PROVIDER, OWN_PROVIDER, PortalSignIn
from connector.identity.people.relying_party import Issuer
from connector.identity.speaking import PeerIdentity
from connector.jobs.alarm import keep_up
from connector.jobs.arrival import Arrivals
from connector.jobs.clearing import Clearing
from connector.jobs.copies import CopyEraser
from connector.jobs.courier import Courier
from connector.jobs.deadlines import Deadlines
from connector.jobs.duties import DutyKeeper
from connector.jobs.eraser import Eraser
from connector.jobs.heartbeat import Heartbeat
from connector.jobs.inbox import PushInbox
from connector.jobs.keykeeping import KeyKeeping
from connector.jobs.labelling import Labelling
from connector.jobs.overdue import Overdue
from connector.jobs.pruning import Pruning
from connector.jobs.puller import Puller
from connector.jobs.pusher import Pusher
from connector.jobs.sequencer import Sequencer
from connector.opening import opened
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin
from connector.ports import Clock, DataPorts
from connector.problems import invalid
from connector.provenance.note import NoteSigner
from connector.records import Agreement
from connector.services.context import Context, Identity
from connector.services.delivery import Deliveries
from connector.services.disk import MIB, Disk
from connector.services.duties import ALL, Executors
from connector.services.gate import ReleaseGate
from connector.services.jobs import Jobs
from connector.services.received.shelf import Shelf
from connector.services.registry import AS_IN_PRODUCTION, Deciding, Services
from connector.services.signing import KeySigner
from connector.services.signing_in import CALLBACK
from connector.services.tasks import Tasks
from connector.services.trust import Members
from connector.settings import Settings
from connector.sources import batches, folder
from connector.sources.label_rules import labeller_of
from connector.storage import OpenStore, open_store
from connector.vault import Watched, WrappedVault
from connector.vault.log_head import FileLogHead
from connector.vault.vault import LOG_KEY, PARTICIPANT_KEY

log = logging.getLogger("concord.wiring")


def utc_now() -> datetime:
    """The clock of a real participant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Plugs:
    """Parts to put in place of those of production; None keeps the production part. `fetching`: the puller runs."""

    identity: Callable[[Members], PeerIdentity] | None = None
    deciding: Deciding = AS_IN_PRODUCTION
    store: Callable[[Path, Callable[[set[str]], None]], OpenStore] | None = None
    outbound: Callable[[], Outbound] = Outbound
    clock: Clock = utc_now
    fetching: bool = True
    executors: Executors = ALL


PRODUCTION = Plugs()


@dataclass(slots=True)
class Participant:
    """A running participant: what the doors get hold of."""

    settings: Settings
    identity: Identity
    context: Context
    services: Services
    document: str
    store: OpenStore

    async def close(self) -> None:
        """Stop background work, then connections, then the store."""
        await self.context.tasks.close()
        await self.services.close()
        await self.context.outbound.aclose()
        await asyncio.get_running_loop().run_in_executor(None, self.store.close)


async def build(settings: Settings, plugs: Plugs = PRODUCTION) -> Participant:
    """Build and start a participant on the running event loop. The caller holds the directory's lock."""
    if settings.label_rules is not None:
        labeller_of(settings.label_rules, settings.label_threshold)  # refuse to start rather than to label nothing
    bells = LocalBells(asyncio.get_running_loop())
    clock = plugs.clock
    opening = plugs.store or partial(open_store, url=settings.store_url)
    store = opening(settings.directory / STORE_FILE, bells.ring_from_thread)
    identity = Identity(settings.participant_id, settings.name, settings.role, settings.public_url)
    outbound = plugs.outbound()
    vault = await opened(settings, outbound)
    signer = KeySigner(vault.keys.signing_key(PARTICIPANT_KEY))
    members = Members(store, outbound, signer, clock, identity.id, plugs.identity)
    document = introduce(signer, identity.id, identity.name, settings.role, identity.origin, clock())
    members.myself = _myself(document)
    await members.load()
    context = Context(
        settings=settings, me=identity, store=store, vault=vault, signer=signer,
        log_head=FileLogHead(settings.directory), members=members, outbound=outbound,
        clock=clock, bells=bells, gate=ReleaseGate(store.shared_gate), deliveries=Deliveries(clock),
        jobs=Jobs(clock), tasks=Tasks(),
        data=_data_ports(settings), random=os.urandom, executors=_executors(plugs), disk=_disk(settings),
    )  # fmt: skip
    services = Services(context, plugs.deciding)
    if settings.metrics == "on":
        from connector.observe.metrics import Metrics  # only for who watches

        services.metrics = Metrics(context)
    services.accounts.signing_in.issuer = sign_in(settings, outbound)
    log_key = vault.keys.signing_key(LOG_KEY)
    context.tasks.spawn(Sequencer(context, NoteSigner(identity.id, log_key.public, log_key.sign)).run())
    context.tasks.spawn(Courier(context).run())
    if store.shared_gate is not None:  # others serve this participant too, and may change the register
        context.tasks.spawn(keep_up(context, "members", members.load, log, rest=1.0))
    context.tasks.spawn(Pruning(context).run())
    context.tasks.spawn(Labelling(context).run())
    if isinstance(vault, WrappedVault):
        context.tasks.spawn(KeyKeeping(context, Watched(vault)).run())
    if settings.role == "wallet":
        context.tasks.spawn(Heartbeat(context).run())
    await services.start()
    context.tasks.spawn(Deadlines(context, services.negotiations).run())
    context.tasks.spawn(Overdue(context, services.suspending).run())
    context.tasks.spawn(_warm(context))
    if plugs.fetching:
        _fetch(context, services)
    return Participant(settings, identity, context, services, write_document(signer, document), store)


def _executors(plugs: Plugs) -> Executors:
    """Who carries out duties here: what is never fetched is never deleted either."""
    return plugs.executors if plugs.fetching else plugs.executors.without("delete")


def _disk(settings: Settings) -> Disk:
    """The disk the participant's directory is on, and how much of it is left for what must always go on."""
    return Disk(lambda: shutil.disk_usage(settings.directory).free, settings.disk_low_mb * MIB)


def _data_ports(settings: Settings) -> DataPorts:
    """The data plane's way to worker processes, files and formats."""
    return DataPorts(
        renderer=WorkerPool(settings.release_workers, prepare), archive=FileArchive(settings.directory / "provenance"),
        pieces=folder.pieces, batch=batches.read,
        labeller=partial(labeller_of, settings.label_rules, settings.label_threshold),
    )  # fmt: skip


async def _warm(context: Context) -> None:
    """A contract has just been made: have the process ready that prepares what will be asked for under it."""
    await context.bells.wait("agreements")
    while not await context.store.read(lambda tx: tx.find(Agreement, role="provider", standing="active", limit=1)):
        await context.bells.wait("agreements")
    context.data.renderer.warm()


def _fetch(context: Context, services: Services) -> None:
    """Fetch and take in what was agreed as a consumer, erase what people took back; push as a provider."""
    files = ReceivedFiles(context.directory / "received")
    folder = context.settings.derived_folder or context.directory / "derived"
    derived = DerivedFiles(folder.resolve())
    services.derivations.shelf = services.looking.shelf = Shelf(files, derived, folder)
    services.questions.runner = QuestionProcess()
    services.questions.staging = StagedFiles(context.directory / "exports")
    eraser = Eraser(context, services.erasure_desk, files, derived)
    clearing = Clearing(context, services.endings, files, CopyEraser(context, derived))
    arrivals = Arrivals(context, files, eraser)
    services.inbox = inbox = PushInbox(context, arrivals)
    workers = (
        eraser, clearing, inbox, Puller(context, services.transfers, arrivals),
        Pusher(context, services.transfers, services.releasing), DutyKeeper(context, services.transfers, files),
    )  # fmt: skip
    for worker in workers:
        context.tasks.spawn(worker.run())


def sign_in(settings: Settings, outbound: Outbound) -> PortalSignIn:
    """Sign-in at the issuer that the operator named; plain http only in development. Raises Problem 400."""
    try:
        named = NamedOrigin.parse(settings.issuer, allow_http=settings.environment == "development")
    except OutboundRefused as refused:
        raise invalid(f"The issuer's address cannot be used: {refused}", "oidc_issuer", "an https address") from None
    issuer = Issuer(
        url=settings.issuer, client_id=settings.oidc_client_id, redirect_uri=f"{settings.public_url}{CALLBACK}",
        algorithms=ANY_PROVIDER if settings.oidc_issuer else OWN_PROVIDER,
    )  # fmt: skip
    return PortalSignIn(issuer, outbound.transport(Destination.of_operator(named)))


def _myself(document: ParticipantDocument) -> Member:
    """This participant as others see it, for naming itself and checking its own signatures."""
    return Member(
        id=document.id, name=document.name, role=document.role, origin=document.url, dsp=document.dsp,
        consent=document.consent, data=document.data, keys=document.keys.keys, fingerprint=document.fingerprints[0],
        speaks=document.speaks, added_at=document.issued_at,
    )  # fmt: skip
