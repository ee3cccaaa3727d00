"""What a participant remembers, as plain records. `connector.storage` derives its tables from these definitions.

A record class is a frozen, slotted dataclass whose first `key_width` fields are its key. A record with a `revision`
field is changed by compare-and-set only (design: every write is a command applied on (state, revision)).
"""

from connector.records.amending import Amendment, ContractEnding
from connector.records.contracting import (
    Approval,
    CatalogueOffer,
    NegotiationRule,
    PeerAcceptance,
    PersonAsked,
)
from connector.records.devices import DeviceCredential, DevicePoint
from connector.records.duties import DutyOwed
from connector.records.evidence import LogCheckpoint, LogEntry, LogNode
from connector.records.exchange import InboxMessage, OutboxMessage
from connector.records.holder import (
    CaptureEvidence,
    Consent,
    Dataset,
    DecisionMade,
    EmergencyAccess,
    Link,
    LinkCode,
    LinkDispute,
    Notice,
    OptOut,
    Person,
    RecordVersion,
    Source,
    SourceConsent,
    SourceRecord,
)
from connector.records.people import Account, Session, SignInAttempt
from connector.records.processes import Agreement, Negotiation, Transfer
from connector.records.recipient import (
    Derivation,
    ErasedObject,
    ReceivedPerson,
    ReceivedSegment,
    ReceivedTransfer,
    Tombstone,
)
from connector.records.releasing import HandedOver, OwnProfile, Quarantined, Release, ReleaseSegment, RiskReport
from connector.records.studies import Study, StudyDecision
from connector.records.trust import MemberEntry, OwnKey, Sealed, Setting
from connector.records.vaulted import MatchingEntry, ReidentificationCase
from connector.records.wallet import (
    Authority,
    Delivery,
    HandedCode,
    RecipientProgress,
    UseOfData,
    WalletConsent,
    WalletLink,
    WalletOptOut,
)
from connector.records.working import Job, UsedToken

RECORDS: tuple[type, ...] = (
    Account, Agreement, Amendment, Approval, Authority, CaptureEvidence, CatalogueOffer, Consent, ContractEnding,
    Dataset, DecisionMade, Delivery, Derivation, DeviceCredential, DevicePoint, DutyOwed, EmergencyAccess,
    ErasedObject, HandedCode, HandedOver, InboxMessage, Job, Link, LinkCode, LinkDispute, LogCheckpoint, LogEntry,
    LogNode, MatchingEntry, MemberEntry, Negotiation, NegotiationRule, Notice, OptOut, OutboxMessage, OwnKey,
    OwnProfile, PeerAcceptance, Person, PersonAsked, Quarantined, ReceivedPerson, ReceivedSegment, ReceivedTransfer,
    RecipientProgress, RecordVersion, ReidentificationCase, Release, ReleaseSegment, RiskReport, Sealed, Session,
    Setting, SignInAttempt, Source, SourceConsent, SourceRecord, Study, StudyDecision, Tombstone, Transfer, UseOfData,
    UsedToken, WalletConsent, WalletLink, WalletOptOut,
)  # fmt: skip

__all__ = [
    "RECORDS",
    "Account",
    "Agreement",
    "Amendment",
    "Approval",
    "Authority",
    "CaptureEvidence",
    "CatalogueOffer",
    "Consent",
    "ContractEnding",
    "Dataset",
    "DecisionMade",
    "Delivery",
    "Derivation",
    "DeviceCredential",
    "DevicePoint",
    "DutyOwed",
    "EmergencyAccess",
    "ErasedObject",
    "HandedCode",
    "HandedOver",
    "InboxMessage",
    "Job",
    "Link",
    "LinkCode",
    "LinkDispute",
    "LogCheckpoint",
    "LogEntry",
    "LogNode",
    "MatchingEntry",
    "MemberEntry",
    "Negotiation",
    "NegotiationRule",
    "Notice",
    "OptOut",
    "OutboxMessage",
    "OwnKey",
    "OwnProfile",
    "PeerAcceptance",
    "Person",
    "PersonAsked",
    "Quarantined",
    "ReceivedPerson",
    "ReceivedSegment",
    "ReceivedTransfer",
    "RecipientProgress",
    "RecordVersion",
    "ReidentificationCase",
    "Release",
    "ReleaseSegment",
    "RiskReport",
    "Sealed",
    "Session",
    "Setting",
    "SignInAttempt",
    "Source",
    "SourceConsent",
    "SourceRecord",
    "Study",
    "StudyDecision",
    "Tombstone",
    "Transfer",
    "UseOfData",
    "UsedToken",
    "WalletConsent",
    "WalletLink",
    "WalletOptOut",
]
