"""Why something failed or waits, and what to do: the same pages for researcher, steward and data protection officer."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from connector.problems import Problem
from connector.services.why.views import Why
from consent_ui.rendering import segment
from consent_ui.visit import SIDES, Visit, entering, go

router = APIRouter(include_in_schema=False)
ROLES = {**SIDES, "dpo": "dpo"}
"""First step of an address -> whose page lies below it."""
_CODE = re.compile(r"`([^`]+)`")
_LONGEST = 2048
STANDINGS = {
    "failed": ("Failed", "stop", "cross"),
    "held-up": ("Held up", "stop", "alert"),
    "waiting": ("Waits", "wait", "clock"),
    "going-on": ("Goes on", "plain", "pause"),
    "done": ("Done", "go", "check"),
}
"""How something is -> (words, tone, icon)."""
WHO = {
    "operator": "Whoever runs this connector",
    "steward": "The data steward",
    "dpo": "The data protection officer",
    "researcher": "The researcher",
    "person": "The person",
    "they": "The other side",
    "nobody": "Nobody has to act",
}
PLACES = {
    "research": {"negotiation": "negotiations", "contract": "contracts", "study request": "studies"},
    "steward": {"negotiation": "negotiations", "contract": "contracts", "study request": "requests",
                "quarantine": "quarantine", "risk report": "risk"},
    "dpo": {"contract": "contracts", "withdrawal": "overdue", "quarantine": "quarantine", "risk report": "risk"},
}  # fmt: skip
"""Side -> kind of thing -> the folder of its own page there."""


async def _enter(request: Request) -> Visit:
    side = request.url.path.lstrip("/").partition("/")[0]
    return await entering(ROLES[side])(request)


Whoever = Annotated[Visit, Depends(_enter)]


@router.get("/why")
async def everything(visit: Whoever, id: str = "") -> Response:
    """What is wrong or waits; with an id, on to that."""
    side = _side(visit)
    if sought := id.strip()[:_LONGEST]:
        return go(f"{side}/why/{segment(sought)}")
    rows = await visit.services.why.troubles(visit.actor)
    return visit.page("staff/troubles.html", rows=rows, side=side, standings=STANDINGS)


@router.get("/why/{id:path}")
async def one(visit: Whoever, id: str) -> Response:
    """Why one thing stands as it does."""
    side = _side(visit)
    try:
        why = await visit.services.why.explain(visit.actor, id)
    except Problem as problem:
        if problem.status != 404:
            raise
        visit.form.refuse("id", "Nothing of this number is known here, or not to you. Compare it once more.")
        rows = await visit.services.why.troubles(visit.actor)
        return visit.page("staff/troubles.html", 404, rows=rows, side=side, standings=STANDINGS)
    return visit.page(
        "staff/why.html", why=why, side=side, standings=STANDINGS, who=WHO, marked=marked, own=_own_page(side, why)
    )


def marked(text: str) -> list[tuple[str, bool]]:
    """A remedy in parts: (text, whether it is a command or a name to be set as such)."""
    return [(part, bool(place % 2)) for place, part in enumerate(_CODE.split(text)) if part]


def _own_page(side: str, why: Why) -> str:
    """The page the thing itself has for this role; empty where it has none."""
    folder = PLACES[side.lstrip("/")].get(why.kind)
    return f"{side}/{folder}/{segment(why.id)}" if folder else ""


def _side(visit: Visit) -> str:
    return f"/{visit.request.url.path.lstrip('/').partition('/')[0]}"
