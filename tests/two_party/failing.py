"""Failures played on real connectors: each act makes one thing go wrong, and says at which party which id is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from connector.records import Agreement, Negotiation, OutboxMessage, Release, Transfer
from connector.services.contracting.questions import BELL
from connector.services.disk import Disk
from connector.vault.errors import VaultLockedError
from contracts.messages import Json
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, smallest_bundles
from tests.two_party.sinks import pushing_to
from tests.two_party.space import Party, until


@dataclass(frozen=True)
class Asked:
    """Who asks about what."""

    party: Party
    id: str


Act = Callable[[Trio, Path], Awaitable[list[Asked]]]


async def offered(trio: Trio) -> tuple[dict[str, Any], str]:
    """An offer of the hospital's and a study its steward approved."""
    return await story.offer_dataset(trio.hospital), await story.approved_study(trio.research, trio.hospital)


async def with_their_pid(trio: Trio, pid: str) -> str:
    """The hospital's number of a negotiation of the research group's."""
    known = await trio.research.eventually(Negotiation, pid, where=lambda one: one.their_pid)
    return str(known.their_pid)


async def message_of(party: Party, about: str, where: Callable[[OutboxMessage], Any]) -> OutboxMessage:
    """A message about a process that is so, as soon as there is one."""

    async def look() -> OutboxMessage | None:
        return next((one for one in await party.find(OutboxMessage, about=about) if where(one)), None)

    found: OutboxMessage = await until(look, "a message")
    return found


async def counterparty_down(trio: Trio, _place: Path) -> list[Asked]:
    offer, study = await offered(trio)
    await trio.hospital.stop()
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    sent = await message_of(trio.research, pid, lambda one: one.failing_since)
    return [Asked(trio.research, pid), Asked(trio.research, sent.id)]


async def key_unknown(trio: Trio, _place: Path) -> list[Asked]:
    offer, study = await offered(trio)
    await trio.hospital.context.members.set_standing(trio.research.id, "removed")
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    sent = await message_of(trio.research, pid, lambda one: one.failing_since)
    return [Asked(trio.research, pid), Asked(trio.research, sent.id)]


async def policy_refused(trio: Trio, _place: Path) -> list[Asked]:
    offer, _ = await offered(trio)
    unapproved = await story.publish_study(trio.research, (trio.hospital, story.RECORDS))
    pid = await story.ask(trio.research, trio.hospital, offer, unapproved)
    done = await story.outcome(trio.research, pid)
    return [Asked(trio.research, pid), Asked(trio.hospital, str(done.their_pid)), Asked(trio.hospital, pid)]


async def rule_refused(trio: Trio, _place: Path) -> list[Asked]:
    offer, study = await offered(trio)
    await trio.hospital.services.rules.set(trio.hospital.acting("steward"), answer="refuse", reason="Not this year.")
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    await story.outcome(trio.research, pid)
    await story.counterpart(trio.hospital, pid)
    return [Asked(trio.research, pid), Asked(trio.hospital, pid)]


async def deadline_passed(trio: Trio, _place: Path) -> list[Asked]:
    offer, study = await offered(trio)
    await trio.hospital.services.rules.set(trio.hospital.acting("steward"), answer="person", days=7)
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    await until(lambda: trio.hospital.services.approvals.list(trio.hospital.acting("steward")), "a question")
    before = trio.hospital.context.clock
    trio.hospital.context.clock = lambda: before() + timedelta(days=8)
    trio.hospital.context.bells.ring(BELL)
    await story.counterpart(trio.hospital, pid)
    trio.hospital.context.clock = before
    await story.outcome(trio.research, pid)
    return [Asked(trio.research, pid), Asked(trio.hospital, pid)]


async def offer_unknown(trio: Trio, _place: Path) -> list[Asked]:
    offer, study = await offered(trio)
    pid = await story.ask(trio.research, trio.hospital, offer | {"@id": story.urn()}, study)
    await story.outcome(trio.research, pid)
    sent = await message_of(trio.research, pid, lambda one: one.reason == "refused")
    return [Asked(trio.research, pid), Asked(trio.research, sent.id)]


async def schema_refused(trio: Trio, _place: Path) -> list[Asked]:
    offer, study = await offered(trio)
    before = trio.research.context.deliveries.send

    def spoilt(tx: Any, **message: Any) -> Any:
        body: Json = {name: value for name, value in message.pop("body").items() if name != "callbackAddress"}
        return before(tx, body=body, **message)

    trio.research.context.deliveries.send = spoilt
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    await story.outcome(trio.research, pid)
    return [Asked(trio.research, pid)]


