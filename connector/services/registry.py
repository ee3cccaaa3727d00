"""All services of one participant, built once on its context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from connector.services.accounts import Accounts
from connector.services.catalogue import Catalogue
from connector.services.checking_log import EvidenceByJobs
from connector.services.context import Context
from connector.services.contract_profiles import ContractProfiles
from connector.services.contracting.approvals import Approvals
from connector.services.contracting.offers import Offers
from connector.services.contracting.rules import Rules
from connector.services.deidentifying import Deidentifying
from connector.services.deliveries_desk import DeliveriesDesk
from connector.services.dpo import Dpo
from connector.services.duties.desk import Duties
from connector.services.emergencies import Emergencies
from connector.services.exchange.amending import Amendments
from connector.services.exchange.answering import AmendmentDesk
from connector.services.exchange.changes import ContractChanges
from connector.services.exchange.consents import ConsentDesk
from connector.services.exchange.disputes import Disputes
from connector.services.exchange.ending import Endings
from connector.services.exchange.erasure import ErasureDesk
from connector.services.exchange.handing_over import HandOver
from connector.services.exchange.ledger import AmendmentLedger
from connector.services.exchange.linking import LinkDesk
from connector.services.exchange.opting_out import OptOutDesk
from connector.services.exchange.resuming import Resuming
from connector.services.exchange.standings import Standings
from connector.services.exchange.studies import Studies
from connector.services.exchange.withdrawal import Stopping
from connector.services.expected_yield import ExpectedYield
from connector.services.holding.broad_stops import BroadStops
from connector.services.holding.desk import Desk
from connector.services.holding.importing import Importing
from connector.services.holding.ingest import Ingest
from connector.services.holding.naming import SourceNames
from connector.services.holding.settling import SourceConsents
from connector.services.holding.sources_desk import SourcesDesk
from connector.services.holding.syncing import Syncing
from connector.services.holding.taking import Taking
from connector.services.matching import Matching
from connector.services.membership import Membership
from connector.services.processes.courses import DataPlane, Forthright, NegotiationCourse, TransferCourse
from connector.services.processes.negotiations import Negotiations
from connector.services.processes.transfers import Transfers
from connector.services.processes.willingness import Willingness
from connector.services.received.asking import Questions
from connector.services.received.derivations import Derivations
from connector.services.received.looking import Looking
from connector.services.receiving import Inbox
from connector.services.reidentifying import Reidentifying
from connector.services.releasing.plane import ReleasePlane
from connector.services.releasing.quarantine import Quarantine
from connector.services.releasing.risk_desk import RiskDesk
from connector.services.releasing.service import Releasing
from connector.services.research import Research
from connector.services.research.asking import Asking
from connector.services.rights.service import Rights
from connector.services.rooms.service import Contracts
from connector.services.rotation import Rotation
from connector.services.simulating import Simulator
from connector.services.steward import Steward
from connector.services.steward.profiles import Profiles
from connector.services.suspending import Suspending
from connector.services.transfer_desk import TransferDesk
from connector.services.waiting import Waiting
from connector.services.wallet.service import Wallet
from connector.services.why.service import WhyDesk
from connector.services.withdrawals import WithdrawalsDesk


class Measuring(Protocol):
    """Figures for a supervisor, as text."""

    content_type: str

    async def text(self) -> bytes:
        """Everything as it is now."""
        ...


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides in the protocol's processes, and where data is handed over; None: as in production."""

    negotiating: Callable[[Context], NegotiationCourse] | None = None
    transferring: Callable[[Context], TransferCourse] | None = None
    data_plane: Callable[[Context], DataPlane] | None = None


AS_IN_PRODUCTION = Deciding()


