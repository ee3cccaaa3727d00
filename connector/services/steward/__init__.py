"""The data steward's work: sources, people and link codes, datasets and offers, study requests."""

from connector.services.steward.service import Steward
from connector.services.steward.views import (
    DatasetDraft,
    DatasetRow,
    LinkCode,
    ParticipantRow,
    PatientRow,
    SourceRow,
    StewardHome,
    StudyForDecision,
)

__all__ = [
    "DatasetDraft",
    "DatasetRow",
    "LinkCode",
    "ParticipantRow",
    "PatientRow",
    "SourceRow",
    "Steward",
    "StewardHome",
    "StudyForDecision",
]
