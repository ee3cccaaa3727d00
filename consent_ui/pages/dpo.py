"""A data protection officer's pages: contracts with their history, decisions, replay, the log and its proofs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from consent_ui.visit import Dpo, Visit

if TYPE_CHECKING:
    from connector.services.dpo import LogVerdict, Replay

router = APIRouter(prefix="/dpo", include_in_schema=False)

PAGE = 50
"""Rows on one page."""
OVER = ("lifted", "overtaken")
"""How a notice stands of which nothing is owed any more, though nobody answered it."""
T = TypeVar("T")
Place = Annotated[int, Query(ge=0, le=2**53)]


@router.get("")
async def home(visit: Dpo) -> Response:
    """What is overdue, then numbers."""
    endings = await visit.services.contract_changes.ends_not_proven(visit.actor)
    return visit.page(
        "dpo/home.html",
        home=await visit.services.dpo.home(visit.actor),
        needed=await visit.services.withdrawals.counted(visit.actor),
        late=[one for one in endings if one.overdue],
        accepted=await visit.services.membership.acceptances(visit.actor),
        weakened=await visit.services.rules.weakened(visit.actor),
        emergencies=sum(not one.reviewed_at for one in await visit.services.emergencies.rows(visit.actor)),
        codes=sum(one.standing == "asked" for one in await visit.services.reidentifying.rows(visit.actor)),
        held=sum(one.standing == "held" for one in await visit.services.quarantine.rows(visit.actor)),
        unclear=len(await visit.services.source_consents.unclear(visit.actor)),
    )


@router.get("/contracts")
async def contracts(visit: Dpo) -> Response:
    """Every contract of this participant."""
    return visit.page("dpo/contracts.html", agreements=await visit.services.dpo.contracts(visit.actor))


@router.get("/contracts/{agreement:path}")
async def history(visit: Dpo, agreement: str, outcome: str = "", decisions: Place = 0, entries: Place = 0) -> Response:
    """Everything that happened under one contract; decisions and log entries page by page, from the place given."""
    found = await visit.services.dpo.history(visit.actor, agreement)
    chosen = [one for one in found.decisions if OUTCOMES.get(outcome, always)(one.outcome)]
    return visit.page(
        "dpo/contract.html",
        room=found.room,
        duties=await visit.services.duties.list(visit.actor, agreement),
        outcome=outcome,
        decisions=Portion(chosen, decisions, "decisions"),
        entries=Portion(found.entries, entries, "entries"),
    )


def always(_outcome: str) -> bool:
    """Every decision."""
    return True


OUTCOMES: dict[str, Callable[[str], bool]] = {
    "allowed": lambda outcome: outcome == "permit",
    "refused": lambda outcome: outcome != "permit",
}


class Portion(Generic[T]):
    """One page of a long list: `rows`, and the places where the pages before and after it begin (None: there is none).

    `name` is the field of the address that says where a page begins.
    """

    def __init__(self, whole: Sequence[T], start: int, name: str) -> None:
        self.name, self.total = name, len(whole)
        self.rows = whole[start : start + PAGE]
        self.before = max(start - PAGE, 0) if start and whole else None
        self.after = start + PAGE if start + PAGE < len(whole) else None


@router.get("/decisions/{decision_id:path}")
async def decision(visit: Dpo, decision_id: str) -> Response:
    """One decision and why it came out so."""
    return await decision_page(visit, decision_id, None)


@router.post("/decisions/{decision_id:path}")
async def replay(visit: Dpo, decision_id: str) -> Response:
    """The same rules run again on the inputs kept, beside the decision."""
    return await decision_page(visit, decision_id, await visit.services.dpo.replay(visit.actor, decision_id))


async def decision_page(visit: Visit, decision_id: str, replayed: Replay | None) -> Response:
    """The decision, with the result of a replay when there was one."""
    found = await visit.services.dpo.decision(visit.actor, decision_id)
    return visit.page("dpo/decision.html", decision=found, replay=replayed)


@router.get("/log")
async def log(visit: Dpo, after: Annotated[int, Query(ge=-1, le=2**53)] = -1) -> Response:
    """A page of the log, entries after the index given."""
    return await log_page(visit, after, None)


@router.post("/log/verify")
async def verify(visit: Dpo) -> Response:
    """The whole log checked now."""
    return await log_page(visit, -1, await visit.services.dpo.verify(visit.actor))


async def log_page(visit: Visit, after: int, verdict: LogVerdict | None) -> Response:
    """The log, with the result of a check when there was one."""
    rows = await visit.services.dpo.log(visit.actor, after, PAGE)
    return visit.page("dpo/log.html", rows=rows, after=after, limit=PAGE, verdict=verdict)


@router.get("/log/{index}")
async def entry(visit: Dpo, index: int) -> Response:
    """One entry's proof, and how to repeat it offline."""
    return visit.page("dpo/entry.html", entry=await visit.services.dpo.entry(visit.actor, index))


@router.get("/withdrawals")
async def withdrawals(visit: Dpo) -> Response:
    """Who was told to stop, and what they answered."""
    followed = await visit.services.withdrawals.list(visit.actor)
    return visit.page(
        "dpo/withdrawals.html",
        notices=await visit.services.dpo.withdrawals(visit.actor),
        over={row.notice: row.standing for row in followed if row.standing in OVER},
    )