async def disk_full(trio: Trio, _place: Path) -> list[Asked]:
    offer, study = await offered(trio)

    def command(tx: Any) -> None:
        pages = tx._driver.execute("PRAGMA page_count").fetchone()[0]
        tx._driver.execute(f"PRAGMA max_page_count={pages}")

    await trio.hospital.store.write(command)
    filler = "x" * 200_000
    pid = await story.ask(trio.research, trio.hospital, offer | {"rdfs:comment": filler}, study)
    await message_of(trio.research, pid, lambda one: one.failing_since)
    return [Asked(trio.research, pid)]


# --- data -------------------------------------------------------------------------------------------------------------


async def staged(trio: Trio, place: Path, answers: int = 2) -> Stage:
    """Four people's records at the hospital, under a contract; so many of them said yes."""
    stage = await hospital_stage(trio, smallest_bundles(place / "bundles", 4))
    for source_id in (await stage.source_ids())[:answers]:
        await stage.answer(source_id)
    return stage


async def both(stage: Stage, pid: str) -> list[Asked]:
    """A transfer as both sides ask about it: by the consumer's number."""
    await stage.research.eventually(Transfer, pid, where=lambda one: one.their_pid)
    return [Asked(stage.holder, pid), Asked(stage.research, pid)]


async def consent_missing(trio: Trio, place: Path) -> list[Asked]:
    stage = await staged(trio, place, answers=0)
    pid = await stage.transfer()
    await stage.received(pid)
    release = (await stage.holder.find(Release))[0]
    return [*await both(stage, pid), Asked(stage.holder, release.id)]


async def agreement_ended(trio: Trio, place: Path) -> list[Asked]:
    stage = await staged(trio, place, answers=1)
    stage.holder.context.disk = stage.research.context.disk = Disk(lambda: 0, 1)
    pid = await stage.transfer()
    await stage.research.eventually(Transfer, pid, where=lambda one: one.state == "STARTED")
    await stage.holder.services.endings.end(stage.holder.acting("steward"), stage.agreement, "The study is over.")
    await stage.research.eventually(Agreement, stage.agreement, where=lambda one: one.standing == "ended")
    await stage.research.eventually(Transfer, pid, where=lambda one: one.state == "TERMINATED")
    stage.holder.context.disk = stage.research.context.disk = Disk()
    return [*await both(stage, pid), Asked(stage.holder, stage.agreement), Asked(stage.research, stage.agreement)]


async def profile_gone(trio: Trio, place: Path) -> list[Asked]:
    stage = await staged(trio, place)
    found = await stage.holder.get(Agreement, stage.agreement)
    name = found.profile.partition(":")[0]
    gone = f"{name}:{'0' * 64}"
    await stage.holder.store.write(lambda tx: tx.change(tx.get(Agreement, stage.agreement), profile=gone))
    pid = await stage.transfer()
    await stage.research.eventually(Transfer, pid, where=lambda one: one.their_pid)
    return [Asked(stage.holder, stage.agreement)]


async def vault_locked(trio: Trio, place: Path) -> list[Asked]:
    stage = await staged(trio, place)

    class Locked:
        def __getattr__(self, _name: str) -> Any:
            raise VaultLockedError("the key service does not answer")

    stage.holder.context.vault = Locked()
    pid = await stage.transfer()
    asked = await both(stage, pid)
    await waiting(stage, pid, "vault-locked")
    return asked


async def disk_low(trio: Trio, place: Path) -> list[Asked]:
    stage = await staged(trio, place)
    stage.research.context.disk = Disk(lambda: 10, 1000)
    pid = await stage.transfer()
    await waiting(stage, pid, "disk-low")
    return [Asked(stage.research, pid)]


async def member_suspended(trio: Trio, place: Path) -> list[Asked]:
    stage = await staged(trio, place)
    stage.research.context.disk = Disk(lambda: 10, 1000)
    pid = await stage.transfer()
    asked = await both(stage, pid)
    await stage.holder.context.members.set_standing(stage.research.id, "suspended")
    return [asked[0], Asked(stage.holder, stage.agreement), Asked(stage.holder, stage.research.id)]


async def push_refused(trio: Trio, place: Path) -> list[Asked]:
    stage = await staged(trio, place)
    pid = await pushing_to(stage, "http://169.254.169.254/latest")
    await message_of(stage.holder, pid, lambda one: True)
    return [Asked(stage.holder, pid)]


async def waiting(stage: Stage, pid: str, words: str) -> None:
    """The research group waits for the next try, for a reason that says this."""

    async def look() -> bool:
        rows = await stage.research.services.why.explain(stage.research.acting("operator"), pid)
        return any(words in cause.said or cause.code == words for cause in rows.causes)

    await until(look, f"a transfer that waits for {words}")
