"""The consent exchange between connectors: what our own paths below `/consent` carry.

Three kinds of object: *bodies* of a POST, *answers*, and *claims*, which travel inside a compact JWS where evidence
must be kept. A consent itself is `policy.consent.ConsentRecord`; study and approval claims stand in `contracts.study`.
`EXCHANGES` is the whole list, as data.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self

from pydantic import Field, StrictStr, model_validator

from contracts.amending import (
    AmendmentAnswer,
    AmendmentProposal,
    AnswerTaken,
    AnswerToTerms,
    ContractEnd,
    ContractErased,
    EndingNotice,
    EndingTaken,
    EndReceived,
    ErasureNotice,
    ProposedTerms,
)
from contracts.duties import DutyDone, DutyNotice
from contracts.erasing import Answer, HeldObject, ObjectLookedAt, ObjectState, Received, Statement
from contracts.faults import shape_fault
from contracts.fields import (
    Count,
    Digest,
    Instant,
    Jws,
    Name,
    Ordinal,
    Paragraph,
    Participant,
    Reference,
    UrnUuid,
)
from contracts.linking import LinkDoubt, LinkDoubtNotice, LinkStanding, LinkStandingNotice
from contracts.opting_out import OptOutDelivery, OptOutReceived, OptOutStatement, OptOutTaken
from contracts.shape import Json, Listed, Strict
from contracts.study import StudyApproval, StudyRequest
from contracts.withdrawing import (
    Check,
    Ending,
    InformedRecipient,
    Noted,
    Notice,
    Progress,
    Reminder,
    ReminderNotice,
    Resumption,
    ResumptionNotice,
    Standing,
    StandingNotice,
    Suspension,
    SuspensionNotice,
    Tracking,
    WithdrawalNotice,
)
from policy.consent import State

__all__ = [
    "CLAIMS",
    "EXCHANGES",
    "Answer",
    "Check",
    "Ending",
    "HeldObject",
    "InformedRecipient",
    "Noted",
    "Notice",
    "ObjectLookedAt",
    "ObjectState",
    "Progress",
    "Received",
    "Reminder",
    "ReminderNotice",
    "Resumption",
    "ResumptionNotice",
    "Standing",
    "StandingNotice",
    "Statement",
    "Suspension",
    "SuspensionNotice",
    "Tracking",
    "WithdrawalNotice",
]
"""Beside what is defined here: the words of `contracts.erasing` and `contracts.withdrawing`, part of this exchange."""


LinkageToken = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="43 characters of base64url")]


class Party(StrEnum):
    """Who speaks in the consent exchange; a party is either side of an agreement."""

    RESEARCH = "research"
    HOLDER = "holder"
    WALLET = "wallet"
    RECIPIENT = "recipient"
    PARTY = "party"
    PROVIDER = "provider"


ConsentState = State
"""The states of a consent record, as an acknowledgement repeats them."""


class Effect(StrEnum):
    """What a delivered consent did at the holder."""

    ACTIVE = "active"
    STOPPED = "stopped"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class UseKind(StrEnum):
    """What happened with a person's data at a holder; refused: somebody asked and got nothing.

    emergency: staff looked at it in an emergency that they declared; reviewed: what was found of that; file: somebody
    there opened the person's file; reidentified: two people there agreed to find out whose code it is. None of these
    leaves the holder, and each says why.
    """

    RELEASE = "release"
    STREAM = "stream"
    REFUSED = "refused"
    EMERGENCY = "emergency"
    REVIEWED = "reviewed"
    FILE = "file"
    REIDENTIFIED = "reidentified"


_SENT = frozenset({UseKind.RELEASE, UseKind.STREAM})


class StudyToHolder(Strict):
    """Research group to holder: a study request."""

    study: Jws


class StudyWaiting(Strict):
    """The holder's answer: the study (its id) waits for the steward."""

    study: UrnUuid
    state: Literal["waiting"] = Field(description="waiting")


