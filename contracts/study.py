"""The study request a research group publishes, and a holder's approval; both travel as a JWS of these claims."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Self, cast

from pydantic import AfterValidator, Field, StrictBool, StrictStr, model_validator

from contracts.faults import shape_fault
from contracts.fields import (
    Category,
    Day,
    Digest,
    Instant,
    Iri,
    Name,
    Ordinal,
    Paragraph,
    Participant,
    Reference,
    Sentence,
    Several,
    UrnUuid,
)
from contracts.shape import Strict
from policy.canonical import Json as CanonicalJson
from policy.canonical import digest

_SENTENCE_END: Final = re.compile(r"[.!?…]+(?=\s+[^\sa-zß-ÿ]|\s*$)")
"""Where a sentence ends: before a word that does not begin in lower case, so that `e.g. asthma` is no end."""


def _two_sentences(text: str) -> str:
    sentences = [part for part in _SENTENCE_END.split(text) if part.strip()]
    if len(sentences) > 2:
        raise shape_fault((), "has more than two sentences", "plain text of one or two sentences")
    return text


Categories = Several[Category]
"""Categories of data (`policy.categories`), each once."""


class Window(Strict):
    """A period of clinical dates, both ends included; null is open."""

    start: Day | None
    end: Day | None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start and self.end and self.end < self.start:
            raise shape_fault(("end",), "is before the start", "a day on or after start")
        return self


class Words(Strict):
    """What people are told, in plain text. A wallet shows it as it is."""

    why: Paragraph
    who_sees: Paragraph
    stored_where: Paragraph
    if_you_say_no: Paragraph
    risks: Paragraph
    money: Paragraph


class RequestedData(Strict):
    """Which data are asked for at one holder; `title` as people read it. `categories` null: all of the dataset."""

    holder: Participant
    dataset: Reference
    title: Name
    categories: Categories | None


class Contact(Strict):
    """Whom people can ask."""

    name: Name
    email: Annotated[StrictStr, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", description="an e-mail address")]


class StudyRequest(Strict):
    """A study request. `window` limits clinical dates; a consent to it ends at `valid_until` at the latest.

    `linking`: the study asks that a person who agrees to that has the same code at every holder.
    """

    LATER: ClassVar[tuple[str, ...]] = ("linking",)

    id: UrnUuid
    version: Ordinal
    title: Name
    summary: Annotated[Sentence, AfterValidator(_two_sentences)]
    words: Words = Field(description="an object with the words for people")
    organisation: Participant
    organisation_name: Name
    recipients: Several[Participant]
    purposes: Several[Iri]
    data: Several[RequestedData]
    window: Window | None
    published_at: Instant
    answer_until: Instant
    valid_until: Instant
    contact: Contact = Field(description="an object with name and email")
    linking: StrictBool = Field(False, description="true or false")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.answer_until <= self.published_at:
            raise shape_fault(("answer_until",), "is not after published_at", "a later time")
        if self.valid_until <= self.answer_until:
            raise shape_fault(("valid_until",), "is not after answer_until", "a later time")
        return self

    def at(self, holder: str) -> tuple[RequestedData, ...]:
        """What is asked for at one holder."""
        return tuple(entry for entry in self.data if entry.holder == holder)


class StudyApproval(Strict):
    """A holder's yes to a study request: this version, for these of its datasets.

    `broad_consent`: the holder lets the study rest on consents that it has from the person already, where those cover
    it and the person gave no answer to the study itself.
    """

    study: UrnUuid
    study_digest: Digest
    holder: Participant
    datasets: Several[Reference]
    broad_consent: bool = Field(description="true or false")
    approved_at: Instant


def study_digest(study: StudyRequest) -> str:
    """SHA-256 (hex) over the canonical study request; what consents and approvals pin."""
    return digest(cast("CanonicalJson", study.wire()))


def approval_fault(approval: StudyApproval, study: StudyRequest) -> str | None:
    """Why an approval does not fit a study request, as one line; None when it does."""
    if approval.study != study.id:
        return "it is for another study"
    if approval.study_digest != study_digest(study):
        return "it is for another version of the study"
    if not set(approval.datasets) <= {entry.dataset for entry in study.at(approval.holder)}:
        return "it names a dataset the study does not ask for at this holder"
    return None
