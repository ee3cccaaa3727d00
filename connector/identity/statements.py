"""Signed statements: what a person or a participant declares, kept as evidence (consents, study requests, approvals,
deliveries, acknowledgements, notices, erasure statements, release manifests, the end of a contract, changed terms,
duties done).

A statement is a compact JWS whose payload is the RFC 8785 form of its claims, so that the digest of the claims and the
digest of what was signed are the same thing. The claims are the record alone; when it was signed stands in the header
(`iat`, whole seconds). A reader names the type and the keys it accepts; nothing in the statement can widen either.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from connector.identity.jws import JwsProblem, sign, verify
from connector.identity.keys import Jwk
from connector.identity.strict_json import NotStrict, read_object
from connector.ports import Signer
from policy.canonical import NotCanonicalError, canonical, digest

LONGEST_STATEMENT = 4 * 1024 * 1024
_SIGNED_AT = frozenset({"iat"})
_LATEST = 253402300799  # 9999-12-31T23:59:59Z, the last second a datetime holds


class StatementType(StrEnum):
    """The kinds of statement; the value is the `typ` of the JWS."""

    CONSENT = "concord-consent+jws"
    STUDY = "concord-study+jws"
    APPROVAL = "concord-approval+jws"
    DELIVERY = "concord-delivery+jws"
    ACKNOWLEDGEMENT = "concord-acknowledgement+jws"
    LINK = "concord-link+jws"
    LINK_PROOF = "concord-link-proof+jws"
    LINK_DOUBT = "concord-link-doubt+jws"
    LINK_STANDING = "concord-link-standing+jws"
    NOTICE = "concord-notice+jws"
    RESUMPTION = "concord-resumption+jws"
    REMINDER = "concord-reminder+jws"
    TRACKING = "concord-tracking+jws"
    SUSPENSION = "concord-suspension+jws"
    STATEMENT = "concord-statement+jws"
    MANIFEST = "concord-manifest+jws"
    CONTRACT_END = "concord-contract-end+jws"
    CONTRACT_END_RECEIVED = "concord-contract-end-received+jws"
    CONTRACT_ERASED = "concord-contract-erased+jws"
    PROPOSED_TERMS = "concord-proposed-terms+jws"
    ANSWER_TO_TERMS = "concord-answer-to-terms+jws"
    DUTY_DONE = "concord-duty-done+jws"
    OPT_OUT = "concord-opt-out+jws"
    OPT_OUT_RECEIVED = "concord-opt-out-received+jws"
    REVISION = "concord-manifest-revision+jws"
    RECEIPT = "concord-receipt+jws"
    EXPORT = "concord-export+jws"
    REGISTER = "concord-register+jws"


class StatementInvalid(ValueError):
    """A statement that does not count. `code` says why; nothing of it is quoted."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Statement:
    """A verified statement: its claims, their digest (sha-256 hex), the signing key, and when it was signed."""

    claims: dict[str, Any]
    digest: str
    kid: str
    signed_at: datetime


def sign_statement(signer: Signer, typ: str, claims: Mapping[str, Any], now: datetime) -> str:
    """Sign claims made of JSON values without fractions. Raises StatementInvalid when they have no canonical form."""
    try:
        payload = canonical(dict(claims))
    except NotCanonicalError:
        raise StatementInvalid("not-canonical") from None
    return sign(signer, typ, payload, {"iat": int(now.timestamp())})


def read_statement(jws: str, typ: str, keys: Iterable[Jwk]) -> dict[str, Any]:
    """The claims of a statement of type `typ` signed by one of `keys`. Raises StatementInvalid."""
    return open_statement(jws, typ, keys).claims


def open_statement(jws: str, typ: str, keys: Iterable[Jwk]) -> Statement:
    """As `read_statement`, with digest, key and time. Raises StatementInvalid."""
    try:
        verified = verify(jws, keys, typ, limit=LONGEST_STATEMENT, extra=_SIGNED_AT)
        claims = read_object(verified.payload)
        if canonical(claims) != verified.payload:
            raise StatementInvalid("not-canonical")
    except JwsProblem as problem:
        raise StatementInvalid(problem.code) from None
    except (NotStrict, NotCanonicalError):
        raise StatementInvalid("payload") from None
    seconds = verified.header["iat"]
    if not 0 <= seconds <= _LATEST:
        raise StatementInvalid("header")
    return Statement(claims, digest(claims), verified.kid, datetime.fromtimestamp(seconds, UTC))
