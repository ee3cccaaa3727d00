"""Which IP addresses a connection may go to (performance-and-reliability 3.3).

`ipaddress.is_global` alone is not enough: it calls NAT64, 6to4, the 6to4 relay, multicast and IPv4-mapped addresses of
public hosts global, and each of them is a way round the check. So IPv6 is public only inside 2000::/3, and own lists
take out what carries an IPv4 address within.
"""

import ipaddress
from collections.abc import Iterable

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NETWORKS = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def _networks(*texts: str) -> _NETWORKS:
    return tuple(ipaddress.ip_network(text) for text in texts)


_GLOBAL_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC = _networks("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23", "2002::/16", "3fff::/20")
_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "::1", "fc00::/7")


def is_literal(host: str) -> bool:
    """Whether a host, without brackets, is an IP address and no name."""
    return _read(host) is not None


def is_public(text: str) -> bool:
    """Whether an IP address, as text, belongs to a host on the public internet. Anything unreadable is not."""
    address = _read(text)
    if address is None or not address.is_global or address.is_multicast:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST_6:
        return False
    return not _within(address, _NOT_PUBLIC)


def is_private(text: str) -> bool:
    """Whether an IP address is one an operator may name: loopback, RFC 1918, RFC 6598 or a unique local address.

    Link-local stays out, as metadata services of clouds live there; so do mapped, translated and unspecified addresses.
    """
    address = _read(text)
    return address is not None and _within(address, _PRIVATE)


def _within(address: _Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _read(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
