"""Study requests: at the research group that published them, at holders that decide, at wallets that show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study request. `standing`: published (ours), waiting, approved, refused (holder), shown (wallet).

    `broad_consent`: our steward lets it rest on consents that the source already holds, where they cover it.
    """

    key_width: ClassVar[int] = 1
    id: str
    organisation: Indexed[str]
    digest: str = ""
    standing: Indexed[str] = "waiting"
    document: Json | None = None
    jws: str = ""
    received_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    broad_consent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDecision:
    """What one holder decided about a study, as the wallet or the research group knows it."""

    key_width: ClassVar[int] = 2
    study: str
    holder: str
    answer: str = "approved"
    datasets: Json | None = None
    jws: str = ""
    at: datetime | None = None
