"""A provider says that somebody signed out: believed only when it says so itself, to us, now, about that alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from connector.identity.jws import sign
from connector.identity.people.passing_key import PassingKey
from connector.identity.people.relying_party import SignInRefused
from connector.identity.people.stated import BACK_CHANNEL
from connector.outbound.client import Outbound
from tests.unit.connector.identity.test_people_sign_in import CLIENT, House

KEY = PassingKey()


@pytest.fixture
async def house(listening, now):
    """A provider whose key we hold."""
    async with Outbound() as outbound:
        built = House(now, outbound)
        built.open(await listening(built.answering), KEY)
        yield built


def token(house: House, key: PassingKey = KEY, **changes: Any) -> str:
    """A logout token as Keycloak makes it, with changes; a claim that becomes None is left out."""
    moment = int(house.now.timestamp())
    claims = {
        "iss": f"{house.origin}/idp", "aud": CLIENT, "sub": "paula", "sid": "one", "jti": "j1", "iat": moment,
        "exp": moment + 120, "typ": "Logout", "events": {BACK_CHANNEL: {}},
    } | changes  # fmt: skip
    stated = {name: value for name, value in claims.items() if value is not None}
    return sign(key, "logout+jwt", json.dumps(stated).encode())


async def refusal(house: House, text: str) -> str:
    with pytest.raises(SignInRefused) as refused:
        await house.party().dismissed(text, house.now)
    return refused.value.code


async def test_a_logout_token_of_our_provider_names_whose_sign_in_is_over(house):
    told = await house.party().dismissed(token(house), house.now)
    assert (told.subject, told.sid, told.jti) == ("paula", "one", "j1")
    assert told.until == house.now.replace(microsecond=0) + timedelta(seconds=120)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"}, {"aud": None}, {"iss": "https://other.example"}, {"exp": None}, {"exp": 1}, {"iat": None},
        {"iat": 4102444800}, {"events": None}, {"events": {}}, {"nonce": "n"}, {"jti": None}, {"sub": None},
    ],
    ids=str,
)  # fmt: skip
async def test_any_other_token_is_refused(house, changes):
    assert (await refusal(house, token(house, **changes))).startswith(("id-token-", "logout-token"))


async def test_a_token_somebody_else_signed_is_refused(house):
    assert (await refusal(house, token(house, PassingKey()))).startswith("id-token-")


@pytest.mark.parametrize("text", ["", "nonsense", "a.b.c", "x" * 20_000])
async def test_what_is_no_token_is_refused(house, text):
    assert await refusal(house, text) == "id-token-malformed"


async def test_a_logout_token_vouches_for_nobody(house):
    with pytest.raises(SignInRefused):
        await house.party().vouch(token(house), house.now)
