"""The description of one dataset: what the steward writes once, and every catalogue format is made from.

Formats: DSP 2025-1 (`catalog.dsp`), DCAT-AP 3.0.1 and HealthDCAT-AP Release 8, non-public (`catalog.dcat`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from catalog.fields import (
    HEALTH_CATEGORIES,
    LANGUAGES,
    CategoryKey,
    Contact,
    Country,
    HealthCategory,
    Identifier,
    Iri,
    Language,
    Line,
    Moment,
    Prose,
)
from catalog.smallnumbers import is_band
from policy.categories import CATEGORIES

HEALTH_THEME = "http://publications.europa.eu/resource/authority/data-theme/HEAL"
EXPLICIT_CONSENT = "https://w3id.org/dpv/legal/eu/gdpr#A9-2-a"


class Kind(StrEnum):
    """How the data moves: a set of records that ends, or a stream of points that goes on."""

    RECORDS = "records"
    STREAM = "stream"


class DatasetDescription(BaseModel):
    """One dataset as described. Frozen; times are UTC; `number_of_people` is a band (`smallnumbers.people_band`).

    `source` is the connector's own id of the source and never leaves it. `access_body` is the health data access body,
    which HealthDCAT-AP demands and only the steward can name; without it the export is DCAT-AP only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Identifier
    title: Line
    description: Prose
    keywords: Annotated[tuple[Line, ...], Field(min_length=1, max_length=30)]
    themes: Annotated[tuple[Iri, ...], Field(min_length=1, max_length=10)] = (HEALTH_THEME,)
    categories: Annotated[tuple[CategoryKey, ...], Field(min_length=1)]
    publisher_name: Line
    contact: Contact
    access_body: Contact | None = None
    spatial: Annotated[tuple[Country, ...], Field(max_length=50)] = ()
    period_start: date | None = None
    period_end: date | None = None
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=10)] = ("en",)
    licence: Iri
    access_rights: Literal["non-public"] = "non-public"
    legal_basis: Annotated[tuple[Iri, ...], Field(min_length=1, max_length=10)] = (EXPLICIT_CONSENT,)
    provenance: Prose
    kind: Kind
    source: Line
    issued: Moment
    modified: Moment
    version: Line
    health_category: HealthCategory
    number_of_people: Annotated[StrictInt, Field(ge=0)] = 0

    @field_validator("keywords", "themes", "categories", "spatial", "languages", "legal_basis")
    @classmethod
    def _once(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(values)) != len(values):
            raise ValueError("an entry is there twice")
        return values

    @field_validator("number_of_people")
    @classmethod
    def _band(cls, value: int) -> int:
        if not is_band(value):
            raise ValueError("the exact number is not published")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.modified < self.issued:
            raise ValueError("modified: it lies before issued")
        if self.period_start and self.period_end and self.period_end < self.period_start:
            raise ValueError("period_end: it lies before period_start")
        return self


_ONE_LINE = "one line of text, 1 to 200 characters"
_SOME_TEXT = "text of 1 to 4,000 characters"
_ADDRESS = "an address that starts with https://, http:// or urn:"
_ADDRESSES = f"a list of 1 to 10 different addresses, each {_ADDRESS}"
_DAY = "a date such as 2026-01-31, or nothing; the end not before the start"
_INSTANT = "a time with offset such as 2026-01-31T08:00:00Z; modified not before issued"

ACCEPTED: Mapping[str, str] = MappingProxyType(
    {
        "id": _ADDRESS,
        "title": _ONE_LINE,
        "description": _SOME_TEXT,
        "keywords": "a list of 1 to 30 different words",
        "themes": _ADDRESSES,
        "categories": f"a list of different categories out of: {', '.join(CATEGORIES)}",
        "publisher_name": _ONE_LINE,
        "contact": "name, email and, if there is one, page",
        "access_body": "name, email and, if there is one, page; or nothing",
        "spatial": "a list of different countries, each three capital letters such as BEL",
        "period_start": _DAY,
        "period_end": _DAY,
        "languages": f"a list of different languages out of: {', '.join(LANGUAGES)}",
        "licence": _ADDRESS,
        "access_rights": "non-public",
        "legal_basis": _ADDRESSES,
        "provenance": _SOME_TEXT,
        "kind": "records or stream",
        "source": _ONE_LINE,
        "issued": _INSTANT,
        "modified": _INSTANT,
        "version": _ONE_LINE,
        "health_category": f"one of: {', '.join(HEALTH_CATEGORIES)}",
        "number_of_people": "0 (fewer than 10), 10, 20, 50, 100, 200, 500 and so on: the number rounded down",
    }
)
"""Per field of a description, what is accepted, in words for the steward."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with a description: the field (`contact/email`, `keywords/0`), what, and what is accepted."""

    field: str
    what: str
    accepted: str


class DescriptionError(ValueError):
    """A description that cannot be accepted; `problems` has one entry per thing wrong, never empty."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.what} (accepted: {p.accepted})" for p in problems))
        self.problems = problems


def read_description(body: object) -> DatasetDescription:
    """Read a description from parsed JSON or a form. Raises `DescriptionError` naming every field that is wrong."""
    try:
        return DatasetDescription.model_validate(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise DescriptionError(tuple(_problem(detail) for detail in found)) from None


def _problem(detail: ErrorDetails) -> FieldProblem:
    words = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        field, _, what = words.partition(": ")
        if field in ACCEPTED:
            return FieldProblem(field, what, ACCEPTED[field])
        return FieldProblem("description", "this is not an object", f"an object with {', '.join(ACCEPTED)}")
    name = str(detail["loc"][0])
    path = "/".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return FieldProblem(path, "this field is not known", ACCEPTED.get(name, ", ".join(ACCEPTED)))
    what = "it is missing" if detail["type"] == "missing" else words
    return FieldProblem(path, what, ACCEPTED[name])
