"""What a recipient states about a notice of withdrawal, and what it says when its holder looks whether that is so.

The messages themselves stand in the list of `contracts.exchange`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from contracts.faults import shape_fault
from contracts.fields import Count, Instant, Paragraph, Reference, UrnUuid
from contracts.shape import Strict

MOST_LISTED: Final = 3000
"""Objects one statement lists: what travels in one message stays below the smallest body a receiver takes."""


class Answer(StrEnum):
    """What a recipient states about a notice of withdrawal."""

    RECEIVED = "received"
    STOPPED = "stopped"
    ERASED = "erased"
    EXCEPTION = "exception"


class ObjectKind(StrEnum):
    """What a recipient held of a person: what came (opaque: bytes of which nothing is known), or what it made of it."""

    RECEIVED = "received"
    OPAQUE = "opaque"
    FILE = "file"
    TABLE = "table"
    MODEL = "model"
    RESULT = "result"


class ObjectState(StrEnum):
    """How an object stands when its holder looks: still here, here for a stated ground, or gone by a person's word.

    What the recipient's connector has looked at itself and found free of the person is answered by status 410.
    """

    HERE = "here"
    STAYS = "stays"
    STATED = "stated"


class HeldObject(Strict):
    """One thing that held a person. The id is random, known to nobody before, and good for looking whether it is gone.

    `lines` and `bytes` are of the person; zero where lines cannot be told apart (bytes are then of the whole).
    """

    id: UrnUuid
    kind: ObjectKind
    lines: Count
    bytes: Count


class Received(Strict):
    """Claims signed by the recipient at once: the notice arrived."""

    notice: UrnUuid
    agreement: Reference
    answer: Literal[Answer.RECEIVED] = Field(description="received")
    at: Instant


class Statement(Strict):
    """Claims signed by the recipient: what it did. Counts are of what it held; `bytes_after` came in after the cut.

    `held` lists what it held, the first `MOST_LISTED` of `objects`. `remaining` says what is not gone: with *stopped*
    what people there still have to rebuild or erase, with *exception* what stays, on what `ground`. `backups_by` is
    when the last backup that holds the person will be gone, null where the recipient keeps none or cannot say.
    """

    notice: UrnUuid
    agreement: Reference
    answer: Literal[Answer.STOPPED, Answer.ERASED, Answer.EXCEPTION] = Field(description="stopped, erased or exception")
    at: Instant
    objects: Count
    lines: Count
    bytes: Count
    bytes_after: Count
    held: tuple[HeldObject, ...] = Field(
        max_length=MOST_LISTED, description="an array of the objects that held the person, empty if none did"
    )
    remaining: tuple[Paragraph, ...] = Field(description="an array of texts: what is kept, empty if nothing")
    ground: Paragraph | None
    backups_by: Instant | None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.answer == Answer.EXCEPTION and (not self.remaining or self.ground is None):
            raise shape_fault((), "is an exception without remaining or ground", "what is kept, and on what ground")
        if self.answer == Answer.ERASED and (self.remaining or self.ground is not None):
            raise shape_fault(
                (), "is erased yet keeps something", "no remaining and no ground, or the answer exception"
            )
        if self.answer == Answer.STOPPED and self.ground is not None:
            raise shape_fault(("ground",), "has a ground yet is no exception", "null, or the answer exception")
        return self

    @model_validator(mode="after")
    def _counted(self) -> Self:
        listed = len(self.held)
        if listed != min(self.objects, MOST_LISTED) or len({one.id for one in self.held}) != listed:
            raise shape_fault(("held",), "does not list each object once", f"as many as objects, {MOST_LISTED} at most")
        sums = sum(one.lines for one in self.held), sum(one.bytes for one in self.held)
        if listed == self.objects and sums != (self.lines, self.bytes):
            raise shape_fault(("held",), "does not add up", "objects whose lines and bytes sum up to the counts")
        return self


class ObjectLookedAt(Strict):
    """The answer to `GET /consent/erasures/{notice}/{object}` when the object is not gone (which is status 410)."""

    notice: UrnUuid
    object: UrnUuid
    state: ObjectState
