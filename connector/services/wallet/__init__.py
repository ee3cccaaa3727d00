"""The patients' wallet: links, answers to study requests, withdrawals and the timeline of use."""

from connector.services.wallet.service import Wallet
from connector.services.wallet.views import Answer

__all__ = ["Answer", "Wallet"]
