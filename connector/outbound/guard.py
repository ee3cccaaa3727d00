"""The egress guard: may this request go there, and to which kind of host (design 3.10).

A `Destination` is built by whoever knows where an address came from. Addresses a counterparty names must be https to a
public host, or lie exactly at that counterparty's origin in the members register. Origins the operator names may be
private, and plain http only when that entry says so. The verdict, a `Clearance`, decides which pool carries the
request, so that a connection opened to a private host is never reused for an address a stranger named.
"""

from dataclasses import dataclass
from typing import Self

from connector.outbound.addresses import is_literal, is_private, is_public
from connector.outbound.faults import OutboundRefused, Refusal
from connector.outbound.origins import NamedOrigin, Origin, canonical


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request may go: the origins the operator named for it and, if `public`, any public https host."""

    named: tuple[NamedOrigin, ...]
    public: bool

    @classmethod
    def of_counterparty(cls, registered: NamedOrigin | None) -> Self:
        """For an address a counterparty sent us; `registered` is its own origin in the members register."""
        return cls(() if registered is None else (registered,), public=True)

    @classmethod
    def of_operator(cls, *named: NamedOrigin) -> Self:
        """For addresses at exactly these origins, which the operator wrote in settings or the members register."""
        return cls(named, public=False)


@dataclass(frozen=True, slots=True)
class Clearance:
    """A request that may go: its canonical address, its origin, and whether a private host may answer it."""

    address: str
    origin: Origin
    private: bool


def admits(ip: str, *, private: bool) -> bool:
    """Whether a connection may be opened to `ip`: public always, private only on the operator's word."""
    return is_public(ip) or (private and is_private(ip))


def clear(address: str, destination: Destination) -> Clearance:
    """Decide on one address. Raises OutboundRefused; never looks a name up (that happens per connection)."""
    origin, text = canonical(address)
    entry = next((named for named in destination.named if named.origin == origin), None)
    if entry is None and not destination.public:
        raise OutboundRefused(Refusal.NOT_NAMED)
    if origin.scheme != "https" and (entry is None or not entry.allow_http):
        raise OutboundRefused(Refusal.PLAIN_HTTP)
    clearance = Clearance(text, origin, private=entry is not None)
    if is_literal(origin.host) and not admits(origin.host, private=clearance.private):
        raise OutboundRefused(Refusal.NEVER if clearance.private else Refusal.NOT_PUBLIC)
    return clearance
