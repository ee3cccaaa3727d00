"""The development provider by itself: where it may run, and what it refuses."""

import base64
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from connector.identity.people.accounts import Account, Client
from connector.identity.people.answers import Asked, Json, Page, Redirect
from connector.identity.people.codes import MemoryCodeStore
from connector.identity.people.passing_key import PassingKey
from connector.identity.people.provider import DevelopmentProvider, DevelopmentProviderRefused

ISSUER, BACK = "http://127.0.0.1:8080/idp", "http://127.0.0.1:8080/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REQUEST = {
    "response_type": "code",
    "client_id": "portal",
    "redirect_uri": BACK,
    "scope": "openid profile email",
    "state": "s1",
    "nonce": "n1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def provider(**changes: object) -> DevelopmentProvider:
    given = {
        "environment": "development",
        "bind_host": "127.0.0.1",
        "accounts": [Account("paula", "Paula <b>", ("patient",)), Account("stefan", "Stefan", ("steward",))],
        "clients": [Client("portal", (BACK,), ("http://127.0.0.1:8080/",))],
        "signer": PassingKey(),
        "store": MemoryCodeStore(),
    }
    return DevelopmentProvider(**{"issuer": ISSUER, **given, **changes})


def asked(fields: dict[str, str | None], path: str = "/authorize", method: str = "GET") -> Asked:
    pairs = [(name, value) for name, value in fields.items() if value is not None]
    return Asked(method, path, query=pairs) if method == "GET" else Asked(method, path, form=pairs)


async def code_of(idp: DevelopmentProvider, now: datetime, account: str = "paula") -> str:
    answer = await idp.answer(asked(REQUEST | {"account": account}, method="POST"), now)
    assert isinstance(answer, Redirect)
    return parse_qs(urlsplit(answer.location).query)["code"][0]


async def exchange(idp: DevelopmentProvider, given: str, now: datetime, **changes: str | None) -> Json:
    fields = {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": BACK,
        "client_id": "portal",
        "code_verifier": VERIFIER,
    }
    answer = await idp.answer(asked(fields | changes, "/token", "POST"), now)
    assert isinstance(answer, Json)
    return answer


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": "production"},
        {"environment": "staging"},
        {"environment": ""},
        {"environment": "Development"},
        {"bind_host": "0.0.0.0"},
        {"bind_host": "::"},
        {"bind_host": "10.0.0.5"},
        {"bind_host": ""},
        {"bind_host": "hospital.example"},
        {"bind_host": "127.0.0.1.evil.example"},
        {"issuer": "https://concord.hospital.example/idp"},
        {"issuer": "http://10.0.0.5:8080/idp"},
    ],
)
def test_it_refuses_to_run_where_others_could_reach_it(changes) -> None:
    with pytest.raises(DevelopmentProviderRefused):
        provider(**changes)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_it_runs_on_loopback(host) -> None:
    assert provider(bind_host=host).issuer == ISSUER


async def test_its_discovery_document_tells_the_truth(now) -> None:
    idp = provider()
    found = (await idp.answer(Asked("GET", "/.well-known/openid-configuration"), now)).body
    assert found["issuer"] == ISSUER
    assert found["code_challenge_methods_supported"] == ["S256"]
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"):
        path = found[name].removeprefix(ISSUER)
        method = "POST" if name == "token_endpoint" else "GET"
        assert getattr(await idp.answer(Asked(method, path), now), "status", 0) != 404


async def test_the_page_says_what_it_is_and_lists_everybody_with_the_hinted_one_first(now) -> None:
    page = await provider().answer(asked(REQUEST | {"login_hint": "stefan"}), now)
    assert isinstance(page, Page)
    assert "development sign-in" in page.html
    assert "<b>" not in page.html
    assert page.html.index("Stefan") < page.html.index("Paula")
    assert page.html.index("Suggested") < page.html.index("Stefan")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8080;" in policy
    assert "<script" not in page.html


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "other"},
        {"redirect_uri": None},
        {"redirect_uri": BACK + "/"},
        {"redirect_uri": BACK + "?x=1"},
        {"redirect_uri": "http://127.0.0.1:8081/callback"},
        {"redirect_uri": "https://evil.example/callback"},
    ],
)
async def test_an_unknown_address_is_never_sent_anything(changes, now) -> None:
    for method in ("GET", "POST"):
        answer = await provider().answer(asked(REQUEST | {"account": "paula"} | changes, method=method), now)
        assert isinstance(answer, Page)
        assert answer.status == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"state": "x" * 600}, "invalid_request"),
        ({"nonce": None}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"request_uri": "https://evil.example/r"}, "request_not_supported"),
    ],
)
async def test_an_incomplete_request_is_sent_back_to_the_client(changes, error, now) -> None:
    for method in ("GET", "POST"):
        fields = REQUEST | changes | ({"account": "paula"} if method == "POST" else {})
        answer = await provider().answer(asked(fields, method=method), now)
        assert isinstance(answer, Redirect)
        found = parse_qs(urlsplit(answer.location).query)
        assert answer.location.startswith(f"{BACK}?")
        assert found["error"] == [error]
        assert "code" not in found


