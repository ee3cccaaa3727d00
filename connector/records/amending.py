"""What became of agreements: their early end with its evidence, and proposals to change their terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from connector.records.fields import Indexed, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractEnding:
    """The end of one agreement, at either side. `ending` is empty where the agreement ran out by its own terms.

    `evidence` is {"endings": [jws, ...], "receipts": [...], "erasures": [...]}: both sides may have ended it at once.
    `objects`, `lines` and `bytes` count what the recipient held, and then what it erased.
    """

    key_width: ClassVar[int] = 1
    agreement: str
    ending: Indexed[str] = ""
    role: str = ""  # ours: provider | consumer
    counterparty: str = ""
    by: str = ""  # participant
    reason: str = ""
    ended_at: datetime | None = None
    erase_by: datetime | None = None
    told_at: datetime | None = None
    erased_at: Indexed[datetime | None] = None
    objects: int = 0
    lines: int = 0
    bytes: int = 0
    evidence: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """Changed terms proposed for one agreement.

    `standing`: open; answering, withdrawing (the consumer has said so, the provider has not confirmed); accepted,
    declined, withdrawn, superseded (the provider proposed at the same time), lapsed (too late, or the contract
    is over).
    `proposal`, `answer` and `outcome` are the signed statements: of the proposer, of the other side, and the provider's
    own where the consumer answered. `made` is the new agreement.
    """

    key_width: ClassVar[int] = 1
    id: str
    agreement: Indexed[str]
    by: str = ""  # participant
    policy: Json | None = None
    selection: Json | None = None
    reason: str = ""
    standing: Indexed[str] = "open"
    proposal: str = ""
    digest: str = ""
    answer: str = ""
    outcome: str = ""
    answer_reason: str = ""
    made: str | None = None
    proposed_at: datetime | None = None
    answer_by: datetime | None = None
    answered_at: datetime | None = None
    revision: int = 0
