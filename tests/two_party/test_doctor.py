"""`concord doctor` is right about real directories and servers: one that is well, and some broken in one way each."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.cli.program import run
from connector.doctor import network
from connector.founding import STORE_FILE
from connector.outbound.answer import Answer
from connector.records import LogEntry
from connector.services.why.surroundings import MemberSeen
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.sinks import Sink, saying
from tests.two_party.space import Party, listening

Looking = Callable[..., Awaitable[tuple[int, list[dict[str, Any]]]]]


@pytest.fixture
def looking(capsys: pytest.CaptureFixture) -> Looking:
    """`concord doctor --json` at a party: its exit code, and what is to be changed."""

    async def call(party: Party, *, everything: bool = False) -> tuple[int, list[dict[str, Any]]]:
        capsys.readouterr()
        code = await asyncio.to_thread(run, ["doctor", "--json", "--directory", str(party.founded.directory)])
        found = json.loads(capsys.readouterr().out)
        return code, found if everything else [one for one in found if one["verdict"] == "change"]

    return call


def codes(found: list[dict[str, Any]]) -> list[str]:
    return [one["code"] for one in found]


async def stopped(party: Party, *settings: str) -> Path:
    """The party's directory once it has stopped, with these lines in its settings."""
    await party.stop()
    place = Path(party.founded.directory)
    toml = place / "concord.toml"
    names = {line.partition(" ")[0] for line in settings}
    kept = [line for line in toml.read_text().splitlines() if line.partition(" ")[0] not in names]
    toml.write_text("\n".join([*kept, *settings]) + "\n")
    return place


async def test_a_participant_that_runs_and_knows_others_is_well(trio: Trio, looking: Looking):
    code, found = await looking(trio.research, everything=True)
    assert (code, [one for one in found if one["verdict"] == "change"]) == (0, [])
    by = {one["code"]: one for one in found}
    assert by["own-address"]["verdict"] == "well"
    assert [one["words"] for one in found if one["code"] == "member"] == [
        "Hospital One answers, with the key we know.", "Wallet One answers, with the key we know."
    ]  # fmt: skip
    assert all(one["remedy"] for one in found if one["verdict"] == "change")


async def test_one_that_does_not_run_is_looked_at_as_well_and_is_not_changed(trio: Trio, looking: Looking):
    place = await stopped(trio.research)
    before = (place / STORE_FILE).read_bytes()
    code, found = await looking(trio.research, everything=True)
    assert code == 0
    assert "not-serving" in codes(found)
    assert "member" in codes(found)
    assert (place / STORE_FILE).read_bytes() == before


async def test_a_shared_folder_that_is_not_there_or_takes_nothing(trio: Trio, looking: Looking, tmp_path: Path):
    shared = tmp_path / "mounted"
    await stopped(trio.research, f'shared_folder = "{shared}"')
    assert codes((await looking(trio.research))[1]) == ["shared-folder-missing"]
    shared.mkdir()
    assert "shared-folder" in codes((await looking(trio.research, everything=True))[1])
    await stopped(trio.research, 'shared_folder = "/proc"')
    assert codes((await looking(trio.research))[1]) == ["shared-folder-not-writable"]


async def test_settings_that_do_not_load(trio: Trio, looking: Looking):
    await stopped(trio.research, "port = 123456")
    code, found = await looking(trio.research)
    assert (code, codes(found)) == (1, ["bad-settings"])
    assert "port" in found[0]["words"]


async def test_a_directory_without_a_participant(trio: Trio, looking: Looking):
    place = await stopped(trio.research)
    (place / "concord.toml").unlink()
    assert codes((await looking(trio.research))[1]) == ["no-participant"]


async def test_https_that_nobody_speaks(trio: Trio, looking: Looking):
    await stopped(trio.research, 'public_url = "https://concord.example"', 'environment = "production"')
    assert {"nobody-speaks-tls", "no-issuer"} <= set(codes((await looking(trio.research))[1]))


async def test_keys_that_others_can_read(trio: Trio, looking: Looking):
    place = await stopped(trio.research)
    key = next((place / "vault").rglob("*.key"))
    key.chmod(0o644)
    _, found = await looking(trio.research)
    [finding] = [one for one in found if one["code"] == "open-to-others"]
    assert key.name in finding["words"]
    assert "chmod 0600" in finding["remedy"]
    assert "vault-shut" in codes(found) or "key-unreadable" in codes(found)


async def test_a_key_that_is_damaged(trio: Trio, looking: Looking):
    place = await stopped(trio.research)
    for key in (place / "vault").rglob("*.key"):
        content = key.read_bytes()
        key.write_bytes(bytes(byte ^ 0xFF for byte in content))
    _, found = await looking(trio.research)
    assert {"vault-shut", "key-unreadable"} & set(codes(found))


