"""How many people a recipient can expect in a release: those whose consent, as it stands now, names that recipient.

Counted over all people in one read, and remembered until a consent or a study changes, or one of the counted begins or
ends by time. It promises nothing: each release asks `policy.decide` about each person again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.records import Consent, Link, Study
from connector.services.context import Context
from policy.instants import instant

_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class _Counted:
    """People by dataset; holds while the bells have rung `seen` times and until `changes_at`."""

    people: Mapping[str, int]
    seen: tuple[int, int]
    changes_at: datetime | None


class ExpectedYield:
    """Exact numbers: whoever shows them to anybody shows them through `catalog.smallnumbers`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str | None, _Counted] = {}

    async def people(self, recipient: str | None) -> Mapping[str, int]:
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


def _count(tx: Transaction, recipient: str | None, now: datetime) -> tuple[dict[str, int], datetime | None]:
    studies = _approved(tx, recipient)
    links = {link.id for link in tx.find(Link, standing="active")}
    people: defaultdict[str, set[str]] = defaultdict(set)
    changes: list[datetime] = []
    for consent in tx.find(Consent, current=True, state="given", study=list(studies)):
        record = consent.record or {}
        if consent.link not in links or not _names(record, studies[consent.study], recipient):
            continue
        begins, ends = instant(record["decided_at"]), instant(record["valid_until"])
        changes += [moment for moment in (begins, ends) if moment > now]
        if begins <= now < ends:
            for scope in record["data"]:
                people[scope["dataset"]].add(consent.person)
    return {dataset: len(found) for dataset, found in people.items()}, min(changes, default=None)


def _approved(tx: Transaction, recipient: str | None) -> dict[str, Study]:
    approved = tx.find(Study, standing="approved")
    return {one.id: one for one in approved if recipient is None or recipient in (one.document or {})["recipients"]}


def _names(record: Mapping[str, Any], study: Study, recipient: str | None) -> bool:
    """Whether the consent is to the study as approved, and to the recipient (None: to any of the study's)."""
    wanted = {recipient} if recipient else set((study.document or {})["recipients"])
    return record.get("study_digest") == study.digest and not wanted.isdisjoint(record.get("recipients", ()))
