"""What happens to contracts that exist: their early end, changed terms; and messages that have not arrived."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.api.management.membership import Made
from connector.problems import invalid
from connector.services.contracting.views import NarrowingDraft
from connector.services.deliveries_desk import Letter, LetterCounts
from connector.services.exchange.changes import AmendmentView, ContractEnded, ContractHistory
from connector.services.exchange.ending import LONGEST_REASON

router = APIRouter(route_class=ManagementRoute, tags=["contracts"])


class WhySent(Sent):
    """A reason in words; both sides keep it."""

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


class EndSent(WhySent):
    """Which contract ends, and why."""

    agreement: str = Field(min_length=1, max_length=2048)


class ChangeSent(Sent):
    """Terms to propose: a whole `policy` (with its `selection`), or what is narrowed in the present ones."""

    agreement: str = Field(min_length=1, max_length=2048)
    reason: str = Field("", max_length=LONGEST_REASON)
    policy: dict[str, Any] | None = None
    selection: dict[str, Any] | None = None
    purposes: list[str] = Field(default_factory=list, max_length=100)
    until: date | None = None
    categories: list[str] = Field(default_factory=list, max_length=100)
    recipients: list[str] = Field(default_factory=list, max_length=100)
    records_from: date | None = None
    records_until: date | None = None

    def draft(self) -> NarrowingDraft:
        """What is narrowed, as the service takes it."""
        names = ("purposes", "until", "categories", "recipients", "records_from", "records_until")
        return NarrowingDraft(**{name: getattr(self, name) for name in names})


@router.get("/contracts/history")
async def history(called: Called, actor: Operator, agreement: str) -> ContractHistory:
    """What became of one contract."""
    return await called.contract_changes.history(actor, agreement)


@router.post("/contracts/end", status_code=204)
async def end(called: Called, actor: Operator, sent: EndSent) -> None:
    """End a contract now."""
    await called.endings.end(actor, sent.agreement, sent.reason)


@router.get("/contracts/unproven")
async def unproven(called: Called, actor: Operator) -> list[ContractEnded]:
    """Contracts that are over and whose recipient has not stated that it deleted what it received."""
    return await called.contract_changes.ends_not_proven(actor)


@router.get("/amendments")
async def amendments(called: Called, actor: Operator) -> list[AmendmentView]:
    """Changed terms proposed by others that wait for an answer."""
    return await called.contract_changes.waiting(actor)


@router.post("/amendments", status_code=201)
async def propose(called: Called, actor: Operator, sent: ChangeSent) -> Made:
    """Propose changed terms."""
    if (sent.policy is not None) == (sent.draft() != NarrowingDraft()):
        raise invalid("Exactly one of them is needed", "policy", "a whole policy, or what is narrowed")
    if sent.policy is not None:
        return Made(await called.amendments.propose(actor, sent.agreement, sent.policy, sent.selection, sent.reason))
    return Made(await called.amendments.narrow(actor, sent.agreement, sent.draft(), sent.reason))


@router.get("/amendments/{id}")
async def amendment(called: Called, actor: Operator, id: str) -> AmendmentView:
    """One proposal."""
    return await called.contract_changes.amendment(actor, id)


@router.post("/amendments/{id}/accept", status_code=204)
async def accept(called: Called, actor: Operator, id: str) -> None:
    """Accept what the other side proposed."""
    await called.amendments.accept(actor, id)


@router.post("/amendments/{id}/decline", status_code=204)
async def decline(called: Called, actor: Operator, id: str, sent: WhySent) -> None:
    """Decline what the other side proposed."""
    await called.amendments.decline(actor, id, sent.reason)


@router.post("/amendments/{id}/withdraw", status_code=204)
async def withdraw(called: Called, actor: Operator, id: str) -> None:
    """Take our own proposal back."""
    await called.amendments.withdraw(actor, id)


@router.get("/deliveries")
async def deliveries(called: Called, actor: Operator, standing: str | None = None) -> list[Letter]:
    """Messages that have not arrived."""
    return await called.deliveries_desk.list(actor, standing)


@router.get("/deliveries/counts")
async def delivery_counts(called: Called, actor: Operator) -> LetterCounts:
    """How many there are."""
    return await called.deliveries_desk.counts(actor)


@router.get("/deliveries/{id}")
async def delivery(called: Called, actor: Operator, id: str) -> Letter:
    """One of them."""
    return await called.deliveries_desk.show(actor, id)


@router.post("/deliveries/{id}/retry", status_code=204)
async def retry(called: Called, actor: Operator, id: str) -> None:
    """Send it now."""
    await called.deliveries_desk.retry(actor, id)


@router.post("/deliveries/{id}/drop", status_code=204)
async def drop(called: Called, actor: Operator, id: str) -> None:
    """Give it up."""
    await called.deliveries_desk.drop(actor, id)
