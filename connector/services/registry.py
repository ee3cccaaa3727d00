"""All services of one participant, built once on its context."""

from __future__ import annotations

from connector.services.context import Context
from connector.services.exchange.consents import ConsentDesk
from connector.services.exchange.erasure import ErasureDesk
from connector.services.exchange.linking import LinkDesk
from connector.services.exchange.studies import Studies
from connector.services.exchange.withdrawal import Stopping
from connector.services.processes.negotiations import Negotiations
from connector.services.processes.transfers import Transfers
from connector.services.processes.willingness import Willingness
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

    async def start(self) -> None:
        """Take up what an earlier process left unfinished."""
        await self.negotiations.resume()
        await self.transfers.resume()

    async def close(self) -> None:
        """Let go of what services hold beside the store."""