async def test_a_field_given_twice_is_refused(now) -> None:
    twice = Asked("GET", "/authorize", [*REQUEST.items(), ("state", "s2")])
    assert isinstance(await provider().answer(twice, now), Page)


@pytest.mark.parametrize("account", [None, "nobody", ""])
async def test_nobody_is_signed_in_as_somebody_who_is_not_there(account, now) -> None:
    answer = await provider().answer(asked(REQUEST | {"account": account}, method="POST"), now)
    assert isinstance(answer, Page)


async def test_the_id_token_says_what_was_asked_for(now) -> None:
    idp = provider()
    answer = await exchange(idp, await code_of(idp, now), now)
    key = jwt.PyJWK((await idp.answer(Asked("GET", "/jwks"), now)).body["keys"][0])
    options = {"verify_exp": False, "verify_iat": False}
    found = jwt.decode(answer.body["id_token"], key, ["ES256"], options, audience="portal", issuer=ISSUER)
    assert (found["sub"], found["nonce"], found["roles"], found["acr"]) == ("paula", "n1", ["patient"], "substantial")
    assert found["auth_time"] == int(now.timestamp())
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": CHALLENGE}, "invalid_grant"),
        ({"code_verifier": VERIFIER + "\n"}, "invalid_grant"),
        ({"redirect_uri": BACK + "/"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"client_id": "other"}, "invalid_grant"),
        ({"client_id": None}, "invalid_grant"),
        ({"code": "guess"}, "invalid_grant"),
        ({"code": None}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"client_secret": "x"}, "invalid_request"),
    ],
)
async def test_a_wrong_exchange_gives_nothing(changes, error, now) -> None:
    idp = provider()
    answer = await exchange(idp, await code_of(idp, now), now, **changes)
    assert (answer.status, answer.body) == (400, {"error": error})


async def test_a_code_works_once_and_is_not_stored_in_clear(now) -> None:
    store = MemoryCodeStore()
    idp = provider(store=store)
    code = await code_of(idp, now)
    assert code not in repr(store._codes)
    first = await exchange(idp, code, now)
    token = f"Bearer {first.body['access_token']}"
    asked_who = Asked("GET", "/userinfo", authorization=token)
    assert (await idp.answer(asked_who, now)).body["sub"] == "paula"
    assert (await exchange(idp, code, now)).body == {"error": "invalid_grant"}
    assert (await idp.answer(asked_who, now)).status == 401


@pytest.mark.parametrize(("seconds", "status"), [(299, 200), (300, 401), (301, 401)])
async def test_userinfo_ends_with_its_token(seconds, status, now) -> None:
    idp = provider()
    token = (await exchange(idp, await code_of(idp, now), now)).body["access_token"]
    who = Asked("GET", "/userinfo", authorization=f"Bearer {token}")
    assert (await idp.answer(who, now + timedelta(seconds=seconds))).status == status
    assert (await idp.answer(replace(who, authorization=f"Basic {token}"), now)).status == 401
    assert (await idp.answer(replace(who, authorization=""), now)).status == 401


async def test_old_codes_do_not_pile_up(now) -> None:
    store = MemoryCodeStore()
    idp = provider(store=store)
    for minutes in range(20):
        await code_of(idp, now + timedelta(minutes=minutes))
    assert len(store._codes) == 1


async def test_signing_out_goes_back_only_to_a_registered_address(now) -> None:
    idp = provider()
    fields = {"client_id": "portal", "post_logout_redirect_uri": "http://127.0.0.1:8080/", "state": "x"}
    assert (await idp.answer(asked(fields, "/end-session"), now)).location == "http://127.0.0.1:8080/?state=x"
    fields["post_logout_redirect_uri"] = "https://evil.example/"
    assert isinstance(await idp.answer(asked(fields, "/end-session"), now), Page)


async def test_an_unknown_page_is_not_found(now) -> None:
    assert (await provider().answer(Asked("GET", "/nothing"), now)).status == 404
    assert (await provider().answer(Asked("DELETE", "/token"), now)).status == 405
