"""Where the sign-in provider says what staff may do, that is so, and it goes on being asked (with a double of it)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.identity.people.relying_party import SignedIn, SignedOut
from connector.problems import Problem
from connector.records import Account, Session
from connector.vault.errors import SealBrokenError
from tests.two_party.space import until
from tests.unit.connector.services.participant_factory import Running

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
ISSUER = "https://login.example/realm"
MINUTE = timedelta(minutes=1)
NAMES = {"data-steward": "steward", "officer": "dpo", "head-of-data": "steward"}


class Provider:
    """Answers what a test tells it to; counts the questions."""

    def __init__(self) -> None:
        self.says: SignedIn | Problem | None = None
        self.asked: list[str] = []
        self.left: list[str] = []
        self.dismisses: SignedOut | None = None
        self.held: asyncio.Event | None = None

    async def ask_after(self, refresh, subject, now):
        self.asked.append(refresh)
        if self.held is not None:
            await self.held.wait()
        if isinstance(self.says, Problem):
            raise self.says
        return self.says

    async def leave(self, refresh, now):
        self.left.append(refresh)

    async def dismissed(self, token, now):
        return self.dismisses


def who(*roles: str, refresh: str = "first", sid: str = "sid-1", subject: str = "an") -> SignedIn:
    return SignedIn(ISSUER, subject, "An", roles, "", None, sid, refresh)


@pytest.fixture
def provider(hospital: Running) -> Provider:
    settings = hospital.context.settings
    changes = {"oidc_issuer": ISSUER, "oidc_roles_claim": "roles", "oidc_roles": NAMES}
    hospital.context.settings = settings.model_copy(update=changes)
    hospital.clock.fixed = START
    made = hospital.services.accounts.signing_in.issuer = Provider()
    return made


async def signed_in(one: Running, *roles: str, **more: str) -> str:
    """The cookie of somebody who has just signed in with these roles at the provider."""
    return (await one.services.accounts._open_session(who(*roles, **more)))[1]


async def account(one: Running) -> Account:
    [found] = await one.context.store.read(lambda tx: tx.find(Account))
    return found


async def test_names_of_roles_are_mapped_and_what_the_map_does_not_name_is_no_role(hospital, provider):
    value = await signed_in(hospital, "nurse", "head-of-data", "officer", "operator", "dpo")
    assert (await hospital.services.accounts.session(value)).roles == ("steward", "dpo")


@pytest.mark.parametrize("roles", [(), ("nurse",), ("operator", "patient", "steward")])
async def test_nobody_without_a_role_of_the_map_gets_in_or_leaves_a_trace(hospital, provider, roles):
    with pytest.raises(Problem) as refused:
        await signed_in(hospital, *roles)
    assert (refused.value.status, refused.value.code) == (403, "unknown-account")
    assert await hospital.context.store.read(lambda tx: tx.find(Account)) == []


async def test_a_role_that_is_gone_at_the_next_sign_in_is_gone_in_every_browser(hospital, provider):
    elsewhere = await signed_in(hospital, "data-steward")
    with pytest.raises(Problem):
        await signed_in(hospital, "nurse")
    assert await hospital.services.accounts.session(elsewhere) is None
    assert (await account(hospital)).roles == {"roles": [], "claimed": []}


async def test_what_was_granted_here_counts_no_more_but_a_patient_stays_one(hospital, provider):
    settings = hospital.context.settings
    hospital.context.settings = settings.model_copy(update={"oidc_roles": {}})
    await hospital.services.accounts.open_account(hospital.actor("operator"), "an", "An", ["steward", "dpo"])
    await hospital.context.store.write(
        lambda tx: tx.change(tx.find(Account)[0], roles={"roles": ["steward", "dpo", "patient"]})
    )
    hospital.context.settings = settings
    value = await signed_in(hospital, "officer")
    assert (await hospital.services.accounts.session(value)).roles == ("patient", "dpo")


async def test_a_closed_account_stays_closed_whatever_the_provider_says(hospital, provider):
    await signed_in(hospital, "officer")
    await hospital.services.accounts.close_account(hospital.actor("operator"), (await account(hospital)).id)
    with pytest.raises(Problem):
        await signed_in(hospital, "officer")


async def test_the_provider_is_asked_once_in_a_while_and_never_before(hospital, provider):
    value = await signed_in(hospital, "officer")
    provider.says = who("officer", refresh="second")
    hospital.clock.fixed = START + 5 * MINUTE - timedelta(seconds=1)
    await hospital.services.accounts.session(value)
    assert provider.asked == []
    for minutes in (5, 6, 10):
        hospital.clock.fixed = START + minutes * MINUTE
        assert await hospital.services.accounts.session(value) is not None
    assert provider.asked == ["first", "second"]


async def test_of_two_requests_at_once_one_asks(hospital, provider):
    value = await signed_in(hospital, "officer")
    provider.says = who("officer", refresh="second")
    hospital.clock.fixed = START + 5 * MINUTE
    [record] = await hospital.context.store.read(lambda tx: tx.find(Session))
    confirming, mine = hospital.services.accounts.confirming, await account(hospital)
    assert await confirming.still(record, mine)
    assert await confirming.still(record, mine)  # as another process would, that has read the same
    assert provider.asked == ["first"]
    assert await hospital.services.accounts.session(value) is not None


async def test_a_sign_in_that_is_over_there_is_over_here(hospital, provider):
    value = await signed_in(hospital, "officer")
    hospital.clock.fixed = START + 5 * MINUTE
    assert await hospital.services.accounts.session(value) is None
    assert await hospital.context.store.read(lambda tx: tx.find(Session)) == []


async def test_a_silent_provider_is_borne_for_a_while_by_staff(hospital, provider):
    value = await signed_in(hospital, "officer")
    provider.says = Problem(503, "issuer-unavailable", "nobody answers")
    for minutes in range(1, 15, 2):
        hospital.clock.fixed = START + minutes * MINUTE
        assert await hospital.services.accounts.session(value) is not None
    hospital.clock.fixed = START + 15 * MINUTE
    with pytest.raises(Problem) as refused:
        await hospital.services.accounts.session(value)
    assert (refused.value.status, refused.value.code) == (503, "issuer-unavailable")
    provider.says = who("officer")
    hospital.clock.fixed = START + 16 * MINUTE
    assert await hospital.services.accounts.session(value) is not None


async def test_a_patient_does_not_wait_for_the_answer_but_it_counts_from_then_on(hospital, provider):
    await signed_in(hospital, "officer")
    mine = await account(hospital)
    await hospital.context.store.write(lambda tx: tx.change(mine, roles={"roles": ["patient"], "claimed": []}))
    value = await signed_in(hospital, refresh="hers")
    answered = provider.held = asyncio.Event()
    hospital.clock.fixed = START + 5 * MINUTE
    assert (await hospital.services.accounts.session(value)).actor.role == "patient"
    await until(lambda: provider.asked, "the provider to be asked")
    assert await hospital.services.accounts.session(value) is not None
    answered.set()

    async def over() -> bool:
        return await hospital.services.accounts.session(value) is None

    await until(over, "the session to end")
    assert provider.asked == ["hers"]


async def test_without_a_refresh_token_a_session_ends_by_itself(hospital, provider):
    value = await signed_in(hospital, "officer", refresh="")
    for minutes in range(0, 60, 20):
        hospital.clock.fixed = START + minutes * MINUTE
        assert await hospital.services.accounts.session(value) is not None
    hospital.clock.fixed = START + 60 * MINUTE
    assert await hospital.services.accounts.session(value) is None
    assert provider.asked == []


async def test_what_the_provider_gave_us_is_sealed_for_its_session(hospital, provider):
    await signed_in(hospital, "officer", refresh="a-refresh-token")
    [record] = await hospital.context.store.read(lambda tx: tx.find(Session))
    assert b"a-refresh-token" not in bytes.fromhex(record.kept)
    with pytest.raises(SealBrokenError):
        hospital.services.accounts.confirming._opened(replace(record, id="another"))


@pytest.mark.parametrize(("sid", "left"), [("sid-1", 1), ("", 0), ("sid-9", 2)])
async def test_a_logout_there_ends_the_sign_in_it_names_or_all_of_them(hospital, provider, sid, left):
    await signed_in(hospital, "officer", sid="sid-1")
    await signed_in(hospital, "officer", sid="sid-2")
    provider.dismisses = SignedOut("an", sid, "token-1", START + MINUTE)
    assert await hospital.services.accounts.signed_out_there("a token") == 2 - left
    assert len(await hospital.context.store.read(lambda tx: tx.find(Session))) == left


async def test_a_logout_token_is_good_once(hospital, provider):
    provider.dismisses = SignedOut("an", "", "token-1", START + MINUTE)
    await hospital.services.accounts.signed_out_there("a token")
    await signed_in(hospital, "officer")
    with pytest.raises(Problem) as refused:
        await hospital.services.accounts.signed_out_there("a token")
    assert (refused.value.status, refused.value.code) == (400, "token-used")
    assert len(await hospital.context.store.read(lambda tx: tx.find(Session))) == 1


async def test_roles_taken_here_end_the_sessions_in_them_and_no_other(hospital):
    hospital.clock.fixed = START
    accounts, operator = hospital.services.accounts, hospital.actor("operator")
    id = await accounts.open_account(operator, "an", "An", ["steward", "dpo"])
    mine = replace(who(refresh=""), issuer=hospital.context.settings.issuer)
    steward, officer = (await accounts._open_session(mine))[1], (await accounts._open_session(mine))[1]
    await accounts.choose_role((await accounts.session(officer)).id, "dpo")
    await accounts.take_roles(operator, id, ["steward"])
    assert await accounts.session(steward) is None
    assert (await accounts.session(officer)).roles == ("dpo",)


async def test_the_operators_door_takes_roles_and_refuses_where_the_provider_gives_them(hospital, provider):
    settings = hospital.context.settings
    hospital.context.settings = settings.model_copy(update={"oidc_roles": {}})
    async with hospital.api() as api:
        sent = {"subject": "an", "name": "An", "roles": ["steward", "dpo"]}
        id = (await api.post("/api/accounts", json=sent)).json()["id"]
        assert (await api.post(f"/api/accounts/{id}/roles/take", json={"roles": ["dpo"]})).status_code == 204
        assert (await api.get("/api/accounts")).json()[0]["roles"] == ["steward"]
        assert (await api.post("/api/accounts/nobody/roles/take", json={"roles": ["dpo"]})).status_code == 404
        assert (await api.post(f"/api/accounts/{id}/roles/take", json={"roles": ["operator"]})).status_code == 400
        hospital.context.settings = settings
        refused = await api.post(f"/api/accounts/{id}/roles/take", json={"roles": ["steward"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:concord:problem:roles-by-claims")
