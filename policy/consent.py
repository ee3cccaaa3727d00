"""A person's recorded decision about one study at one holder: the record, its states, its chain of versions.

A record is never edited. A change is a new version with the same `id`, the next number and the digest of the version
before. What a record means at a moment is derived (:func:`effective_state`), so that no job has to run for a consent
to end. Times are UTC; the JSON form writes them ``2027-12-31T23:59:59Z`` and days ``2027-12-31``.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)

from policy.canonical import Json, digest
from policy.categories import CATEGORIES
from policy.instants import day, in_utc, instant, wire

MAX_TEXT = 400
MAX_LIST = 200


class ConsentError(ValueError):
    """A consent cannot be read or does not follow from the one before; `code` names why, `pointer` where."""

    def __init__(self, code: str, pointer: str = "") -> None:
        super().__init__(f"{code} at {pointer or '/'}")
        self.code = code
        self.pointer = pointer


def _read_instant(value: object) -> datetime:
    return in_utc(value) if isinstance(value, datetime) else instant(value)


def _read_day(value: object) -> date:
    return value if isinstance(value, date) and not isinstance(value, datetime) else day(value)


def _known_category(value: object) -> object:
    if not isinstance(value, str) or value not in CATEGORIES:
        raise ValueError("not a category of data")
    return value


def _full_iri(value: str) -> str:
    if not urlsplit(value).scheme or any(sign.isspace() for sign in value):
        raise ValueError("not a full IRI")
    return value


def _no_limit_is_none(window: "Window | None") -> "Window | None":
    return None if window is None or (window.start is None and window.end is None) else window


Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"^\S(.*\S)?$")]
Iri = Annotated[Text, AfterValidator(_full_iri)]
Uuid = Annotated[str, StringConstraints(pattern=r"^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Instant = Annotated[datetime, BeforeValidator(_read_instant), PlainSerializer(wire, when_used="json")]
Day = Annotated[date, BeforeValidator(_read_day), PlainSerializer(date.isoformat, when_used="json")]
CategoryKey = Annotated[str, BeforeValidator(_known_category)]


class State(StrEnum):
    """What the person decided, as recorded."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    SUSPENDED = "suspended"


