"""What a party states about a duty of an agreement: that it is done, and by what that can be seen.

A duty is named by where it stands in the agreement (`pointer`) and what it is owed for (`occasion`: a transfer, by the
consumer's pid, or a notice of withdrawal; null where it is owed once). Both sides make the same id of it.
"""

from __future__ import annotations

from typing import Annotated, Final, Self
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, StrictStr, model_validator

from contracts.faults import shape_fault
from contracts.fields import Count, Digest, Instant, Jws, Paragraph, Participant, Reference, UrnUuid
from contracts.shape import Strict

Pointer = Annotated[StrictStr, Field(pattern=r"^(/[A-Za-z0-9:._~-]{1,64}){1,8}$", description="a JSON pointer")]
DutyKey = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z-]{0,39}$", description="the name of a duty")]
Link = Annotated[
    StrictStr,
    Field(
        max_length=2048,
        pattern=r"^https?://[^\x00-\x20<>\"{}|\\^`\x7f]+$",
        description="a web address that begins with https:// or http://",
    ),
]


class Proof(Strict):
    """What somebody gives as proof that a duty is done: a link, the digest of what stands there, words."""

    link: Link | None
    digest: Digest | None
    words: Paragraph | None


NO_PROOF: Final = Proof(link=None, digest=None, words=None)


class DutyNotice(Strict):
    """Whoever owed a duty to the other side of the agreement: a signed statement."""

    statement: Jws


class DutyDone(Strict):
    """Claims signed by whoever owed it. Counts are of what was deleted; `log` is the leaf in the sender's own log."""

    duty: UrnUuid
    agreement: Reference
    pointer: Pointer
    key: DutyKey
    occasion: Reference | None
    by: Participant
    at: Instant
    objects: Count
    lines: Count
    bytes: Count
    proof: Proof
    log: Digest

    @model_validator(mode="after")
    def _named_rightly(self) -> Self:
        if self.duty != duty_id(self.agreement, self.pointer, self.occasion or ""):
            raise shape_fault(("duty",), "is not the id of this duty", "the id made of agreement, pointer and occasion")
        return self


def duty_id(agreement: str, pointer: str, occasion: str = "") -> str:
    """What one owing of one duty is called, the same at both sides."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, chr(10).join((agreement, pointer, occasion)))}"
