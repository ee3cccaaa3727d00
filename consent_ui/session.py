"""Who is at the window: the session cookie, the origin of a form, and the token that must come back with it.

The session lives in the connector's store; the cookie carries only its random value. A form is accepted when it comes
from a page of ours (Origin or Sec-Fetch-Site) and carries the token of the session (OWASP ASVS 3.5.1-3.5.3).
"""

from __future__ import annotations

import secrets
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "concord_session"
STATE_COOKIE = "concord_sign_in"
STATE_SECONDS = 600
TOKEN_FIELD = "csrf"  # noqa: S105


class SignInNeeded(Exception):
    """Nobody is signed in, and this page is about somebody."""


class Interrupted(Exception):
    """A form of ours came back after its session ended or was renewed: nothing was done, nothing typed is lost."""


class ForeignForm(Exception):
    """A form that no page of ours has sent."""


def own_origin(request: Request) -> str:
    """`scheme://host` under which the browser sees this portal."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}".lower()


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS to us, directly or through the trusted proxy."""
    return request.url.scheme == "https"


def cookie_name(request: Request, name: str = COOKIE) -> str:
    """The cookie's name; over TLS with the prefix that binds it to this host and path."""
    return f"__Host-{name}" if is_secure(request) else name


def cookie_value(request: Request, name: str = COOKIE) -> str | None:
    """What the browser sent back."""
    return request.cookies.get(cookie_name(request, name))


def remember(request: Request, response: Response, value: str, name: str = COOKIE, seconds: int | None = None) -> None:
    """Give the browser a cookie that scripts and other sites cannot use; it ends with the browser unless `seconds`."""
    response.set_cookie(
        cookie_name(request, name), value, max_age=seconds, secure=is_secure(request), httponly=True, samesite="lax"
    )


def forget(request: Request, response: Response, name: str = COOKIE) -> None:
    """Take the cookie back."""
    response.delete_cookie(cookie_name(request, name), secure=is_secure(request), httponly=True, samesite="lax")


def check_origin(request: Request) -> None:
    """Raise `ForeignForm` unless the browser says that a page of this portal sent the form."""
    origin, site = request.headers.get("origin", "null").lower(), request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise ForeignForm
    if origin != own_origin(request) and not (origin == "null" and site == "same-origin"):
        raise ForeignForm


def check_token(sent: str, expected: str) -> None:
    """Raise `Interrupted` when the form carries another session's token, or none."""
    if not secrets.compare_digest(sent.encode(), expected.encode()):
        raise Interrupted


def safe_next(value: str) -> str:
    """A path of this portal to go on to; `/` for anything that could lead elsewhere."""
    try:
        plain = urlsplit(value)
    except ValueError:  # brackets that are no address
        return "/"
    inside = value.startswith("/") and not value.startswith(("//", "/\\")) and not plain.scheme and not plain.netloc
    return value if inside and "\\" not in value and value.isprintable() else "/"


def sign_in_address(request: Request) -> str:
    """Where to sign in, and to come back to this page afterwards."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/sign-in?next={quote(here, safe='')}"