class StudyToWallet(Strict):
    """Holder to wallet: a study request it approved."""

    study: Jws
    approval: Jws


class PersonKey(Strict):
    """A person's public key: an Ed25519 JWK (RFC 8037) of only the members its thumbprint (RFC 7638) needs."""

    kty: Literal["OKP"] = Field(description="OKP")
    crv: Literal["Ed25519"] = Field(description="Ed25519")
    x: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="43 base64url characters")]


class LinkRequest(Strict):
    """Wallet to holder: this person (an id for this holder only), who holds this key, entered this one-time code."""

    code: Annotated[
        StrictStr, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$", description="the one-time code")
    ]
    wallet_person: Reference
    person_key: PersonKey = Field(description="an Ed25519 public key as JWK")
    proof: Jws


class LinkProof(Strict):
    """Claims signed by the person: I enter this code, at this holder, through this wallet."""

    code_digest: Digest
    holder: Participant
    wallet: Participant


class LinkMade(Strict):
    """The holder's answer."""

    link: Jws


class Link(Strict):
    """Claims signed by the holder: this person of that wallet is one of its people."""

    link: Reference
    holder: Participant
    wallet: Participant
    wallet_person: Reference
    linked_at: Instant


class ConsentDelivery(Strict):
    """Wallet to holder: a consent signed by the person, the delivery countersigned by the wallet.

    `linkage` comes with a consent that agrees to linking: the wallet's token (32 bytes, base64url without padding) for
    this person in this study, the same for every holder. It is a secret, and stands in nothing signed or logged.
    """

    LATER: ClassVar[tuple[str, ...]] = ("linkage",)

    consent: Jws
    delivery: Jws
    linkage: LinkageToken | None = None


class Delivery(Strict):
    """Claims signed by the wallet. `consent_digest` is over the canonical consent record.

    `linkage_digest` is the SHA-256 (hex) of the linkage token that comes with it.
    """

    LATER: ClassVar[tuple[str, ...]] = ("linkage_digest",)

    consent_digest: Digest
    holder: Participant
    delivered_at: Instant
    linkage_digest: Digest | None = None


class ConsentAcknowledged(Strict):
    """The holder's answer."""

    acknowledgement: Jws


class Acknowledgement(Strict):
    """Claims signed by the holder: from `committed_at` on, this version of the consent decides."""

    consent: UrnUuid
    version: Ordinal
    state: State
    effect: Effect
    committed_at: Instant
    recipients: tuple[InformedRecipient, ...] = Field(description="an array of recipients, empty if none")


class Heartbeat(Strict):
    """Wallet to holder: still here, with this many links. Freshness of the consent copies counts from it.

    `said_again` answers a holder that asked for everything anew: all it asked for since then has been said.
    """

    LATER: ClassVar[tuple[str, ...]] = ("said_again",)

    links: Count
    said_again: Instant | None = None


class HeartbeatTaken(Strict):
    """The answer. A holder that was put back from a backup asks since when it wants to be told everything again."""

    LATER: ClassVar[tuple[str, ...]] = ("say_again",)

    say_again: Instant | None = None


class StatementDelivery(Strict):
    """The recipient's answer to a notice, and later its POST to the holder."""

    statement: Jws


class Use(Strict):
    """One use, or refused use, of a linked person's data. `reason` is null where data was sent, and else says why."""

    link: Reference
    at: Instant
    kind: UseKind
    recipient: Participant
    recipient_name: Name
    study: UrnUuid | None
    agreement: Reference | None
    resources: Count
    reason: Paragraph | None

    @model_validator(mode="after")
    def _reason_when_refused(self) -> Self:
        if (self.kind in _SENT) != (self.reason is None):
            raise shape_fault(("reason",), "does not fit the kind", "null if data was sent, else text")
        return self


