"""Plugs one participant together: settings in, a running set of ports, services and jobs out."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from connector.background import AT_ONCE, Hands, Part, Worker, begin
from connector.bells import LocalBells
from connector.dataplane.archive import FileArchive
from connector.dataplane.derived import DerivedFiles
from connector.dataplane.questions import QuestionProcess
from connector.dataplane.received import ReceivedFiles
from connector.dataplane.segment_files import SegmentFiles
from connector.dataplane.staging import StagedFiles
from connector.dataplane.workers import WorkerPool
from connector.deidentify.preparing import prepare
from connector.founding import STORE_FILE
from connector.identity.people.portal import ANY_PROVIDER, OWN_PROVIDER, PortalSignIn
from connector.identity.people.relying_party import Issuer
from connector.identity.speaking import PeerIdentity
from connector.jobs.alarm import keep_up
from connector.jobs.arrival import Arrivals
from connector.jobs.clearing import Clearing
from connector.jobs.copies import CopyEraser
from connector.jobs.duties import DutyKeeper
from connector.jobs.eraser import Eraser
from connector.jobs.inbox import PushInbox
from connector.jobs.puller import Puller
from connector.jobs.pusher import Pusher
from connector.opening import opened, shut
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin
from connector.ports import Clock, DataPorts
from connector.problems import invalid
from connector.provenance.note import NoteSigner
from connector.services.context import Context, Identity
from connector.services.delivery import Deliveries
from connector.services.disk import MIB, Disk
from connector.services.duties import ALL, Executors
from connector.services.gate import ReleaseGate
from connector.services.jobs import Jobs
from connector.services.lead import Lead
from connector.services.limits import Limits
from connector.services.own_keys import BELL as KEYS
from connector.services.own_keys import OwnKeys
from connector.services.received.shelf import Shelf
from connector.services.registry import AS_IN_PRODUCTION, Deciding, Services
from connector.services.rotation import Rotation
from connector.services.signing_in import CALLBACK
from connector.services.tasks import Tasks
from connector.services.tracing import NO_TRACES
from connector.services.trust import Members
from connector.settings import Settings
from connector.sources import batches, folder
from connector.sources.label_rules import labeller_of
from connector.storage import OpenStore, open_store
from connector.vault import VaultError
from connector.vault.log_head import FileLogHead
from connector.vault.vault import LOG_KEY

if TYPE_CHECKING:
    from connector.observe.traces import OtlpTraces

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
    keys: OwnKeys
    store: OpenStore
    hands: Hands | None
    traces: OtlpTraces | None = None

    async def close(self) -> None:
        """Stop background work, then connections, then the store."""
        await self.context.tasks.close()
        await self.services.close()
        if self.traces is not None:
            await self.traces.close()
        await self.context.outbound.aclose()
        await asyncio.get_running_loop().run_in_executor(None, self.store.close)


async def build(
    settings: Settings, plugs: Plugs = PRODUCTION, part: Part = "serving", at_once: int = AT_ONCE
) -> Participant:
    """Build and start a participant on the running event loop. The caller holds the directory's lock, unless the `part`
    this process plays is that of a worker, which does `at_once` jobs at a time."""
    if settings.label_rules is not None:
        labeller_of(settings.label_rules, settings.label_threshold)  # refuse to start rather than to label nothing
    settings.require_files()
    bells = LocalBells(asyncio.get_running_loop())
    clock = plugs.clock
    opening = plugs.store or partial(open_store, url=settings.store_url)
    store = opening(settings.directory / STORE_FILE, bells.ring_from_thread)
    identity = Identity(settings.participant_id, settings.name, settings.role, settings.public_url)
    outbound = plugs.outbound()
    vault = await opened(settings, outbound)
    keys = OwnKeys(store, vault, clock, identity)
    try:
        await keys.load()
    except VaultError as fault:
        raise shut(fault) from None
    signer = keys.present
    several = store.shared_gate is not None
    members = Members(store, outbound, signer, clock, identity.id, plugs.identity, several=several)
    members.myself = keys.myself
    await members.load()
    traces, traced = _traces(settings, outbound, store)
    context = Context(
        settings=settings, me=identity, store=traced, traces=traces or NO_TRACES, vault=vault, signer=signer,
        log_head=FileLogHead(settings.directory), members=members, outbound=outbound,
        clock=clock, bells=bells, gate=ReleaseGate(store.shared_gate), deliveries=Deliveries(clock),
        jobs=Jobs(clock), tasks=Tasks(),
        data=_data_ports(settings, at_once if part == "worker" else 1),
        random=os.urandom, executors=_executors(plugs), disk=_disk(settings),
        limits=Limits(settings), lead=Lead(store.lead_lock),
    )  # fmt: skip
    services = Services(context, plugs.deciding)
    services.rotation = rotation = Rotation(context, keys)
    members.noting = rotation.note
    context.tasks.spawn(keep_up(context, KEYS, rotation.catch_up, log, rest=60.0))
    if settings.metrics == "on":
        from connector.observe.metrics import Metrics  # only for who watches

        services.metrics = Metrics(context)
    services.accounts.signing_in.issuer = sign_in(settings, outbound)
    log_key = vault.keys.signing_key(LOG_KEY)
    once = _fetch(context, services, part) if plugs.fetching else ()
    notes = NoteSigner(identity.id, log_key.public, log_key.sign)
    hands = await begin(context, services, notes, part, several=several, once=once, at_once=at_once)
    return Participant(settings, identity, context, services, keys, store, hands, traces)


def _traces(settings: Settings, outbound: Outbound, store: OpenStore) -> tuple[OtlpTraces | None, OpenStore]:
    """Who keeps traces, and the store as it is then used. Raises Problem 400 for an address we may not call."""
    if settings.traces == "off":
        return None, store
    from connector.observe.traces import TracedStore, traces_of  # only for who keeps them

    try:
        traces = traces_of(settings, outbound)
    except OutboundRefused as refused:
        raise invalid(
            f"The address for traces cannot be used: {refused}", "traces_endpoint", "http://127.0.0.1:4318/v1/traces"
        ) from None
    return traces, cast("OpenStore", TracedStore(store, traces))


def _executors(plugs: Plugs) -> Executors:
    """Who carries out duties here: what is never fetched is never deleted either."""
    return plugs.executors if plugs.fetching else plugs.executors.without("delete")


def _disk(settings: Settings) -> Disk:
    """The disk the participant's directory is on, and how much of it is left for what must always go on."""
    return Disk(lambda: shutil.disk_usage(settings.directory).free, settings.disk_low_mb * MIB)


