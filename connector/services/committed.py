"""Records that the log speaks about, compared with what it says: consents as delivered, and the decisions of releases.

The log takes up their digests when they are written; a record altered or removed since does not fit them. Decisions
made anew while a release runs are kept for replay, and their digests are not in the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from connector.ports import Transaction
from connector.records import Consent, DecisionMade, LogEntry, WalletConsent
from policy.canonical import NotCanonicalError, canonical, digest
from policy.consent import State

_PAGE = 100
_BY_HOLDER = "-by-holder"
"""Ends the kind of an entry, at a wallet, about a version that the holder made."""
_CONSENT = (
    *(f"consent.{state}" for state in State),
    *(f"consent.{state}{_BY_HOLDER}" for state in (State.TERMINATED, State.INVALIDATED)),
)
_DECIDED = ("release.decided", "stream.decided")


def decisions_digest(tx: Transaction, release: str, at: datetime) -> str:
    """SHA-256 over the canonical [id, digest] of each decision made for a release at one moment, by id."""
    whole, after = sha256(), ""
    while page := tx.find(DecisionMade, release=release, at=at, id__gt=after, order="id", limit=_PAGE):
        for made in page:
            whole.update(canonical([made.id, _digest(made)]))
        after = page[-1].id
    return whole.hexdigest()


def _digest(made: DecisionMade) -> str:
    # Sorted JSON as the standard library writes it: many times faster than `canonical`, and nobody else reads it.
    said = [made.agreement, made.person, made.outcome, made.first_reason, made.inputs, made.decision]
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def records_differ(tx: Transaction) -> str:
    """The first record, in the order of the log, that is not what the log says, in words; empty when there is none."""
    wrong = _consents(tx) or _decisions(tx)
    return f"records behind the log differ: {wrong}" if wrong else ""


def _consents(tx: Transaction) -> str:
    logged = 0
    for entry in _entries(tx, _CONSENT):
        body = json.loads(entry.body or "")
        if body.get("fault"):
            continue  # what did not follow was written down and not kept
        logged += 1
        both = (tx.get(Consent, entry.subject, body["version"]), tx.get(WalletConsent, entry.subject, body["version"]))
        kept = [one for one in both if one is not None]
        if not kept or not all(_fits(one, entry.kind.removesuffix(_BY_HOLDER), body["digest"]) for one in kept):
            return f"consent {entry.subject}, version {body['version']}"
    there = tx.count(Consent) + tx.count(WalletConsent)
    return "" if there == logged else f"{logged} versions of consents were logged, {there} are there"


def _fits(one: Consent | WalletConsent, kind: str, logged: str) -> bool:
    record = one.record or {}
    try:
        same = digest(record) == one.digest == logged
    except NotCanonicalError:
        return False
    return same and f"consent.{one.state}" == f"consent.{record.get('state')}" == kind


def _decisions(tx: Transaction) -> str:
    for entry in _entries(tx, _DECIDED):
        body = json.loads(entry.body or "")
        if "decisions" not in body:
            continue  # written before the log took up the decisions; the body itself cannot have been changed
        at = datetime.fromisoformat(body["decided_at"])
        if decisions_digest(tx, entry.subject, at) != body["decisions"]:
            return f"the decisions of release {entry.subject}"
    return ""


def _entries(tx: Transaction, kinds: tuple[str, ...]) -> Iterator[LogEntry]:
    """Entries of some kinds that were not erased, in the order they were written."""
    after = 0
    while page := tx.find(LogEntry, kind=kinds, sequence__gt=after, order="sequence", limit=_PAGE):
        yield from (one for one in page if one.body is not None)
        after = page[-1].sequence
