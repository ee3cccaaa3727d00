"""The whole examination, in the order in which one thing rests on another; nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from connector.doctor import local, network
from connector.doctor.findings import Finding, change
from connector.doctor.surroundings import surroundings
from connector.lock import running
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.problems import Problem
from connector.services.why.surroundings import MemberSeen, Surroundings
from connector.settings import Settings, load


def examine(directory: Path) -> list[Finding]:
    """Look at everything. Raises nothing: what cannot be looked at is a finding too."""
    try:
        settings = load(directory)
    except Problem as problem:
        return [local.old_settings(directory, problem)]
    return list(_examined(settings))


def _examined(settings: Settings) -> Iterator[Finding]:
    yield from local.settings_found(settings)
    yield from local.files_found(settings.directory)
    keys, mine = local.keys_found(settings)
    yield from keys
    yield from local.disk_found(settings)
    store, readable = local.store_found(settings)
    yield from store
    seen, trouble = _surroundings(settings) if readable else (None, local.nothing_more("members"))
    if trouble is not None:
        yield trouble
    if seen is not None:
        yield network.clock_found(seen.last_at, datetime.now(UTC))
    yield from asyncio.run(_asked(settings, mine, seen.members if seen is not None else None))


def _surroundings(settings: Settings) -> tuple[Surroundings | None, Finding | None]:
    try:
        return surroundings(settings), None
    except (Problem, Unreachable, OutboundRefused, OSError) as fault:
        return None, change(
            "process",
            "process-silent",
            f"The running process does not answer its own owner: {type(fault).__name__}.",
            "Read its log; stop it and start it again.",
        )


async def _asked(settings: Settings, mine: str, members: list[MemberSeen] | None) -> list[Finding]:
    async with Outbound() as outbound:
        found = [await network.own_address(outbound, settings, mine, serving=running(settings.directory) is not None)]
        if members is not None:
            found += [one async for one in network.members_found(outbound, members)]
        found.append(await network.issuer_found(outbound, settings))
    if settings.jobs == "embedded":
        return found
    try:
        address = settings.broker
    except Problem as problem:
        return [*found, change("queue", "queue-unreachable", problem.title, problem.accepted or "")]
    return [*found, *[one async for one in network.workers_found(address, settings.participant_id)]]
