"""The kinds of value in our own messages (studies, consent exchange): each with one accepted form."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo

from contracts.faults import shape_fault
from contracts.shape import Identifier, Strict
from policy import instants
from policy.categories import CATEGORIES

__all__ = [
    "Category",
    "Count",
    "Day",
    "Digest",
    "Instant",
    "Iri",
    "Jws",
    "Name",
    "Ordinal",
    "Paragraph",
    "Participant",
    "Reference",
    "Sentence",
    "Several",
    "Strict",
    "UrnUuid",
]

T = TypeVar("T")


def _instant(value: object) -> datetime:
    accepted = "an RFC 3339 UTC time in its shortest form, such as 2025-01-01T00:00:00Z"
    try:
        moment = instants.in_utc(value) if isinstance(value, datetime) else instants.instant(value)
    except (ValueError, OverflowError):
        raise shape_fault((), "is not a time", accepted) from None
    if isinstance(value, str) and instants.wire(moment) != value:
        raise shape_fault((), "is not a time in the accepted form", accepted)
    return moment


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return instants.day(value)
    except ValueError:
        raise shape_fault((), "is not a day", "a date such as 2025-01-31") from None


def _category(value: object) -> str:
    if not isinstance(value, str) or value not in CATEGORIES:
        raise shape_fault((), "is not a known category of data", "one of " + ", ".join(CATEGORIES))
    return value


def _each_once(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) != len(values):
        raise shape_fault((), "has an entry twice", "an array in which each entry stands once")
    return values


def _text(longest: int, what: str) -> FieldInfo:
    described = f"{what}, 1 to {longest} characters"
    field: FieldInfo = Field(min_length=1, max_length=longest, pattern=_NO_CONTROL, description=described)
    return field


_NO_CONTROL = r"^[^\x00-\x08\x0b-\x1f\x7f]+$"

Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(instants.wire, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description="an RFC 3339 UTC time such as 2025-01-01T00:00:00Z"),
]
Day = Annotated[date, BeforeValidator(_day), Field(description="a date such as 2025-01-31")]
Participant = Annotated[Identifier, Field(description="a participant id")]
Reference = Annotated[Identifier, Field(description="an identifier of 1 to 2048 characters")]
UrnUuid = Annotated[
    StrictStr,
    Field(
        pattern=r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="urn:uuid: and a UUID in lower case",
    ),
]
Iri = Annotated[
    StrictStr,
    Field(
        max_length=2048,
        pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\x7f]+$",
        description="an absolute IRI",
    ),
]
Digest = Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$", description="64 lower-case hex digits (SHA-256)")]
Jws = Annotated[
    StrictStr,
    Field(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", description="a compact JWS"),
]
Category = Annotated[str, BeforeValidator(_category), Field(description="a category of data")]
Count = Annotated[StrictInt, Field(ge=0, le=2**53 - 1, description="a whole number, 0 or more")]
Ordinal = Annotated[StrictInt, Field(ge=1, le=2**53 - 1, description="a whole number, 1 or more")]
Several = Annotated[
    tuple[T, ...], Field(min_length=1, description="an array with at least one entry"), AfterValidator(_each_once)
]
Name = Annotated[StrictStr, _text(200, "a name")]
Sentence = Annotated[StrictStr, _text(400, "plain text")]
Paragraph = Annotated[StrictStr, _text(4000, "plain text")]
