"""Who may be handed something now: looked at when a release begins, and again in the transaction of every chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from connector.ports import Transaction
from connector.problems import Problem, missing
from connector.records import Agreement, Release, Source, Transfer
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.duties import occasions
from connector.services.processes.transfers import PUSHES, Transfers
from connector.services.releasing.contract import Contract, read_contract, unchanged
from connector.vault.errors import VaultLockedError
from policy.odrl.duties import words


@dataclass(frozen=True, slots=True)
class Opening:
    """A pull that was let in, or (without a token) a push of ours; the release begins when it is served."""

    transfer: str
    token: str | None
    kind: str


class Door:
    """The provider's transfers as something that is open or not."""

    def __init__(self, context: Context, transfers: Transfers) -> None:
        self._context = context
        self._transfers = transfers

    async def open(self, pid: str, token: str | None, kind: str) -> Opening:
        """Whether this token, or for none a push of ours, opens this transfer now. Raises Problem 401, 404, 410."""
        transfer, _ = await self._context.store.look(lambda tx: self._named(tx, Opening(pid, token, kind)))
        if transfer.kind != kind:
            raise missing(f"This transfer is of another kind: {transfer.kind}")
        return Opening(pid, token, kind)

    def begin(self, tx: Transaction, opening: Opening, **fields: Any) -> tuple[Contract, Release]:
        """A release begins, and is logged: its contract and its record. Raises Problem 401, 410."""
        now = self._context.clock()
        transfer, agreement = self.admitted(tx, opening)
        contract = read_contract(tx, transfer, agreement)
        source = tx.get(Source, contract.source)
        release = Release(
            id=new_id(), transfer=opening.transfer, agreement=agreement.id, kind=opening.kind, as_of=now.date(),
            dataset=contract.dataset, study=contract.study, started_at=now, mark=source.sequence if source else 0,
            profile=contract.profile.digest if contract.profile else "", **fields,
        )  # fmt: skip
        tx.add(release)
        self._context.log(tx, "release.begun", release.id, {"transfer": opening.transfer, "agreement": agreement.id})
        occasions.begun(tx, self._context, transfer, now)
        return contract, release

    def admitted(self, tx: Transaction, opening: Opening) -> tuple[Transfer, Agreement]:
        """The transfer and agreement something may be handed over under now. Raises Problem 401, 410."""
        transfer, agreement = self._named(tx, opening)
        self._lasting(agreement)
        return transfer, agreement

    def under(self, tx: Transaction, pid: str) -> tuple[Transfer, Agreement]:
        """The same where nothing is handed over yet, so that nobody has to show a token. Raises Problem 401, 410."""
        transfer = tx.get(Transfer, pid)
        if transfer is None or transfer.role != "provider":
            raise Problem(410, "not-open", "This transfer is not open")
        agreement = self._transfers.open_agreement(tx, transfer)
        self._lasting(agreement)
        return transfer, agreement

    def _lasting(self, agreement: Agreement) -> None:
        if (duty := occasions.over_for(agreement, self._context.clock())) is not None:
            raise Problem(410, "not-open", "What is sent under this contract had to be deleted already", words(duty))

    def _named(self, tx: Transaction, opening: Opening) -> tuple[Transfer, Agreement]:
        if opening.token is not None:
            return self._transfers.open_to(tx, opening.transfer, opening.token)
        transfer = tx.get(Transfer, opening.transfer)
        if transfer is None or transfer.role != "provider" or transfer.format not in PUSHES:
            raise Problem(410, "not-open", "This transfer is not open")
        return transfer, self._transfers.open_agreement(tx, transfer)

    def still_open(self, opening: Opening, contract: Contract) -> Callable[[Transaction], bool]:
        """For every chunk: the token was looked at when the release began, and may have been made anew since."""

        def still_open(tx: Transaction) -> bool:
            transfer = tx.get(Transfer, opening.transfer)
            try:
                return (
                    transfer is not None
                    and bool(self._transfers.open_agreement(tx, transfer))
                    and unchanged(tx, contract)
                )
            except Problem:
                return False

        return still_open


@contextmanager
def keys_needed() -> Iterator[None]:
    """What happens here needs the vault. Raises Problem 503 while that is locked: nothing is half released by it."""
    try:
        yield
    except VaultLockedError:
        detail = "Nothing more is released until its key service confirms them; try again then"
        raise Problem(503, "vault-locked", "The keys of this participant cannot be used now", detail) from None
