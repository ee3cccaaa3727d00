"""Signing in at the embedded provider, over HTTP, as a browser does; and where it refuses to run."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from fastapi import FastAPI

from connector.api import idp
from connector.problems import Problem
from connector.settings import Settings
from connector.wiring import sign_in
from tests.unit.connector.services.participant_factory import Running

STAFF = ("an", "An Steward", ["steward", "dpo"])


def browser(one: Running) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(one.app), base_url="http://127.0.0.1:18000")


async def prepared(one: Running) -> None:
    one.services.accounts.signing_in.issuer = sign_in(one.participant.settings, one.context.outbound)
    await one.services.accounts.open_account(one.actor("operator"), *STAFF)


async def chosen(one: Running, url: str, subject: str = "an") -> dict[str, str]:
    """Choose a person on the provider's page; returns the query the browser comes back with."""
    async with browser(one) as client:
        page = await client.get(url)
        assert page.status_code == 200, page.text
        hidden = dict(re.findall(r'name="([^"]+)" value="([^"]*)">', page.text.partition("<h2>")[0]))
        answer = await client.post("/idp/authorize", data=hidden | {"account": subject})
    assert answer.status_code == 303, answer.text
    back = urlsplit(answer.headers["location"])
    assert back.path == "/sign-in/callback"
    return dict(parse_qsl(back.query))


async def test_somebody_with_an_account_signs_in(hospital):
    await prepared(hospital)
    url, state = await hospital.services.accounts.begin_sign_in("/steward", "an")
    session, value, onward = await hospital.services.accounts.finish_sign_in(state, await chosen(hospital, url))
    assert (session.actor.name, session.actor.role, onward) == ("An Steward", "steward", "/steward")
    assert (await hospital.services.accounts.session(value)).id == session.id


async def test_an_account_opened_later_is_offered_at_once_and_a_closed_one_no_more(hospital):
    await prepared(hospital)
    operator, accounts = hospital.actor("operator"), hospital.services.accounts
    url, _ = await accounts.begin_sign_in("/", None)
    async with browser(hospital) as client:
        assert "Pieter" not in (await client.get(url)).text
        later = await accounts.open_account(operator, "pieter", "Pieter Later", ["dpo"])
        assert "Pieter Later" in (await client.get(url)).text
        await accounts.close_account(operator, later)
        assert "Pieter" not in (await client.get(url)).text


async def test_an_answer_is_taken_once_and_only_from_the_browser_that_began(hospital):
    await prepared(hospital)
    accounts = hospital.services.accounts
    (url, state), (_, other) = await accounts.begin_sign_in("/", None), await accounts.begin_sign_in("/", None)
    query = await chosen(hospital, url)
    for cookie, code in ((other, "sign-in-state"), ("nonsense", "sign-in-over")):
        with pytest.raises(Problem) as refused:
            await accounts.finish_sign_in(cookie, query)
        assert (refused.value.status, refused.value.code) == (400, code)
    await accounts.finish_sign_in(state, query)
    with pytest.raises(Problem) as refused:
        await accounts.finish_sign_in(state, query)
    assert refused.value.code == "sign-in-over"


@pytest.mark.parametrize(("minutes", "code"), [(9.99, "declined"), (10, "over"), (10.01, "over")])
async def test_a_sign_in_must_end_within_ten_minutes(hospital, minutes, code):
    await prepared(hospital)
    accounts = hospital.services.accounts
    hospital.clock.fixed = hospital.clock()
    url, state = await accounts.begin_sign_in("/", None)
    asked = dict(parse_qsl(urlsplit(url).query))
    hospital.clock.fixed += timedelta(minutes=minutes)
    issuer = hospital.participant.settings.issuer
    with pytest.raises(Problem) as refused:
        await accounts.finish_sign_in(state, {"state": asked["state"], "iss": issuer, "error": "access_denied"})
    assert refused.value.code == f"sign-in-{code}"


async def test_pages_of_the_provider_bring_their_own_headers(hospital):
    await prepared(hospital)
    async with browser(hospital) as client:
        found = (await client.get("/idp/.well-known/openid-configuration")).json()
        assert found["issuer"] == hospital.participant.settings.issuer
        assert "ES256" in found["id_token_signing_alg_values_supported"]
        stranger = await client.get("/idp/authorize")
        assert (stranger.status_code, "default-src 'none'" in stranger.headers["content-security-policy"]) == (
            400,
            True,
        )
        assert (await client.get("/idp/nothing")).status_code == 404
        too_large = await client.post("/idp/authorize", content=b"a=" + b"x" * 70_000)
        assert too_large.status_code == 413


def settings(tmp_path, **changes):
    given = {"directory": tmp_path, "participant_id": "urn:concord:x:12345678", "name": "Hospital"}
    return Settings(**(given | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"bind_host": "0.0.0.0"},
        {"public_url": "http://hospital.example"},
        {"environment": "production", "public_url": "https://hospital.example"},
        {"environment": "production", "public_url": "https://127.0.0.1:8443"},
    ],
)
def test_the_development_sign_in_refuses_to_start_where_others_could_use_it(tmp_path, changes):
    with pytest.raises(Problem) as refused:
        idp.install(FastAPI(), settings(tmp_path, **changes))
    assert "oidc_issuer" in str(refused.value)


@pytest.mark.parametrize("changes", [{"oidc_issuer": "https://issuer.example/realms/x"}, {"portal": False}])
def test_it_is_not_there_where_another_issuer_is_configured_or_nobody_signs_in(tmp_path, changes):
    app = FastAPI()
    idp.install(app, settings(tmp_path, environment="production", public_url="https://h.example", **changes))
    assert not [route for route in app.routes if getattr(route, "path", "").startswith("/idp")]
