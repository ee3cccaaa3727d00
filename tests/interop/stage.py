"""The stage of every scenario: a Concord hospital, research group and wallet, and an EDC on either side of them.

The hospital has imported synthetic patients, published them, approved a study that names the EDC consumer as its
recipient, and some of its patients said yes in the wallet. The EDC provider offers one small file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from connector.founding import Founded
from connector.records import Agreement, Negotiation, PeerAcceptance, Person, Study, Transfer
from connector.services.processes.moves import Verify
from connector.services.registry import Deciding
from connector.services.steward.views import DatasetDraft
from connector.wiring import Plugs
from contracts.narrowing import selection_of
from contracts.study import StudyRequest
from policy.odrl import vocabulary as v
from tests.interop.edc import QUICK_START, Edc, running
from tests.interop.identity import MockIdentity, entry
from tests.interop.source import Source
from tests.two_party import releases, story
from tests.two_party.space import Party, Space, make_empty_store, opened, until

SAYING_YES, SAYING_NO = 3, 1
_TRIES = 3
OTHER_PURPOSE = "https://w3id.org/dpv#Marketing"
FREE, TIED, REWRITTEN = "edc-file", "edc-tied", "edc-rewritten"
"""Datasets of the EDC provider: for any use, for research only, and under a policy that EDC itself rewrites."""
Json = dict[str, Any]


@dataclass
class Stage:
    """Who is there, and what has been prepared."""

    hospital: Party
    research: Party
    wallet: Party
    steady: Party
    """A participant of ours that decides nothing and fetches nothing by itself."""
    provider: Edc
    consumer: Edc
    source: Source
    client: httpx2.AsyncClient
    dataset: str = ""
    study: str = ""
    patients: Any = None
    willing: list[str] = field(default_factory=list)
    """Whom the source knows by these ids has said yes."""
    names: list[str] = field(default_factory=list)
    """What must stand in nothing that leaves: names and ids of everybody in the source."""
    agreement_of_edc: str = ""
    agreements_of_ours: dict[tuple[str, str], Agreement] = field(default_factory=dict)

    @property
    def ours(self) -> Concord:
        """The hospital as EDC's operator names it."""
        return self.concord(self.hospital)

    @staticmethod
    def concord(party: Party) -> Concord:
        """A party as EDC's operator names it."""
        return Concord(party.id, f"{party.url}/dsp/2025-1")

    # --- EDC asks us -------------------------------------------------------------------------------------------------

    async def offer(self) -> Json:
        """The hospital's offer as EDC read it from our catalogue."""
        found = await self.consumer.management.dataset(self.ours, self.dataset)
        return dict(_one(found["hasPolicy"]))

    async def terms(self, purpose: str = story.RESEARCH) -> Json:
        """What EDC's operator asks for: our offer for one purpose, and the study with the data it selects."""
        study = await self.hospital.get(Study, self.study)
        assert study is not None
        selection = selection_of(StudyRequest.read(study.document), self.dataset)
        said = {v.STUDY: self.study, v.STUDY_DIGEST: study.digest, v.SELECTION: selection.digest}
        asked = await self.offer() | {"@type": "Offer", "assigner": self.hospital.id, "target": self.dataset}
        permission = dict(_one(asked["permission"]))
        kept = [one for one in permission["constraint"] if not one["leftOperand"].endswith("purpose")]
        bound = [constraint(left, "eq", right) for left, right in said.items()]
        permission["constraint"] = [constraint(v.PURPOSE, "isA", purpose), *kept, *bound]
        return asked | {"permission": [permission]}

    async def contract_of_edc(self) -> str:
        """The contract EDC has with the hospital, made once; the agreement's id."""
        if not self.agreement_of_edc:
            await self.accept()
            self.agreement_of_edc = await self._agreed_with_edc()
            await self.hospital.eventually(
                Agreement, self.agreement_of_edc, where=lambda found: found.standing == "active"
            )
        return self.agreement_of_edc

    async def _agreed_with_edc(self) -> str:
        """The id of a fresh agreement. One that we made and EDC lost to a race of its own is asked for again."""
        for _ in range(_TRIES):
            pid = await self.consumer.management.negotiate(self.ours, await self.terms())
            done = await self.consumer.management.negotiated(pid, "FINALIZED", "TERMINATED")
            if done["state"] == "FINALIZED":
                return str(done["contractAgreementId"])
            ours = await self.negotiation_of(pid)
            assert ours.agreement is not None, f"we refused: {ours.reason}"
            print(f"        EDC lost a negotiation, asked again: {str(ours.reason)[:160]}", flush=True)
        raise AssertionError(f"EDC lost {_TRIES} negotiations in a row")

    async def accept(self) -> None:
        """The hospital's steward accepts the EDC consumer by name, once."""
        if await self.hospital.get(PeerAcceptance, self.consumer.id) is None:
            steward, why = self.hospital.acting("steward"), "We ask them to delete, and keep their answer on paper."
            await self.hospital.services.membership.accept(steward, self.consumer.id, why)

    async def negotiation_of(self, their_pid: str) -> Negotiation:
        """The hospital's record of a negotiation of EDC's, once it is over."""
        found: Negotiation = await story.counterpart(self.hospital, their_pid)
        return found

    async def ours_of(self, their_pid: str) -> Transfer:
        """The hospital's record of the transfer that EDC calls so."""

        async def look() -> Transfer | None:
            found = await self.hospital.find(Transfer, their_pid=their_pid)
            return found[0] if found else None

        result: Transfer = await until(look, f"a transfer with the pid {their_pid}")
        return result

    async def pulled(self, address: Json) -> httpx2.Response:
        """What EDC's own consumer would do with an address: its token as it stands in `Authorization`."""
        return await self.client.get(address["endpoint"], headers={"authorization": address["authorization"]})

    async def people(self, source_ids: list[str]) -> dict[str, Person]:
        """People of the hospital, by their id there."""
        found = await self.hospital.find(Person, source=self.patients.source)
        return {one.id: one for one in found if one.source_id in source_ids}

    # --- we ask EDC --------------------------------------------------------------------------------------------------

    async def offered(self, dataset: str = FREE, party: Party | None = None) -> Json:
        """EDC's offer as our catalogue reader has it."""
        asking = party or self.research
        found = await asking.services.research.dataset(asking.acting("researcher"), self.provider.id, dataset)
        return dict(found.offers[0].policy)

    async def ask(self, dataset: str = FREE, party: Party | None = None, **changes: Any) -> str:
        """One of ours asks for EDC's own offer, word for word but for `changes`; returns our pid."""
        asking = party or self.research
        offer = await self.offered(dataset, asking) | changes
        return str(
            await asking.services.asking.start_as_offered(asking.acting("researcher"), self.provider.id, dataset, offer)
        )

    async def contract_of_ours(self, dataset: str = FREE, party: Party | None = None) -> Agreement:
        """The contract one of ours has with EDC, made once."""
        asking = party or self.research
        if (asking.id, dataset) not in self.agreements_of_ours:
            done = await self._finalized(asking, dataset)
            agreement = await asking.get(Agreement, str(done.agreement))
            assert agreement is not None
            self.agreements_of_ours[asking.id, dataset] = agreement
        return self.agreements_of_ours[asking.id, dataset]

    async def _finalized(self, asking: Party, dataset: str) -> Negotiation:
        """A negotiation of ours that came to its end. EDC now and then loses one to a race of its own: asked again."""
        for _ in range(_TRIES):
            pid = await self.ask(dataset, asking)
            if asking is self.steady:
                await asking.eventually(Negotiation, pid, where=lambda found: found.state == "AGREED")
                await asking.services.negotiations.move(pid, Verify())
            done = await story.outcome(asking, pid)
            if done.state == "FINALIZED" or "Failed to send agreement" not in str(done.reason):
                break
            print(f"        EDC lost a negotiation, asked again: {str(done.reason)[:160]}", flush=True)
        assert done.state == "FINALIZED", done.reason
        return done

    async def theirs_of(self, our_pid: str) -> str:
        """EDC's id of a negotiation of ours."""
        return await self.provider.management.negotiation_of(our_pid)


