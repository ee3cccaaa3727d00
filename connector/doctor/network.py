"""What can only be seen by asking: our own address, every member's, their clocks, the sign-in provider, the queue."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from connector.doctor.findings import Finding, change, skipped, well
from connector.identity.document import PATH, DocumentProblem, read_document
from connector.outbound.answer import Answer, Caps
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin
from connector.services.why.causes import cause_of
from connector.services.why.surroundings import MemberSeen
from connector.settings import Settings

SKEW = timedelta(seconds=30)
"""Clocks that differ by more are found; a token is refused beyond a minute."""
_CAPS = Caps(connect=3.0, total=8.0, idle=8.0)


def clock_found(last_at: datetime | None, now: datetime) -> Finding:
    """Our clock against the newest time our own log has."""
    if last_at is not None and last_at - now > SKEW:
        behind = int((last_at - now).total_seconds())
        return change(
            "clock",
            "clock-behind",
            f"This clock is {behind} seconds behind what the log wrote down last.",
            "Set the clock (NTP), then start again: tokens and deadlines rest on it.",
        )
    return well("clock", "clock", "This clock is not behind what the log wrote down.")


async def own_address(outbound: Outbound, settings: Settings, mine: str, *, serving: bool) -> Finding:
    """Whether `public_url` answers, and as us."""
    if not serving:
        return _port(settings)
    answer = await _document(outbound, settings.public_url, mine, allow_http=True)
    if isinstance(answer, str):
        return change(
            "address",
            "own-address",
            f"Our own address does not answer: {cause_of(answer).words}",
            "Correct `public_url`, or the proxy and name service that lead from it to this process.",
        )
    if _fits(answer, mine):
        return well("address", "own-address", "Our own address answers as us.")
    return change(
        "address",
        "address-of-another",
        "Our own address is answered by something that is not us.",
        "Correct `public_url`: messages to us go to somebody else.",
    )


def _port(settings: Settings) -> Finding:
    """The process does not run: could it?"""
    with socket.socket(socket.AF_INET6 if ":" in settings.bind_host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.bind_host, settings.port))
        except OSError as fault:
            return change(
                "address",
                "port-taken",
                f"Nothing could listen on {settings.bind_host} port {settings.port}: {fault.strerror}.",
                "Free the port, or set another `port` with `public_url` to match.",
            )
    return skipped("address", "not-serving", "It does not run, so nobody can reach it; its port is free.")


async def members_found(outbound: Outbound, members: list[MemberSeen]) -> AsyncIterator[Finding]:
    """Whether each member answers, with the key we know, and by about the same clock."""
    if not members:
        yield skipped("members", "no-members", "No other participant is in the register yet.")
    asked = (_document(outbound, one.origin, one.fingerprint, allow_http=one.allow_http) for one in members)
    for member, answer in zip(members, await asyncio.gather(*asked), strict=True):
        for finding in _member(member, answer):
            yield finding


def _member(member: MemberSeen, answer: Answer | str) -> list[Finding]:
    if isinstance(answer, str):
        cause = cause_of(answer)
        return [
            change(
                "members",
                f"member-{answer}",
                f"{member.name} does not answer: {cause.words}",
                "Ask them to start it, or to say where it is now.",
            )
        ]
    if not _fits(answer, member.fingerprint):
        return [
            change(
                "members",
                "member-key",
                f"{member.name} does not show the key that our register has.",
                "Ask them whether they changed it, compare the fingerprint by telephone, and add them anew: "
                "`concord trust add`.",
            )
        ]
    found = [well("members", "member", f"{member.name} answers, with the key we know.")]
    return found + _skewed(member, answer)


def _skewed(member: MemberSeen, answer: Answer) -> list[Finding]:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date") or "")
    except ValueError:
        return []
    apart = abs(datetime.now(UTC) - theirs)
    if apart <= SKEW:
        return []
    return [
        change(
            "clock",
            "clocks-differ",
            f"The clock of {member.name} differs by {int(apart.total_seconds())} seconds.",
            "Compare both with a time server: beyond a minute neither lets the other in.",
        )
    ]


async def issuer_found(outbound: Outbound, settings: Settings) -> Finding:
    """Whether the sign-in provider answers."""
    if not settings.oidc_issuer:
        return skipped("sign-in", "own-provider", "People sign in at the embedded development provider.")
    url = f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration"
    answer = await _get(outbound, settings.oidc_issuer, url, allow_http=settings.environment == "development")
    if not isinstance(answer, str) and answer.ok and settings.oidc_issuer.encode() in answer.body:
        return well("sign-in", "issuer", "The sign-in provider answers.")
    why = cause_of(answer).words if isinstance(answer, str) else f"status {answer.status}."
    return change(
        "sign-in",
        "issuer-unavailable",
        f"The sign-in provider does not describe itself: {why}",
        "Start it, or correct `oidc_issuer`: exactly as the provider names itself.",
    )


async def queue_found(address: str) -> Finding:
    """Whether Redis answers at all; what it holds does not matter."""
    parts = urlsplit(address)
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 6379)
            writer.close()
    except (OSError, TimeoutError):
        return change(
            "queue",
            "queue-unreachable",
            "Redis does not answer.",
            "Start it, or correct its address. Nothing is lost meanwhile: what is due is in the database.",
        )
    return well("queue", "queue", "Redis answers.")


async def workers_found(address: str, participant: str) -> AsyncIterator[Finding]:
    """Whether Redis answers, and through it a worker of this participant."""
    from connector.jobs.broker import answering  # Celery, only where it is used

    queue = await queue_found(address)
    yield queue
    if queue.verdict != "well":
        return
    try:
        answers = await asyncio.to_thread(answering, participant, address)
    except OSError:
        yield change("queue", "queue-refuses", "Redis lets us not in.", "Correct user and password in its address.")
        return
    if answers:
        yield well("workers", "workers", "A worker answers.")
    else:
        yield change(
            "workers",
            "no-worker",
            "No worker of this participant answers: its messages and jobs wait.",
            "Start one: concord worker --directory DIR. What waits is in the database.",
        )


async def _document(outbound: Outbound, origin: str, digits: str, *, allow_http: bool) -> Answer | str:
    """A participant's document, signed by the key with this fingerprint if it still counts there."""
    return await _get(outbound, origin, f"{origin.rstrip('/')}{PATH}?key={digits}", allow_http=allow_http)


async def _get(outbound: Outbound, named: str, url: str, *, allow_http: bool) -> Answer | str:
    """The answer, or the code of why there is none."""
    parts = urlsplit(named)
    try:
        origin = NamedOrigin.parse(f"{parts.scheme}://{parts.netloc}", allow_http=allow_http)
        return await outbound.get(url, to=Destination.of_operator(origin), caps=_CAPS)
    except (OutboundRefused, Unreachable) as fault:
        return str(fault)


def _fits(answer: Answer, expected: str) -> bool:
    try:
        read_document(answer.body.decode("ascii", "replace").strip(), expected)
    except DocumentProblem:
        return False
    return answer.ok
