"""A release that carries on from an earlier one: what of each person is new, and what had been sent and is no more.

What had been sent to somebody is not written down record by record: it follows from the decision that was kept for the
earlier release, from how far that reached (`Release.mark`), and from the versions of the source's records. Where it
cannot be told, as of a deleted record under rules about its content, nothing is said of the record: a deletion would
tell that there had been one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from connector.dataplane.naming import NAMELESS
from connector.ports import PersonCoder, Transaction
from connector.problems import conflict
from connector.records import (
    Agreement,
    DecisionMade,
    HandedOver,
    Notice,
    Quarantined,
    RecordVersion,
    Release,
    ReleaseSegment,
    SourceRecord,
)
from connector.services.chains import chain_of, domain_of
from connector.services.context import Context
from connector.services.holding.versions import LABELLED
from connector.services.releasing.asked import Asked, Holding
from connector.services.releasing.contract import Contract, contract_of
from connector.services.releasing.course import Subject
from connector.services.releasing.deciding import judge_people, portions, without_facts
from connector.services.releasing.selecting import Chosen, Limits, Record, Selecting, order_of
from connector.services.sealed import SealedInTransaction
from policy.decision import Decision, Outcome

_LEADS = re.compile(rb'"(%s)/([A-Za-z0-9.-]{1,64})"' % "|".join(sorted(NAMELESS)).encode())
_WHOLE = "ask for a whole release, without `continues`"


@dataclass(slots=True)
class Carrying:
    """What a release carries on from: `before` an earlier release under `terms` (None: from nothing).

    `since` is from which change of the source on everybody's records are taken; 0 for all.
    """

    before: Release | None = None
    terms: Contract | None = None
    renewed: bool = False
    since: int = 0
    kinds: frozenset[str] | None = None
    _without: frozenset[str] | None = None
    _moved: dict[str, list[SourceRecord]] | None = None
    _before: dict[str, Decision | None] = field(default_factory=dict)
    _nameless: dict[tuple[str, str], SourceRecord] | None = None
    _handed: frozenset[str] | None = None

    def choose(self, tx: Transaction, selecting: Selecting, person: str, subject: Subject) -> Chosen:
        """What of this person is in the release."""
        decision = subject.judged.decision
        since = self._since(tx, person, decision)
        chosen = selecting.choose(tx, person, decision, subject.coder, Limits(since, self.kinds))
        labelled = _labelled(tx, selecting.contract.source, person, since, decision)
        if not labelled:
            return chosen
        # What a label kept back before may leave now; what left before and is the same is no harm when it comes again.
        whole = selecting.choose(tx, person, decision, subject.coder, Limits(0, self.kinds))
        there = set(chosen.records)
        more = [one for one in whole.records if (one.kind, one.id) in labelled and one not in there]
        return replace(whole, records=sorted([*chosen.records, *more]))

    def gone(self, tx: Transaction, selecting: Selecting, person: str, subject: Subject) -> Chosen:
        """What of this person had been sent and is no more, as records without bodies."""
        now = subject.judged.decision
        decision = self.decided_before(tx, person) if self.before is not None else now if self.since else None
        if decision is None or not self._has(tx, selecting.contract, person):
            return Chosen("")
        mark = self.before.mark if self.before is not None else self.since
        judging = Selecting(self.terms or selecting.contract, selecting.labeller)
        source = selecting.contract.source
        rows = tx.find(SourceRecord, source=source, person=person, deleted=True, changed__gt=mark)
        lost = list(judging.judged(rows, decision))
        lost += judging.judged(self._moved_from(tx, source, mark).get(person, ()), decision)
        lost += judging.judged(self._led_to_before(tx, judging, person, decision, mark), decision)
        if self.before is not None and (self.renewed or decision.residual != now.residual):
            there = tx.find(SourceRecord, source=source, person=person, deleted=False)
            still = {(row.resource_type, row.id) for row in selecting.judged(there, now)}
            lost += [row for row in judging.judged(there, decision) if (row.resource_type, row.id) not in still]
        told = (row for row in lost if self.kinds is None or row.resource_type in self.kinds)
        return Chosen("", sorted(_nothing(row, subject.coder) for row in told if _was_there(tx, row, mark)))

    def left_behind(self, tx: Transaction, context: Context, contract: Contract) -> dict[str, Subject]:
        """People whose own record the source has deleted and whom the recipient has, in the order of their codes."""
        if self.before is None and not self.since:
            return {}
        telling = replace(contract, telling_gone=True)
        rows = tx.find(SourceRecord, source=contract.source, resource_type="Patient", deleted=True)
        people = [row.person for row in rows if row.person is not None]
        domain = context.vault.domain(domain_of(contract.agreement), SealedInTransaction(tx))
        found = dict[str, Subject]()
        for some in portions(people):
            coders = domain.known_people(some)
            for one in judge_people(tx, context, telling, some, context.clock()):
                if self._has(tx, contract, one.person) and one.decision.permits and one.person in coders:
                    found[one.person] = Subject(without_facts(one), coders[one.person])
        return dict(sorted(found.items(), key=lambda one: one[1].coder.code))

    def unchanged(self, tx: Transaction, person: str, decision: Decision) -> bool:
        """Whether of this person only what changed is taken."""
        return self._since(tx, person, decision) > 0

    def decided_before(self, tx: Transaction, person: str) -> Decision | None:
        """Under which decision the recipient has this person from before; None when it does not."""
        if person not in self._before:
            self._before[person] = self._read_before(tx, person)
        return self._before[person]

    def _since(self, tx: Transaction, person: str, decision: Decision) -> int:
        if self.before is None or self.renewed:
            return self.since
        before = self.decided_before(tx, person)
        return self.before.mark if before is not None and before.residual == decision.residual else 0

    def _read_before(self, tx: Transaction, person: str) -> Decision | None:
        if self.before is None or person in self._taken_out(tx):
            return None
        made = tx.find(DecisionMade, release=self.before.id, person=person, order="-at", limit=1)
        if not made or made[0].outcome != Outcome.PERMIT or made[0].decision is None:
            return None
        notices = tx.find(Notice, person=person, agreement=self._chain(tx))
        if any(_ended(one, self.before.started_at) for one in notices):
            return None
        return Decision.from_json(made[0].decision)

    def _chain(self, tx: Transaction) -> list[str]:
        agreement = tx.get(Agreement, self.before.agreement) if self.before is not None else None
        return [one.id for one in chain_of(tx, agreement)] if agreement is not None else []

    def _has(self, tx: Transaction, contract: Contract, person: str) -> bool:
        """Whether the recipient may have somebody: under an earlier release, that says it; else it ever received them
        under this contract, or one it took the place of.
        """
        if self.before is not None:
            return True
        if self._handed is None:
            chain = [one.id for one in chain_of(tx, contract.agreement)] or [contract.agreement.id]
            self._handed = frozenset(row.person for row in tx.find(HandedOver, agreement=chain))
        return person in self._handed

    def _taken_out(self, tx: Transaction) -> frozenset[str]:
        """Who was permitted in the earlier release and taken out of it on the way."""
        if self._without is None:
            id = self.before.id if self.before is not None else ""
            held = {one.person for one in tx.find(Quarantined, release=id)}
            gone = {person for row in tx.find(ReleaseSegment, release=id) for person, _ in Holding.of(row).without}
            self._without = frozenset(held | gone)
        return self._without

    def _led_to_before(
        self, tx: Transaction, judging: Selecting, person: str, decision: Decision, mark: int
    ) -> list[SourceRecord]:
        """Records about nobody that the source deleted since, and that records of this person lead to.

        Each is judged by the dates of the record it came with. One to which only a deleted record led is not named:
        what that one said is not kept.
        """
        source = judging.contract.source
        if self._nameless is None:
            gone = tx.find(SourceRecord, source=source, person=None, deleted=True, changed__gt=mark)
            self._nameless = {(row.resource_type, row.id): row for row in gone}
        if not self._nameless:
            return []
        found: dict[tuple[str, str], SourceRecord] = {}
        for row in judging.judged(tx.find(SourceRecord, source=source, person=person, deleted=False), decision):
            for kind, id in _LEADS.findall(row.body):
                key = (kind.decode(), id.decode())
                if key in self._nameless and key not in found and _was_there(tx, row, mark):
                    found[key] = replace(self._nameless[key], start=row.start, end=row.end)
        return list(found.values())

    def _moved_from(self, tx: Transaction, source: str, mark: int) -> dict[str, list[SourceRecord]]:
        """Records that a merge gave to somebody else since, by whose they were."""
        if self._moved is None:
            self._moved = {}
            for version in tx.find(RecordVersion, source=source, what="merged", changed__gt=mark):
                key = (source, version.resource_type, version.id)
                earlier, row = tx.get(RecordVersion, *key, version.number - 1), tx.get(SourceRecord, *key)
                if earlier is not None and row is not None and earlier.person not in (None, row.person):
                    self._moved.setdefault(str(earlier.person), []).append(row)
        return self._moved


def carrying_of(tx: Transaction, contract: Contract, release: Release) -> Carrying:
    """What a release carries on from, as its record says. Raises Problem 409 when that is not known here."""
    asked = Asked.of(release)
    kinds = frozenset(asked.kinds) if asked.kinds is not None else None
    if not release.continues:
        return Carrying(since=release.begin, kinds=kinds)
    before = continued(tx, contract.agreement, release.continues)
    terms = tx.get(Agreement, before.agreement)
    renewed = before.agreement != release.agreement or before.profile != release.profile
    return Carrying(before, contract_of(tx, terms, "records") if terms else None, renewed, kinds=kinds)


def continued(tx: Transaction, agreement: Agreement, digest: str) -> Release:
    """The release whose manifest has this digest, complete and of everything. Raises Problem 409."""
    chain = [one.id for one in chain_of(tx, agreement)] or [agreement.id]
    for release in tx.find(Release, agreement=chain, standing="complete", order="-finished_at"):
        if sha256(release.manifest.encode()).hexdigest() == digest and _of_everything(release):
            return release
    raise conflict("No complete release under this contract has this manifest", "unknown-manifest", _WHOLE)


def mark_at(tx: Transaction, source: str, moment: datetime) -> int:
    """Which change of a source was its last one at a moment."""
    found = tx.find(RecordVersion, source=source, at__le=moment, order="-changed", limit=1)
    return found[0].changed if found else 0


def _of_everything(release: Release) -> bool:
    """Whether nothing narrowed it but consent and contract."""
    said = release.asked or {}
    return release.kind == "records" and not said.get("since") and said.get("kinds") is None


def _ended(notice: Notice, since: datetime | None) -> bool:
    """Whether a notice made the recipient erase what it had: then the person has another code now."""
    late = since is None or notice.effective_at is None or notice.effective_at >= since
    return late and (notice.kind == "erase" or notice.forgotten_at is not None)


def _labelled(tx: Transaction, source: str, person: str, since: int, decision: Decision) -> set[tuple[str, str]]:
    """Records of a person that have other labels since, where the decision looks at labels."""
    if not since or not decision.residual.asks_detail:
        return set()
    rows = tx.find(RecordVersion, source=source, person=person, what=LABELLED, changed__gt=since)
    return {(row.resource_type, row.id) for row in rows}


def _was_there(tx: Transaction, row: SourceRecord, mark: int) -> bool:
    first = tx.get(RecordVersion, row.source, row.resource_type, row.id, 1)
    return first is None or first.changed <= mark


def _nothing(row: SourceRecord, coder: PersonCoder) -> Record:
    return Record(order_of(row.resource_type, row.id, coder), row.resource_type, row.id, b"")


def bodies_gone(code: str, records: list[Record]) -> Iterator[dict[str, object]]:
    """Transaction Bundles that delete these records, of one person, as the recipient knows them."""
    tag = {"code": code, "system": TAG}
    for start in range(0, len(records), _ENTRIES):
        entries = [
            {"request": {"method": "DELETE", "url": f"{one.kind}/{code if one.kind == 'Patient' else one.order[2]}"}}
            for one in records[start : start + _ENTRIES]
        ]
        yield {"resourceType": "Bundle", "entry": entries, "meta": {"tag": [tag]}, "type": "transaction"}


TAG = "urn:concord:term:person"
"""System of the tag by which such a Bundle says whose records it is about."""
_ENTRIES = 1000
