"""What a wallet's operator does: host people, link them, record and end consents for them.

Only somebody who signed in answers as themselves. What is recorded here is recorded as a proxy's, by the authority
named (a parent, a guardian); without one, by the wallet's staff at the person's request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, Request
from pydantic import Field

from connector.api.doors import participant_of
from connector.api.management.door import Called, ManagementRoute, Operator, Sent
from connector.api.management.membership import Made
from connector.problems import missing
from connector.services.accounts import AccountRow
from connector.services.actors import Actor
from connector.services.registry import Services
from connector.services.wallet.views import (
    Answer,
    HolderChoice,
    LinkCard,
    PermissionCard,
    PersonHome,
    Progress,
    Receipt,
    StudyPage,
    Use,
)

AT_REQUEST = "the wallet's staff, at the person's request"

router = APIRouter(route_class=ManagementRoute, tags=["wallet"])


@dataclass(frozen=True, slots=True)
class Recorded:
    """The number of the (first) consent of an answer."""

    consent: str


class PersonSent(Sent):
    """Somebody to host; `subject` is the sign-in provider's name for them."""

    name: str = Field(min_length=1, max_length=200)
    subject: str = Field(min_length=1, max_length=200)
    born: date | None = None


class LinkSent(Sent):
    """A one-time code that a holder gave to a person."""

    account: str
    holder: str
    code: str = Field(max_length=64)


class ConsentSent(Sent):
    """An answer to a study. `datasets` maps each agreed dataset to its categories, null for all of them.

    `linkage`: where the study asks for it, the holders may use one code for the person.
    """

    account: str
    study: str
    decision: str
    datasets: dict[str, list[str] | None] = Field(default_factory=dict)
    window_start: date | None = None
    window_end: date | None = None
    linkage: bool = False
    authority: str | None = Field(None, min_length=1, max_length=400)


class WithdrawalSent(Sent):
    """A stop: `erase` (stop and delete) or `stop` (stop new use)."""

    account: str
    study: str
    kind: str = "erase"


async def person(request: Request, called: Services, account: str) -> Actor:
    """The person with this account, acting for themselves. Raises Problem 404."""
    found = next((one for one in await called.accounts.offered() if one.id == account and "patient" in one.roles), None)
    if found is None:
        raise missing("This wallet hosts nobody with this account")
    return Actor(found.id, found.name, "patient", participant_of(request).identity.id)


@router.get("/people")
async def people(called: Called, actor: Operator) -> list[AccountRow]:
    """The people this wallet hosts."""
    return [one for one in await called.accounts.accounts(actor) if "patient" in one.roles]


@router.post("/people", status_code=201)
async def host(called: Called, actor: Operator, sent: PersonSent) -> Made:
    """Open an account for a person, with a key of their own; a known subject keeps theirs."""
    return Made(await called.wallet.host(actor, sent.name, sent.subject, sent.born))


@router.get("/people/{account}")
async def person_home(request: Request, called: Called, account: str) -> PersonHome:
    """What a person's first page shows."""
    return await called.wallet.home(await person(request, called, account))


@router.get("/people/{account}/holders")
async def holders(request: Request, called: Called, account: str) -> list[HolderChoice]:
    """Where a person can be linked."""
    return await called.wallet.holders(await person(request, called, account))


@router.get("/people/{account}/studies/{study}")
async def shown_study(request: Request, called: Called, account: str, study: str) -> StudyPage:
    """What a person is told before answering."""
    return await called.wallet.study(await person(request, called, account), study)


@router.post("/links", status_code=201)
async def link(request: Request, called: Called, sent: LinkSent) -> LinkCard:
    """Enter a one-time code."""
    return await called.wallet.link(await person(request, called, sent.account), sent.holder, sent.code)


@router.get("/consents")
async def consents(request: Request, called: Called, account: str) -> list[PermissionCard]:
    """A person's answers."""
    return await called.wallet.permissions(await person(request, called, account))


@router.post("/consents", status_code=201)
async def grant(request: Request, called: Called, actor: Operator, sent: ConsentSent) -> Recorded:
    """Record an answer and send it to every holder it concerns."""
    whom = await person(request, called, sent.account)
    chosen = dict(sent.datasets)
    answer = Answer(sent.decision, chosen, sent.window_start, sent.window_end, linkage=sent.linkage)
    authority = sent.authority or AT_REQUEST
    return Recorded(await called.wallet.answer_as_proxy(actor, whom.account, sent.study, answer, authority))


@router.post("/consents/withdraw")
async def withdraw(request: Request, called: Called, sent: WithdrawalSent) -> Progress:
    """Stop sharing with a study."""
    return await called.wallet.withdraw(await person(request, called, sent.account), sent.study, sent.kind)


@router.get("/consents/progress")
async def progress(request: Request, called: Called, account: str, study: str) -> Progress:
    """How far a withdrawal got."""
    return await called.wallet.progress(await person(request, called, account), study)


@router.get("/consents/{number}")
async def receipt(request: Request, called: Called, number: str, account: str) -> Receipt:
    """A person's receipt."""
    return await called.wallet.receipt(await person(request, called, account), number)


@router.get("/uses")
async def uses(request: Request, called: Called, account: str) -> list[Use]:
    """Who used a person's data."""
    return await called.wallet.uses(await person(request, called, account))
