"""What a 27560 record must say and a consent does not know: parties, notice, storage, retention, rights.

All of it is a typed argument, so that a field the standard makes mandatory cannot be forgotten. Nothing here names the
person: the record knows them by the id of their link.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from policy.consent import MAX_LIST, CategoryKey, Instant, Iri, State, Text

LONG_TEXT = 4000
Place = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=LONG_TEXT)]


class SurroundingsError(ValueError):
    """The surroundings do not fit the record: `code` names why, `pointer` the place; never a value."""

    def __init__(self, code: str, pointer: str = "") -> None:
        super().__init__(f"{code} at {pointer or '/'}")
        self.code = code
        self.pointer = pointer


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PartyRole(StrEnum):
    """What a party is to this processing (27560 "party type")."""

    CONTROLLER = "controller"
    PROCESSOR = "processor"
    RECIPIENT = "recipient"
    THIRD_PARTY = "third-party"
    SOURCE = "source"
    REPRESENTATIVE = "representative"
    AUTHORITY = "authority"


class Party(_Part):
    """One organisation. `address` is where it is reached: a postal address, or else the address of its connector."""

    id: Text
    name: Words
    address: Words
    contacts: Annotated[tuple[Words, ...], Field(min_length=1, max_length=20, strict=False)]
    roles: Annotated[
        tuple[Annotated[PartyRole, Field(strict=False)], ...], Field(min_length=1, max_length=7, strict=False)
    ]
    jurisdiction: Place | None = None


class Notice(_Part):
    """The notice people read: where it stands, its title, and between when it was shown."""

    id: Iri
    title: Words
    published_at: Instant
    shown_until: Instant
    url: Iri | None = None


class Storage(_Part):
    """Where data are kept (party and, if known, country) and until when; `rule` says in words when they go earlier."""

    locations: Annotated[tuple[Words, ...], Field(min_length=1, max_length=50, strict=False)]
    countries: Annotated[tuple[Place, ...], Field(max_length=50, strict=False)] = ()
    until: Instant
    rule: Words

    @model_validator(mode="after")
    def _countries_apart(self) -> Self:
        if any(one.startswith("loc:") for one in self.locations):
            raise ValueError("a country stands among the countries")
        return self


class AskedData(_Part):
    """Data of one dataset that the notice asked for; `categories` None means all of it."""

    dataset: Text
    title: Words
    source: Text
    categories: Annotated[tuple[CategoryKey, ...], Field(min_length=1, max_length=MAX_LIST, strict=False)] | None


class Control(_Part):
    """How a person changes their mind: where, and how in words."""

    url: Iri
    words: Words


class Right(_Part):
    """One right: its term in DPV's extension for the GDPR (``A15``), its name, and where it is exercised."""

    article: Annotated[str, StringConstraints(pattern=r"^A\d{1,2}(-[0-9a-z]{1,2})*$")]
    title: Words
    url: Iri | None = None


class Earlier(_Part):
    """An earlier version in the same chain, as an event."""

    version: Annotated[int, Field(ge=1)]
    state: Annotated[State, Field(strict=False)]
    at: Instant
    valid_until: Instant
    by: Literal["self", "proxy", "controller", "authority"]


_Iris = Annotated[tuple[Iri, ...], Field(min_length=1, max_length=MAX_LIST, strict=False)]
_Ids = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_LIST, strict=False)]


class Surroundings(_Part):
    """Everything around one consent record.

    `asked_*` are what the notice asked for: a refusal or a stop records them, since the consent then names nothing.
    `consent_type` is 27560's event type: explicit (GDPR art. 9(2)(a)) or regular.
    """

    parties: Annotated[tuple[Party, ...], Field(min_length=1, max_length=2 * MAX_LIST, strict=False)]
    controllers: _Ids
    notice: Notice
    storage: Storage
    control: Control
    jurisdictions: Annotated[tuple[Place, ...], Field(max_length=50, strict=False)] = ()
    applicable_law: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20, strict=False)] = ("eu-gdpr:GDPR",)
    legal_basis: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20, strict=False)] = (
        "eu-gdpr:A6-1-a", "eu-gdpr:A9-2-a",
    )  # fmt: skip
    consent_type: Literal["explicit", "regular"] = "explicit"
    collection: Words = "dpv:Obtain"
    processing: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20, strict=False)] = ("dpv:Analyse",)
    asked_purposes: _Iris
    asked_recipients: _Ids
    asked_data: Annotated[tuple[AskedData, ...], Field(min_length=1, max_length=MAX_LIST, strict=False)]
    rights: Annotated[tuple[Right, ...], Field(max_length=40, strict=False)] = ()
    authority: Text | None = None
    earlier: Annotated[tuple[Earlier, ...], Field(max_length=10_000, strict=False)] = ()

    @model_validator(mode="after")
    def _names_known_parties(self) -> Self:
        known = [party.id for party in self.parties]
        if len(set(known)) < len(known):
            raise ValueError("a party stands here twice")
        named = {*self.controllers, *self.asked_recipients, *(one.source for one in self.asked_data)}
        if not named <= set(known) or (self.authority is not None and self.authority not in known):
            raise ValueError("a party is named whose name, address and contact are not given")
        if [one.version for one in self.earlier] != list(range(1, len(self.earlier) + 1)):
            raise ValueError("the earlier versions are not all there, in order")
        return self

    @classmethod
    def read(cls, value: object) -> Self:
        """Read from plain values. Raises :class:`SurroundingsError`: "not-surroundings" and the place."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
            raise SurroundingsError("not-surroundings", "".join(f"/{step}" for step in place)) from None

    def party(self, id: str) -> Party | None:
        """The party with this id."""
        return next((one for one in self.parties if one.id == id), None)

    def asked(self, dataset: str) -> AskedData | None:
        """What was asked for of a dataset."""
        return next((one for one in self.asked_data if one.dataset == dataset), None)
