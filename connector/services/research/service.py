"""The researcher as the portal and the API call it: what others offer, what we asked for, what we received."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Agreement, CatalogueOffer, ReceivedTransfer, Study, StudyDecision, Transfer
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.reading import Questions
from connector.services.contracting.views import QuestionRow
from connector.services.duties.occasions import over_for
from connector.services.exchange.studies import Studies, StudyDraft
from connector.services.processes.moves import Complete, Terminate
from connector.services.processes.transfers import Transfers
from connector.services.research.asking import Asking
from connector.services.research.catalogues import Catalogues, narrowed
from connector.services.research.views import CatalogueEntry, Offer, ResearchHome, StudyRow, StudyView, Waiting
from connector.services.rooms.fitting import fit
from connector.services.rooms.names import dataset_title, moment, note_title
from connector.services.rooms.reading import Rooms, withdrawals
from connector.services.rooms.transfers import row_of, transfer_rows
from connector.services.rooms.views import (
    AgreementRow,
    ContractRoom,
    Fit,
    NegotiationRow,
    NegotiationView,
    TransferRow,
    WithdrawalRow,
)
from contracts.study import RequestedData, StudyRequest
from policy.categories import words
from policy.odrl.duties import words as duty_words
from policy.purposes import label

_ROLES = ("researcher", "operator")
_ROLE = "consumer"


class Research:
    """Catalogues, studies, contracts and transfers of one consumer."""

    def __init__(self, context: Context, studies: Studies, asking: Asking, transfers: Transfers) -> None:
        self._context = context
        self._studies = studies
        self._asking = asking
        self._transfers = transfers
        self._catalogues = Catalogues(context)
        self._rooms = Rooms(context)
        self._questions = Questions(context, _ROLE)

    async def home(self, actor: Actor) -> ResearchHome:
        """What needs the researcher, then what there is."""
        require(actor, *_ROLES)
        return await self._context.store.read(self._home)

    def _home(self, tx: Transaction) -> ResearchHome:
        agreements = self._rooms.agreements(tx, _ROLE)
        transfers = transfer_rows(tx, exact=False, role=_ROLE)
        stopped = [one for one in withdrawals(tx) if one.agreement in {row.id for row in agreements}]
        offered = _offered(self._questions.rows(tx))
        waiting = [*offered, *_without_data(agreements, transfers), *_still_there(stopped)]
        return ResearchHome(waiting, self._rooms.negotiations(tx, _ROLE), agreements, transfers, stopped)

    async def providers(self, actor: Actor) -> list[tuple[str, str]]:
        """Whose catalogues can be asked for, as (id, name)."""
        require(actor, *_ROLES)
        return [(member.id, member.name) for member in self._catalogues.providers()]

    async def catalogue(
        self, actor: Actor, provider_id: str | None, text: str = "", category: str | None = None
    ) -> list[CatalogueEntry]:
        """What one provider offers, or all of them. Raises Problem 400, 502, 503 for a provider that was named."""
        require(actor, *_ROLES)
        if provider_id:
            found = await self._catalogues.of(self._context.members.active(provider_id))
        else:
            found = await self._catalogues.everything()
        entries = (self._catalogues.entry(one) for one in narrowed(found, text, category))
        return [entry for entry in entries if entry is not None]

    async def dataset(self, actor: Actor, provider: str, dataset: str) -> CatalogueEntry:
        """One dataset of a provider. Raises Problem 400, 404, 502, 503."""
        require(actor, *_ROLES)
        found = await self._catalogues.one(self._context.members.active(provider), dataset)
        entry = self._catalogues.entry(found)
        if entry is None:
            raise missing("There is no offer for this dataset that can be understood")
        return entry

    async def studies(self, actor: Actor) -> list[StudyRow]:
        """Our study requests, newest first."""
        require(actor, *_ROLES)
        return await self._context.store.read(
            lambda tx: [self._row(tx, one) for one in tx.find(Study, standing="published", order="-received_at")]
        )

    def _row(self, tx: Transaction, one: Study) -> StudyRow:
        title = str((one.document or {})["title"])
        return StudyRow(one.id, title, one.standing, moment(one.received_at), self._approvals(tx, one.id))

    def _approvals(self, tx: Transaction, study: str) -> list[tuple[str, str, datetime | None]]:
        decided = tx.find(StudyDecision, study=study, order="holder")
        return [(self._context.members.name_of(one.holder), one.answer, one.at) for one in decided]

    async def study(self, actor: Actor, study_id: str) -> StudyView:
        """One study request of ours. Raises Problem 404."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: self._study(tx, study_id))

    def _study(self, tx: Transaction, study_id: str) -> StudyView:
        found = tx.get(Study, study_id)
        if found is None or found.standing != "published":
            raise missing("There is no such study request here")
        study = StudyRequest.read(found.document)
        return StudyView(
            id=study.id, title=study.title, state=found.standing, published_at=study.published_at,
            approvals=self._approvals(tx, study.id), summary=study.summary, words=study.words.model_dump(),
            purposes=[label(iri) for iri in study.purposes], datasets=[self._asked(tx, one) for one in study.data],
            purpose_iris=list(study.purposes), answer_until=study.answer_until, valid_until=study.valid_until,
        )  # fmt: skip

    def _asked(self, tx: Transaction, one: RequestedData) -> str:
        kinds = "everything in it" if one.categories is None else "; ".join(words(key) for key in one.categories)
        return f"{self._context.members.name_of(one.holder)}, {dataset_title(tx, one.dataset)}: {kinds}"

    async def publish_study(self, actor: Actor, draft: StudyDraft) -> str:
        """Sign a study request and send it to every holder it names. Returns its id. Raises Problem 400."""
        return await self._studies.publish(actor, draft)

    async def negotiate(
        self, actor: Actor, provider: str, dataset: str, offer_id: str, study: str = "", purpose: str = ""
    ) -> str:
        """Ask for a contract under an offer of the provider's catalogue; an empty offer id means its only one.

        Without a study the offer is asked for exactly as it stands, as foreign connectors may want it. Raises
        Problem 400, 404, 502, 503.
        """
        entry, offer = await self._chosen(actor, provider, dataset, offer_id, study, purpose)

        def command(tx: Transaction) -> None:
            note_title(tx, dataset, entry.title)
            tx.put(CatalogueOffer(provider=provider, offer_id=offer.id, policy=offer.policy))

        await self._context.store.write(command)
        if not study:
            return await self._asking.start_as_offered(actor, provider, dataset, offer.policy)
        return await self._asking.start(actor, provider, dataset, offer.policy, study, purpose)

    async def preview(
        self, actor: Actor, provider: str, dataset: str, offer_id: str, study: str = "", purpose: str = ""
    ) -> Fit | None:
        """Whether what would be asked for can be kept together with the offer; nothing is sent.

        None where the offer cannot be read. Raises Problem 400, 404, 502, 503.
        """
        _, offer = await self._chosen(actor, provider, dataset, offer_id, study, purpose)
        return fit(offer.policy, await self._asking.worded(actor, provider, dataset, offer.policy, study, purpose))

    async def _chosen(
        self, actor: Actor, provider: str, dataset: str, offer_id: str, study: str, purpose: str
    ) -> tuple[CatalogueEntry, Offer]:
        """The offer of a dataset that is to be asked for. Raises Problem 400, 404, 502, 503."""
        if purpose and not study:
            raise invalid("A purpose without a study cannot be asked for", "purpose", "a study, or neither")
        entry = await self.dataset(actor, provider, dataset)
        found = [offer for offer in entry.offers if offer_id in ("", offer.id)]
        if len(found) != 1:
            raise invalid("This offer is not in the provider's catalogue", "offer", "the id of an offer of the dataset")
        return entry, found[0]

    async def negotiations(self, actor: Actor) -> list[NegotiationRow]:
        """Contracts we asked for, newest first."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: self._rooms.negotiations(tx, _ROLE))

    async def negotiation(self, actor: Actor, pid: str) -> NegotiationView:
        """One of them, step by step. Raises Problem 404."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: self._rooms.negotiation(tx, pid, _ROLE))

    async def agreements(self, actor: Actor) -> list[AgreementRow]:
        """Contracts we have, newest first."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: self._rooms.agreements(tx, _ROLE))

    async def room(self, actor: Actor, agreement_id: str) -> ContractRoom:
        """One contract with everything that happened under it. Raises Problem 404."""
        require(actor, *_ROLES)
        return await self._context.store.read(
            lambda tx: self._rooms.room(tx, self._rooms.agreement(tx, agreement_id, _ROLE), exact=False)
        )

    async def request_transfer(self, actor: Actor, agreement_id: str) -> str:
        """Ask for the data of a contract; returns our pid. Raises Problem 404, 409."""
        require(actor, *_ROLES)
        agreement = await self._context.store.read(lambda tx: tx.get(Agreement, agreement_id))
        if agreement is None or agreement.role != _ROLE:
            raise missing("There is no such agreement here")
        if agreement.standing != "active":
            raise conflict(f"The agreement is {agreement.standing}")
        if (duty := over_for(agreement, self._context.clock())) is not None:
            raise conflict(f"What is sent under this contract had to be deleted already. {duty_words(duty)}")
        return await self._transfers.ask(agreement, by={"actor": actor.entry})

    async def transfers(self, actor: Actor, agreement_id: str | None = None) -> list[TransferRow]:
        """Transfers we asked for, newest first."""
        require(actor, *_ROLES)
        wanted: dict[str, Any] = {"agreement": agreement_id} if agreement_id else {}
        return await self._context.store.read(lambda tx: transfer_rows(tx, exact=False, role=_ROLE, **wanted))

    async def transfer(self, actor: Actor, pid: str) -> TransferRow:
        """One of them. Raises Problem 404."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: row_of(tx, _own(tx, pid), exact=False))

    async def manifest(self, actor: Actor, pid: str) -> dict[str, Any]:
        """The provider's signed list of contents, as verified. Raises Problem 404 until it has arrived."""
        require(actor, *_ROLES)

        def query(tx: Transaction) -> dict[str, Any]:
            received = tx.get(ReceivedTransfer, _own(tx, pid).pid)
            if received is None or received.manifest is None:
                raise missing("No manifest of this transfer has arrived")
            return dict(received.manifest)

        return await self._context.store.read(query)

    async def end_transfer(self, actor: Actor, pid: str) -> None:
        """End a transfer of ours: completed when it runs, called off before. Raises Problem 404."""
        require(actor, *_ROLES)

        def command(tx: Transaction) -> Transfer:
            found = _own(tx, pid)
            self._context.log(tx, "transfer.end-asked", pid, {"agreement": found.agreement, "by": actor.entry})
            return found

        transfer = await self._context.store.write(command)
        if transfer.state == "STARTED":
            await self._transfers.close(pid, Complete())
        else:
            why = ("the consumer called the transfer off",)
            await self._transfers.close(pid, Terminate("ended-by-consumer", why))


