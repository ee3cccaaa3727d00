"""A steward's standing rules: how a request is answered once policy allows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem, missing
from consent_ui import participants
from consent_ui.choices import Choice
from consent_ui.forms import Form
from consent_ui.visit import Steward, Visit, go

if TYPE_CHECKING:
    from connector.services.contracting import RuleRow

router = APIRouter(prefix="/steward/negotiations/rules", include_in_schema=False)

ANSWERS: tuple[tuple[str, str, str], ...] = (
    ("accept", "Accept it", "The contract is made at once when the request keeps to your offer."),
    ("person", "Ask one person", "A steward reads the request and answers it. Without an answer it ends by itself."),
    ("quorum", "Ask two people", "Two different stewards must say yes. One no is enough to refuse it."),
    ("refuse", "Refuse it", "The negotiation ends at once. They read your reason."),
)
ALL = "*"
DAYS = (1, 365)
USUAL_DAYS = 14
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Read:
    """A rule as the form describes it; empty `dataset` and `counterparty` mean any."""

    answer: str
    dataset: str
    counterparty: str
    days: int
    reason: str


@router.get("")
async def rules(visit: Steward, done: str = "") -> Response:
    """Every rule, those about one participant first."""
    found, weakened = await visit.services.rules.list(visit.actor), await visit.services.rules.weakened(visit.actor)
    return visit.page("contracting/rules.html", rules=found, weakened=weakened, done=done, place=place)


def place(rule: RuleRow) -> str:
    """Which rule, as the query of an address."""
    return urlencode({"dataset": rule.dataset, "counterparty": rule.counterparty})


@router.get("/new")
async def write(visit: Steward) -> Response:
    """The form for a rule."""
    return await form_page(visit)


async def datasets(visit: Visit) -> list[Choice]:
    """Our datasets that are on offer."""
    found = await visit.services.steward.datasets(visit.actor)
    return [(row.id, row.title) for row in found if row.state == "published"]


async def form_page(visit: Visit) -> Response:
    """The form, with its errors if any."""
    status = 400 if visit.form.errors else 200
    return visit.page(
        "contracting/rule_form.html", status, answers=ANSWERS, usual=USUAL_DAYS,
        datasets=[(ALL, "All of our datasets"), *await datasets(visit)],
        counterparties=[(ALL, "Anybody"), *participants.options(await participants.known(visit))],
    )  # fmt: skip


@router.post("/new")
async def keep(visit: Steward) -> Response:
    """Set the rule; it takes the place of one for the same dataset and participant."""
    known = {ALL, *(key for key, _ in await datasets(visit))}
    rule = read(visit.form, known, {ALL, *(one.id for one in await participants.known(visit))})
    if rule is None:
        return await form_page(visit)
    try:
        await visit.services.rules.set(
            visit.actor, rule.answer, dataset=rule.dataset, counterparty=rule.counterparty, days=rule.days,
            reason=rule.reason,
        )  # fmt: skip
    except Problem as problem:
        visit.note(problem, "answer", "dataset", "counterparty", "days", "reason")
        return await form_page(visit)
    return go("/steward/negotiations/rules?done=set")


def read(form: Form, datasets: set[str], counterparties: set[str]) -> Read | None:
    """The rule that the form describes; None when something is wrong, with a sentence on each field."""
    counterparty = form.chosen("counterparty", counterparties, "Choose who asks, or anybody")
    dataset = form.chosen("dataset", datasets, "Choose a dataset, or all of them")
    answer = form.chosen("answer", {key for key, _, _ in ANSWERS}, "Choose what happens with the request")
    days = read_days(form)
    reason = form.text("reason")
    if answer == "refuse" and not reason:
        form.refuse("reason", "Give the reason. Everybody who is refused reads it")
    if len(reason) > LONGEST_REASON:
        form.refuse("reason", f"Use at most {LONGEST_REASON} characters here; this has {len(reason)}")
    if form.errors:
        return None
    return Read(answer, dataset.replace(ALL, ""), counterparty.replace(ALL, ""), days, reason)


def read_days(form: Form) -> int:
    """How long people have to answer; the usual time when left empty."""
    typed = form.text("days")
    if not typed:
        return USUAL_DAYS
    if typed.isascii() and typed.isdigit() and DAYS[0] <= int(typed[:9]) <= DAYS[1]:
        return int(typed)
    form.refuse("days", f"Write a number of days from {DAYS[0]} to {DAYS[1]}, for example {USUAL_DAYS}")
    return USUAL_DAYS


@router.get("/remove")
async def ask_remove(visit: Steward, dataset: str = "", counterparty: str = "") -> Response:
    """What changes without the rule, and the button that takes it away."""
    found = await visit.services.rules.list(visit.actor)
    rule = next((one for one in found if (one.dataset, one.counterparty) == (dataset, counterparty)), None)
    if rule is None:
        raise missing("There is no rule for this dataset and this participant.")
    return visit.page("contracting/rule_remove.html", rule=rule)


@router.post("/remove")
async def remove(visit: Steward) -> Response:
    """Take the rule away."""
    form = visit.form
    await visit.services.rules.remove(visit.actor, dataset=form.text("dataset"), counterparty=form.text("counterparty"))
    return go("/steward/negotiations/rules?done=removed")
