"""Reading an authorization request (RFC 6749 4.1.1, RFC 7636, OpenID Connect Core 3.1.2): complete, or refused.

Two ways to refuse, as the RFC demands: while client and redirect address are not known to belong together, the browser
is sent nowhere (`NobodyToTell`); afterwards the client is told (`ToldToClient`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from connector.identity.people.accounts import Client
from connector.identity.people.answers import Pairs, single

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_SCOPES = {"openid", "profile"}
_LONGEST = 512


class NobodyToTell(Exception):
    """The request cannot be answered to anybody but the person in front of the screen."""


class ToldToClient(Exception):
    """The request is refused, and the client learns why at its redirect address."""

    def __init__(self, redirect_uri: str, state: str, error: str) -> None:
        super().__init__(error)
        self.redirect_uri = redirect_uri
        self.state = state
        self.error = error


@dataclass(frozen=True, slots=True)
class Authorization:
    """A complete request."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    challenge: str = field(repr=False)
    login_hint: str = ""

    def fields(self) -> dict[str, str]:
        """The request again, as the hidden fields of the page that asks who signs in."""
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }


def read_authorization(pairs: Pairs, clients: Mapping[str, Client]) -> Authorization:
    """The request in these fields. Raises NobodyToTell, ToldToClient."""
    asked = single(pairs)
    client = clients.get(asked.get("client_id", "")) if asked else None
    if asked is None or client is None or asked.get("redirect_uri") not in client.redirect_uris:
        raise NobodyToTell
    redirect_uri, state = asked["redirect_uri"], asked.get("state", "")
    if error := _fault(asked):
        raise ToldToClient(redirect_uri, state if len(state) <= _LONGEST else "", error)
    scope = " ".join(name for name in asked["scope"].split() if name in _SCOPES)
    hint = asked.get("login_hint", "")
    return Authorization(client.client_id, redirect_uri, scope, state, asked["nonce"], asked["code_challenge"], hint)


def at_client(redirect_uri: str, **fields: str) -> str:
    """The client's redirect address with the answer in its query."""
    answer = urlencode({name: value for name, value in fields.items() if value})
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{answer}"


def _fault(asked: Mapping[str, str]) -> str:
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if "request" in asked or "request_uri" in asked:
        return "request_not_supported"
    if "openid" not in asked.get("scope", "").split():
        return "invalid_scope"
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.get("code_challenge", "")):
        return "invalid_request"
    if not all(0 < len(asked.get(name, "")) <= _LONGEST for name in ("state", "nonce")):
        return "invalid_request"
    return "login_required" if asked.get("prompt") == "none" else ""
