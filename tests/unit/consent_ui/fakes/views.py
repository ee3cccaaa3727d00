"""The services' own views, under one short name for the in-memory services."""

from __future__ import annotations

from connector.services.accounts import Session
from connector.services.dpo.views import (
    DecisionRow,
    DecisionView,
    DpoHome,
    History,
    LogEntryView,
    LogRow,
    LogState,
    LogVerdict,
    NoticeRow,
    Replay,
)
from connector.services.exchange.studies import StudyDraft
from connector.services.research.views import CatalogueEntry, Offer, ResearchHome, StudyRow, StudyView, Waiting
from connector.services.rooms.views import (
    AgreementRow,
    ContractRoom,
    NegotiationRow,
    NegotiationView,
    Step,
    TransferRow,
    WithdrawalRow,
)
from connector.services.steward.views import (
    DatasetDraft,
    DatasetRow,
    LinkCode,
    PatientRow,
    SourceRow,
    StewardHome,
    StudyForDecision,
)
from connector.services.wallet.views import (
    Answer,
    DatasetChoice,
    Delivery,
    HolderChoice,
    HolderProgress,
    LinkCard,
    PermissionCard,
    PersonHome,
    Progress,
    Receipt,
    RecipientProgress,
    StudyCard,
    StudyPage,
    Use,
)

__all__ = [
    "AgreementRow", "Answer", "CatalogueEntry", "ContractRoom", "DatasetChoice", "DatasetDraft", "DatasetRow",
    "DecisionRow", "DecisionView", "Delivery", "DpoHome", "History", "HolderChoice", "HolderProgress", "LinkCard",
    "LinkCode", "LogEntryView", "LogRow", "LogState", "LogVerdict", "NegotiationRow", "NegotiationView", "NoticeRow",
    "Offer", "PatientRow", "PermissionCard", "PersonHome", "Progress", "Receipt", "RecipientProgress", "Replay",
    "ResearchHome", "Session", "SourceRow", "Step", "StewardHome", "StudyCard", "StudyDraft", "StudyForDecision",
    "StudyPage", "StudyRow", "StudyView", "TransferRow", "Use", "Waiting", "WithdrawalRow",
]  # fmt: skip
