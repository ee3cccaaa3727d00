"""Acting for somebody else: whether an authority lets an account act for a person, now and about this study.

The one place where that is decided. Whatever is missing, ended, unverified or about something else: nobody acts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from connector.ports import Transaction
from connector.problems import forbidden
from connector.records import Account, Authority
from connector.services.actors import Actor, Proxy
from policy.authority import Kind, Mandate

_NEVER_BEGUN = datetime(9999, 1, 1, tzinfo=UTC)


def mandate_of(authority: Authority) -> Mandate:
    """An authority's record as the rules read it; one that says no beginning has none in force."""
    named = (authority.scope or {"studies": ()})["studies"]
    return Mandate(
        kind=Kind(authority.kind),
        verified=authority.verified_at is not None,
        begins=authority.begins_at or _NEVER_BEGUN,
        until=authority.until,
        ended=authority.ended_at,
        studies=None if named is None else frozenset(named),
    )


def acting_for(tx: Transaction, actor: Actor, authority_id: str, now: datetime) -> Actor:
    """The actor as one who acts for the person of this authority; as themselves if it is not in force for them."""
    authority = tx.get(Authority, authority_id)
    if authority is None or authority.proxy != actor.account or not mandate_of(authority).in_force(now):
        return actor
    person = tx.get(Account, authority.account)
    if person is None or person.standing != "active":
        return actor
    proxy = Proxy(actor.account, actor.name, authority.id)
    return replace(actor, account=person.id, name=person.name, proxy=proxy)


def check_proxy(tx: Transaction, actor: Actor, now: datetime, study: str | None = None) -> Authority | None:
    """The authority by which somebody acts for another, None for who acts for themselves.

    To be called in the transaction that writes: an authority may have ended since the page was shown. Raises Problem
    403 unless it is in force and about the study; without a study it must be about all of them.
    """
    if actor.proxy is None:
        return None
    authority = tx.get(Authority, actor.proxy.authority)
    if (
        authority is None
        or (authority.proxy, authority.account) != (actor.proxy.account, actor.account)
        or not mandate_of(authority).in_force(now)
    ):
        raise forbidden("Your authority to act for this person has ended", "no-authority")
    mandate = mandate_of(authority)
    if not (mandate.covers(study) if study is not None else mandate.studies is None):
        raise forbidden("Your authority to act for this person is not about this", "outside-authority")
    return authority


def in_force_over(tx: Transaction, account: str, study: str, now: datetime) -> set[str]:
    """The ids of all authorities over a person that are in force for a study."""
    found = tx.find(Authority, account=account)
    return {one.id for one in found if mandate_of(one).in_force(now) and mandate_of(one).covers(study)}


def studies_seen(tx: Transaction, actor: Actor) -> frozenset[str] | None:
    """Which studies of a person the actor may look at; None: all of them, as the person themselves may."""
    if actor.proxy is None:
        return None
    authority = tx.get(Authority, actor.proxy.authority)
    return frozenset() if authority is None else mandate_of(authority).studies


def check_seen(tx: Transaction, actor: Actor, study: str) -> None:
    """Raises Problem 403 when somebody who acts for another looks at a study their authority is not about."""
    seen = studies_seen(tx, actor)
    if seen is not None and study not in seen:
        raise forbidden("Your authority to act for this person is not about this study", "outside-authority")