class Uses(Strict):
    """Holder to wallet: uses, oldest first."""

    uses: Listed[Use]


class Done(Strict):
    """An answer that says no more than its status: `{}`."""


class Exchange(NamedTuple):
    """One POST below `/consent`: who sends it to whom, what goes out, the status and what comes back."""

    path: str
    sender: Party
    receiver: Party
    body: type[Strict]
    status: int
    answer: type[Strict]


EXCHANGES: Final[tuple[Exchange, ...]] = (
    Exchange("/studies", Party.RESEARCH, Party.HOLDER, StudyToHolder, 202, StudyWaiting),
    Exchange("/studies", Party.HOLDER, Party.WALLET, StudyToWallet, 200, Done),
    Exchange("/links", Party.WALLET, Party.HOLDER, LinkRequest, 200, LinkMade),
    Exchange("/doubts", Party.WALLET, Party.HOLDER, LinkDoubtNotice, 200, Done),
    Exchange("/link-standings", Party.HOLDER, Party.WALLET, LinkStandingNotice, 200, Done),
    Exchange("/consents", Party.WALLET, Party.HOLDER, ConsentDelivery, 200, ConsentAcknowledged),
    Exchange("/heartbeat", Party.WALLET, Party.HOLDER, Heartbeat, 200, HeartbeatTaken),
    Exchange("/withdrawals", Party.HOLDER, Party.RECIPIENT, WithdrawalNotice, 200, StatementDelivery),
    Exchange("/resumptions", Party.HOLDER, Party.RECIPIENT, ResumptionNotice, 200, StatementDelivery),
    Exchange("/reminders", Party.HOLDER, Party.RECIPIENT, ReminderNotice, 200, StatementDelivery),
    Exchange("/statements", Party.RECIPIENT, Party.HOLDER, StatementDelivery, 200, Done),
    Exchange("/progress", Party.HOLDER, Party.WALLET, Progress, 200, Done),
    Exchange("/standings", Party.HOLDER, Party.WALLET, StandingNotice, 200, Done),
    Exchange("/suspensions", Party.PROVIDER, Party.RECIPIENT, SuspensionNotice, 200, Done),
    Exchange("/uses", Party.HOLDER, Party.WALLET, Uses, 200, Done),
    Exchange("/opt-outs", Party.WALLET, Party.HOLDER, OptOutDelivery, 200, OptOutTaken),
    Exchange("/endings", Party.PARTY, Party.PARTY, EndingNotice, 200, EndingTaken),
    Exchange("/erasures", Party.RECIPIENT, Party.PROVIDER, ErasureNotice, 200, Done),
    Exchange("/amendments", Party.PARTY, Party.PARTY, AmendmentProposal, 200, Done),
    Exchange("/answers", Party.PARTY, Party.PARTY, AmendmentAnswer, 200, AnswerTaken),
    Exchange("/duties", Party.RECIPIENT, Party.PROVIDER, DutyNotice, 200, Done),
)

CLAIMS: Final[tuple[type[Strict], ...]] = (
    StudyRequest,
    StudyApproval,
    LinkProof,
    Link,
    LinkDoubt,
    LinkStanding,
    Delivery,
    Acknowledgement,
    Notice,
    Resumption,
    Reminder,
    Received,
    Statement,
    Tracking,
    Suspension,
    ContractEnd,
    EndReceived,
    ContractErased,
    ProposedTerms,
    AnswerToTerms,
    DutyDone,
    OptOutStatement,
    OptOutReceived,
)
"""What travels inside a JWS (with `policy.consent.ConsentRecord`)."""


def json_schemas() -> dict[str, Json]:
    """The JSON Schema (draft 2020-12) of every body, answer and claim, by model name."""
    models = {model for exchange in EXCHANGES for model in (exchange.body, exchange.answer)} | set(CLAIMS)
    return {model.__name__: model.model_json_schema() for model in sorted(models, key=lambda model: model.__name__)}