def _own(tx: Transaction, pid: str) -> Transfer:
    found = tx.get(Transfer, pid)
    if found is None or found.role != _ROLE:
        raise missing("There is no such transfer here")
    return found


def _offered(rows: list[QuestionRow]) -> list[Waiting]:
    return [
        Waiting(
            f"{row.counterparty_name} offers {row.dataset} on other terms. It waits until {_day(row.answer_by)}",
            row.asked_at, f"/research/negotiations/{quote(row.pid, safe=':')}", "Answer the offer", row.urgent,
        )
        for row in rows
    ]  # fmt: skip


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B} {moment.year}"


def _without_data(agreements: list[AgreementRow], transfers: list[TransferRow]) -> list[Waiting]:
    asked = {row.agreement for row in transfers}
    return [
        Waiting(
            f"The contract for {row.dataset} is ready: request the data", row.made_at,
            f"/research/contracts/{quote(row.id, safe=':')}", "Open the contract",
        )
        for row in agreements
        if row.state == "active" and row.id not in asked
    ]  # fmt: skip


def _still_there(stopped: list[WithdrawalRow]) -> list[Waiting]:
    return [
        Waiting("A person stopped, and their data is not deleted yet", row.received_at, "/research/withdrawals", "See")
        for row in stopped
        if row.kind == "erase" and row.erased_at is None and row.answer != "exception"
    ]
