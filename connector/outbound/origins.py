"""Reading an address strictly, and comparing origins as values.

An origin is (scheme, host, port), parsed, never compared by prefix (CVE-2026-14336 is what prefixes cost). Whatever two
parsers could read differently is refused here: users, backslashes, control characters, `127.1`, `0x7f.1`,
`2130706433`, percent-encoded hosts, zones, trailing dots. An address is ASCII (RFC 3986); `connector.outbound.idn`
turns an international name into that first.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from connector.outbound.faults import OutboundRefused, Refusal

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_ADDRESS = 2048

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?]*)([^?]*)(?:\?(.*))?", re.DOTALL)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case, ASCII; IPv6 without brackets) and port of an address."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, address: str) -> Self:
        """The origin of `address`, which may have a path. Raises OutboundRefused."""
        scheme, authority, _ = _split(address)
        return cls(*_place(scheme, authority))

    @property
    def netloc(self) -> str:
        """Host and, unless it is the scheme's own, port: what stands in the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is spelled as this machine itself (`localhost`, 127.0.0.0/8, `::1`)."""
        return is_loopback_host(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True, slots=True)
class NamedOrigin:
    """An origin the operator wrote down, in settings or in the members register; plain http only if it says so."""

    origin: Origin
    allow_http: bool = False

    @classmethod
    def parse(cls, address: str, *, allow_http: bool = False) -> Self:
        """From an address as people write it. Raises OutboundRefused."""
        return cls(Origin.parse(address), allow_http)


def canonical(address: str) -> tuple[Origin, str]:
    """The origin and the one spelling of `address` that is sent. Raises OutboundRefused."""
    scheme, authority, rest = _split(address)
    origin = Origin(*_place(scheme, authority))
    return origin, f"{origin}{rest}"


def is_loopback_host(host: str) -> bool:
    """Whether a host, as spelled, is this machine. Names other than `localhost` are not looked up and answer no."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _split(address: str) -> tuple[str, str, str]:
    if not isinstance(address, str) or not 0 < len(address) <= LONGEST_ADDRESS:
        raise OutboundRefused(Refusal.ADDRESS)
    if "\\" in address:
        raise OutboundRefused(Refusal.BACKSLASH)
    if "#" in address:
        raise OutboundRefused(Refusal.FRAGMENT)
    found = _ADDRESS.fullmatch(address)
    # A space is the only sign that is printable and blank.
    if found is None or " " in address or not address.isprintable():
        raise OutboundRefused(Refusal.ADDRESS)
    scheme, authority, path, query = found[1].lower(), found[2], found[3], found[4]
    if scheme not in DEFAULT_PORTS:
        raise OutboundRefused(Refusal.SCHEME)
    return scheme, authority, (path or "/") + ("" if query is None else f"?{query}")


@lru_cache(maxsize=1024)
def _place(scheme: str, authority: str) -> tuple[str, str, int]:
    """Scheme, host and port: the same few are asked for with every message."""
    host, port = _authority(authority)
    return scheme, host, DEFAULT_PORTS[scheme] if port is None else port


def _authority(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise OutboundRefused(Refusal.USERINFO)
    if authority.startswith("["):
        literal, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise OutboundRefused(Refusal.HOST)
        return _ipv6(literal), _port(rest[1:] if rest else None)
    name, colon, port = authority.partition(":")
    return _name(name), _port(port if colon else None)


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > 65535:
        raise OutboundRefused(Refusal.PORT)
    return int(text)


def _ipv6(literal: str) -> str:
    try:
        address = ipaddress.IPv6Address(literal)
    except ValueError:
        raise OutboundRefused(Refusal.HOST) from None
    if address.scope_id is not None:
        raise OutboundRefused(Refusal.HOST)
    return address.compressed


def _name(name: str) -> str:
    host = name.lower()
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise OutboundRefused(Refusal.HOST)
    # A host whose last label is a number is an IPv4 address to some parsers and a name to others.
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(host)
    return host


def _ipv4(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise OutboundRefused(Refusal.HOST) from None
