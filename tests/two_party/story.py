"""The first acts of the story, played by parties of a space: a dataset, an approved study, a linked person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from connector.records import Dataset, Negotiation, Person, Study
from connector.services.actors import Actor
from connector.services.contracting.questions import offer_digest
from connector.services.exchange import speech
from contracts.study import StudyRequest, study_digest
from policy.offers import research_offer
from tests.two_party.space import Party, until

RESEARCH = "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"
RECORDS = "urn:concord:dataset:records"
OVER = frozenset({"FINALIZED", "TERMINATED"})


def urn() -> str:
    return f"urn:uuid:{uuid4()}"


async def offer_dataset(holder: Party, dataset: str = RECORDS, **changes: Any) -> dict[str, Any]:
    """The holder publishes a dataset; returns its offer."""
    offer = research_offer(changes.pop("offer_id", urn()), [RESEARCH], datetime.now(UTC) + timedelta(days=365))
    facts = {"id": dataset, "source": "records", "title": "Records", "offer_id": offer["@id"], "offer": offer,
             "profile": "research-standard:0a1b"} | changes  # fmt: skip
    await holder.add(Dataset(**facts))
    return dict(offer)


def study_claims(
    research: str, *data: tuple[str, str], recipients: list[str] | None = None, **changes: Any
) -> dict[str, Any]:
    """A study request of `research` for (holder, dataset) pairs."""
    now = datetime.now(UTC).replace(microsecond=0)
    words = ("why", "who_sees", "stored_where", "if_you_say_no", "risks", "money")
    claims: dict[str, Any] = {
        "id": urn(), "version": 1, "title": "Heart study", "summary": "We look at hearts.",
        "words": {word: f"About {word}." for word in words}, "organisation": research,
        "organisation_name": "Research One",
        "recipients": recipients or [research], "purposes": [RESEARCH],
        "data": [{"holder": holder, "dataset": one, "title": "Records", "categories": None} for holder, one in data],
        "window": None, "published_at": now, "answer_until": now + timedelta(days=30),
        "valid_until": now + timedelta(days=300), "contact": {"name": "Dr A", "email": "a@example.org"},
    }  # fmt: skip
    return StudyRequest.read(claims | changes).wire()


async def publish_study(
    research: Party, *data: tuple[Party, str], recipients: list[str] | None = None, send: bool = True, **changes: Any
) -> str:
    """The research group publishes a study and, unless told otherwise, sends it to each holder it names."""
    request = StudyRequest.read(
        study_claims(research.id, *((holder.id, dataset) for holder, dataset in data), recipients=recipients, **changes)
    )
    jws = speech.say(research.context, speech.STUDY, request.wire())
    now = datetime.now(UTC)
    await research.add(
        Study(id=request.id, organisation=research.id, digest=study_digest(request), standing="published",
              document=request.wire(), jws=jws, received_at=now)
    )  # fmt: skip
    for holder in {holder.id: holder for holder, _ in data}.values() if send else ():
        answer = await research.context.members.post(holder.id, f"{holder.url}/consent/studies", {"study": jws})
        assert answer.status == 202, answer.body
    return request.id


async def approved_study(research: Party, holder: Party, dataset: str = RECORDS, *wallets: Party) -> str:
    """A study that the holder's steward approved and these wallets show."""
    study = await publish_study(research, (holder, dataset))
    await holder.services.studies.decide(holder.acting("steward"), study, True, "")
    for wallet in wallets:
        await wallet.eventually(Study, study, where=lambda found: found.standing == "shown")
    return study


async def ask(research: Party, holder: Party, offer: dict[str, Any], study: str, **changes: Any) -> str:
    """Start a negotiation; returns the consumer's pid."""
    asked = {"provider": holder.id, "dataset": RECORDS, "offer": offer, "study": study, "purpose": RESEARCH} | changes
    return str(await research.services.asking.start(research.acting("researcher"), **asked))


async def terms(party: Party, pid: str) -> str:
    """The digest of the terms that stand in a negotiation, as somebody sends it back who has just read them."""
    process = await party.get(Negotiation, pid)
    return offer_digest(process.offer, process.selection)


async def outcome(party: Party, pid: str) -> Negotiation:
    """A negotiation of this party once it is over."""
    return await party.eventually(Negotiation, pid, where=lambda found: found.state in OVER)


async def counterpart(party: Party, pid: str) -> Negotiation:
    """The other side's record of a negotiation, once that is over."""

    async def look() -> Negotiation | None:
        found = await party.find(Negotiation, their_pid=pid)
        return found[0] if found and found[0].state in OVER else None

    result: Negotiation = await until(look, f"the other side of a negotiation at {party.founded.name}")
    return result


async def agreed(research: Party, holder: Party) -> tuple[str, str]:
    """A finalized contract about the records; returns (agreement, study)."""
    offer = await offer_dataset(holder)
    study = await approved_study(research, holder)
    done = await outcome(research, await ask(research, holder, offer, study))
    assert done.state == "FINALIZED", done.reason
    await counterpart(holder, done.pid)
    return str(done.agreement), study


@dataclass(frozen=True)
class Patient:
    """Somebody with an account at the wallet and a record at the holder."""

    actor: Actor
    person: str


async def patient(wallet: Party, holder: Party, name: str = "Ann Example") -> Patient:
    """A person known to both, not linked yet."""
    account = await wallet.services.wallet.host(wallet.acting("operator"), name, f"subject-{uuid4()}")
    person = str(uuid4())
    await holder.add(Person(id=person, source="records", source_id=person, name=name))
    return Patient(wallet.acting("patient", account, name), person)


async def link_code(holder: Party, person: str) -> str:
    """A one-time code from the holder's desk."""
    return str((await holder.services.link_desk.make_code(holder.acting("steward"), person)).code)


async def linked_patient(wallet: Party, holder: Party, name: str = "Ann Example") -> Patient:
    """A person known to both, linked by a code."""
    somebody = await patient(wallet, holder, name)
    await wallet.services.wallet.link(somebody.actor, holder.id, await link_code(holder, somebody.person))
    return somebody