class Services:
    """What the doors call. `start` takes up unfinished work, `close` lets go."""

    def __init__(self, context: Context, deciding: Deciding = Deciding()) -> None:
        self.context = context
        self.inbox: Inbox | None = None  # handed in by wiring, where something is fetched at all
        self.metrics: Measuring | None = None  # likewise, where metrics are on
        self.rotation: Rotation  # handed in by wiring: it is about the keys of this process too
        self._contract(context, deciding)
        self._consent(context)
        self._end(context)
        self._hold(context)
        self._show(context)

    def _contract(self, context: Context, deciding: Deciding) -> None:
        """Negotiations, transfers, and what people decide about them."""
        self.willingness = Willingness(context)
        course = deciding.negotiating(context) if deciding.negotiating else self.willingness
        self.negotiations = Negotiations(context, course)
        transferring = deciding.transferring(context) if deciding.transferring else Forthright()
        plane = deciding.data_plane(context) if deciding.data_plane else ReleasePlane(context)
        self.transfers = Transfers(context, transferring, plane, self.negotiations.finalized)
        self.asking = Asking(context, self.negotiations)
        self.rules = Rules(context)
        self.approvals = Approvals(context, self.negotiations, self.willingness)
        self.offers = Offers(context, self.negotiations)
        ledger = AmendmentLedger(context, self.willingness.decide)
        self.amendments = Amendments(context, ledger)
        self.amendment_desk = AmendmentDesk(context, ledger)
        self.contract_changes = ContractChanges(context)
        self.duties = Duties(context)

    def _consent(self, context: Context) -> None:
        """Studies, links, answers: at holders and in the wallet."""
        self.studies = Studies(context)
        self.stopping = Stopping(context)
        self.link_desk = LinkDesk(context, self.stopping)
        self.hand_over = HandOver(context)
        self.disputes = Disputes(context, self.stopping)
        self.consent_desk = ConsentDesk(context, self.stopping)
        self.standings = Standings(context, self.stopping)
        self.wallet = Wallet(context)
        self.rights = Rights(context)

    def _end(self, context: Context) -> None:
        """What follows when a person, or a contract, stops."""
        self.erasure_desk = ErasureDesk(context)
        self.derivations = Derivations(context, self.erasure_desk)
        self.questions = Questions(context, self.derivations)
        self.looking = Looking(context)
        self.resuming = Resuming(context, self.erasure_desk)
        self.suspending = Suspending(context)
        self.withdrawals = WithdrawalsDesk(context, self.stopping)
        self.endings = Endings(context, self.transfers)

    def _hold(self, context: Context) -> None:
        """Data that is kept here, who it is about, and how it leaves."""
        self.accounts = Accounts(context)
        self.emergencies = Emergencies(context, self.accounts.signing_in)
        self.reidentifying = Reidentifying(context)
        self.matching = Matching(context)
        self.opt_out_desk = OptOutDesk(context)
        self.desk = Desk(context, self.consent_desk, self.opt_out_desk)
        self.source_names = SourceNames(context)
        broad_stops = BroadStops(context, self.stopping)
        self.source_consents = SourceConsents(context, broad_stops)
        taking = Taking(context, broad_stops, self.disputes)
        self.importing = Importing(context, context.data.pieces, taking)
        self.syncing = Syncing(context, taking)
        self.sources_desk = SourcesDesk(context, self.syncing)
        self.ingest = Ingest(context, context.data.batch)
        self.releasing = Releasing(context, self.transfers, context.data.renderer, context.data.archive)
        self.profiles = Profiles(context)
        self.contract_profiles = ContractProfiles(context)
        self.quarantine = Quarantine(context)
        self.risk = RiskDesk(context, context.data.renderer)

    def _show(self, context: Context) -> None:
        """What the doors show to people and programs."""
        expected = ExpectedYield(context)
        self.catalogue = Catalogue(context, expected)
        self.simulator = Simulator(context)
        self.membership = Membership(context)
        self.deliveries_desk = DeliveriesDesk(context)
        self.research = Research(context, self.studies, self.asking, self.transfers)
        self.deidentifying = Deidentifying(context)
        self.steward = Steward(context, self.link_desk, self.studies, expected)
        self.dpo = Dpo(context, EvidenceByJobs(context))
        self.contracts = Contracts(context, self.negotiations)
        self.waiting = Waiting(context)
        self.why = WhyDesk(context, self.syncing, self.accounts.signing_in)
        self.transfer_desk = TransferDesk(context, self.transfers)

    async def start(self) -> None:
        """Take up what an earlier process left unfinished."""
        await self.releasing.resume()
        await self.negotiations.resume()
        await self.transfers.resume()

    async def close(self) -> None:
        """Let go of what services hold beside the store."""
        await self.releasing.close()
