"""How participants prove to each other who they are: a port, since a data space may settle on another way than ours.

The production adapter is in `connector.services.trust` (tokens of `connector.identity.tokens`). Whatever the way, a
counterparty is an entry of the members register, and an address it names is cleared by the egress guard.
"""

from __future__ import annotations

from typing import Protocol

from connector.identity.members import Member
from connector.outbound.guard import Destination


class PeerIdentity(Protocol):
    """Both directions of being recognised by other participants."""

    async def authenticate(self, authorization: str | None, body: bytes) -> Member:
        """The active member that sent this body under this `Authorization` header. Raises Problem 401."""
        ...

    def authorization(self, recipient: Member, body: bytes) -> str:
        """The whole `Authorization` header for sending exactly this body to a member."""
        ...

    def destination(self, member: Member, url: str) -> Destination:
        """Where a request to an address that this member named may go."""
        ...
