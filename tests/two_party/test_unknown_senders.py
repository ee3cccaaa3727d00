"""Nobody but a known, active participant is heard, and what they said must be said by them, to us, now, and once."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import pytest_asyncio

from connector.identity import tokens
from connector.records import InboxMessage
from tests.two_party import story
from tests.two_party.puppet import DSP, Key, Puppet
from tests.two_party.space import make_empty_store, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")
POSTS = [
    f"{DSP}/catalog/request", f"{DSP}/negotiations/request", f"{DSP}/negotiations/offers",
    f"{DSP}/negotiations/urn:uuid:1/request", f"{DSP}/negotiations/urn:uuid:1/agreement",
    f"{DSP}/negotiations/urn:uuid:1/agreement/verification", f"{DSP}/negotiations/urn:uuid:1/events",
    f"{DSP}/negotiations/urn:uuid:1/termination", f"{DSP}/transfers/request", f"{DSP}/transfers/urn:uuid:1/start",
    f"{DSP}/transfers/urn:uuid:1/completion", f"{DSP}/transfers/urn:uuid:1/suspension",
    f"{DSP}/transfers/urn:uuid:1/termination",
    *(f"/consent/{one}" for one in ("studies", "links", "consents", "heartbeat")),
    *(f"/consent/{one}" for one in ("withdrawals", "statements", "progress", "uses")),
]  # fmt: skip
GETS = [f"{DSP}/negotiations/urn:uuid:1", f"{DSP}/transfers/urn:uuid:1", f"{DSP}/catalog/datasets/urn:uuid:1"]
BODY = orjson.dumps({"links": 1})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def known(tmp_path_factory):
    directory = tmp_path_factory.mktemp("known")
    async with opened(directory, make_empty_store(directory)) as space:
        hospital = await space.add("hospital", "hospital")
        puppet = await Puppet.raised(space.client)
        await puppet.join(hospital)
        yield hospital, puppet
        await puppet.close()


def b64(value) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


@pytest.mark.parametrize("path", POSTS)
async def test_without_a_token_of_a_known_participant_the_answer_is_401_and_always_the_same(known, path):
    hospital, puppet = known
    stranger = Puppet(puppet.id.replace("puppet", "stranger"), Key(), puppet.client)
    wrong = ("nonsense", "a.b.c", stranger.token(hospital, BODY), puppet.token(hospital, BODY, signer=Key()))
    answers = [await puppet.post(hospital, path, BODY, token=token) for token in wrong]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1, "it says which part was wrong"
    assert (await puppet.post(hospital, path, BODY, token="")).status_code == 401


@pytest.mark.parametrize("path", GETS)
async def test_nothing_is_shown_to_somebody_unknown(known, path):
    hospital, puppet = known
    for token in ("", "nonsense", puppet.token(hospital, signer=Key())):
        assert (await puppet.get(hospital, path, token=token)).status_code == 401


async def test_a_protocol_door_answers_a_stranger_with_a_protocol_error(known):
    hospital, puppet = known
    for path, kind in ((POSTS[0], "CatalogError"), (POSTS[1], "ContractNegotiationError"), (POSTS[8], "TransferError")):
        answer = await puppet.post(hospital, path, BODY, token="")
        assert (answer.status_code, answer.json()["@type"]) == (401, kind)


async def refused(known, token) -> bool:
    hospital, puppet = known
    return (await puppet.post(hospital, "/consent/heartbeat", BODY, token=token)).status_code == 401


async def test_a_token_is_for_one_receiver(known):
    hospital, puppet = known
    assert await refused(known, puppet.token(hospital, BODY, aud="urn:concord:other:00000000"))


async def test_a_token_is_for_one_body(known):
    hospital, puppet = known
    assert await refused(known, puppet.token(hospital, b'{"links": 2}'))
    assert await refused(known, puppet.token(hospital, b""))


async def test_a_token_is_for_its_signer(known):
    hospital, puppet = known
    assert await refused(known, puppet.token(hospital, BODY, iss=hospital.id))


@pytest.mark.parametrize(
    "shift", [timedelta(minutes=-3), timedelta(minutes=3), timedelta(days=-365), timedelta(days=365)]
)
async def test_a_token_is_for_now(known, shift):
    hospital, puppet = known
    assert await refused(known, puppet.token(hospital, BODY, now=datetime.now(UTC) + shift))


async def test_a_token_is_for_once_even_when_used_twice_at_the_same_time(known):
    hospital, puppet = known
    token = puppet.token(hospital, BODY)
    answers = await asyncio.gather(*(puppet.post(hospital, "/consent/heartbeat", BODY, token=token) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5


async def test_a_token_from_before_this_process_started_may_have_been_used_and_does_not_count(known):
    hospital, puppet = known
    started = datetime.now(UTC) - timedelta(seconds=55)
    assert await refused(known, puppet.token(hospital, BODY, now=started))


async def test_a_clock_that_is_ahead_does_not_make_us_forget_which_tokens_were_used(known):
    """A member may be a minute ahead, another a minute behind: the first must not push out the tokens of the second."""
    hospital, puppet = known
    replays, now = hospital.context.members._identity._replays, datetime.now(UTC)
    replays._started = replays._swept_at = now - timedelta(hours=1)
    used = puppet.token(hospital, BODY, now=now - timedelta(seconds=70))
    assert not await refused(known, used)
    ahead = puppet.token(hospital, BODY, now=now + timedelta(seconds=58))
    assert not await refused(known, ahead)
    assert await refused(known, used)


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "RS256"])
async def test_a_token_with_another_algorithm_does_not_count(known, alg):
    hospital, puppet = known
    head, payload, signature = puppet.token(hospital, BODY).split(".")
    header = {"alg": alg, "kid": puppet.signer.kid, "typ": tokens.MESSAGE_TYPE}
    for last in (signature, "", "AAAA"):
        assert await refused(known, f"{b64(header)}.{payload}.{last}")
    assert head


async def test_a_token_that_brings_its_own_key_does_not_count(known):
    hospital, puppet = known
    mallory = Key()
    claims = {"iss": puppet.id, "sub": puppet.id, "aud": hospital.id, "jti": story.urn(),
              "iat": int(datetime.now(UTC).timestamp()), "exp": int(datetime.now(UTC).timestamp()) + 60,
              "digest": tokens.body_digest(BODY)}  # fmt: skip
    header = {"alg": "EdDSA", "kid": mallory.kid, "typ": tokens.MESSAGE_TYPE, "jwk": mallory.public_jwk}
    signed = f"{b64(header)}.{b64(claims)}"
    signature = base64.urlsafe_b64encode(mallory.sign(signed.encode())).rstrip(b"=").decode()
    assert await refused(known, f"{signed}.{signature}")


@pytest.mark.parametrize("scheme", ["Basic", "", "Bearer Bearer", "Token"])
async def test_only_a_bearer_token_counts(known, scheme):
    hospital, puppet = known
    headers = {"authorization": f"{scheme} {puppet.token(hospital, BODY)}".strip()}
    answer = await puppet.post(hospital, "/consent/heartbeat", BODY, token="", headers=headers)
    assert answer.status_code == 401


async def test_a_removed_member_is_nobody_and_an_added_one_is_heard_again(known):
    hospital, puppet = known
    await hospital.context.members.set_standing(puppet.id, "removed")
    assert await refused(known, puppet.token(hospital, BODY))
    await hospital.context.members.put(puppet.entry())
    assert not await refused(known, puppet.token(hospital, BODY))


async def test_nobody_unknown_left_anything_behind(known):
    hospital, _ = known
    assert not await hospital.find(InboxMessage)
