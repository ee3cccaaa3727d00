"""A small real data space with portals: a hospital, a research group and a wallet, each served on loopback."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from connector import app as connector_app
from connector.founding import STORE_FILE, found
from connector.records import Person, Source
from connector.services.actors import Actor
from connector.services.research import StudyDraft
from connector.services.steward import DatasetDraft
from connector.wiring import PRODUCTION, Plugs
from consent_ui.app import with_portal
from tests.two_party.space import Party, QuietServer, Space, _environment, listening, make_empty_store, opened, until

PURPOSE = "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"
WORDS = {
    "why": "Heart failure is often found late. We want to see which small changes come first.",
    "who_sees": "Six researchers of our group. They see codes, never names.",
    "stored_where": "On a locked computer of the university, not connected to the internet.",
    "if_you_say_no": "Nothing. Your care stays the same.",
    "risks": "Somebody who knows a lot about you could guess that a record is yours. We forbid trying.",
    "money": "Nobody earns money with your data.",
}


def served(plugs: Plugs) -> FastAPI:
    """The connector with its portal, as `consent_ui.app.create` makes it, with what a test plugs in."""
    return with_portal(connector_app.create(plugs))


class PortalParty(Party):
    """A party that is served with its portal."""

    async def start(self) -> None:
        with _environment("CONCORD_DIRECTORY", self.founded.directory):
            self.app = served(self.plugs)
        config = uvicorn.Config(self.app, http="httptools", lifespan="on", access_log=False, log_config=None)
        self._server = QuietServer(config)
        self._task = asyncio.create_task(self._server.serve([listening(self.port)]))
        await until(self._up, f"{self.founded.name} to start")


@dataclass
class Neighbourhood:
    """The space and who can sign in where, by the sign-in provider's name for them."""

    space: Space
    hospital: Party
    research: Party
    wallet: Party
    study: str = ""
    dataset: str = ""

    async def code_for(self, person: str) -> str:
        """A link code from the hospital's desk."""
        return (await self.hospital.services.steward.make_link_code(self.hospital.acting("steward"), person)).code


async def serve(space: Space, name: str, title: str, role: str, plugs: Plugs = PRODUCTION) -> Party:
    with listening() as free:
        port = free.getsockname()[1]
    place = space.directory / name
    place.mkdir()
    shutil.copy(space.empty_store, place / STORE_FILE)
    party = PortalParty(found(place, title, role, port, None), port, plugs=plugs)
    space.parties[name] = party
    await party.start()
    return party


@asynccontextmanager
async def settled(directory: Path, research: Plugs = PRODUCTION) -> AsyncIterator[Neighbourhood]:
    """Everybody running, known to each other, with accounts, one dataset, and one study request that was approved.

    `research` is what a test plugs into the research group's connector.
    """
    async with opened(directory, make_empty_store(directory)) as space:
        made = Neighbourhood(
            space,
            await serve(space, "hospital", "St. Elisabeth Hospital", "hospital"),
            await serve(space, "research", "Northgate Heart Study Group", "research", research),
            await serve(space, "wallet", "Harbour Patients' Wallet", "wallet"),
        )
        await space.introduce()
        await people(made)
        await offer(made)
        await ask(made)
        yield made


async def people(made: Neighbourhood) -> None:
    """Staff who can sign in, two patients, and their accounts at the wallet."""

    def operator(party: Party) -> Actor:
        return party.acting("operator")

    hospital, research, wallet = made.hospital, made.research, made.wallet
    await hospital.services.accounts.open_account(operator(hospital), "an", "An De Smet", ["steward", "dpo"])
    await research.services.accounts.open_account(operator(research), "lies", "Lies Van Damme", ["researcher", "dpo"])
    await hospital.add(Source(id="records", name="Cardiology export", kind="fhir", imported_at=datetime.now(UTC)))
    for key, name, born in (("p1", "Maria Jansen", date(1954, 3, 9)), ("p2", "Marian Peeters", date(1981, 12, 30))):
        await hospital.add(Person(id=key, source="records", source_id=f"E-{key}", name=name, born=born))
        await wallet.services.wallet.host(operator(wallet), name, name.split()[0].lower(), born)


async def offer(made: Neighbourhood) -> None:
    """The hospital publishes its records."""
    draft = DatasetDraft(
        "Records on heart and blood pressure", "Adults seen in cardiology since 2016.", ["heart", "blood pressure"],
        ["conditions", "medications", "laboratory", "vital-signs"], "records", "records", [PURPOSE],
        datetime.now(UTC).date() + timedelta(days=700),
    )  # fmt: skip
    steward = made.hospital.acting("steward")
    made.dataset = await made.hospital.services.steward.publish_dataset(steward, draft)


async def ask(made: Neighbourhood) -> None:
    """The research group asks, the hospital's steward approves, the wallet shows it."""
    now = datetime.now(UTC)
    draft = StudyDraft(
        title="Early signs of heart failure", summary="We look for the first signs of heart failure in blood tests.",
        words=WORDS, purposes=[PURPOSE],
        data=[(made.hospital.id, made.dataset, ["conditions", "laboratory", "vital-signs"])],
        answer_until=now + timedelta(days=100), valid_until=now + timedelta(days=700),
        contact_name="Lies Van Damme", contact_email="heart@northgate.example",
        window_start=date(2016, 1, 1), window_end=date(2027, 12, 31),
    )  # fmt: skip
    made.study = await made.research.services.research.publish_study(made.research.acting("researcher"), draft)
    steward, services = made.hospital.acting("steward"), made.hospital.services.steward

    async def arrived() -> bool:
        return any(one.id == made.study for one in await services.studies(steward))

    await until(arrived, "the study request at the hospital")
    await services.decide_study(steward, made.study, True, "")
    await until(lambda: shown(made), "the study request at the wallet")


async def shown(made: Neighbourhood) -> bool:
    from connector.records import Study

    return bool(await made.wallet.find(Study, id=made.study, standing="shown"))
