"""Real participants in one process: real stores, keys, applications; HTTP goes straight to each other's application."""

from __future__ import annotations

import os
import secrets
import shutil
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from connector.app import create
from connector.founding import found
from connector.lock import Running as Process
from connector.outbound.answer import Answer, Caps
from connector.outbound.client import Outbound
from connector.outbound.guard import Destination, clear
from connector.outbound.origins import Origin
from connector.records import Person, Source
from connector.services.actors import Actor
from connector.services.research import StudyDraft
from connector.services.steward import DatasetDraft
from connector.services.wallet.views import Answer as Choice
from connector.settings import load
from connector.wiring import Participant, build

EHDS = "https://w3id.org/dpv/legal/eu/ehds#"
RESEARCH = f"{EHDS}HealthcareScientificResearch"
WORDS = {
    "why": "To find out.", "who_sees": "Six researchers.", "stored_where": "In Ghent.",
    "if_you_say_no": "Nothing changes.", "risks": "Few.", "money": "None.",
}  # fmt: skip


class Clock:
    """A clock that a test can set: real time plus what was added."""

    def __init__(self) -> None:
        self.added = timedelta()
        self.fixed: datetime | None = None

    def __call__(self) -> datetime:
        return self.fixed or datetime.now(UTC) + self.added


class Within(Outbound):
    """The guarded client, its sockets replaced by the applications of this process."""

    def __init__(self, everybody: dict[Origin, Running]) -> None:
        super().__init__(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self._everybody = everybody

    async def send(
        self, method: str, url: str, *, to: Destination, headers: Mapping[str, str], content: bytes, caps: Caps
    ) -> Answer:
        cleared = clear(url, to)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self._everybody[cleared.origin].app)) as client:
            answer = await client.request(method, cleared.address, headers=dict(headers), content=content)
        return Answer(answer.status_code, answer.headers, answer.content)


@dataclass
class Running:
    """One running participant, as tests hold it."""

    participant: Participant
    clock: Clock
    directory: Path

    @cached_property
    def app(self) -> FastAPI:
        """Its application, made when somebody first calls it."""
        before = os.environ.get("CONCORD_DIRECTORY")
        os.environ["CONCORD_DIRECTORY"] = str(self.directory)
        try:
            app = create()
        finally:
            os.environ.pop("CONCORD_DIRECTORY") if before is None else os.environ.update(CONCORD_DIRECTORY=before)
        app.state.participant = self.participant
        app.state.running = Process(os.getpid(), self.participant.identity.origin, secrets.token_urlsafe(32))
        return app

    @property
    def id(self) -> str:
        return self.participant.identity.id

    @property
    def services(self) -> Any:
        return self.participant.services

    @property
    def context(self) -> Any:
        return self.participant.context

    def actor(self, role: str, account: str = "somebody") -> Actor:
        return Actor(account, "Somebody", role, self.id)

    def api(self, token: str | None = None) -> httpx2.AsyncClient:
        """A client of the management API."""
        given = self.app.state.running.token if token is None else token
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://127.0.0.1",
            headers={"authorization": f"Bearer {given}"},
        )  # fmt: skip


