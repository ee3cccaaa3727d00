"""A person's export: all their wallet keeps about them in one archive, made on the spot (GDPR art. 15 and 20)."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import Problem
from connector.records import WalletConsent
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.rights.bundle import bundle
from connector.services.rights.gathering import Gathered, gather, person_file
from connector.services.rights.packing import as_file, packed
from connector.services.rights.person_paper import person_sheet
from connector.services.rights.receipting import Receipt27560
from connector.services.rights.surrounding import study_of, surroundings
from connector.services.rights.typeset import as_html
from connector.services.wallet.receipts import Paper, set_receipt, wallet_receipt
from policy.consent import ConsentRecord
from policy.records27560 import record_27560

ARCHIVE = "application/zip"
_FORMS = ("json", "jws", "pdf")


class Exports:
    """Packs a person's file. Each export stands in the log, by account, never by name."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def of(self, actor: Actor, account: str | None = None) -> Paper:
        """The archive of the person who is signed in; staff name an `account`. Raises Problem 403, 404."""
        require(actor, "operator" if account else "patient")
        whom, context = account or actor.account, self._context
        kept, file, records, receipts = await context.store.read(lambda tx: _read(tx, context, whom))
        body = await asyncio.to_thread(_pack, context, kept, file, records, receipts)
        await context.store.write(
            lambda tx: context.log(tx, "person.exported", whom, {"by": actor.entry, "bytes": len(body)})
        )
        return Paper("everything-about-me.zip", ARCHIVE, body)

    async def json(self, actor: Actor) -> dict[str, Any]:
        """The same facts as one JSON document, for the person who is signed in."""
        require(actor, "patient")
        context = self._context
        return await context.store.read(lambda tx: person_file(context, gather(tx, actor.account)))


def _read(
    tx: Transaction, context: Context, account: str
) -> tuple[Gathered, dict[str, Any], list[dict[str, Any]], list[Receipt27560]]:
    """Everything in one read, so that no part of the archive is newer than another."""
    kept = gather(tx, account)
    records = [one for chain in kept.chains.values() for one in _records(tx, context, chain)]
    receipts = [made for id in kept.chains if (made := _receipt(tx, context, id, account)) is not None]
    return kept, person_file(context, kept), records, receipts


def _records(tx: Transaction, context: Context, chain: list[WalletConsent]) -> list[dict[str, Any]]:
    """Each version as a 27560 record; none for a study that is not known here any more (its consents stay as JSON)."""
    versions = [ConsentRecord.from_json(one.record) for one in chain]
    try:
        study = study_of(tx, versions[0].study)
    except Problem:
        return []
    now: datetime = context.clock()
    return [
        record_27560(record, surroundings(context, record, study, versions[:place]), now)
        for place, record in enumerate(versions)
    ]


def _receipt(tx: Transaction, context: Context, id: str, account: str) -> Receipt27560 | None:
    try:
        return wallet_receipt(tx, context, id, account)
    except Problem:
        return None


def _pack(
    context: Context, kept: Gathered, file: dict[str, Any], records: list[dict[str, Any]],
    receipts: list[Receipt27560],
) -> bytes:  # fmt: skip
    now = context.clock()
    files = {
        "read-me-first.html": as_html(person_sheet(file)).encode(),
        "everything.json": as_file(file),
        "fhir-bundle.json": as_file(bundle(kept.consents, kept.uses, now)),
        "consent-records-27560.json": as_file(records),
    }
    for made in receipts:
        stem = f"receipts/{made.record.id.rpartition(':')[2]}-{made.record.version}"
        files |= {f"{stem}.{form}": set_receipt(context, made, form) for form in _FORMS}
    return packed(context, "everything-about-me", files, now)
