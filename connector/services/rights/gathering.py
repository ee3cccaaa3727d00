"""Everything a wallet keeps about one person, as plain JSON values: theirs alone, and all of it (GDPR art. 15, 20).

Each list is read by the person's own account, or by ids that stand in their own records; nothing is read by a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import missing
from connector.records import (
    Account,
    Authority,
    Delivery,
    RecipientProgress,
    Study,
    StudyDecision,
    UseOfData,
    WalletConsent,
    WalletLink,
    WalletOptOut,
)
from connector.services.context import Context
from connector.services.exchange import speech
from contracts.study import StudyRequest
from policy.categories import CATEGORIES
from policy.categories import words as category_words
from policy.consent import ConsentRecord, effective_state
from policy.instants import wire
from policy.purposes import label

Value = dict[str, Any]
_PORTION = 400
_HIDDEN = frozenset({"asking"})
"""Links that were begun and never made: an id of ours for a code that was not accepted."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The records of one person, read once."""

    account: Account
    links: list[WalletLink]
    consents: list[WalletConsent]
    deliveries: dict[tuple[str, int], Delivery]
    progress: list[RecipientProgress]
    uses: list[UseOfData]
    studies: list[Study]
    decisions: list[StudyDecision]
    authorities: list[Authority]
    opt_outs: list[WalletOptOut]
    names: dict[str, str]

    @property
    def chains(self) -> dict[str, list[WalletConsent]]:
        """Versions by consent, oldest first."""
        found: dict[str, list[WalletConsent]] = {}
        for one in self.consents:
            found.setdefault(one.id, []).append(one)
        return found


def gather(tx: Transaction, account_id: str) -> Gathered:
    """All records of an account. Raises Problem 404."""
    account = tx.get(Account, account_id)
    if account is None:
        raise missing("This wallet hosts nobody with this account")
    consents = tx.find(WalletConsent, account=account_id, order="version")
    consents.sort(key=lambda one: (one.decided_at is None, one.decided_at, one.id, one.version))
    ids = list(dict.fromkeys(one.id for one in consents))
    answered = {one.study for one in consents}
    studies = [one for one in tx.find(Study, order="received_at") if one.standing == "shown" or one.id in answered]
    authorities = [*tx.find(Authority, account=account_id), *tx.find(Authority, proxy=account_id)]
    acting = {one.account for one in authorities} | {one.proxy for one in authorities}
    return Gathered(
        account=account,
        links=[
            one for one in tx.find(WalletLink, account=account_id, order="linked_at") if one.standing not in _HIDDEN
        ],
        consents=consents,
        deliveries={(one.consent, one.version): one for one in _portions(tx, Delivery, "consent", ids)},
        progress=_portions(tx, RecipientProgress, "consent", ids),
        uses=tx.find(UseOfData, account=account_id, order="at"),
        studies=studies,
        decisions=_portions(tx, StudyDecision, "study", [one.id for one in studies]),
        authorities=list({one.id: one for one in authorities}.values()),
        opt_outs=tx.find(WalletOptOut, account=account_id, order="at"),
        names={one.id: one.name for id in acting if (one := tx.get(Account, id)) is not None},
    )  # fmt: skip


def _portions(tx: Transaction, kind: type[Any], field: str, ids: list[str]) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(ids), _PORTION):
        wanted: dict[str, Any] = {field: ids[start : start + _PORTION]}
        found += tx.find(kind, **wanted)
    return found


def person_file(context: Context, kept: Gathered) -> Value:
    """The records as one JSON document, names beside ids."""
    now = context.clock()
    titles = {one.id: StudyRequest.read(one.document).title for one in kept.studies if one.document}
    return {
        "made_at": wire(now),
        "wallet": {"id": context.me.id, "name": context.me.name, "address": context.me.origin},
        "person": _person(kept.account),
        "links": [_plain(one) | _named(context, one.holder) for one in kept.links],
        "studies": [_study(context, one, kept.decisions) for one in kept.studies if one.document],
        "consents": [_consent(context, one, kept, titles, now) for one in kept.consents],
        "withdrawals": [_plain(one) | _named(context, one.holder) for one in kept.progress],
        "uses": [_use(context, one, titles) for one in kept.uses],
        "transfers": [_use(context, one, titles) for one in kept.uses if one.kind in ("release", "stream")],
        "decisions": [_use(context, one, titles) for one in kept.uses if one.reason],
        "recipients": recipients(kept.uses),
        "authorities": [
            _plain(one) | {"account_name": kept.names.get(one.account), "proxy_name": kept.names.get(one.proxy)}
            for one in kept.authorities
        ],
        "opt_outs": [_plain(one) for one in kept.opt_outs],
    }  # fmt: skip


def _person(account: Account) -> Value:
    return _plain(account)


def _plain(record: Any) -> Value:
    """A record's own fields as JSON values."""
    return {name: as_json(getattr(record, name)) for name in type(record).__dataclass_fields__}


def as_json(value: Any) -> Any:
    """A field's value as JSON: instants and days in their wire form."""
    if isinstance(value, datetime):
        return wire(value)
    return value.isoformat() if isinstance(value, date) else value


def _named(context: Context, holder: str) -> Value:
    return {"holder_name": context.members.name_of(holder)}


def _study(context: Context, study: Study, decisions: Iterable[StudyDecision]) -> Value:
    request = StudyRequest.read(study.document)
    return {
        "id": study.id, "title": request.title, "digest": study.digest, "document": study.document,
        "signed": study.jws, "received_at": as_json(study.received_at),
        "purposes": [{"iri": one, "words": label(one)} for one in request.purposes],
        "recipients": [{"id": one, "name": context.members.name_of(one)} for one in request.recipients],
        "data": [_asked(context, one) for one in request.data],
        "approvals": [
            _plain(one) | _named(context, one.holder) for one in decisions if one.study == study.id
        ],
    }  # fmt: skip


def _asked(context: Context, one: Any) -> Value:
    keys = one.categories if one.categories is not None else tuple(CATEGORIES)
    return {
        "holder": one.holder, "holder_name": context.members.name_of(one.holder), "dataset": one.dataset,
        "title": one.title, "kinds": {key: category_words(key) for key in keys},
    }  # fmt: skip


def _consent(context: Context, one: WalletConsent, kept: Gathered, titles: dict[str, str], now: datetime) -> Value:
    record = ConsentRecord.from_json(one.record)
    delivery = kept.deliveries.get((one.id, one.version))
    acknowledged = speech.unverified_claims(delivery.acknowledgement) if delivery is not None else {}
    return _plain(one) | _named(context, one.holder) | {
        "study_title": titles.get(one.study, ""), "means_now": str(effective_state(record, now)),
        "delivery": _plain(delivery) if delivery is not None else None,
        "decision_of_holder": acknowledged or None,
    }  # fmt: skip


def _use(context: Context, one: UseOfData, titles: dict[str, str]) -> Value:
    return _plain(one) | _named(context, one.holder) | {"study_title": titles.get(one.study, "")}


def recipients(uses: Iterable[UseOfData]) -> list[Value]:
    """Who received data about the person: how often, how many records, first and last."""
    found: dict[str, Value] = {}
    for use in uses:
        if use.kind not in ("release", "stream"):
            continue
        row = found.setdefault(
            use.recipient,
            {"id": use.recipient, "name": use.recipient_name, "times": 0, "records": 0, "first": as_json(use.at)},
        )
        row["times"] += 1
        row["records"] += use.resources or 0
        row["last"] = as_json(use.at)
    return list(found.values())
