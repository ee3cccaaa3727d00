"""How people stand with us now: links, wallets, consents at the source, opt-outs, disputes; and what that rests on.

A few statements for a whole portion of people, never one per person. The basis of a person is everything of it that a
decision rested on, in a form that can be compared: when it differs, the decision is made anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import orjson

from connector.ports import Transaction
from connector.records import Consent, Link, LinkDispute, MemberEntry, OptOut, SourceConsent, SourceRecord
from connector.records import Person as PersonRecord
from connector.services.context import Context
from connector.services.holding.gone import GONE, gone
from connector.services.holding.naming import names_at
from connector.services.holding.source_consents import read_row, speaking
from connector.services.releasing.contract import Contract
from connector.services.releasing.surroundings import (
    identifiers,
    known_people,
    mentioned,
    not_understood,
    surroundings_of,
)
from policy.canonical import digest
from policy.columns import Person as Known
from policy.decision import Action, Outcome
from policy.directives.asking import ACTIONS, Asking
from policy.directives.model import Directive
from policy.directives.several import ask_directives
from policy.facts import OptOut as PastOptOut
from policy.reasons import Reason, reason

DISPUTED = reason("link-disputed")

_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason#"
_PROBES = ((f"{_REASON}HRESCH",), (f"{_REASON}TREAT",))
"""What a consent is asked to find out whether it can be relied on at all."""

Basis = tuple[str, str, tuple[str, ...]]
"""The id of the link, also of a disputed one (empty: none), its wallet if we hear it (empty: we do not), and a line for
everything else: current consents to the study, consents at the source, opt-outs, disputes, and whom the source's names
mean now."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How several people stand, by person."""

    links: Mapping[str, Link]
    heard: Mapping[str, datetime | None]
    consents: Mapping[str, list[str]]
    opt_outs: Mapping[str, list[OptOut]]
    disputes: Mapping[str, list[str]]
    source: Mapping[str, SourceFacts]
    gone: frozenset[str] = frozenset()

    def basis(self, person: str) -> Basis:
        """What a decision about this person rests on."""
        lines = [f"consent:{one}" for one in self.consents.get(person, ())]
        lines += [f"opt-out:{one.id}:{one.at}:{one.reversed_at}" for one in self.opt_outs.get(person, ())]
        lines += [f"dispute:{one}" for one in self.disputes.get(person, ())]
        lines += ["gone"] if person in self.gone else []
        if person in self.source:
            lines += self.source[person].lines
        link = self.links.get(person)
        if link is None:
            return "", "", tuple(sorted(lines))
        return link.id, link.wallet if link.wallet in self.heard else "", tuple(sorted(lines))

    def known(self, person: str) -> Known:
        """The facts of it, all but the person's consents to studies and our own stops."""
        link = self.links.get(person)
        opted, past = _opted(self.opt_outs.get(person, ()))
        said = self.source.get(person, NOTHING)
        return Known(
            link=link.id if link else None, heard_from_wallet_at=self.heard.get(link.wallet) if link else None,
            opted_out_at=opted, past_opt_outs=past, subjects=said.subjects, directives=said.directives,
            unreadable_directives=said.unreadable, known_actors=said.known_actors,
        )  # fmt: skip

    def stops(self, person: str) -> tuple[Reason, ...]:
        """Why nothing of this person may leave now, whatever anybody agreed to."""
        link = self.links.get(person)
        disputed = self.disputes.get(person) or (link and link.standing == "disputed")
        return ((DISPUTED,) if disputed else ()) + ((GONE,) if person in self.gone else ())


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the source says of one person."""

    subjects: frozenset[str] = frozenset()
    directives: tuple[Directive, ...] = ()
    unreadable: int = 0
    known_actors: frozenset[str] = frozenset()
    lines: list[str] = field(default_factory=list)


NOTHING = SourceFacts()


def standing_of(
    tx: Transaction, context: Context, contract: Contract, people: Sequence[str], now: datetime
) -> Standing:
    """How these people (at most a portion) stand under this contract."""
    # A disputed link stops everything; it is still the one by which the person hears of what was refused.
    standing = tx.find(Link, person=list(people), standing=["active", "disputed"])
    links = {link.person: link for link in sorted(standing, key=lambda link: link.standing == "active")}
    consents: defaultdict[str, list[str]] = defaultdict(list)
    for consent in tx.find(Consent, person=list(people), study=contract.study, current=True):
        consents[consent.person].append(f"{consent.id}#{consent.version}:{consent.digest}")
    opt_outs: defaultdict[str, list[OptOut]] = defaultdict(list)
    for one in tx.find(OptOut, person=list(people), order="id"):
        opt_outs[one.person].append(one)
    return Standing(
        links, _heard(tx, context, links.values(), now), consents, opt_outs, disputes_of(tx, people),
        source_facts(tx, context, contract.source, contract.recipient, people, now),
        frozenset() if contract.telling_gone else gone(tx, contract.source, people),
    )  # fmt: skip


def _heard(tx: Transaction, context: Context, links: Iterable[Link], now: datetime) -> dict[str, datetime | None]:
    """When each wallet was heard. Our own desk is always here: what it recorded is recorded where it counts."""
    wallets = sorted({link.wallet for link in links})
    found = {entry.id: entry.heard_at for entry in tx.find(MemberEntry, id=wallets, standing="active")}
    return found | ({context.me.id: now} if context.me.id in wallets else {})


def disputes_of(tx: Transaction, people: Sequence[str]) -> dict[str, list[str]]:
    """The open disputes about these people: those whose record it may not be, and those whose it may be."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in tx.find(LinkDispute, person=list(people), settled_at=None):
        found[one.person].append(one.id)
    for one in tx.find(LinkDispute, other=list(people), settled_at=None):
        found[one.other].append(one.id)
    return found


