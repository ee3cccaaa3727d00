"""Negotiations, contracts and transfers as people read them: composed from records, the same for every role."""

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
    "ContractRoom",
    "NegotiationRow",
    "NegotiationView",
    "Step",
    "TransferRow",
    "WithdrawalRow",
]