@dataclass(frozen=True)
class Concord:
    """A Concord participant as an EDC operator names it."""

    id: str
    dsp: str


@asynccontextmanager
async def set_up(directory: Path, jars: Path) -> AsyncIterator[Stage]:
    """Everybody running, known to each other and prepared; everything stopped at the end."""
    source = await Source.opened()
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        provider, consumer = (
            Edc(name, directory / name, jars, client, options=QUICK_START) for name in ("edc-provider", "edc-consumer")
        )
        spaces = directory / "concord"
        spaces.mkdir()
        try:
            async with running(provider, consumer), opened(spaces, make_empty_store(directory)) as space:
                parties = await _concords(space, provider, consumer, source)
                stage = Stage(*parties, provider, consumer, source, client)
                await _introduce(space, provider, consumer)
                await _offer_of_edc(stage)
                await _offer_of_ours(stage)
                yield stage
        finally:
            await source.close()


async def _concords(space: Space, provider: Edc, consumer: Edc, source: Source) -> list[Party]:
    origins = {
        one.id: (*(f"http://127.0.0.1:{port}" for port in one.ports.values()), source.url)
        for one in (provider, consumer)
    }

    def plugs(founded: Founded, **others: Any) -> Plugs:
        return Plugs(identity=lambda members: MockIdentity(founded, members, origins), **others)

    made = [await space.add(role, role, plugs=plugs) for role in ("hospital", "research", "wallet")]
    undecided = partial(plugs, deciding=Deciding(negotiating=lambda _context: Undecided()), fetching=False)
    return [*made, await space.add("steady", "participant", plugs=undecided)]


