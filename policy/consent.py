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
    """What was decided, as recorded. Processing is allowed under `given` and `renewed` only.

    `terminated`: the controller ended it; `invalidated`: a court or an authority did, or it was proven to be an error.
    """

    DRAFT = "draft"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    REFUSED = "refused"
    GIVEN = "given"
    RENEWED = "renewed"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    INVALIDATED = "invalidated"


class EffectiveState(StrEnum):
    """What a record means at a moment: the recorded state, or one that time brought about."""

    DRAFT = "draft"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    REFUSED = "refused"
    GIVEN = "given"
    RENEWED = "renewed"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    INVALIDATED = "invalidated"
    EXPIRED = "expired"
    NOT_YET_DECIDED = "not-yet-decided"
    AUTHORITY_ENDED = "authority-ended"


ALLOWING = frozenset({State.GIVEN, State.RENEWED})
"""The recorded states under which data may be used, as long as the consent is in force."""


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
    """Who decided: the person, a proxy with the authority that lets them, the controller, or a public authority.

    `until` is when a proxy's authority ends (a child's majority, the end of a mandate): from then on what they allowed
    rests until the person is asked. `record` is the id of the authority's own record at the wallet.
    """

    kind: Literal["self", "proxy", "controller", "authority"]
    authority: Text | None
    until: Instant | None = None
    record: Uuid | None = None

    @model_validator(mode="after")
    def _authority_of_others(self) -> Self:
        if (self.kind == "self") != (self.authority is None):
            raise ValueError("whoever decides for somebody else, and only they, needs an authority")
        if self.kind != "proxy" and (self.until is not None or self.record is not None):
            raise ValueError("only a proxy's authority has an end and a record")
        return self


class Capture(_Part):
    """How the decision was taken: the channel, who helped (an opaque entry, never a name) and how sure the sign-in was.

    `assurance` is the level of Regulation (EU) 910/2014, art. 8; None where nobody signed in. `interface` is the
    version of what was shown, `evidence` the SHA-256 of what was kept of it: a scan, a recording, a protocol.
    """

    channel: Literal["portal", "api", "paper", "phone", "desk", "import"]
    assistant: Text | None = None
    assurance: Literal["low", "substantial", "high"] | None = None
    interface: Text | None = None
    evidence: Sha256 | None = None


_Names = Annotated[tuple[Text, ...], Field(max_length=MAX_LIST, strict=False)]
_Iris = Annotated[tuple[Iri, ...], Field(max_length=MAX_LIST, strict=False)]
_Scopes = Annotated[tuple[DataScope, ...], Field(max_length=MAX_LIST, strict=False)]


class ConsentRecord(_Part):
    """One version of one person's decision about one study at one holder.

    `link` is the id the holder gave to "this person here is that person in the wallet"; nothing in the record names
    the person. Only a consent that allows has to name recipients, purposes and data. `replaces` names consents known at
    the source (``source/id``) in whose place the person puts this one (reference S12). `linkage`: in this study the
    person may have the same code at every holder.
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
    capture: Capture | None = None
    replaces: _Names = ()
    linkage: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.version == 1) != (self.previous is None):
            raise ValueError("the first version, and only the first, has no previous")
        if self.version == 1 and self.state not in _TRANSITIONS[None]:
            raise ValueError("a first version is not one that ends or renews something")
        if self.window is not None and not self.data:
            raise ValueError("a window needs data that it limits")
        if self.linkage and self.state not in ALLOWING:
            raise ValueError("only a consent that allows agrees to linking")
        if self.state in ALLOWING:
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
        """Return the record as the JSON object that is signed and delivered.

        Members that later editions added are left out while they say nothing, so that older versions keep their digest.
        """
        value = self.model_dump(mode="json")
        for place, names in ((value, ("capture", "replaces", "linkage")), (value["signer"], ("until", "record"))):
            for name in names:
                if not place[name]:
                    del place[name]
        if "capture" in value:
            value["capture"] = {name: part for name, part in value["capture"].items() if part is not None}
        return value

    def digest(self) -> str:
        """Return the SHA-256 over the canonical JSON, by which the next version names this one."""
        value: dict[str, Json] = self.to_json()
        return digest(value)

    @property
    def name(self) -> str:
        """The id with the version: how decisions and logs point at this record."""
        return f"{self.id}#{self.version}"


_ENDED = frozenset({State.WITHDRAWN, State.TERMINATED, State.INVALIDATED})
_OPEN = frozenset({State.DRAFT, State.REQUESTED, State.DEFERRED, State.REFUSED, State.GIVEN})

# previous state -> states that may follow. A person may always change their mind, and may always say stop.
_TRANSITIONS: Mapping[State | None, frozenset[State]] = MappingProxyType(
    {
        None: _OPEN,
        State.DRAFT: _OPEN,
        State.REQUESTED: _OPEN,
        State.DEFERRED: _OPEN,
        State.REFUSED: frozenset({State.GIVEN, State.REFUSED, State.DEFERRED, State.SUSPENDED}),
        State.GIVEN: frozenset({State.GIVEN, State.RENEWED, State.SUSPENDED}) | _ENDED,
        State.RENEWED: frozenset({State.GIVEN, State.RENEWED, State.SUSPENDED}) | _ENDED,
        State.SUSPENDED: frozenset({State.GIVEN, State.RENEWED, State.SUSPENDED, State.REFUSED}) | _ENDED,
        State.WITHDRAWN: frozenset({State.GIVEN, State.SUSPENDED}) | _ENDED,
        State.TERMINATED: frozenset({State.GIVEN}) | _ENDED,
        State.INVALIDATED: frozenset({State.GIVEN, State.INVALIDATED}),
    }
)


def effective_state(record: ConsentRecord, now: datetime) -> EffectiveState:
    """Return what the record means at `now` (timezone-aware); what allows ends at `valid_until` itself.

    What a proxy allowed rests from the end of their authority on (reference S17).
    """
    if record.state in ALLOWING:
        if now < record.decided_at:
            return EffectiveState.NOT_YET_DECIDED
        if now >= record.valid_until:
            return EffectiveState.EXPIRED
        if record.signer.until is not None and now >= record.signer.until:
            return EffectiveState.AUTHORITY_ENDED
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
        ("authority", not _overrules(previous, following)),
    )
    return next((name for name, holds in checks if not holds), None)


def follows(previous: ConsentRecord | None, following: ConsentRecord) -> bool:
    """Whether the record may stand directly after the other in its chain (None: at its beginning)."""
    return chain_fault(previous, following) is None


def _overrules(previous: ConsentRecord, following: ConsentRecord) -> bool:
    """Whether a proxy would turn the person's own no into a yes (reference S17: a minor's refusal outweighs)."""
    no = previous.state in {State.REFUSED, State.WITHDRAWN, State.SUSPENDED} and previous.signer.kind == "self"
    return no and following.state in ALLOWING and following.signer.kind == "proxy"


def _parties(record: ConsentRecord) -> tuple[str, str, str]:
    return record.link, record.holder, record.wallet
