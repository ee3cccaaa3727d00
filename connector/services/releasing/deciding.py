"""Deciding about one person under one contract: collects the facts, asks `policy.decide`, keeps what was decided.

What a decision rested on is its *basis* (`connector.services.releasing.standing`): the person's link, how their wallet
stands with us, their consents here and at the source, their opt-outs, what is disputed about them. As long as the basis
is the same and `valid_until` has not come, the decision stands; a hand-over checks that in its own transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connector.ports import Transaction
from connector.records import Consent, DecisionMade, Link, Notice
from connector.services.chains import chain_of
from connector.services.context import Context
from connector.services.deadlines import freshness_of
from connector.services.delivery import new_id
from connector.services.releasing.contract import Contract
from connector.services.releasing.standing import Basis, Standing, both_names, standing_of
from policy.columns import Person as Known
from policy.consent import ALLOWING, ConsentError, ConsentRecord
from policy.decide import decide
from policy.decision import Decision, Regime
from policy.facts import Facts, Question
from policy.reasons import Reason
from policy.replay import inputs_to_json

UNDER_WAY = Reason("withdrawal-under-way", "A withdrawal is still being told to this recipient.", "rule")
STOPPED = Reason("stopped-under-contract", "The person stopped under this contract; a new one starts anew.", "rule")
BEFORE = Reason(
    "refused-before", "The person said no to this study under a link that has ended, and was not asked since.", "rule"
)
NO_PROFILE = "none"  # no contract names it: without the agreed profile everybody is denied
_PORTION = 400


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided about one person, and on what basis."""

    person: str
    link: str
    wallet: str
    basis: Basis
    decision: Decision
    question: Question
    facts: Facts

    @property
    def reason(self) -> str:
        """The code of the first cause."""
        return self.decision.because[0].code if self.decision.because else "decision-failed"

    @property
    def words(self) -> str:
        """The sentence of the first cause, for the person."""
        return self.decision.because[0].text if self.decision.because else "The decision could not be made."


def without_facts(judged: Judged) -> Judged:
    """The same, for keeping in memory: what it rested on is stored with the decision."""
    return replace(judged, facts=Facts())


def portions(people: Sequence[str], size: int = _PORTION) -> Iterable[Sequence[str]]:
    """People a few hundred at a time, as many values as one statement may hold, or fewer."""
    return (people[start : start + size] for start in range(0, len(people), size))


def judge_people(
    tx: Transaction, context: Context, contract: Contract, people: Sequence[str], now: datetime
) -> list[Judged]:
    """Decide about several people (at most a portion) on the present state; nothing is written."""
    standing = standing_of(tx, context, contract, people, now)
    question, shared = question_of(contract, now), shared_facts(tx, context, contract, now)
    judged = []
    for person, link, known in known_of(tx, context, contract, people, now, standing):
        facts = known.facts(shared)
        wallet, basis = (link.wallet if link else ""), standing.basis(person)
        judged.append(Judged(person, link.id if link else "", wallet, basis, decide(question, facts), question, facts))
    return judged


def known_of(
    tx: Transaction,
    context: Context,
    contract: Contract,
    people: Sequence[str],
    now: datetime,
    standing: Standing | None = None,
) -> Iterator[tuple[str, Link | None, Known]]:
    """What is known of each of several people (at most a portion) that bears on a decision under this contract."""
    found = standing or standing_of(tx, context, contract, people, now)
    consents: defaultdict[str, list[Consent]] = defaultdict(list)
    for consent in tx.find(Consent, person=list(people)):
        consents[consent.link].append(consent)
    stops = _stops(tx, contract, people)
    refused = _refused_before(tx, contract, found, consents) if contract.broad_consent else frozenset[str]()
    for person in people:
        link = found.links.get(person)
        records, unreadable = _records(consents[link.id]) if link else ((), 0)
        yield (
            person,
            link,
            replace(
                found.known(person), consents=records, unreadable_consents=unreadable,
                stops=(*found.stops(person), *stops.get(person, ()), *((BEFORE,) if person in refused else ())),
            ),
        )  # fmt: skip