async def test_a_vault_of_somebody_else(trio: Trio, looking: Looking):
    place = await stopped(trio.research)
    theirs = Path(trio.hospital.founded.directory) / "vault"
    for file in (one for one in theirs.rglob("*") if one.is_file()):
        target = place / "vault" / file.relative_to(theirs)
        target.unlink(missing_ok=True)
        target.write_bytes(file.read_bytes())
        target.chmod(0o600)
    assert "key-of-another" in codes((await looking(trio.research))[1])


async def test_an_old_key(trio: Trio, looking: Looking):
    place = await stopped(trio.research)
    old = time.time() - 3 * 365 * 86_400
    for key in (place / "vault").rglob("*.key"):
        os.utime(key, (old, old))
    assert codes((await looking(trio.research))[1]) == ["key-old"]


async def test_a_store_that_is_damaged(trio: Trio, looking: Looking):
    place = await stopped(trio.research)
    store = place / STORE_FILE
    content = bytearray(store.read_bytes())
    content[4096 * 3 : 4096 * 9] = b"\xff" * (4096 * 6)
    store.write_bytes(content)
    assert "store-faults" in codes((await looking(trio.research))[1])


async def test_a_store_that_is_gone(trio: Trio, looking: Looking):
    place = await stopped(trio.research)
    (place / STORE_FILE).unlink()
    assert "no-store" in codes((await looking(trio.research))[1])


async def test_a_disk_with_too_little_room(trio: Trio, looking: Looking):
    await stopped(trio.research, "disk_low_mb = 1048576")
    _, found = await looking(trio.research)
    assert codes(found) == ["disk-low"]


async def test_a_clock_that_was_set_back(trio: Trio, looking: Looking):
    ahead = datetime.now(UTC) + timedelta(hours=1)
    trio.research.context.clock = lambda: ahead
    await story.publish_study(trio.research, (trio.hospital, story.RECORDS), send=False)
    await trio.research.store.write(lambda tx: trio.research.context.log(tx, "test", "x", {}))
    assert await trio.research.find(LogEntry, subject="x")
    _, found = await looking(trio.research)
    assert codes(found) == ["clock-behind"]


async def test_a_member_that_is_down(trio: Trio, looking: Looking):
    await trio.hospital.stop()
    _, found = await looking(trio.research)
    assert codes(found) == ["member-cannot-connect"]
    assert "Hospital One" in found[0]["words"]


async def test_a_member_with_another_key(trio: Trio, looking: Looking):
    members = trio.research.context.members
    known = members.known(trio.hospital.id)
    await members.put(known.model_copy(update={"fingerprint": "0" * 64}))
    _, found = await looking(trio.research)
    assert codes(found) == ["member-key"]


async def test_an_address_of_our_own_that_nobody_answers(trio: Trio, looking: Looking):
    with listening() as free:
        nowhere = free.getsockname()[1]
    place = Path(trio.research.founded.directory)
    toml = place / "concord.toml"
    toml.write_text(toml.read_text().replace(trio.research.url, f"http://127.0.0.1:{nowhere}"))
    _, found = await looking(trio.research)
    assert "own-address" in codes(found)


async def test_an_address_of_our_own_where_somebody_else_answers(trio: Trio, looking: Looking):
    toml = Path(trio.research.founded.directory) / "concord.toml"
    toml.write_text(toml.read_text().replace(trio.research.url, trio.hospital.url))
    _, found = await looking(trio.research)
    assert "address-of-another" in codes(found)


async def test_a_port_that_somebody_else_has(trio: Trio, looking: Looking):
    await trio.research.stop()
    with listening(trio.research.port) as taken:
        taken.listen()
        assert "port-taken" in codes((await looking(trio.research))[1])


async def test_a_sign_in_provider_that_does_not_describe_itself(trio: Trio, looking: Looking):
    async with Sink(saying("404 Not Found")).listening() as sink:
        await stopped(trio.research, f'oidc_issuer = "{sink.url}"')
        _, found = await looking(trio.research)
    assert codes(found) == ["issuer-unavailable"]


async def test_a_queue_that_does_not_answer():
    with listening() as free:
        nowhere = free.getsockname()[1]
    assert (await network.queue_found(f"redis://127.0.0.1:{nowhere}/0")).verdict == "change"


async def test_an_examination_shows_no_secret(trio: Trio, looking: Looking):
    _, found = await looking(trio.research, everything=True)
    token = json.loads((Path(trio.research.founded.directory) / "process.json").read_text())["token"]
    assert token not in json.dumps(found)


def test_a_clock_of_a_member_that_differs_is_named():
    late = Answer(200, {"date": "Mon, 01 Jan 2024 00:00:00 GMT"}, b"")
    member = MemberSeen("id", "Hospital One", "https://h.example", "0" * 64, allow_http=False)
    [found] = network._skewed(member, late)
    assert (found.code, found.verdict) == ("clocks-differ", "change")
