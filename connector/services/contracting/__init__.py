"""Contracts as people decide them: standing rules, requests to approve, offers to answer, and who is asked by when."""

from connector.services.contracting.views import (
    NarrowingDraft,
    OfferDraft,
    QuestionRow,
    QuestionView,
    RuleRow,
    RuleWeakened,
    Standing,
    Verdict,
)

__all__ = [
    "NarrowingDraft",
    "OfferDraft",
    "QuestionRow",
    "QuestionView",
    "RuleRow",
    "RuleWeakened",
    "Standing",
    "Verdict",
]
