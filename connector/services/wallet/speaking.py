"""Who says something about a person's data: the person, somebody with an authority over them, or staff for either.

What they may say is decided here, in the transaction that records it: a sign-in that is too weak, a child, a no of the
person's own and two guardians who disagree each have their rule (reference S17, 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid
from connector.records import Account, Authority, WalletConsent, WalletLink
from connector.services.acting import check_proxy, in_force_over, mandate_of
from connector.services.actors import Actor
from policy.authority import ages, disagree, is_minor, may_refuse, of_age_at, own_no, own_no_in
from policy.consent import ALLOWING, ConsentError, ConsentRecord
from policy.instants import wire

TEXT_VERSION = "study-page/1"
GIVING = frozenset(str(state) for state in ALLOWING)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose choice it is (`account`), who states it (`signer`) and how it was taken (`capture`), as a record says it.

    `authority` is the id of the authority's own record, where somebody acts for the person by one. `at` is when: what
    is said to several holders in one act is said at one moment.
    """

    account: str
    signer: dict[str, Any] = field(default_factory=lambda: {"kind": "self", "authority": None})
    capture: dict[str, Any] | None = None
    authority: str = ""
    at: datetime | None = None

    @property
    def weak(self) -> bool:
        """Whether the sign-in was too weak for a yes; a stop is then taken as a pause."""
        return (self.capture or {}).get("assurance") == "low"

    @property
    def is_proxy(self) -> bool:
        """Whether somebody else speaks for the person."""
        return bool(self.signer["kind"] == "proxy")


def speaker_in(
    tx: Transaction, actor: Actor, now: datetime, study: str, account: str | None = None, authority: str | None = None
) -> Speaker:
    """Who speaks, in the transaction that records what they say. Raises Problem 403 for an authority that ended.

    With `account` staff record it: with `authority` (a record's id, or words) as somebody else's who acts for the
    person, without one as the person's own.
    """
    if account is None:
        return _signed_in(actor, check_proxy(tx, actor, now, study), now)
    capture = {"channel": "api"}
    if not authority:
        return Speaker(account, capture=capture, at=now)
    known = tx.get(Authority, authority)
    if known is not None:
        if known.account != account or not mandate_of(known).in_force(now) or not mandate_of(known).covers(study):
            raise invalid("This authority is not in force for this person and study", "authority")
        return Speaker(account, _signer(known), capture, known.id, now)
    return Speaker(account, _in_words(tx, account, authority, now), capture, at=now)


def speaker_about_all(tx: Transaction, actor: Actor, now: datetime) -> Speaker:
    """Who speaks about every study at once. Raises Problem 403 for an authority that ended or is about some only."""
    return _signed_in(actor, check_proxy(tx, actor, now), now)


def _signed_in(actor: Actor, by: Authority | None, now: datetime) -> Speaker:
    capture = {"channel": "portal", "interface": TEXT_VERSION, "assurance": actor.assurance or None}
    return Speaker(actor.account, _signer(by), capture, by.id if by else "", now)


def _signer(by: Authority | None) -> dict[str, Any]:
    if by is None:
        return {"kind": "self", "authority": None}
    until = {"until": wire(by.until)} if by.until else {}
    return {"kind": "proxy", "authority": by.kind, "record": by.id} | until


def _in_words(tx: Transaction, account: str, authority: str, now: datetime) -> dict[str, Any]:
    """An authority that is only named; over a child it ends as any other does, when the child comes of age."""
    person = tx.get(Account, account)
    signer = {"kind": "proxy", "authority": authority}
    if person is not None and person.born is not None and is_minor(person.born, "", now):
        return signer | {"until": wire(of_age_at(person.born, ""))}
    return signer


def check_yes(tx: Transaction, speaker: Speaker, study: str, now: datetime) -> None:
    """Raises Problem unless this speaker may say yes for the person now."""
    if speaker.weak:
        raise Problem(
            409, "assurance-too-low", "This needs a stronger sign-in",
            "Your sign-in was too simple for a yes. Sign in again in a stronger way. You can say no or stop now",
            accepted="a sign-in of assurance substantial or high",
        )  # fmt: skip
    born, place = _age(tx, speaker.account)
    if speaker.is_proxy:
        if own_no(_records(tx, speaker.account, study)):
            raise conflict(
                "The person you act for said no to this study. Only they can change that to a yes",
                code="own-no", accepted="a yes by the person themselves",
            )  # fmt: skip
    elif speaker.signer["kind"] == "self" and is_minor(born, place, now):
        years = ages(place).majority
        raise conflict(
            f"You are not yet {years}. A parent or guardian says yes for you, and you can say no", code="minor",
            accepted="a yes by a parent or guardian, or your own no",
        )  # fmt: skip


def check_own_no(tx: Transaction, link: WalletLink, speaker: Speaker, study: str) -> None:
    """Raises Problem 409 if a proxy's yes would stand over the person's own no at this holder."""
    chain = tx.find(WalletConsent, account=speaker.account, study=study, link=link.id)
    if speaker.is_proxy and own_no_in(_read(chain)):
        raise conflict(
            "The person you act for said no to sharing from this place. Only they can change that to a yes",
            code="own-no", accepted="a yes by the person themselves",
        )  # fmt: skip


def check_no(tx: Transaction, speaker: Speaker, now: datetime) -> None:
    """Raises Problem 409 for a child so young that somebody else says no for them."""
    born, place = _age(tx, speaker.account)
    if speaker.signer["kind"] == "self" and not may_refuse(born, place, now):
        raise conflict(
            f"From {ages(place).own_refusal} on you can say no yourself. Until then a parent or guardian answers for "
            "you. Tell them what you want", code="too-young", accepted="an answer by a parent or guardian",
        )  # fmt: skip


def disagreement(tx: Transaction, speaker: Speaker, link: WalletLink, study: str, wish: str, now: datetime) -> bool:
    """Whether somebody else with an authority in force last wanted the contrary: then the consent rests (suspended)."""
    if not speaker.authority:
        return False
    others = in_force_over(tx, speaker.account, study, now) - {speaker.authority}
    wishes: dict[str, str] = {}
    for one in tx.find(WalletConsent, account=speaker.account, study=study, link=link.id, order="version"):
        by = ((one.record or {}).get("signer") or {}).get("record")
        if by in others:
            wishes[by] = one.wish or ("yes" if one.state in GIVING else "no")
    return disagree(wishes, speaker.authority, wish)


def _age(tx: Transaction, account: str) -> tuple[Any, str]:
    """When somebody was born, and whose law says when they come of age: that of the authority over them, if one is."""
    person = tx.get(Account, account)
    over = [one.jurisdiction for one in tx.find(Authority, account=account, order="verified_at") if one.jurisdiction]
    return (person.born if person else None), (over[-1] if over else "")


def _records(tx: Transaction, account: str, study: str) -> list[ConsentRecord]:
    return _read(tx.find(WalletConsent, account=account, study=study))


def _read(versions: list[WalletConsent]) -> list[ConsentRecord]:
    try:
        return [ConsentRecord.from_json(one.record) for one in versions]
    except ConsentError:
        raise Problem(500, "consent-unreadable", "An earlier answer cannot be read", "Nothing was changed") from None