def _opted(rows: Iterable[OptOut]) -> tuple[datetime | None, tuple[PastOptOut, ...]]:
    """Since when they are opted out, if they are, and the times they were before."""
    rows = list(rows)
    now = [one.at for one in rows if one.at is not None and one.reversed_at is None]
    past = [(one.at, one.reversed_at) for one in rows if one.at is not None and one.reversed_at is not None]
    return min(now, default=None), tuple(PastOptOut(at=at, reversed_at=until) for at, until in sorted(past))


def source_facts(
    tx: Transaction, context: Context, source: str, recipient: str, people: Sequence[str], now: datetime,
    asks: Collection[str] | None = None,
) -> dict[str, SourceFacts]:  # fmt: skip
    """What the source's consents say of those of these people who have any there.

    `asks` is what the source calls whoever asks, None: what the steward said it calls the recipient.
    """
    by_person: defaultdict[str, list[SourceConsent]] = defaultdict(list)
    for row in speaking(tx, people):
        by_person[row.person].append(row)
    if not by_person:
        return {}
    around = surroundings_of(tx, source)
    said = names_at(tx, source)
    asking = names_of(tx, context, source, [recipient], now) if asks is None else frozenset(asks)
    names = digest(sorted(asking))
    subjects = subjects_of(tx, source, list(by_person))
    read = {person: [read_row(row).directive for row in rows] for person, rows in by_person.items()}
    actors = {
        person: frozenset(name for one in those if one is not None for name in mentioned(one))
        for person, those in read.items()
    }
    relatives = known_people(tx, source, {name for those in actors.values() for name in those})
    found = {}
    for person, rows in by_person.items():
        known = around.known(actors[person], asking) | (actors[person] & (relatives | said.keys() | subjects[person]))
        directives = tuple(one for one in read[person] if one is not None)
        # The import found out whose each is: what it calls the person is theirs, however it is spelled.
        found[person] = SourceFacts(
            subjects[person] | {name for one in directives for name in one.subjects}, directives,
            len(rows) - len(directives), known,
            [*(f"source:{row.id}#{row.version}:{row.digest}" for row in rows), f"names:{names}",
             f"actors:{digest(sorted(known))}", f"subjects:{digest(sorted(subjects[person]))}"],
        )  # fmt: skip
    return found


def subjects_of(tx: Transaction, source: str, people: Sequence[str]) -> dict[str, frozenset[str]]:
    """Every reference and identifier under which the source names each of these people."""
    named = {one.source_id: one.id for one in tx.find(PersonRecord, id=list(people), source=source)}
    found = {person: {f"Patient/{source_id}"} for source_id, person in named.items()}
    for record in tx.find(SourceRecord, source=source, resource_type="Patient", id=list(named), deleted=False):
        found[named[record.id]].update(identifiers(orjson.loads(record.body)))
    return {person: frozenset(found.get(person, ())) for person in people}


def both_names(
    tx: Transaction, context: Context, source: str, recipient: str, now: datetime
) -> tuple[frozenset[str], frozenset[str]]:
    """What the source calls the recipient, and us; nothing if it holds no consents that could name anybody."""
    if not tx.find(SourceConsent, source=source, current=True, limit=1):
        return frozenset(), frozenset()
    around, said, zone = surroundings_of(tx, source), names_at(tx, source), context.settings.time_zone
    named = [[one for one, whom in said.items() if whom == id] for id in (recipient, context.me.id)]
    theirs, ours = (around.called(those, now, zone) if those else frozenset() for those in named)
    return theirs, ours


def names_of(tx: Transaction, context: Context, source: str, whom: Collection[str], now: datetime) -> frozenset[str]:
    """Everything the source calls these participants (or, as ``account:<id>``, people of ours), now."""
    zone = context.settings.time_zone
    around = surroundings_of(tx, source)
    said = [reference for reference, named in names_at(tx, source).items() if named in whom]
    return around.called(said, now, zone) if said else frozenset()


def doubts(
    tx: Transaction, context: Context, rows: Sequence[SourceConsent], now: datetime
) -> dict[tuple[str, str], str]:
    """Of consents at sources, by (source, id): what keeps us from relying on them, asked as a release would ask."""
    read = {(row.source, row.id): read_row(row) for row in rows}
    found = {key: one.fault for key, one in read.items() if one.directive is None}
    zone = context.settings.time_zone
    for source in {key[0] for key in read}:
        mine = {key: one.directive for key, one in read.items() if key[0] == source and one.directive is not None}
        named = {name for one in mine.values() for name in mentioned(one)}
        said = names_at(tx, source)  # of whoever asks we know what the source calls them once one of these is theirs
        known = surroundings_of(tx, source).known(named, said.keys()) | known_people(tx, source, named)
        everybody = known | said.keys()
        for key, directive in mine.items():
            if doubt := _doubt(directive, everybody | set(directive.subjects), now, zone):
                found[key] = doubt
    return found


def _doubt(directive: Directive, known: Iterable[str], now: datetime, zone: str) -> str:
    if places := list(islice(not_understood(directive), 5)):
        return f"not understood: {'; '.join(places)}"[:400]
    for purposes in _PROBES:
        asking = Asking(
            now=now, subjects=frozenset(directive.subjects), requester=frozenset(), purposes=purposes, zone=zone,
            action=ACTIONS[Action.RELEASE], known_actors=frozenset(known),
        )  # fmt: skip
        answer = ask_directives(asking, [directive])
        if answer.outcome is Outcome.INDETERMINATE:
            return "; ".join(name.removeprefix(directive.id) for name in answer.unknown[:5])[:400]
    return ""
