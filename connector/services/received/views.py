"""What researchers read about their derived copies: plain frozen values, no code of anybody in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DerivationRow:
    """Something made of received data. `by_row`: the connector takes people out of it itself.

    `task`: somebody who was, or may be, in it stopped; it is to be rebuilt or erased by `deadline`. `since` is when the
    first of them was told. `why` is the ground on which it stays, or why we cannot rewrite it.
    """

    id: str
    kind: str
    name: str
    path: str
    agreement: str
    transfers: list[str]
    derivations: list[str]
    by_row: bool
    standing: str
    why: str
    digest: str
    registered_at: datetime | None
    task: bool = False
    since: datetime | None = None
    deadline: datetime | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class HeldRow:
    """One thing that was received and is here. `not_usable` says why it may not be used now; empty when it may.

    `use_ends` is the contract's end; by `erase_by` it has to be deleted, where a duty or an end says so.
    """

    transfer: str
    agreement: str
    counterparty_name: str
    kind: str
    path: str
    people: int | str
    resources: int
    bytes: int
    verified: bool | None
    received_at: datetime | None
    use_ends: datetime | None
    erase_by: datetime | None
    not_usable: str = ""


@dataclass(frozen=True, slots=True)
class Registering:
    """What somebody registers. `stays`: anonymous or published, on a `ground`, for a result only.

    `codes` are of the people in it, where that is known; `current`: made from the files as they are now, after
    everybody who stopped was erased from them.
    """

    kind: str
    name: str
    path: str = ""
    transfers: list[str] = field(default_factory=list)
    derivations: list[str] = field(default_factory=list)
    codes: list[str] | None = None
    stays: str = ""
    ground: str = ""
    current: bool = False