def _refused_before(
    tx: Transaction, contract: Contract, found: Standing, consents: Mapping[str, Sequence[Consent]]
) -> frozenset[str]:
    """Who has no answer to the study under their present link, but said no to it under one that ended.

    A link that ended because it joined the wrong people may have held this person's no as somebody else's.
    """
    linked = {(link.wallet, link.wallet_person): link for link in found.links.values() if link.wallet_person}
    earlier = tx.find(Link, wallet_person=sorted(name for _, name in linked)) if linked else []
    names = {one.id: linked.get((one.wallet, one.wallet_person)) for one in earlier}
    moved = {id: link.person for id, link in names.items() if link is not None}
    rows = [row for those in consents.values() for row in those]
    rows += tx.find(Consent, link=sorted(moved), study=contract.study) if moved else []
    mine = {link.id for link in found.links.values()}
    answered = {row.person for row in rows if row.link in mine and row.study == contract.study}
    noes = {
        moved.get(row.link, row.person)
        for row in rows
        if row.current and row.study == contract.study and row.link not in mine and row.state not in ALLOWING
    }
    return frozenset(noes - answered)


def bases_of(
    tx: Transaction, context: Context, contract: Contract, people: Sequence[str], now: datetime
) -> dict[str, Basis]:
    """The present basis of each person."""
    standing = standing_of(tx, context, contract, people, now)
    return {person: standing.basis(person) for person in people}


def keep(tx: Transaction, contract: Contract, release: str, judged: Iterable[Judged]) -> None:
    """Store decisions with the inputs they were made from."""
    for one in judged:
        tx.add(
            DecisionMade(
                id=new_id(), agreement=contract.agreement.id, person=one.person, release=release, at=one.question.now,
                outcome=str(one.decision.outcome), first_reason=one.reason,
                inputs=inputs_to_json(one.question, one.facts), decision=one.decision.to_json(),
            )
        )  # fmt: skip


def _stops(tx: Transaction, contract: Contract, people: Sequence[str]) -> dict[str, tuple[Reason, ...]]:
    """Whose code this recipient has been told, or is about to be told, to drop.

    Once an erasure was told the code is gone, and a later yes comes under a new one. A mere stop keeps the code, so
    that what was received can still be erased by it: then nothing more is sent under it, nor under changed terms.
    A pause keeps it too, and is over for a recipient once that has acknowledged that it is.
    """
    chain = [one.id for one in chain_of(tx, contract.agreement)] or [contract.agreement.id]
    stops: dict[str, tuple[Reason, ...]] = {}
    for notice in tx.find(Notice, person=list(people), agreement=chain):
        stands = notice.forgotten_at is None  # or the code it is about is gone, and a later one is another
        resting = notice.kind == "pause" and notice.lifted_at is None
        told = notice.told_at is not None or notice.lifted_at is not None
        if not told or (resting and stands):
            stops[notice.person] = (UNDER_WAY,)
        elif notice.kind == "stop" and stands:
            stops.setdefault(notice.person, (STOPPED,))
    return stops


def question_of(contract: Contract, now: datetime) -> Question:
    """What a release under this contract asks about each person."""
    return Question(
        regime=Regime.CONSENT, action=contract.action, now=now, requester=contract.recipient, dataset=contract.dataset,
        purposes=contract.purposes, study=contract.terms.study, study_digest=contract.terms.study_digest,
        profile=contract.profile_name or NO_PROFILE,
        selection=contract.selection.digest if contract.selection else None,
    )  # fmt: skip


def shared_facts(tx: Transaction, context: Context, contract: Contract, now: datetime) -> Facts:
    """What bears on the decision about everybody under this contract."""
    theirs, ours = both_names(tx, context, contract.source, contract.recipient, now)
    return Facts(
        policy=contract.policy, holder=context.me.id, freshness=freshness_of(context, contract.agreement),
        study_approved=contract.approved, executors=context.executors.keys,
        recipient=context.members.place_of(contract.recipient), asks_place=context.settings.ask_place,
        broad_consent=contract.broad_consent, zone=context.settings.time_zone,
        requester_names=theirs, custodians=ours,
    )  # fmt: skip


def _records(consents: Iterable[Consent]) -> tuple[tuple[ConsentRecord, ...], int]:
    """The versions that can be read, and how many cannot."""
    records, unreadable = [], 0
    for consent in consents:
        try:
            records.append(ConsentRecord.from_json(consent.record))
        except ConsentError:
            unreadable += 1
    return tuple(records), unreadable