class EffectiveState(StrEnum):
    """What a record means at a moment: the recorded state, or one that time brought about."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    NOT_YET_DECIDED = "not-yet-decided"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataScope(_Part):
    """Data of one dataset; `categories` None means all of it."""

    dataset: Text
    categories: Annotated[tuple[CategoryKey, ...], Field(min_length=1, max_length=MAX_LIST, strict=False)] | None

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        if self.categories is not None and len(set(self.categories)) < len(self.categories):
            raise ValueError("a category is named twice")
        return self


class Window(_Part):
    """The clinical dates agreed to, both days included; None is open."""

    start: Day | None
    end: Day | None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError("the window ends before it starts")
        return self


class Words(_Part):
    """Which text was shown: its version, its language (BCP 47), the SHA-256 of its exact words."""

    version: Text
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)]
    digest: Sha256


class Signer(_Part):
    """Who decided: the person, or a proxy with the authority that lets them."""

    kind: Literal["self", "proxy"]
    authority: Text | None

    @model_validator(mode="after")
    def _authority_of_a_proxy(self) -> Self:
        if (self.kind == "proxy") != (self.authority is not None):
            raise ValueError("a proxy, and only a proxy, needs an authority")
        return self


_Names = Annotated[tuple[Text, ...], Field(max_length=MAX_LIST, strict=False)]
_Iris = Annotated[tuple[Iri, ...], Field(max_length=MAX_LIST, strict=False)]
_Scopes = Annotated[tuple[DataScope, ...], Field(max_length=MAX_LIST, strict=False)]


class ConsentRecord(_Part):
    """One version of one person's decision about one study at one holder.

    `link` is the id the holder gave to "this person here is that person in the wallet"; nothing in the record names
    the person. Only a given consent has to name recipients, purposes and data.
    """

    id: Uuid
    version: Annotated[int, Field(ge=1)]
    previous: Sha256 | None
    state: Annotated[State, Field(strict=False)]
    study: Text
    study_digest: Sha256
    link: Text
    holder: Text
    wallet: Text
    recipients: _Names
    purposes: _Iris
    data: _Scopes
    window: Annotated[Window | None, AfterValidator(_no_limit_is_none)]
    decided_at: Instant
    valid_until: Instant
    words: Words
    signer: Signer
    on_withdrawal: Literal["erase", "stop"] | None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.version == 1) != (self.previous is None):
            raise ValueError("the first version, and only the first, has no previous")
        if self.version == 1 and self.state not in _TRANSITIONS[None]:
            raise ValueError("a first version is given or refused")
        if self.window is not None and not self.data:
            raise ValueError("a window needs data that it limits")
        if self.state is State.GIVEN:
            if not (self.recipients and self.purposes and self.data):
                raise ValueError("a given consent names recipients, purposes and data")
            if self.valid_until <= self.decided_at:
                raise ValueError("a given consent ends after it begins")
        return self

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a record from a parsed JSON object.

        Raises :class:`ConsentError` with the code "not-a-consent" and the place; never the value.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
            raise ConsentError("not-a-consent", "".join(f"/{step}" for step in place)) from None
        except RecursionError:
            raise ConsentError("not-a-consent") from None

    def to_json(self) -> dict[str, Any]:
        """Return the record as the JSON object that is signed and delivered."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """Return the SHA-256 over the canonical JSON, by which the next version names this one."""
        value: dict[str, Json] = self.to_json()
        return digest(value)

    @property
    def name(self) -> str:
        """The id with the version: how decisions and logs point at this record."""
        return f"{self.id}#{self.version}"


# previous state -> states that may follow. A person may always change their mind, and may always say stop.
_TRANSITIONS: Mapping[State | None, frozenset[State]] = MappingProxyType(
    {
        None: frozenset({State.GIVEN, State.REFUSED}),
        State.GIVEN: frozenset({State.GIVEN, State.WITHDRAWN, State.SUSPENDED}),
        State.SUSPENDED: frozenset({State.GIVEN, State.WITHDRAWN}),
        State.REFUSED: frozenset({State.GIVEN, State.REFUSED}),
        State.WITHDRAWN: frozenset({State.GIVEN, State.WITHDRAWN}),
    }
)


def effective_state(record: ConsentRecord, now: datetime) -> EffectiveState:
    """Return what the record means at `now` (timezone-aware); a given consent ends at `valid_until` itself."""
    if record.state is State.GIVEN:
        if now < record.decided_at:
            return EffectiveState.NOT_YET_DECIDED
        if now >= record.valid_until:
            return EffectiveState.EXPIRED
    return EffectiveState(record.state.value)


def chain_fault(previous: ConsentRecord | None, following: ConsentRecord) -> str | None:
    """Return what keeps a record from following another ("first-version", "digest", ...), or None if it follows."""
    if previous is None:
        return None if following.version == 1 else "first-version"
    checks = (
        ("id", following.id == previous.id),
        ("version", following.version == previous.version + 1),
        ("digest", following.previous == previous.digest()),
        ("study", following.study == previous.study),
        ("parties", _parties(following) == _parties(previous)),
        ("time", following.decided_at >= previous.decided_at),
        ("state", following.state in _TRANSITIONS[previous.state]),
    )
    return next((name for name, holds in checks if not holds), None)


def follows(previous: ConsentRecord | None, following: ConsentRecord) -> bool:
    """Whether the record may stand directly after the other in its chain (None: at its beginning)."""
    return chain_fault(previous, following) is None


def _parties(record: ConsentRecord) -> tuple[str, str, str]:
    return record.link, record.holder, record.wallet
