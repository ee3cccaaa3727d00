"""The participant document: how a participant introduces itself, signed with its own key.

Served at `ORIGIN/.well-known/concord-participant` as a compact JWS of type `concord-participant+jwt`. It says who the
participant is, where its doors are and which keys it signs with. A document proves only that the holder of the key
says so; that the key is the right one is what the fingerprint, compared by people on another way, is for.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from connector.identity.jws import JwsProblem, read_unverified, sign, verify
from connector.identity.keys import KeyProblem, checked, fingerprint
from connector.identity.strict_json import NotStrict, read_object
from connector.outbound.faults import OutboundRefused
from connector.outbound.origins import Origin
from connector.ports import Signer
from policy.canonical import canonical

PATH = "/.well-known/concord-participant"
MEDIA_TYPE = "application/concord-participant+jwt"
DOCUMENT_TYPE = "concord-participant+jwt"
EXCHANGE = "concord-consent/1"
LONGEST_DOCUMENT = 64 * 1024

Role = Literal["hospital", "vendor", "wallet", "research", "participant"]


class DocumentProblem(ValueError):
    """A participant document that is not believed. `code` says why; nothing of it is quoted."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _address(text: str) -> str:
    try:
        Origin.parse(text)
    except OutboundRefused as refusal:
        raise ValueError(refusal.reason.value) from None
    return text.rstrip("/")


def _key(jwk: dict[str, str]) -> dict[str, str]:
    try:
        return checked(jwk)
    except KeyProblem as problem:
        raise ValueError(str(problem)) from None


Address = Annotated[str, Field(max_length=2048), AfterValidator(_address)]
PublicJwk = Annotated[dict[str, str], AfterValidator(_key)]


class KeySet(BaseModel):
    """A JWK set of public signing keys, the present one first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[PublicJwk, ...] = Field(min_length=1, max_length=8)


class ParticipantDocument(BaseModel):
    """The content of the document. Every address lies at the origin `url`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=256, pattern=r"^[!-~]+$")
    name: str = Field(min_length=1, max_length=200)
    role: Role
    url: Address
    dsp: Address
    consent: Address
    data: Address
    speaks: tuple[str, ...] = Field(default=(EXCHANGE,), max_length=16)
    keys: KeySet
    issued_at: AwareDatetime

    @model_validator(mode="after")
    def _one_origin(self) -> "ParticipantDocument":
        origin = Origin.parse(self.url)
        if str(origin) != self.url or any(Origin.parse(door) != origin for door in (self.dsp, self.consent, self.data)):
            raise ValueError("every door lies at the origin `url`")
        return self

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of the keys, the present key's first."""
        return tuple(fingerprint(jwk) for jwk in self.keys.keys)


def introduce(
    signer: Signer,
    id: str,
    name: str,
    role: Role,
    origin: str,
    now: datetime,
    earlier_keys: tuple[dict[str, str], ...] = (),
) -> ParticipantDocument:
    """This participant's own document, its doors at their usual places below `origin`."""
    base = str(Origin.parse(origin))
    return ParticipantDocument(
        id=id,
        name=name,
        role=role,
        url=base,
        dsp=f"{base}/dsp/2025-1",
        consent=f"{base}/consent",
        data=f"{base}/data",
        keys=KeySet(keys=(dict(signer.public_jwk), *earlier_keys)),
        issued_at=now.astimezone(UTC).replace(microsecond=0),
    )


def write_document(signer: Signer, document: ParticipantDocument) -> str:
    """The document as it is served."""
    return sign(signer, DOCUMENT_TYPE, canonical(document.model_dump(mode="json")))


def read_document(jws: str, expected_fingerprint: str) -> ParticipantDocument:
    """The document, when it is signed by the key with this fingerprint and lists that key. Raises DocumentProblem."""
    key = _expected_key(jws, expected_fingerprint)
    try:
        verified = verify(jws, [key], DOCUMENT_TYPE, limit=LONGEST_DOCUMENT)
        return ParticipantDocument.model_validate(read_object(verified.payload))
    except JwsProblem as problem:
        raise DocumentProblem(problem.code) from None
    except (NotStrict, ValidationError):
        raise DocumentProblem("content") from None


def _expected_key(jws: str, expected: str) -> dict[str, str]:
    """The key in the unverified document that has the fingerprint we were told: the fingerprint vouches for it."""
    try:
        _, payload = read_unverified(jws, LONGEST_DOCUMENT)
        listed = read_object(payload).get("keys")
    except JwsProblem as problem:
        raise DocumentProblem(problem.code) from None
    except NotStrict:
        raise DocumentProblem("content") from None
    candidates: Any = listed.get("keys") if isinstance(listed, dict) else None
    for jwk in candidates if isinstance(candidates, list) else ():
        try:
            key = checked(jwk)
        except KeyProblem:
            continue
        if fingerprint(key) == expected:
            return key
    raise DocumentProblem("fingerprint")
