"""When a link may join the wrong people: the person says so to the holder, the holder tells the wallet how it stands.

The messages themselves stand in the list of `contracts.exchange`; how a link is made stands there too.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from contracts.faults import shape_fault
from contracts.fields import Instant, Jws, Paragraph, Participant, Reference
from contracts.shape import Strict


class LinkState(StrEnum):
    """Whether a link counts: not while it is disputed, and never again once it has ended."""

    ACTIVE = "active"
    DISPUTED = "disputed"
    ENDED = "ended"


class LinkDoubtNotice(Strict):
    """Wallet to holder: a person says that a link of theirs joins them with somebody else's record."""

    doubt: Jws


class LinkDoubt(Strict):
    """Claims signed by the person. `reason` is in their own words, null if they gave none."""

    link: Reference
    holder: Participant
    wallet: Participant
    reason: Paragraph | None
    at: Instant


class LinkStandingNotice(Strict):
    """Holder to wallet: how a link stands from now on."""

    standing: Jws


class LinkStanding(Strict):
    """Claims signed by the holder. `successor` is a new link (a signed `Link`), where one came in this one's place.

    Nothing moves to it: the person is asked again. It is null unless the link has ended.
    """

    link: Reference
    holder: Participant
    wallet: Participant
    standing: LinkState
    at: Instant
    successor: Jws | None = Field(description="a signed Link, or null")

    @model_validator(mode="after")
    def _successor_of_an_end(self) -> Self:
        if self.successor is not None and self.standing is not LinkState.ENDED:
            raise shape_fault(("successor",), "stands beside a link that goes on", "null unless the link has ended")
        return self
