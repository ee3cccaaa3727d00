"""The members register: the participants this one knows, and how it stands to them (design 3.10, 3.13)."""

from enum import StrEnum
from typing import Annotated, Any, Protocol

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from connector.identity.document import Address, PublicJwk, Role
from connector.identity.keys import fingerprint
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin

_LATER = ("retired", "said_at")
"""Fields that were added to entries that older versions read."""


class Standing(StrEnum):
    """How a member stands: only an active one is listened to and spoken to."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class Place(BaseModel):
    """Where a member is established and where it keeps data (ISO 3166, ``DE``), as the operator was told.

    `transfer_grounds` are those on file for data that leaves the European Economic Area, as IRIs of DPV's extension for
    the GDPR.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    jurisdiction: str = Field(pattern=r"^[A-Z]{2}$")
    hosting: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = Field(min_length=1, max_length=50)
    transfer_grounds: tuple[Annotated[str, Field(max_length=200)], ...] = Field(default=(), max_length=20)


class Member(BaseModel):
    """One entry of the register. `fingerprint` is that of the key an operator compared, or of the one that followed it.

    `keys` are all that count, the newest first; `retired` are those that counted once: what they signed then still
    verifies, and they open no door any more. `said_at` is when the document was issued in which a new key was learned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=256)
    name: str
    role: Role
    origin: Address
    dsp: Address
    consent: Address | None = None
    data: Address | None = None
    keys: tuple[PublicJwk, ...] = Field(min_length=1)
    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")
    standing: Standing = Standing.ACTIVE
    allow_http: bool = False
    speaks: tuple[str, ...] = ()
    added_at: AwareDatetime
    place: Place | None = None
    retired: tuple[PublicJwk, ...] = ()
    said_at: AwareDatetime | None = None

    @property
    def statement_keys(self) -> tuple[PublicJwk, ...]:
        """The keys by which a statement of this member may be signed: those that count, and those that did."""
        return self.keys + self.retired

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is kept. Later fields that nobody used are left out, so that an older version can read it too."""
        return {name: value for name, value in write(self).items() if value or name not in _LATER}

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of all its keys."""
        return tuple(fingerprint(jwk) for jwk in self.keys)

    @property
    def named(self) -> NamedOrigin:
        """Its origin, as the operator named it. Raises OutboundRefused when the entry was tampered with."""
        return NamedOrigin.parse(self.origin, allow_http=self.allow_http)

    @property
    def destination(self) -> Destination:
        """Where a request to an address this member named may go: public https, or the origins of its entry.

        A connector of ours has every door at one origin; a foreign one may hand out data at another (`data`).
        """
        doors = dict.fromkeys((self.origin, *((self.data,) if self.data else ())))
        named = (NamedOrigin.parse(door, allow_http=self.allow_http) for door in doors)
        return Destination(tuple(dict.fromkeys(named)), public=True)


class MembersRegister(Protocol):
    """Where the entries are kept, suspended and removed ones too."""

    async def get(self, id: str) -> Member | None:
        """The entry with this id, whatever its standing."""
        ...

    async def all(self) -> list[Member]:
        """Every entry, ordered by id."""
        ...

    async def put(self, member: Member) -> None:
        """Add the entry, or replace the one with its id."""
        ...


class MemoryRegister:
    """The twin in memory."""

    def __init__(self, *members: Member) -> None:
        self._members = {member.id: member for member in members}

    async def get(self, id: str) -> Member | None:
        """The entry with this id."""
        return self._members.get(id)

    async def all(self) -> list[Member]:
        """Every entry, ordered by id."""
        return [self._members[id] for id in sorted(self._members)]

    async def put(self, member: Member) -> None:
        """Add or replace."""
        self._members[member.id] = member
