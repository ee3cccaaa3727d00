"""International host names: from how people write an address to the ASCII that is sent (IDNA 2008, UTS 46)."""

import idna

from connector.outbound.faults import OutboundRefused, Refusal


def to_ascii(address: str) -> str:
    """The address with its host in ASCII; one that is ASCII already is returned as it is. Raises OutboundRefused.

    Only the host is changed: a path or query outside ASCII is refused, as nobody can say in which encoding it is meant.
    """
    if address.isascii():
        return address
    scheme, colon, rest = address.partition("://")
    ends = [place for mark in "/?#" if (place := rest.find(mark)) >= 0]
    end = min(ends, default=len(rest))
    authority, tail = rest[:end], rest[end:]
    name, port_colon, port = authority.partition(":")
    if not colon or not (scheme + tail + port).isascii() or any(sign in authority for sign in "@[]\\"):
        raise OutboundRefused(Refusal.ADDRESS)
    try:
        host = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        raise OutboundRefused(Refusal.HOST) from None
    return f"{scheme}://{host}{port_colon}{port}{tail}"