class Undecided:
    """A course (`connector.services.processes.courses`) that leaves every step to whoever moves by hand."""

    insistent = False

    def at_once(self, process: Negotiation) -> None:
        """Nothing follows by itself."""

    async def next(self, process: Negotiation) -> None:
        """Nor later."""


async def _introduce(space: Space, provider: Edc, consumer: Edc) -> None:
    await space.introduce()
    for party in space.parties.values():
        await party.context.members.put(entry(provider, "participant"))
        await party.context.members.put(entry(consumer, "research"))


async def _offer_of_edc(stage: Stage) -> None:
    operator = stage.provider.management
    research = [constraint(v.PURPOSE, "eq", story.RESEARCH)]
    mangled = [constraint(f"{v.ODRL}spatial", "isAnyOf", ["https://example.org/fi", "https://example.org/ee"])]
    for dataset, constraints in ((FREE, []), (TIED, research), (REWRITTEN, mangled)):
        permission = {"action": "use"} | ({"constraint": constraints} if constraints else {})
        await operator.add_asset(dataset, f"{stage.source.url}/{dataset}")
        await operator.add_policy(f"{dataset}-policy", {"permission": [permission]})
        await operator.add_offer(f"{dataset}-offer", f"{dataset}-policy", dataset)


async def _offer_of_ours(stage: Stage) -> None:
    """Import, publish, study, approval, answers."""
    hospital, steward = stage.hospital, stage.hospital.acting("steward")
    report = await hospital.services.importing.import_fhir(steward, releases.BUNDLES, "Records")
    draft = DatasetDraft(
        title="All records", description="What we know.", keywords=["records"], source=report.source, kind="records",
        categories=releases.RECORD_KINDS, purposes=[story.RESEARCH],
        until=datetime.now(UTC).date() + timedelta(days=300),
    )  # fmt: skip
    stage.dataset = await hospital.services.steward.publish_dataset(steward, draft)
    stage.study = await story.publish_study(stage.research, (hospital, stage.dataset), recipients=[stage.consumer.id])
    await hospital.services.studies.decide(steward, stage.study, True, "")
    await stage.wallet.eventually(Study, stage.study, where=lambda found: found.standing == "shown")
    stage.patients = releases.Stage(
        hospital, stage.research, stage.wallet, stage.dataset, report.source, study=stage.study
    )
    people = sorted(await stage.patients.source_ids())
    stage.willing = people[:SAYING_YES]
    for source_id in stage.willing:
        await stage.patients.answer(source_id, "yes")
    for source_id in people[SAYING_YES : SAYING_YES + SAYING_NO]:
        await stage.patients.answer(source_id, "no")
    stage.names = await _direct_identifiers(stage)


async def _direct_identifiers(stage: Stage) -> list[str]:
    found = await stage.hospital.find(Person, source=stage.patients.source)
    words = {word for one in found for word in (one.name or "").split() if len(word) > 3}
    return sorted(words | {one.source_id for one in found} | {one.id for one in found})


def constraint(left: str, operator: str, right: Any) -> Json:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _one(value: Any) -> Any:
    (found,) = _listed(value)
    return found
