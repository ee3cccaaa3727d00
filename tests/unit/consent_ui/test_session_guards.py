from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from consent_ui import session


def request(scheme: str = "http", **headers: str) -> Request:
    sent = {"host": "portal.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
    return Request({"type": "http", "method": "POST", "scheme": scheme, "path": "/", "query_string": b"",
                    "server": ("portal.example", 80), "headers": pairs})  # fmt: skip


@given(st.text() | st.from_regex(r"[/\\]{0,3}(\w+:)?//?[\w.@/\\?]{0,12}"))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("https://evil.example")
@example("/me\r\nSet-Cookie: a=b")
@example("javascript:alert(1)")
def test_going_on_never_leaves_the_portal(value):
    landed = urlsplit(urljoin("http://portal.example/sign-in", session.safe_next(value)))
    assert (landed.scheme, landed.netloc) == ("http", "portal.example")
    assert session.safe_next(value).isprintable()


def test_a_path_of_ours_is_kept():
    assert session.safe_next("/me/uses?month=11") == "/me/uses?month=11"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://portal.example"},
        {"origin": "http://portal.example", "sec_fetch_site": "same-origin"},
        {"origin": "null", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "same-origin"},
    ],
)
def test_a_form_of_ours_is_let_through(headers):
    session.check_origin(request(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://portal.example"},
        {"origin": "http://portal.example.evil"},
        {"origin": "http://evil.example", "sec_fetch_site": "same-origin"},
        {"origin": "http://portal.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://portal.example", "sec_fetch_site": "same-site"},
    ],
)
def test_a_form_from_elsewhere_is_refused(headers):
    with pytest.raises(session.ForeignForm):
        session.check_origin(request(**headers))


def test_a_token_of_another_session_is_refused():
    session.check_token("abc", "abc")
    for sent in ("", "abd", "abcé"):
        with pytest.raises(session.Interrupted):
            session.check_token(sent, "abc")


def test_over_tls_the_cookie_is_bound_to_this_host_and_sent_only_there():
    answer = Response()
    session.remember(request("https"), answer, "value")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-concord_session=value;")
    for flag in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
        assert flag in cookie
    assert "Domain" not in cookie


def test_without_tls_the_cookie_still_stays_away_from_scripts_and_other_sites():
    answer = Response()
    session.remember(request("http"), answer, "value")
    assert answer.headers["set-cookie"] == "concord_session=value; HttpOnly; Path=/; SameSite=lax"
