"""What a person or another participant does through one address works whichever process of a participant answers."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import orjson
import pytest

from connector.demo.balancing import Balancer
from connector.problems import Problem
from connector.records import UsedToken
from connector.settings import load
from connector.wiring import build
from contracts.names import CONTEXT_URL
from tests import postgres
from tests.two_party.conftest import Trio
from tests.two_party.puppet import Voice
from tests.two_party.space import Party, until
from tests.two_party.test_replicas import replica_of


@pytest.fixture(autouse=True)
def on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.needed()
    monkeypatch.setattr("tests.two_party.space.ENGINE", "postgresql")


@pytest.fixture
async def both(trio: Trio) -> tuple[Party, Party]:
    return trio.hospital, await replica_of(trio)


@pytest.mark.parametrize("path", ["/dsp/2025-1/negotiations/urn:uuid:1", "/dsp/2025-1/transfers/urn:uuid:1"])
async def test_a_token_that_asked_one_process_asks_no_other(both: tuple[Party, Party], trio: Trio, path: str):
    voice = Voice.of(trio.research, trio.space.client)
    token = voice.token(both[0])
    assert (await voice.get(both[0], path, token=token)).status_code == 404
    assert (await voice.get(both[1], path, token=token)).status_code == 401
    assert len(await both[1].find(UsedToken, issuer=trio.research.id)) >= 1


@pytest.mark.parametrize("ending", ["request", "urn:uuid:1/events"])
async def test_a_message_that_reached_one_process_is_not_heard_by_another(
    both: tuple[Party, Party], trio: Trio, ending: str
):
    voice, path = Voice.of(trio.research, trio.space.client), f"/dsp/2025-1/negotiations/{ending}"
    body = orjson.dumps({"@context": [CONTEXT_URL], "@type": "nothing we know"})
    token = voice.token(both[0], body)
    assert (await voice.post(both[0], path, body, token=token)).status_code in (400, 404)
    assert (await voice.post(both[1], path, body, token=token)).status_code == 401


async def test_of_two_processes_that_get_one_message_at_once_one_takes_it(both: tuple[Party, Party], trio: Trio):
    voice, path = Voice.of(trio.research, trio.space.client), "/consent/heartbeat"
    body = orjson.dumps({"wallet": trio.research.id})
    for _ in range(5):
        token = voice.token(both[0], body)
        answers = await asyncio.gather(*(voice.post(one, path, body, token=token) for one in both))
        assert [answer.status_code for answer in answers].count(401) == 1


async def test_a_sign_in_begun_at_one_process_goes_on_at_another_and_the_session_holds_in_both(
    both: tuple[Party, Party], trio: Trio
):
    hospital, replica = both
    await hospital.services.accounts.open_account(hospital.acting("operator"), "ingrid", "Ingrid", ["steward"])
    url, cookie = await hospital.services.accounts.begin_sign_in("/desk", None)
    asked = parse_qs(urlsplit(url).query)
    form = {name: values[0] for name, values in asked.items()} | {"account": "ingrid"}
    chosen = await trio.space.client.post(f"{replica.direct}/idp/authorize", data=form)
    query = {name: values[0] for name, values in parse_qs(urlsplit(chosen.headers["location"]).query).items()}
    # The code was made in the second process; its exchange goes to the public address, which is the first one's.
    session, value, onward = await replica.services.accounts.finish_sign_in(cookie, query)
    assert (session.actor.role, onward) == ("steward", "/desk")
    for one in both:
        found = await one.services.accounts.session(value)
        assert found is not None
        assert found.id == session.id
    await hospital.services.accounts.sign_out(session.id)
    assert await replica.services.accounts.session(value) is None


async def test_connections_take_turns_and_pass_over_a_process_that_is_gone(both: tuple[Party, Party], trio: Trio):
    hospital, replica = both
    async with Balancer(0, (hospital.port, replica.port)) as balancer:
        address = f"http://127.0.0.1:{balancer.port}/health/live"

        async def asked() -> int:
            async with httpx2.AsyncClient(trust_env=False) as client:
                return (await client.get(address)).status_code

        assert [await asked() for _ in range(4)] == [200] * 4
        assert balancer.taken == {hospital.port: 2, replica.port: 2}
        await replica.stop()
        assert [await asked() for _ in range(4)] == [200] * 4
        assert balancer.taken == {hospital.port: 6, replica.port: 2}


async def test_what_one_process_keeps_in_files_the_other_finds(both: tuple[Party, Party]):
    hospital, replica = both
    await hospital.context.data.archive.keep("release.json", b"{}")
    assert await replica.context.data.archive.read("release.json") == b"{}"


async def test_a_process_whose_shared_folder_is_missing_does_not_start(both: tuple[Party, Party]):
    replica = both[1]
    await replica.stop()
    file = Path(replica.founded.directory) / "concord.toml"
    file.write_text(re.sub(r"(?m)^shared_folder = .*$", 'shared_folder = "not-mounted"', file.read_text()))
    with pytest.raises(Problem, match="shared folder is not there"):
        await build(load(Path(replica.founded.directory)))


async def test_what_is_pushed_is_taken_by_the_process_that_erases_and_by_no_other(both: tuple[Party, Party]):
    leading, following = sorted(both, key=lambda one: not one.context.lead.held)
    assert not following.context.lead.held
    for one, status in ((leading, 401), (following, 503)):
        with pytest.raises(Problem) as refused:
            await one.services.inbox.open("urn:uuid:1", "token")
        assert refused.value.status == status
    await leading.stop()
    await until(lambda: following.context.lead.held, "the lead to pass")
    with pytest.raises(Problem) as refused:
        await following.services.inbox.open("urn:uuid:1", "token")
    assert refused.value.status == 401
