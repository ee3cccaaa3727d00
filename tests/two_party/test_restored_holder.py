"""A hospital is put back from a backup: a stop it had acknowledged since is lost there, and nothing leaves on a yes
that it still has until the wallet has said everything again."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from connector.backups import back_up, restore
from connector.records import Consent, Delivery, MemberEntry, OptOut, Setting, WalletOptOut
from connector.settings import load
from connector.wiring import utc_now
from tests.two_party import space
from tests.two_party.conftest import Trio
from tests.two_party.releases import Stage, hospital_stage, smallest_bundles
from tests.two_party.space import until


@pytest.fixture
async def stage(trio: Trio, tmp_path: Path) -> Stage:
    made = await hospital_stage(trio, smallest_bundles(tmp_path / "bundles", 3))
    await made.everybody_agrees()
    return made


class Disk:
    """The hospital's disk: kept, lost, put back."""

    def __init__(self, stage: Stage, place: Path) -> None:
        if space.ENGINE != "sqlite":
            pytest.skip("puts a directory back, not a database")
        self.hospital, self.records, self.vault = stage.holder, place / "backup", place / "safe"
        self.directory = Path(self.hospital.founded.directory)

    async def keep(self) -> None:
        await asyncio.to_thread(back_up, load(self.directory), self.records, self.vault, utc_now())

    async def lose_and_put_back(self) -> None:
        await self.hospital.stop()
        shutil.rmtree(self.directory)
        await asyncio.to_thread(restore, self.records, self.directory, self.vault)
        await self.hospital.start()


async def released(stage: Stage) -> int:
    """How many people are in a release of now."""
    return (await stage.received(await stage.transfer())).people


async def in_step(stage: Stage) -> None:
    """Every wallet has said everything again."""

    async def none_asked():
        asked = [one for one in await stage.holder.find(Setting) if one.name == f"restored:{stage.wallet.id}"]
        return not asked

    await until(none_asked, "the wallet to have said everything again")


async def test_a_stop_that_a_restored_hospital_has_forgotten_is_said_again_before_anything_leaves(
    stage: Stage, tmp_path: Path
):
    stopped, opted_out, _shares = await stage.source_ids()
    disk = Disk(stage, tmp_path)
    await disk.keep()
    await stage.withdraw(stopped)
    await stage.wallet.services.wallet.opt_outs.opt_out(stage.people[opted_out].actor)
    await stage.wallet.quiet()
    await disk.lose_and_put_back()
    assert [one.state for one in await stage.holder.find(Consent, current=True)] == ["given"] * 3  # it has forgotten
    assert await stage.holder.find(OptOut) == []
    assert await released(stage) == 0

    stage.wallet.context.bells.ring("links")  # as every half hour, and whenever a wallet starts
    await in_step(stage)
    states = sorted(one.state for one in await stage.holder.find(Consent, current=True))
    assert states == ["given", "given", "withdrawn"]
    assert len(await stage.holder.find(OptOut)) == 1
    assert await released(stage) == 1
    assert {one.standing for one in await stage.wallet.find(Delivery)} == {"acknowledged"}
    [out] = await stage.wallet.find(WalletOptOut)
    assert out.delivered


async def test_a_word_of_the_wallet_does_not_make_a_restored_hospital_believe_the_rest(stage: Stage, tmp_path: Path):
    """A new yes arrives before the wallet has been asked: it is kept, and still nothing leaves."""
    first, *_ = await stage.source_ids()
    disk = Disk(stage, tmp_path)
    await disk.keep()
    await disk.lose_and_put_back()
    await stage.answer(first, "no")
    [wallet] = await stage.holder.find(MemberEntry, id=stage.wallet.id)
    assert wallet.heard_at is None
    assert await released(stage) == 0
    stage.wallet.context.bells.ring("links")
    await in_step(stage)
    assert await released(stage) == 2


async def test_a_restored_hospital_is_not_satisfied_by_a_wallet_that_claims_another_time(stage: Stage, tmp_path: Path):
    disk = Disk(stage, tmp_path)
    await disk.keep()
    await disk.lose_and_put_back()
    members = stage.wallet.context.members
    address = f"{members.exchange(stage.holder.id)}/heartbeat"
    claimed = {"links": 3, "said_again": "2020-01-01T00:00:00Z"}
    answer = await members.post(stage.holder.id, address, claimed)
    assert answer.status == 200
    assert b"say_again" in answer.body
    assert await released(stage) == 0
