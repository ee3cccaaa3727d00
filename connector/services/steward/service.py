"""The steward as the portal and the API call it. Who asks for data never decides here; the holder's steward does."""

from __future__ import annotations

from dataclasses import replace

from catalog.expected import HORIZONS, Expected
from catalog.smallnumbers import at_least_ten, band_words, people_band
from connector.ports import Transaction
from connector.problems import conflict, missing
from connector.records import Account, Dataset, DevicePoint, Link, Person, Source, SourceRecord, Study
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.reading import Questions
from connector.services.exchange.linking import LinkDesk
from connector.services.exchange.studies import Studies
from connector.services.expected_yield import NOBODY, ExpectedYield
from connector.services.holding.reach import STOPPED, Reach
from connector.services.rooms.names import dataset_title, moment, sentences
from connector.services.rooms.reading import Rooms
from connector.services.steward.drafts import read_draft
from connector.services.steward.views import (
    DatasetDraft,
    DatasetRow,
    LinkCode,
    ParticipantRow,
    PatientRow,
    SourceRow,
    StewardHome,
    StudyForDecision,
)
from contracts.study import StudyRequest
from contracts.terms import terms_digest
from policy.categories import words
from policy.purposes import label

_ROLES = ("steward", "operator")


class Steward:
    """Sources, people, datasets, study requests of one provider."""

    def __init__(self, context: Context, link_desk: LinkDesk, studies: Studies, expected: ExpectedYield) -> None:
        self._context = context
        self._link_desk = link_desk
        self._studies = studies
        self._expected = expected
        self._rooms = Rooms(context)
        self._questions = Questions(context, "provider")

    async def home(self, actor: Actor) -> StewardHome:
        """What needs a decision, then what there is."""
        require(actor, *_ROLES)
        waiting = [study for study in await self.studies(actor) if study.state == "waiting"]
        negotiations, approvals = await self._context.store.read(
            lambda tx: (self._rooms.negotiations(tx, "provider"), self._questions.rows(tx))
        )
        return StewardHome(waiting, negotiations, await self.datasets(actor), await self.sources(actor), approvals)

    async def participants(self, actor: Actor) -> list[ParticipantRow]:
        """Whom a rule, an offer or an acceptance can be about, by name."""
        require(actor, *_ROLES)
        rows = [
            ParticipantRow(one.id, one.name, str(one.role), one.consent is not None)
            for one in self._context.members.others()
        ]
        return sorted(rows, key=lambda row: (row.name, row.id))

    async def sources(self, actor: Actor) -> list[SourceRow]:
        """Where data comes in."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: [_source(tx, one) for one in tx.find(Source, order="name")])

    async def patients(self, actor: Actor, text: str = "") -> list[PatientRow]:
        """Our people whose name holds every word of `text`, or whose number it is; everybody without a text."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: _patients(tx, text.strip(), self._context.me.id))

    async def make_link_code(self, actor: Actor, patient_id: str) -> LinkCode:
        """A one-time code for one person. Raises Problem 404."""
        return await self._link_desk.make_code(actor, patient_id)

    async def datasets(self, actor: Actor) -> list[DatasetRow]:
        """Every dataset described here, newest first, with how many people would be in a release."""
        require(actor, *_ROLES)
        expected = await self._expected.people(None)
        rows = await self._context.store.read(
            lambda tx: [_dataset(tx, one) for one in tx.find(Dataset, order="-published_at")]
        )
        return [_with_yield(row, expected.get(row.id, NOBODY)) for row in rows]

    async def dataset(self, actor: Actor, dataset_id: str) -> DatasetRow:
        """One dataset. Raises Problem 404."""
        found = next((row for row in await self.datasets(actor) if row.id == dataset_id), None)
        if found is None:
            raise missing("There is no such dataset here")
        return found

    async def publish_dataset(self, actor: Actor, draft: DatasetDraft) -> str:
        """Publish a dataset with its offer; returns its id. Raises Problem 400 naming the field that is wrong."""
        require(actor, *_ROLES)
        context = self._context

        def command(tx: Transaction) -> str:
            source = tx.get(Source, draft.source)
            made = read_draft(tx, context, draft, source, tx.count(Person, source=draft.source))
            made = replace(made, published_by=actor.account)
            tx.add(made)
            body = {"offer": made.offer_id, "profile": made.profile, "by": actor.entry}
            context.log(tx, "dataset.published", made.id, body | {"offer_digest": terms_digest(made.offer or {})})
            tx.ring("datasets")
            return made.id

        published = await context.store.write(command)
        context.bells.ring("datasets")
        return published

    async def withdraw_dataset(self, actor: Actor, dataset_id: str) -> None:
        """Take a dataset out of the catalogue; nothing of it is released any more. Raises Problem 404, 409."""
        require(actor, *_ROLES)
        context = self._context

        def command(tx: Transaction) -> None:
            found = tx.get(Dataset, dataset_id)
            if found is None:
                raise missing("There is no such dataset here")
            if found.standing != "published":
                raise conflict("This dataset is not in the catalogue any more")
            tx.change(found, standing="withdrawn")
            context.log(tx, "dataset.withdrawn", dataset_id, {"offer": found.offer_id, "by": actor.entry})
            tx.ring("datasets")

        await context.store.write(command)
        context.bells.ring("datasets")

    async def studies(self, actor: Actor) -> list[StudyForDecision]:
        """Study requests that ask for data of ours, newest first."""
        require(actor, *_ROLES)
        standings = ("waiting", "approved", "refused")
        return await self._context.store.read(
            lambda tx: [
                _study(tx, one, self._context.me.id) for one in tx.find(Study, standing=standings, order="-received_at")
            ]
        )

    async def decide_study(
        self, actor: Actor, study_id: str, approve: bool, reason: str, broad_consent: bool = False
    ) -> None:
        """Approve a study request, or refuse it with a reason. Raises Problem 400, 403, 404, 409.

        `broad_consent`: a consent that the source holds counts where the person gave no answer.
        """
        await self._studies.decide(actor, study_id, approve, reason, broad_consent)


