"""All services of one participant, built once on its context."""

from __future__ import annotations

from connector.services.accounts import Accounts
from connector.services.catalogue import Catalogue
from connector.services.context import Context
from connector.services.dpo import Dpo
from connector.services.evidence import Evidence
from connector.services.exchange.consents import ConsentDesk
from connector.services.exchange.erasure import ErasureDesk
from connector.services.exchange.linking import LinkDesk
from connector.services.exchange.studies import Studies
from connector.services.exchange.withdrawal import Stopping
from connector.services.expected_yield import ExpectedYield
from connector.services.holding.importing import Importing
from connector.services.holding.ingest import Ingest
from connector.services.membership import Membership
from connector.services.processes.negotiations import Negotiations
from connector.services.processes.transfers import Transfers
from connector.services.processes.willingness import Willingness
from connector.services.releasing.service import Releasing
from connector.services.research import Research
from connector.services.rooms.service import Contracts
from connector.services.steward import Steward
from connector.services.waiting import Waiting
from connector.services.wallet.service import Wallet


class Services:
    """What the doors call. `start` takes up unfinished work, `close` lets go."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.negotiations = Negotiations(context, Willingness(context))
        self.transfers = Transfers(context)
        self.studies = Studies(context)
        self.link_desk = LinkDesk(context)
        self.stopping = Stopping(context)
        self.consent_desk = ConsentDesk(context, self.stopping)
        self.erasure_desk = ErasureDesk(context)
        self.wallet = Wallet(context)
        expected = ExpectedYield(context)
        self.catalogue = Catalogue(context, expected)
        self.accounts = Accounts(context)
        self.membership = Membership(context)
        self.research = Research(context, self.studies, self.negotiations, self.transfers)
        self.steward = Steward(context, self.link_desk, self.studies, expected)
        self.dpo = Dpo(context, Evidence(context))
        self.contracts = Contracts(context, self.negotiations)
        self.waiting = Waiting(context)
        self.importing = Importing(context, context.data.pieces)
        self.ingest = Ingest(context, context.data.batch)
        self.releasing = Releasing(context, self.transfers, context.data.renderer, context.data.archive)

    async def start(self) -> None:
        """Take up what an earlier process left unfinished."""
        await self.releasing.resume()
        await self.negotiations.resume()
        await self.transfers.resume()

    async def close(self) -> None:
        """Let go of what services hold beside the store."""
        await self.releasing.close()
