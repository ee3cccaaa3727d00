"""A data protection officer answers a person (their file) and an authority (the register of processing).

Who is looked for, and on what ground, travels in forms only: an address stays in logs and histories.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from connector.problems import Problem
from connector.services.rights.holder_files import GROUNDS
from connector.services.rights.holder_paper import holder_sheet
from connector.services.rights.registers import activity_facts
from consent_ui.pages.receipts import taken
from consent_ui.visit import Dpo, Visit

router = APIRouter(prefix="/dpo", include_in_schema=False)

REASONS = {
    "access": "The person asks what is kept about them (GDPR art. 15)",
    "portability": "The person wants to take their data with them (art. 20)",
    "complaint": "A complaint",
    "authority": "A question of the data protection authority",
    "incident": "An incident",
    "correction": "Two people may have been mixed up",
}
"""The grounds on which a file is opened, as the officer reads them."""


@router.get("/people")
async def people(visit: Dpo) -> Response:
    """Find a person; nobody is listed before somebody says why."""
    return people_page(visit, searched=False)


@router.post("/people")
async def find(visit: Dpo) -> Response:
    """Those who fit."""
    text, ground, reference = asked(visit)
    if visit.form.errors:
        return people_page(visit, searched=False)
    try:
        found = await visit.services.rights.files.find(visit.actor, text, ground, reference)
    except Problem as problem:
        visit.note(problem, "text", "ground", "reference")
        return people_page(visit, searched=False)
    return people_page(visit, searched=True, people=found)


def people_page(visit: Visit, *, searched: bool, **values: object) -> Response:
    """The search, with what it found."""
    status = 400 if visit.form.errors else 200
    shown = {"people": [], "reasons": list(REASONS.items()), "searched": searched} | values
    return visit.page("dpo/people.html", status, **shown)


def asked(visit: Visit) -> tuple[str, str, str]:
    """Whom the officer looks for, and why; errors on the fields."""
    form = visit.form
    text = form.required("text", "Write a part of the name, or the number", 200)
    ground = form.chosen("ground", GROUNDS, "Choose why you need this person's file")
    return text, ground, form.text("reference")


@router.post("/people/file")
async def open_file(visit: Dpo) -> Response:
    """The person's file, to read. Opening it is logged, and the person's wallet is told."""
    person, ground, reference = named(visit)
    opened = await visit.services.rights.files.open(visit.actor, person, ground, reference)
    return visit.page(
        "dpo/person_file.html", opened=opened, file=opened.file, paper=holder_sheet(opened.file),
        reason=REASONS[ground], person=person, ground=ground, reference=reference,
    )  # fmt: skip


@router.post("/people/file.zip")
async def take_file(visit: Dpo) -> Response:
    """The same to hand over, with a copy of the records."""
    return taken(await visit.services.rights.files.archive(visit.actor, *named(visit)))


def named(visit: Visit) -> tuple[str, str, str]:
    """Whose file, why, and under which file number."""
    form = visit.form
    ground = form.text("ground")
    return form.text("person"), ground if ground in GROUNDS else "", form.text("reference")


@router.get("/register")
async def register(visit: Dpo) -> Response:
    """The register of processing as it stands now."""
    found = await visit.services.rights.registers.show(visit.actor)
    activities = [(one, list(activity_facts(one))) for one in found.activities]
    return visit.page("dpo/register.html", register=found, activities=activities)


@router.get("/register.{form}")
async def take_register(visit: Dpo, form: str) -> Response:
    """The register to take away, signed and dated."""
    return taken(await visit.services.rights.registers.file(visit.actor, form))
