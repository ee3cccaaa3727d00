"""The end of a release in segments, from what is kept of it: it need not be the process that began it.

It is complete when each segment that is not gone was sent whole. Over before that, its people are told what had left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from connector.ports import Transaction
from connector.records import DecisionMade, HandedOver, Link, Release, ReleaseSegment
from connector.services.context import Context
from connector.services.releasing import uses
from connector.services.releasing.asked import Holding, in_order
from connector.services.releasing.closing import Whole, cut_short, refused_lines, words_of
from connector.services.releasing.contract import Contract
from connector.services.releasing.deltas import Carrying
from connector.services.releasing.manifest import PEOPLE_REASONS, PEOPLE_REASONS_OF_A_DELTA, ReleasedPart
from connector.services.releasing.permitting import Refused
from connector.services.releasing.sending import left_in
from policy.decision import Decision, Outcome

_PAGE = 100
_UNCHANGED = "unchanged"


def missing_of(tx: Transaction, release: str) -> int:
    """How many segments of a release were not sent whole yet."""
    return tx.count(ReleaseSegment, release=release, standing="open")


def whole_of(tx: Transaction, release: Release, carrying: Carrying) -> Whole:
    """Everything that its manifest states of a release whose segments were all sent."""
    rows = in_order(tx.find(ReleaseSegment, release=release.id))
    holdings = [Holding.of(row) for row in rows]
    files = tuple(
        ReleasedPart(
            segment=row.number, people=row.persons, resources=row.resources, bytes=row.bytes, sha256=row.digest,
            deletions=row.deletions,
        )
        for row in rows
    )  # fmt: skip
    received = {
        stretch.person
        for row, one in zip(rows, holdings, strict=True)
        if not row.deletions
        for stretch, count in zip(one.stretches, one.lines, strict=True)
        if count
    }
    out = dict(one for row in tx.find(ReleaseSegment, release=release.id) for one in Holding.of(row).without)
    refused = _withheld(tx, release, received, out, carrying)
    withheld = Counter(one.reason for one in refused)
    resources: Counter[str] = Counter()
    for row in rows:
        resources.update(row.withheld_resources or {})
    release = replace(
        release, people=len(received), resources=sum(row.resources for row in rows),
        bytes=sum(row.bytes for row in rows), dropped_elements=sum(row.dropped_elements for row in rows),
        withheld=dict(withheld), withheld_resources=dict(resources),
    )  # fmt: skip
    delta = carrying.before is not None
    told = tuple(refused_lines(one for one in refused if one.reason not in (_UNCHANGED, "nothing-released")))
    return Whole(
        release, files, told, sum(sum(one.lines) for row, one in zip(rows, holdings, strict=True) if row.deletions),
        PEOPLE_REASONS_OF_A_DELTA if delta else PEOPLE_REASONS,
    )  # fmt: skip


def _withheld(
    tx: Transaction, release: Release, received: set[str], out: dict[str, str], carrying: Carrying
) -> list[Refused]:
    """Everybody of whom nothing left, and why: with those released they are all people of the dataset."""
    found = []
    for person, made in _decisions(tx, release.id):
        if person in received:
            continue
        decision = Decision.from_json(made.decision or {})
        if person in out:
            reason, words = out[person], words_of(out[person])
        elif made.outcome != Outcome.PERMIT:
            reason, words = made.first_reason, decision.because[0].text if decision.because else words_of("")
        else:
            reason = _UNCHANGED if carrying.unchanged(tx, person, decision) else "nothing-released"
            words = ""
        found.append((person, reason, words))
    links = _links(tx, [person for person, _, words in found if words])
    return [
        Refused(*((links[person].id, links[person].wallet) if person in links else ("", "")), reason, words)
        for person, reason, words in found
    ]


def _decisions(tx: Transaction, release: str) -> Iterator[tuple[str, DecisionMade]]:
    """The decision about everybody that was made last for a release."""
    last: dict[str, tuple[object, str]] = {}
    after = ""
    while page := tx.find(DecisionMade, release=release, id__gt=after, order="id", limit=_PAGE):
        for made in page:
            if made.person not in last or (made.at, made.id) > last[made.person]:
                last[made.person] = (made.at, made.id)
        after = page[-1].id
    for person, (_, id) in sorted(last.items()):
        found = tx.get(DecisionMade, id)
        if found is not None:
            yield person, found


def _links(tx: Transaction, people: list[str]) -> dict[str, Link]:
    found: dict[str, Link] = {}
    for start in range(0, len(people), _PAGE):
        some = tx.find(Link, person=people[start : start + _PAGE], standing=["active", "disputed"])
        found |= {link.person: link for link in sorted(some, key=lambda link: link.standing == "active")}
    return found


def _untold(tx: Transaction, release: str) -> Counter[str]:
    """Records that left, of those whose wallets were not told of so many; by person.

    Of a segment that is gone no more left than its successor holds.
    """
    told, standing, gone = Counter[str](), Counter[str](), Counter[str]()
    for row in tx.find(ReleaseSegment, release=release, deletions=False):
        left = Counter(left_in(row))
        if row.standing == "gone":
            gone |= left
            continue
        standing += left
        told += left if row.standing == "sent" else Counter()
    noted = Counter({one.person: one.resources for one in tx.find(HandedOver, release=release)})
    return (standing | gone | noted) - told


def end_early(tx: Transaction, context: Context, contract: Contract | None, release: Release, standing: str) -> None:
    """A release in segments that goes no further: its people are told what had left and they were not told yet."""
    lines = []
    for person, count in sorted(_untold(tx, release.id).items()):
        links = _links(tx, [person])
        lines += [uses.Line(link.id, link.wallet, count) for link in links.values()]
    over = replace(release, standing=standing, finished_at=context.clock())
    cut_short(tx, context, contract, over, lines)
