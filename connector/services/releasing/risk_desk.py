"""Risk reports as staff ask for them: those made before releases, and trials of what a release would bring.

A trial releases nothing and makes no code for anybody: it works with codes and date shifts drawn for it alone. What it
finds can differ a little from the release itself where a shifted date falls into another year.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from connector.deidentify.profile import ProfileError
from connector.ports import PersonCoder, Renderer, Transaction
from connector.problems import invalid, missing
from connector.records import Agreement, Dataset, Person, RiskReport
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.releasing.contract import Contract, contract_of
from connector.services.releasing.deciding import judge_people, portions
from connector.services.releasing.risk import columns_of, keep, measured, report_of
from connector.services.releasing.risk_reading import Asked
from connector.services.releasing.risk_views import RiskView, view_of
from connector.services.rooms.names import dataset_title
from connector.services.steward.profiles import is_own, profile_chosen
from policy.decision import Decision, Outcome

_ROLES = ("steward", "dpo", "operator")
_MOST = 200


class RiskDesk:
    """Reads reports and makes trials."""

    def __init__(self, context: Context, renderer: Renderer) -> None:
        self._context = context
        self._renderer = renderer

    async def reports(self, actor: Actor, agreement: str | None = None, dataset: str | None = None) -> list[RiskView]:
        """The newest reports, of one contract or dataset if named. Raises Problem 403."""
        require(actor, *_ROLES)
        named = {"agreement": agreement, "dataset": dataset}
        wanted = {name: value for name, value in named.items() if value}

        def query(tx: Transaction) -> Iterable[RiskView]:
            found = tx.find(RiskReport, order="-made_at", limit=_MOST, **wanted)
            return [view_of(one, dataset_title(tx, one.dataset)) for one in found]

        return [*await self._context.store.read(query)]

    async def show(self, actor: Actor, report: str) -> RiskView:
        """One report. Raises Problem 403, 404."""
        require(actor, *_ROLES)
        found = await self._context.store.read(
            lambda tx: (one, dataset_title(tx, one.dataset)) if (one := tx.get(RiskReport, report)) else None
        )
        if found is None:
            raise missing("There is no such risk report here")
        return view_of(*found)

    async def of_agreement(self, actor: Actor, agreement: str) -> RiskView:
        """What a release under a contract of ours would bring now. Raises Problem 400, 403, 404."""
        require(actor, *_ROLES)
        now = self._context.clock()
        contract = await self._context.store.read(lambda tx: _contract(tx, agreement))
        people: dict[str, Decision] = {}
        for some in portions(await self._everybody(contract)):
            people |= await self._context.store.read(lambda tx, few=some: self._permitted(tx, contract, few, now))  # type: ignore[misc]
        return await self._trial(actor, contract, people)

    async def of_dataset(self, actor: Actor, dataset: str, profile: str = "") -> RiskView:
        """What a release of all of a dataset would bring, of everybody in it, asked or not.

        `profile` is another than its own. It is held against what the offer asks. Raises Problem 400, 403, 404.
        """
        require(actor, *_ROLES)
        contract = await self._context.store.read(lambda tx: _supposed(tx, dataset, profile))
        decision = Decision(Outcome.PERMIT, (), contract.belongs)
        people = dict.fromkeys(await self._everybody(contract), decision)
        return await self._trial(actor, contract, people)

    async def _trial(self, actor: Actor, contract: Contract, people: Mapping[str, Decision]) -> RiskView:
        context, names = self._context, columns_of(contract)
        domain = context.vault.domain(f"trial {new_id()}", _Forgotten())
        coders: Mapping[str, PersonCoder] = await asyncio.to_thread(domain.people, people)
        asked = {person: Asked(decision, coders[person]) for person, decision in people.items()}
        found = await measured(context, self._renderer, contract, asked, context.clock().date(), names)
        report = report_of(contract, found, names)

        def command(tx: Transaction) -> RiskView:
            made = keep(tx, context, report, "risk.assessed", actor.entry)
            return view_of(made, dataset_title(tx, made.dataset))

        return await context.store.write(command)

    async def _everybody(self, contract: Contract) -> list[str]:
        return await self._context.store.read(
            lambda tx: [one.id for one in tx.find(Person, source=contract.source, order="id")]
        )

    def _permitted(
        self, tx: Transaction, contract: Contract, people: Iterable[str], now: datetime
    ) -> dict[str, Decision]:
        judged = judge_people(tx, self._context, contract, list(people), now)
        return {one.person: one.decision for one in judged if one.decision.permits}


class _Forgotten:
    """A place for the sealed secrets of a trial that nobody keeps (`connector.vault.stores.SealedStore`)."""

    def __init__(self) -> None:
        self._sealed: dict[str, bytes] = {}

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """See the port."""
        return {name: self._sealed[name] for name in names if name in self._sealed}

    def put(self, sealed: Mapping[str, bytes]) -> dict[str, bytes]:
        """See the port."""
        self._sealed.update(sealed)
        return dict(sealed)

    def delete(self, names: Iterable[str]) -> int:
        """See the port."""
        return sum(self._sealed.pop(name, None) is not None for name in names)


def _contract(tx: Transaction, agreement: str) -> Contract:
    found = tx.get(Agreement, agreement)
    if found is None or found.role != "provider":
        raise missing("There is no contract of this id under which we provide")
    return _measurable(contract_of(tx, found, _kind(tx, found.dataset)))


def _supposed(tx: Transaction, dataset: str, profile: str) -> Contract:
    """A contract with nobody about a dataset, as published and for all of it."""
    found = tx.get(Dataset, dataset)
    if found is None or found.standing != "published":
        raise missing("There is no such dataset in the catalogue")
    supposed = Agreement(
        id="", role="provider", counterparty="", negotiation="", dataset=dataset, policy=dict(found.offer or {}),
        profile=found.profile,
    )  # fmt: skip
    contract = contract_of(tx, supposed, found.kind)
    whole = replace(contract, selected=contract.belongs)
    return _measurable(_under(tx, whole, profile) if profile else whole)


def _kind(tx: Transaction, dataset: str) -> str:
    found = tx.get(Dataset, dataset)
    return found.kind if found else "records"


def _measurable(contract: Contract) -> Contract:
    if contract.profile is None:
        raise invalid("The profile of this contract is not here, so nothing can be prepared", "profile")
    if contract.profile.format == "open-mhealth":
        raise invalid("A stream says nothing about a person that could be measured", "dataset", "a dataset of records")
    return contract


def _under(tx: Transaction, contract: Contract, name: str) -> Contract:
    """The same under another profile."""
    try:
        chosen = profile_chosen(tx, name)
        chosen.fits(contract.release)
    except ProfileError as fault:
        raise invalid(str(fault), "profile") from None
    return replace(contract, profile=chosen, text=chosen.text if is_own(chosen) else "")
