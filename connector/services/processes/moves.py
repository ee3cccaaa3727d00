"""What a party does next in a negotiation or a transfer, as values: a course decides, the machine carries out.

Each move is one message of the protocol (DSP 2025-1, contract.negotiation.protocol and transfer.process.protocol).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MakeOffer:
    """Provider: an offer, first or in answer to a request. `policy` is an Offer with its target."""

    policy: Json
    selection: Json | None = None


@dataclass(frozen=True, slots=True)
class MakeRequest:
    """Consumer: a counter-offer to what was offered. `policy` is an Offer with its target."""

    policy: Json
    selection: Json | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """Consumer: the offer that stands is taken."""


@dataclass(frozen=True, slots=True)
class Agree:
    """Provider: the agreement made from the offer or request that stands."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Consumer: the agreement is what was asked for."""


@dataclass(frozen=True, slots=True)
class Finalize:
    """Provider: the agreement counts."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Either: the end, with a code for programs and reasons for people."""

    code: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """Provider: the data is open (now, or again). Consumer: go on after a suspension of ours."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Either: all is done."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """Either: a pause, with a code for programs and reasons for people."""

    code: str = ""
    reasons: tuple[str, ...] = field(default=())


NegotiationMove = MakeOffer | MakeRequest | Accept | Agree | Verify | Finalize | Terminate
TransferMove = Start | Complete | Suspend | Terminate
