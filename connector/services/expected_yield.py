"""How many people a recipient can expect in a release, now and later: those whose consent names that recipient.

Counted over all people in one read, and remembered until a consent or a study changes, or one of the counted begins or
ends by time. It promises nothing: each release asks `policy.decide` about each person again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from catalog.expected import HORIZONS, Expected
from connector.ports import Transaction
from connector.records import Consent, Link, Study
from connector.services.context import Context
from policy.consent import ALLOWING
from policy.instants import instant, shifted

_REMEMBERED = 200
_FRESH = timedelta(hours=6)
"""How long a count stands that nothing changed but time: what is told of later moves on with it."""

NOBODY = Expected(0, (0,) * len(HORIZONS))


@dataclass(frozen=True, slots=True)
class _Counted:
    """People by dataset; holds while the bells have rung `seen` times and until `changes_at`."""

    people: Mapping[str, Expected]
    seen: tuple[int, int]
    changes_at: datetime | None


class ExpectedYield:
    """Exact numbers: whoever shows them to anybody shows them through `catalog.smallnumbers`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str | None, _Counted] = {}

    async def people(self, recipient: str | None) -> Mapping[str, Expected]:
        """People by dataset id who agreed to this recipient; with None, to any recipient of an approved study."""
        bells, now = self._context.bells, self._context.clock()
        seen = (bells.count("consents"), bells.count("studies"))
        known = self._known.get(recipient)
        if known and known.seen == seen and (known.changes_at is None or now < known.changes_at):
            return known.people
        people, changes_at = await self._context.store.read(lambda tx: _count(tx, recipient, now))
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[recipient] = _Counted(people, seen, changes_at)
        return people


def _count(tx: Transaction, recipient: str | None, now: datetime) -> tuple[dict[str, Expected], datetime | None]:
    studies = _approved(tx, recipient)
    links = {link.id for link in tx.find(Link, standing="active")}
    people: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    changes: list[datetime] = []
    for consent in tx.find(Consent, current=True, state=[*ALLOWING], study=list(studies)):
        record = consent.record or {}
        if consent.link not in links or not _names(record, studies[consent.study], recipient):
            continue
        begins, ends = instant(record["decided_at"]), _ends(record)
        changes += [moment for moment in (begins, ends) if moment > now]
        if begins <= now < ends:
            for scope in record["data"]:
                known = people[scope["dataset"]]
                known[consent.person] = max(ends, known.get(consent.person, ends))
    counted = {dataset: _expected(list(found.values()), now) for dataset, found in people.items()}
    return counted, min([*changes, now + _FRESH])


def _ends(record: Mapping[str, Any]) -> datetime:
    """When the consent ends by itself: its own time, or that of whoever gave it for the person."""
    until = record["signer"].get("until")
    return min(instant(record["valid_until"]), instant(until)) if until else instant(record["valid_until"])


def _expected(ends: list[datetime], now: datetime) -> Expected:
    horizons = [shifted(now, timedelta(days=days)) for days in HORIZONS]
    return Expected(len(ends), tuple(sum(end > horizon for end in ends) for horizon in horizons))


def _approved(tx: Transaction, recipient: str | None) -> dict[str, Study]:
    approved = tx.find(Study, standing="approved")
    return {one.id: one for one in approved if recipient is None or recipient in (one.document or {})["recipients"]}


def _names(record: Mapping[str, Any], study: Study, recipient: str | None) -> bool:
    """Whether the consent is to the study as approved, and to the recipient (None: to any of the study's)."""
    wanted = {recipient} if recipient else set((study.document or {})["recipients"])
    return record.get("study_digest") == study.digest and not wanted.isdisjoint(record.get("recipients", ()))
