"""The data protection officer's work: contracts and their history, decisions and their replay, the log, withdrawals."""

from connector.services.dpo.service import Dpo
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

__all__ = [
    "DecisionRow",
    "DecisionView",
    "Dpo",
    "DpoHome",
    "History",
    "LogEntryView",
    "LogRow",
    "LogState",
    "LogVerdict",
    "NoticeRow",
    "Replay",
]