def _data_ports(settings: Settings, at_once: int) -> DataPorts:
    """The data plane's way to worker processes, files and formats."""
    return DataPorts(
        renderer=WorkerPool(max(settings.release_workers, at_once), prepare),
        archive=FileArchive(settings.files / "provenance"),
        segments=SegmentFiles(settings.files / "segments"),
        pieces=folder.pieces, batch=batches.read,
        labeller=partial(labeller_of, settings.label_rules, settings.label_threshold),
    )  # fmt: skip


def _fetch(context: Context, services: Services, part: Part) -> Sequence[Worker]:
    """Fetch and take in what was agreed as a consumer, erase what people took back; push as a provider.

    Returns who does what must not be done twice.
    """
    files = ReceivedFiles(context.settings.files / "received")
    folder = context.settings.derived_folder or context.settings.files / "derived"
    derived = DerivedFiles(folder.resolve())
    services.derivations.shelf = services.looking.shelf = Shelf(files, derived, folder)
    services.questions.runner = QuestionProcess()
    if part == "serving":  # it is emptied at the start
        services.questions.staging = StagedFiles(context.directory / "exports")
    eraser = Eraser(context, services.erasure_desk, files, derived)
    clearing = Clearing(context, services.endings, files, CopyEraser(context, derived))
    arrivals = Arrivals(context, files, eraser)
    services.inbox = inbox = PushInbox(context, arrivals)
    if part == "serving":
        context.tasks.spawn(inbox.run())
    return (
        eraser, clearing, Puller(context, services.transfers, arrivals),
        Pusher(context, services.transfers, services.releasing), DutyKeeper(context, services.transfers, files),
    )  # fmt: skip


def sign_in(settings: Settings, outbound: Outbound) -> PortalSignIn:
    """Sign-in at the issuer that the operator named; plain http only in development. Raises Problem 400."""
    try:
        named = NamedOrigin.parse(settings.issuer, allow_http=settings.environment == "development")
    except OutboundRefused as refused:
        raise invalid(f"The issuer's address cannot be used: {refused}", "oidc_issuer", "an https address") from None
    issuer = Issuer(
        url=settings.issuer, client_id=settings.oidc_client_id, redirect_uri=f"{settings.public_url}{CALLBACK}",
        algorithms=ANY_PROVIDER if settings.oidc_issuer else OWN_PROVIDER, client_secret=settings.oidc_client_secret,
        scope=settings.oidc_scope, roles_claim=settings.oidc_roles_claim or "roles",
        asks_userinfo=bool(settings.oidc_roles_claim),
    )  # fmt: skip
    return PortalSignIn(issuer, outbound.transport(Destination.of_operator(named)))