class Space:
    """Makes participants; use as an async context manager."""

    def __init__(self, folder: Path, founded: Path) -> None:
        self._folder = folder
        self._founded = founded
        self._stack = AsyncExitStack()
        self._everybody: dict[Origin, Running] = {}

    async def __aenter__(self) -> Space:
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._stack.aclose()

    async def add(self, name: str, role: str) -> Running:
        directory = self._folder / role
        port = 18_000 + len(self._everybody)
        self._found(directory, name, role, port)
        participant, clock = await build(load(directory)), Clock()
        self._stack.push_async_callback(participant.close)
        participant.context.outbound = participant.context.members._outbound = Within(self._everybody)
        participant.context.clock = clock
        made = Running(participant, clock, directory)
        self._everybody[Origin.parse(f"http://127.0.0.1:{port}")] = made
        return made

    def _found(self, directory: Path, name: str, role: str, port: int) -> None:
        """A copy of a directory founded once per test run: keys and tables anew for each test only cost time."""
        first = self._founded / f"{role}-{port}"
        if not first.exists():
            found(first, name, role, port)
        shutil.copytree(first, directory)

    async def acquaint(self, *everybody: Running) -> None:
        """Everybody comes to know everybody else, through the management API."""
        for one in everybody:
            async with one.api() as api:
                for other in everybody:
                    if other is not one:
                        shown = (await self.participant(other))["fingerprint"]
                        sent = {"url": other.participant.identity.origin, "fingerprint": shown, "allow_http": True}
                        answer = await api.post("/api/members", json=sent)
                        assert answer.status_code == 201, answer.text

    @staticmethod
    async def participant(one: Running) -> dict[str, Any]:
        async with one.api() as api:
            return (await api.get("/api/participant")).json()


async def with_people(holder: Running, count: int, source: str = "ehr", kind: str = "fhir") -> list[str]:
    """A source with people; returns their ids."""
    ids = [f"person-{number:03}" for number in range(count)]

    def command(tx: Any) -> None:
        tx.add(Source(id=source, name="Cardiology export", kind=kind, imported_at=holder.clock()))
        for number, one in enumerate(ids):
            tx.add(Person(id=one, source=source, source_id=f"E-{number:03}", name=f"Given{number} Family",
                          born=date(1970, 1, 1)))  # fmt: skip

    await holder.context.store.write(command)
    return ids


def dataset_draft(**changes: Any) -> DatasetDraft:
    given: dict[str, Any] = {
        "title": "Heart records, déjà vu", "description": "Diagnoses and laboratory results.", "keywords": ["heart"],
        "categories": ["conditions", "laboratory"], "source": "ehr", "kind": "records", "purposes": [RESEARCH],
        "until": date(2100, 12, 31), "profile": "research-standard",
    }  # fmt: skip
    return DatasetDraft(**(given | changes))


def study_draft(holder: str, dataset: str, **changes: Any) -> StudyDraft:
    now = datetime.now(UTC)
    given: dict[str, Any] = {
        "title": "Early signs of heart failure", "summary": "We look for first signs.", "words": WORDS,
        "purposes": [RESEARCH], "data": [(holder, dataset, None)], "answer_until": now + timedelta(days=30),
        "valid_until": now + timedelta(days=300), "contact_name": "Study desk", "contact_email": "desk@group.example",
    }  # fmt: skip
    return StudyDraft(**(given | changes))


async def reach(one: Running, about: str, *states: str) -> dict[str, Any]:
    """Wait through the management API until something is in one of these states."""
    async with one.api() as api:
        asked = {"about": about, "for": ",".join(states), "timeout": "20"}
        answer = await api.get("/api/wait", params=asked, timeout=30)
        assert answer.status_code == 200, answer.text
        assert answer.json()["reached"], answer.json()
        return answer.json()


async def consenting(wallet: Running, holder: Running, study: str, dataset: str, person: str) -> str:
    """A person is hosted, linked, and says yes; returns the account."""
    operator = wallet.actor("operator")
    account = await wallet.services.wallet.host(operator, f"Name of {person}", person)
    code = await holder.services.steward.make_link_code(holder.actor("steward"), person)
    myself = wallet.actor("patient", account)
    await wallet.services.wallet.link(myself, holder.id, code.code)
    receipt = await wallet.services.wallet.answer(myself, study, Choice("yes", {dataset: None}))
    await reach(wallet, receipt.number, "acknowledged")
    return account


async def approved_study(research: Running, holder: Running, dataset: str) -> str:
    """A study that the holder's steward has approved, everybody told."""
    study = await research.services.research.publish_study(
        research.actor("researcher"), study_draft(holder.id, dataset)
    )
    await reach(holder, study, "waiting")
    await holder.services.steward.decide_study(holder.actor("steward"), study, True, "")
    await reach(research, study, "approved")
    return study
