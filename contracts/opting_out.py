"""Opting out of secondary use (Regulation (EU) 2025/327, art. 71): a person's statement to a holder, and its receipt.

The person signs; the wallet delivers it to every holder it links them to, now and later. Taking it back is the same
statement with the time of that.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StrictStr, model_validator

from contracts.faults import shape_fault
from contracts.fields import Instant, Jws, Participant, Reference, Sentence, UrnUuid
from contracts.shape import Strict


class OptOutDelivery(Strict):
    """Wallet to holder: the person's signed statement."""

    statement: Jws


class OptOutStatement(Strict):
    """Claims signed by the person: from `at` on no secondary use of my data; `reversed_at` ends that, null if not.

    The id is another one for each link. `authority` is on what ground somebody else said it for the person, null where
    they did so themselves. `language` is that of the words that were read.
    """

    opt_out: UrnUuid
    link: Reference
    holder: Participant
    wallet: Participant
    at: Instant
    reversed_at: Instant | None
    authority: Sentence | None
    language: Annotated[
        StrictStr,
        Field(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", description="a language (BCP 47)"),
    ]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.reversed_at is not None and self.reversed_at < self.at:
            raise shape_fault(("reversed_at",), "is before at", "null, or a later time")
        return self


class OptOutTaken(Strict):
    """The holder's answer."""

    receipt: Jws


class OptOutReceived(Strict):
    """Claims signed by the holder: from `committed_at` on it decides by this."""

    opt_out: UrnUuid
    holder: Participant
    opted_out: bool = Field(description="true or false")
    committed_at: Instant
