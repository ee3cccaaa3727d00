"""A consent receipt (27560): who issues it, to whom, about which record, and where the proof of it lies."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from policy.canonical import digest
from policy.consent import ConsentError, ConsentRecord, Instant, Sha256, Text
from policy.records27560 import terms
from policy.records27560.surroundings import Surroundings, Words
from policy.records27560.writing import record_27560


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Anchor(_Part):
    """Where an evidence log names this version: its leaf, and once it is integrated its index and the signed note."""

    log: Text
    leaf: Sha256
    index: Annotated[int, Field(ge=0)] | None = None
    checkpoint: Words | None = None


class Contract(_Part):
    """A contract that rests on this consent, as far as the issuer knows; `policy` is the digest of its terms."""

    id: Text
    recipient: Text
    policy: Sha256 | None = None


class Delivered(_Part):
    """Where the answer went: the holder's own signed acknowledgement, once there is one."""

    holder: Text
    state: Text
    at: Instant | None = None
    statement: Annotated[str, Field(max_length=100_000)] | None = None


class Issue(_Part):
    """What makes a record a receipt: its issuer, its time, the words shown, and the proofs beside it.

    `signed` is the consent as the person's key signed it, `words` the exact text they read (its digest stands in the
    record; None where the issuer does not keep it), `signer_key` the thumbprint of the key that signed.
    """

    issuer: Text
    created_at: Instant
    signed: Annotated[str, Field(min_length=1, max_length=1_000_000)]
    signer_key: Text
    words: dict[str, Any] | None
    interface: Text | None = None
    assurance: Text | None = None
    contracts: Annotated[tuple[Contract, ...], Field(max_length=10_000, strict=False)] = ()
    delivered: Annotated[tuple[Delivered, ...], Field(max_length=1000, strict=False)] = ()
    anchor: Anchor | None = None


def receipt_27560(record: ConsentRecord, around: Surroundings, issue: Issue) -> dict[str, Any]:
    """The receipt with the whole record in it, as it stood when it was issued.

    Raises :class:`~policy.consent.ConsentError` "other-words" when the words are not those the person agreed to, and
    what :func:`record_27560` raises.
    """
    if issue.words is not None and digest(issue.words) != record.words.digest:
        raise ConsentError("other-words", "/words")
    inner = {name: part for name, part in record_27560(record, around, issue.created_at).items() if name != "@context"}
    return {
        "@context": dict(terms.CONTEXT),
        "@id": f"{record.name}/receipt",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": record.name,
        "dct:conformsTo": terms.RECEIPT_PROFILE,
        "concord:schemaVersion": terms.SCHEMA_VERSION,
        "dct:created": issue.model_dump(mode="json")["created_at"],
        "dct:publisher": issue.issuer,
        "schema:recipient": "dpv:DataSubject",
        "dpv:hasRecordOfActivity": inner,
        "concord:words": issue.words,
        "concord:interface": issue.interface,
        "concord:assurance": issue.assurance,
        "concord:signerKey": issue.signer_key,
        "concord:signedConsent": issue.signed,
        "concord:contracts": [one.model_dump(mode="json") for one in issue.contracts],
        "concord:delivered": [one.model_dump(mode="json") for one in issue.delivered],
        "concord:log": issue.anchor.model_dump(mode="json") if issue.anchor else None,
    }
