"""Leases: who has taken a record that several processes may take, and until when.

Whoever takes one writes a token of its own into it and renews it while it works. It settles only what still carries
that token. A lease that has ended, or would last longer than any lease does (the clock was set back), holds nobody off.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final, Protocol

LEASE: Final = timedelta(seconds=10)
"""How long something is held without a sign of life. A process that dies is noticed after this."""
RENEW: Final = LEASE.total_seconds() / 3
SWEEP: Final = 3.0
"""Seconds between two looks at the table where others may have died holding something."""


class Leased(Protocol):
    """A record that is taken for a time."""

    @property
    def lease(self) -> str:
        """The token of whoever has it; empty: nobody."""
        ...

    @property
    def leased_until(self) -> datetime | None:
        """When anybody may take it."""
        ...


def new_token() -> str:
    """A token nobody else has."""
    return secrets.token_hex(8)


def is_free(record: Leased, now: datetime, mine: str = "") -> bool:
    """Whether a process may take it now; what carries its own token `mine` it has already."""
    until = record.leased_until
    return (
        not record.lease or record.lease == mine or until is None or until <= now or until > now + 2 * LEASE
    )  # fmt: skip
