"""Deciding about one person under one contract: collects the facts, asks `policy.decide`, keeps what was decided.

What a decision rested on is its *basis*: the person's link, how their wallet stands with us, and the versions of their
consents. As long as the basis is the same and `valid_until` has not come, the decision stands; a hand-over checks that
in its own transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.ports import Transaction
from connector.records import Consent, DecisionMade, Link, MemberEntry, Notice
from connector.services.chains import chain_of
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.releasing.contract import Contract
from policy.columns import Person as Known
from policy.consent import ConsentError, ConsentRecord
from policy.decide import decide
from policy.decision import Decision, Regime
from policy.facts import Facts, Question
from policy.reasons import Reason
from policy.replay import inputs_to_json

UNDER_WAY = Reason("withdrawal-under-way", "A withdrawal is still being told to this recipient.", "rule")
STOPPED = Reason("stopped-under-contract", "The person stopped under this contract; a new one starts anew.", "rule")
_PORTION = 400

Basis = tuple[str, str, tuple[str, ...]]
"""The id of the active link (empty: none), its wallet if that is an active member (empty: it is not), and
`id#version:digest` of every current consent for the study."""


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


def portions(people: Sequence[str]) -> Iterable[Sequence[str]]:
    """People a few hundred at a time, as many values as one statement may hold."""
    return (people[start : start + _PORTION] for start in range(0, len(people), _PORTION))


def judge_people(
    tx: Transaction, context: Context, contract: Contract, people: Sequence[str], now: datetime
) -> list[Judged]:
    """Decide about several people (at most a portion) on the present state; nothing is written."""
    bases = bases_of(tx, contract.study, people)
    question, shared = question_of(contract, now), shared_facts(context, contract)
    judged = []
    for person, link, known in known_of(tx, contract, people):
        facts = known.facts(shared)
        wallet = link.wallet if link else ""
        judged.append(
            Judged(person, link.id if link else "", wallet, bases[person], decide(question, facts), question, facts)
        )
    return judged


def known_of(tx: Transaction, contract: Contract, people: Sequence[str]) -> Iterator[tuple[str, Link | None, Known]]:
    """What is known of each of several people (at most a portion) that bears on a decision under this contract."""
    links = {link.person: link for link in tx.find(Link, person=list(people), standing="active")}
    consents: defaultdict[str, list[Consent]] = defaultdict(list)
    for consent in tx.find(Consent, person=list(people)):
        consents[consent.link].append(consent)
    heard = {
        entry.id: entry.heard_at
        for entry in tx.find(MemberEntry, id=sorted({link.wallet for link in links.values()}), standing="active")
    }
    stops = _stops(tx, contract, people)
    for person in people:
        link = links.get(person)
        given, heard_at = (consents[link.id], heard.get(link.wallet)) if link else ([], None)
        yield person, link, _known(link, given, heard_at, stops.get(person, ()))


def bases_of(tx: Transaction, study: str, people: Sequence[str]) -> dict[str, Basis]:
    """The present basis of each person."""
    links = {link.person: link for link in tx.find(Link, person=list(people), standing="active")}
    wallets = sorted({link.wallet for link in links.values()})
    listened_to = {entry.id for entry in tx.find(MemberEntry, id=wallets, standing="active")}
    consents: defaultdict[str, list[str]] = defaultdict(list)
    for consent in tx.find(Consent, person=list(people), study=study, current=True):
        consents[consent.person].append(f"{consent.id}#{consent.version}:{consent.digest}")
    return {person: _basis(links.get(person), listened_to, consents[person]) for person in people}


def _basis(link: Link | None, listened_to: set[str], consents: Iterable[str]) -> Basis:
    if link is None:
        return "", "", tuple(sorted(consents))
    return link.id, link.wallet if link.wallet in listened_to else "", tuple(sorted(consents))


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
    """
    stops: dict[str, tuple[Reason, ...]] = {}
    chain = [one.id for one in chain_of(tx, contract.agreement)] or [contract.agreement.id]
    for notice in tx.find(Notice, person=list(people), agreement=chain):
        if notice.told_at is None:
            stops[notice.person] = (UNDER_WAY,)
        elif notice.kind == "stop":
            stops.setdefault(notice.person, (STOPPED,))
    return stops


def question_of(contract: Contract, now: datetime) -> Question:
    """What a release under this contract asks about each person."""
    return Question(
        regime=Regime.CONSENT, action=contract.action, now=now, requester=contract.recipient, dataset=contract.dataset,
        purposes=contract.purposes, study=contract.terms.study, study_digest=contract.terms.study_digest,
        profile=contract.profile_name, selection=contract.selection.digest if contract.selection else None,
    )  # fmt: skip


def shared_facts(context: Context, contract: Contract) -> Facts:
    """What bears on the decision about everybody under this contract."""
    return Facts(
        policy=contract.policy, holder=context.me.id, freshness=timedelta(hours=context.settings.freshness_hours),
        study_approved=contract.approved, executors=context.executors.keys,
        recipient=context.members.place_of(contract.recipient), asks_place=context.settings.ask_place,
    )  # fmt: skip


def _known(
    link: Link | None, consents: Iterable[Consent], heard_at: datetime | None, stops: tuple[Reason, ...]
) -> Known:
    records, unreadable = [], 0
    for consent in consents:
        try:
            records.append(ConsentRecord.from_json(consent.record))
        except ConsentError:
            unreadable += 1
    return Known(
        link=link.id if link else None, consents=tuple(records), unreadable_consents=unreadable,
        heard_from_wallet_at=heard_at, stops=stops,
    )  # fmt: skip
