"""What claims state: somebody's roles, and (in a logout token) whose sign-in is over. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connector.identity.people.id_token import IdTokenProblem

BACK_CHANNEL: Final = "http://schemas.openid.net/event/backchannel-logout"
_MOST, _LONGEST = 200, 200


def claimed(claims: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """The roles a claim states; None when it is not there. `name` is a claim's, or a path of names joined by dots."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for step in name.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    if found is None:
        return None
    stated = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(one for one in stated if isinstance(one, str) and len(one) <= _LONGEST)[:_MOST]


def is_logout(claims: Mapping[str, Any]) -> bool:
    """Whether these are the claims of a logout token: such a one vouches for nobody."""
    events = claims.get("events")
    return isinstance(events, Mapping) and BACK_CHANNEL in events


def read_logout(claims: Mapping[str, Any]) -> tuple[str, str, str, datetime]:
    """Subject, sid, jti and end of a logout token whose signature, issuer, audience and times were judged already.

    Raises IdTokenProblem (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6).
    """
    subject, sid, jti = (claims.get(name, "") for name in ("sub", "sid", "jti"))
    texts = all(isinstance(one, str) and len(one) <= _LONGEST for one in (subject, sid, jti))
    if not is_logout(claims) or not isinstance(claims["events"][BACK_CHANNEL], Mapping) or "nonce" in claims:
        raise IdTokenProblem("logout-token")
    if not texts or not jti or not (subject or sid):
        raise IdTokenProblem("logout-token")
    return subject, sid, jti, datetime.fromtimestamp(claims["exp"], UTC)
