"""What the development provider is asked, and what it answers, without any web framework."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Pairs = Sequence[tuple[str, str]]
NO_STORE = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: method, path below the issuer (`/authorize`), query and form fields, `Authorization` header."""

    method: str
    path: str
    query: Pairs = ()
    form: Pairs = ()
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page; its headers, the content security policy above all, are to be sent as they are."""

    html: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: dict(NO_STORE))


@dataclass(frozen=True, slots=True)
class Redirect:
    """See other: the browser goes to `location` with GET."""

    location: str = field(repr=False)
    status: int = 303
    headers: Mapping[str, str] = field(default_factory=lambda: dict(NO_STORE))


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON object."""

    body: Mapping[str, Any] = field(repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: dict(NO_STORE))


ProviderAnswer = Page | Redirect | Json


def single(pairs: Pairs) -> dict[str, str] | None:
    """The fields by name, or None when one of them is there twice (RFC 6749, 3.1: not allowed)."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else None