def _with_yield(row: DatasetRow, expected: Expected) -> DatasetRow:
    return replace(row, yield_text=at_least_ten(expected.people), later=_later(expected))


def _later(expected: Expected) -> list[tuple[int, str]]:
    """How many people would still be there later if nobody renewed, as the catalogue tells it."""
    return [(days, band_words(people_band(count))) for days, count in zip(HORIZONS, expected.later, strict=True)]


def _source(tx: Transaction, source: Source) -> SourceRow:
    stream = source.kind == "openmhealth"
    people = tx.count(Person, source=source.id)
    points, records = tx.count(DevicePoint, source=source.id), tx.count(SourceRecord, source=source.id, deleted=False)
    records = points if stream else records
    problems = [] if records or stream else ["Nothing has been imported yet"]
    reach = Reach.of(source.reach)
    if reach is not None and reach.state.standing == STOPPED:
        problems.append(f"The last reading of its server stopped: {reach.state.why}")
    return SourceRow(source.id, source.name, source.kind, people, records, source.imported_at, problems)


def _patients(tx: Transaction, text: str, me: str) -> list[PatientRow]:
    # A link to ourselves is our own desk's: those people have no wallet.
    linked = {link.person for link in tx.find(Link, standing="active") if link.wallet != me}
    wanted = text.casefold().split()
    return [
        PatientRow(one.id, one.source_id, one.name, one.born, one.id in linked, bool(one.account))
        for one in tx.find(Person, order="name")
        if one.source_id == text or all(word in one.name.casefold() for word in wanted)
    ]


def _dataset(tx: Transaction, one: Dataset) -> DatasetRow:
    source = tx.get(Source, one.source)
    return DatasetRow(
        one.id, one.title, one.kind, one.standing, source.name if source else one.source, sentences(one.offer),
        tx.count(Person, source=one.source), None, one.published_at, one.offer_id, one.profile,
    )  # fmt: skip


def _study(tx: Transaction, one: Study, holder: str) -> StudyForDecision:
    study = StudyRequest.read(one.document)
    decider = tx.get(Account, one.decided_by) if one.decided_by else None
    asked = [
        f"{dataset_title(tx, entry.dataset)}: "
        + ("everything in it" if entry.categories is None else "; ".join(words(key) for key in entry.categories))
        for entry in study.at(holder)
    ]
    return StudyForDecision(
        id=study.id, title=study.title, organisation_name=study.organisation_name, summary=study.summary,
        words=study.words.model_dump(), purposes=[label(iri) for iri in study.purposes], datasets=asked,
        state=one.standing, received_at=moment(one.received_at), decided_at=one.decided_at,
        decided_by=decider.name if decider else one.decided_by or None, reason=one.reason,
        broad_consent=one.broad_consent,
    )  # fmt: skip
