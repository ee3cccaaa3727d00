"""The researcher's work: catalogues of others, study requests, negotiations, contracts and what was received."""

from connector.services.exchange.studies import StudyDraft
from connector.services.research.service import Research
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

__all__ = [
    "AgreementRow",
    "CatalogueEntry",
    "ContractRoom",
    "NegotiationRow",
    "NegotiationView",
    "Offer",
    "Research",
    "ResearchHome",
    "Step",
    "StudyDraft",
    "StudyRow",
    "StudyView",
    "TransferRow",
    "Waiting",
    "WithdrawalRow",
]
