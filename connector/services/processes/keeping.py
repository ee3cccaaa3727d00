"""What a negotiation leaves behind: the history of its offers, and the agreement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

import orjson

from connector.ports import Transaction
from connector.records import Agreement, Dataset, Negotiation, Study
from contracts.deadlines import Deadlines, deadlines_of
from contracts.names import Role
from contracts.terms import Selection, requested_purposes, terms_digest, terms_of
from policy.canonical import Json
from policy.odrl import PolicyError, compiled, terms


def offers_with(
    process: Negotiation, by: Role, policy: dict[str, Any], selection: Selection | None, at: datetime
) -> dict[str, Any]:
    """The changes by which an offer becomes the one that stands."""
    wire = selection.wire() if selection else None
    made = {"by": str(by), "at": at.isoformat(), "policy": policy, "selection": wire}
    before = (process.offers or {}).get("offers", [])
    return {"offer": policy, "offered_by": str(by), "selection": wire, "offers": {"offers": [*before, made]}}


def kept_agreement(
    tx: Transaction, process: Negotiation, policy: dict[str, Any], now: datetime, usual: Deadlines
) -> Agreement:
    """An agreement as it is kept from AGREED on; it opens nothing before FINALIZED. `usual`: where it says nothing."""
    dataset = tx.get(Dataset, process.dataset)
    study = tx.get(Study, process.study) if process.study else None
    profile = dataset.profile if dataset else ""
    return Agreement(
        id=str(policy["@id"]), role=process.role, counterparty=process.counterparty, negotiation=process.pid,
        dataset=process.dataset, policy=policy, digest=terms_digest(policy), study=process.study,
        study_digest=study.digest if study else None, purposes={"purposes": list(requested_purposes(policy))},
        selection=process.selection, profile=profile, profile_digest=profile.partition(":")[2], standing="pending",
        made_at=now, until=ends(policy), deadlines=deadlines_of(policy, usual).wire(),
    )  # fmt: skip


def standing_of_new(tx: Transaction, agreement: Agreement) -> dict[str, Any]:
    """How a contract stands once it counts: it rests where every contract with its recipient does."""
    resting = (
        tx.find(Agreement, role=agreement.role, counterparty=agreement.counterparty, standing="suspended", limit=1)
        if agreement.role == Role.PROVIDER
        else []
    )
    if not resting:
        return {"standing": "active"}
    return {
        "standing": "suspended", "suspended_at": resting[0].suspended_at, "suspended_why": resting[0].suspended_why,
    }  # fmt: skip


def ends(policy: Mapping[str, Any]) -> datetime | None:
    """The instant at which a policy's own time limit ends, None without one that can be read."""
    said = {**terms_of(dict(policy)), "@id": "urn:x-concord:terms", "@type": "Offer"}
    return _ends(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))


@lru_cache(maxsize=1024)
def _ends(said: bytes) -> datetime | None:
    """The same terms stand in many agreements."""
    try:
        return terms(compiled(cast("Mapping[str, Json]", orjson.loads(said))).policy).until
    except PolicyError:
        return None
