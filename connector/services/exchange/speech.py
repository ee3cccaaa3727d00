"""Signed statements of the exchange: what we say, and hearing what others say. Nothing unsigned is kept as evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from connector.identity.jws import JwsProblem, read_unverified
from connector.identity.members import Member
from connector.identity.statements import (
    LONGEST_STATEMENT,
    StatementInvalid,
    StatementType,
    read_statement,
    sign_statement,
)
from connector.identity.strict_json import NotStrict, read_object
from connector.ports import Signer
from connector.problems import Problem, invalid
from connector.services.context import Context
from contracts import exchange as wire
from contracts.fields import Strict
from contracts.messages import MessageError

M = TypeVar("M", bound=Strict)

STUDY = StatementType.STUDY
APPROVAL = StatementType.APPROVAL
LINK_PROOF = StatementType.LINK_PROOF
LINK = StatementType.LINK
LINK_DOUBT = StatementType.LINK_DOUBT
LINK_STANDING = StatementType.LINK_STANDING
CONSENT = StatementType.CONSENT
DELIVERY = StatementType.DELIVERY
ACKNOWLEDGEMENT = StatementType.ACKNOWLEDGEMENT
NOTICE = StatementType.NOTICE
RESUMPTION = StatementType.RESUMPTION
REMINDER = StatementType.REMINDER
TRACKING = StatementType.TRACKING
SUSPENSION = StatementType.SUSPENSION
STATEMENT = StatementType.STATEMENT
MANIFEST = StatementType.MANIFEST
CONTRACT_END = StatementType.CONTRACT_END
CONTRACT_END_RECEIVED = StatementType.CONTRACT_END_RECEIVED
CONTRACT_ERASED = StatementType.CONTRACT_ERASED
PROPOSED_TERMS = StatementType.PROPOSED_TERMS
ANSWER_TO_TERMS = StatementType.ANSWER_TO_TERMS
DUTY_DONE = StatementType.DUTY_DONE
OPT_OUT = StatementType.OPT_OUT
OPT_OUT_RECEIVED = StatementType.OPT_OUT_RECEIVED
REVISION = StatementType.REVISION
RECEIPT = StatementType.RECEIPT
EXPORT = StatementType.EXPORT
REGISTER = StatementType.REGISTER


def say(context: Context, kind: str, claims: Mapping[str, Any], signer: Signer | None = None) -> str:
    """A compact JWS over the claims, by this participant's key unless another signer is given."""
    return sign_statement(signer or context.signer, kind, dict(claims), context.clock())


def hear(jws: str, kind: str, member: Member, model: type[M]) -> M:
    """The claims of another participant's statement, verified. Raises Problem 400."""
    return hear_keys(jws, kind, member.statement_keys, model)


def hear_keys(jws: str, kind: str, keys: Iterable[Mapping[str, str]], model: type[M]) -> M:
    """The same for any set of public keys. Raises Problem 400."""
    try:
        return model.read(raw_claims(jws, kind, keys))
    except MessageError as fault:
        raise invalid(str(fault), kind, code="bad-statement") from None


def hear_answer(jws: str, member: Member) -> wire.Statement | wire.Received:
    """What a recipient stated about a notice: what it did, or that it arrived. Raises Problem 400."""
    try:
        return hear(jws, STATEMENT, member, wire.Statement)
    except Problem:
        return hear(jws, STATEMENT, member, wire.Received)


def raw_claims(jws: str, kind: str, keys: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """The verified claims as they are. Raises Problem 400."""
    try:
        return read_statement(jws, kind, keys)
    except StatementInvalid as fault:
        raise invalid(f"A signed statement does not verify: {fault}", kind, code="bad-statement") from None


def read_body(model: type[M], body: Mapping[str, Any]) -> M:
    """An exchange body. Raises Problem 400 with one clear line."""
    try:
        read: M = model.read(dict(body))
        return read
    except MessageError as fault:
        raise invalid(str(fault), code="message-not-accepted") from None


def unknown_person() -> Problem:
    """One answer for everything we do not know a person by: it must not tell which part was wrong."""
    return Problem(
        404, "unknown-person", "We know nobody by this link", accepted="a link this holder gave to this wallet"
    )


def unverified_claims(jws: str) -> dict[str, Any]:
    """What a statement says before its key is known; good for nothing but finding the key, or reading our own."""
    try:
        _, payload = read_unverified(jws, LONGEST_STATEMENT)
        return read_object(payload)
    except (JwsProblem, NotStrict):
        return {}


def unverified_claim(jws: str, name: str) -> str | None:
    """One text of it."""
    value = unverified_claims(jws).get(name)
    return value if isinstance(value, str) else None


def unverified_header(jws: str) -> dict[str, Any]:
    """The protected header of a statement, for telling which key it names; empty for what is none."""
    try:
        return read_unverified(jws, LONGEST_STATEMENT)[0]
    except JwsProblem:
        return {}
