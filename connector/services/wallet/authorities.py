"""Who may decide for whom in this wallet: verified by staff, limited in time and matter, seen by the person (S17).

An authority is a record of its own. Who acts by it signs in with their own account; everything they do is recorded as
theirs. It ends by itself (a child comes of age), or somebody ends it: staff, whoever holds it, or the person, unless a
court gave it or they are a child. When staff end one, what was allowed by it rests until the person is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import conflict, forbidden, invalid, missing
from connector.records import Account, Authority, Study, WalletConsent, WalletLink
from connector.services.acting import mandate_of, studies_seen
from connector.services.actors import Actor, require
from connector.services.confirming import roles_of
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.wallet.speaking import GIVING, Speaker
from connector.services.wallet.versions import Versions
from contracts.study import StudyRequest
from policy.authority import Kind, ends_at, is_minor, known_jurisdiction

_STAFF = ("operator", "dpo")
LONGEST_EVIDENCE = 400


@dataclass(frozen=True, slots=True)
class AuthorityDraft:
    """What staff fill in. `studies` None: about all studies. `until` None: until it ends by itself or is ended."""

    account: str
    proxy: str
    kind: str
    evidence: str
    jurisdiction: str
    studies: Sequence[str] | None = None
    begins: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """An authority as staff, the person and whoever holds it see it. `standing`: in-force, not-yet, over or ended."""

    id: str
    account: str
    person_name: str
    proxy: str
    proxy_name: str
    kind: str
    evidence: str
    studies: list[tuple[str, str]] | None
    begins_at: datetime | None
    until: datetime | None
    jurisdiction: str
    verified_at: datetime | None
    ended_at: datetime | None
    standing: str
    told: bool
    may_end: bool


@dataclass(frozen=True, slots=True)
class ActDone:
    """Something somebody did for a person. `study` is its title."""

    at: datetime | None
    authority: str
    proxy_name: str
    kind: str
    study: str
    holder_name: str
    state: str


@dataclass(frozen=True, slots=True)
class ActingPage:
    """Who acts for somebody, what they did, and for whom that somebody acts."""

    for_me: list[AuthorityRow]
    done: list[ActDone]
    by_me: list[AuthorityRow]


class Authorities:
    """Opens, ends and shows authorities."""

    def __init__(self, context: Context, versions: Versions) -> None:
        self._context = context
        self._versions = versions

    async def open(self, actor: Actor, draft: AuthorityDraft) -> str:
        """Staff record an authority whose evidence they have seen. Returns its id. Raises Problem 400, 404, 409."""
        require(actor, *_STAFF)

        def command(tx: Transaction) -> str:
            person, proxy = self._patient(tx, draft.account, "account"), self._patient(tx, draft.proxy, "proxy")
            made = self._made(tx, actor, draft, person, proxy)
            tx.add(made)
            self._context.log(
                tx, "authority.opened", made.id,
                {"account": person.id, "proxy": proxy.id, "kind": made.kind, "by": actor.entry},
            )  # fmt: skip
            return made.id

        return await self._context.store.write(command)

    @staticmethod
    def _patient(tx: Transaction, account: str, field: str) -> Account:
        found = tx.get(Account, account)
        if found is None or found.standing != "active" or "patient" not in roles_of(found):
            raise invalid("This wallet hosts nobody with this account", field, "an active account of a person")
        return found

    def _made(self, tx: Transaction, actor: Actor, draft: AuthorityDraft, person: Account, proxy: Account) -> Authority:
        now = self._context.clock()
        if person.id == proxy.id:
            raise invalid("Nobody needs an authority over themselves", "proxy", "somebody else's account")
        if draft.kind not in set(Kind):
            raise invalid("This is not a kind of authority", "kind", ", ".join(Kind))
        evidence = draft.evidence.strip()
        if not 0 < len(evidence) <= LONGEST_EVIDENCE:
            raise invalid("Say what evidence you saw", "evidence", f"at most {LONGEST_EVIDENCE} characters")
        if not known_jurisdiction(draft.jurisdiction):
            raise invalid("Say whose law this rests on", "jurisdiction", "an ISO 3166 code such as DE or GB-SCT")
        if unknown := [one for one in draft.studies or () if tx.get(Study, one) is None]:
            raise invalid(f"{len(unknown)} of the studies are not known here", "studies", "study requests shown here")
        try:
            until = ends_at(Kind(draft.kind), draft.until, person.born, draft.jurisdiction)
        except ValueError as fault:
            raise invalid(f"{fault}".capitalize(), "account", "an account with a date of birth") from None
        begins = draft.begins or now
        if until is not None and until <= max(now, begins):
            raise invalid("This authority would be over already", "until", "a later time, or a person who is a child")
        return Authority(
            id=new_id(), account=person.id, proxy=proxy.id, kind=draft.kind, evidence=evidence,
            scope={"studies": None if draft.studies is None else sorted(set(draft.studies))}, begins_at=begins,
            until=until, jurisdiction=draft.jurisdiction, verified_by=actor.account, verified_at=now,
        )  # fmt: skip

    async def end(self, actor: Actor, authority_id: str) -> None:
        """End an authority now. Raises Problem 403, 404, 409."""
        require(actor, "patient", *_STAFF)

        def command(tx: Transaction) -> None:
            found, now = tx.get(Authority, authority_id), self._context.clock()
            staff = actor.role in _STAFF
            mine = actor.proxy is None and found is not None and actor.account in (found.account, found.proxy)
            if found is None or not (staff or mine):
                raise missing("There is no such authority")
            if found.ended_at is not None:
                raise conflict("This authority has ended already")
            if not staff and not self._may_end(tx, found, actor.account):
                raise forbidden("You cannot end this. Ask the people who run this wallet", "not-yours-to-end")
            tx.change(found, ended_at=now)
            self._context.log(tx, "authority.ended", found.id, {"by": actor.entry})
            if staff:
                self._rest(tx, found)

        await self._context.store.write(command)

    def _may_end(self, tx: Transaction, found: Authority, account: str) -> bool:
        """Whoever holds one may lay it down; the person may end it unless they are a child or a court gave it."""
        if account == found.proxy:
            return True
        person = tx.get(Account, found.account)
        child = person is None or is_minor(person.born, found.jurisdiction, self._context.clock())
        return account == found.account and not child and found.kind != Kind.COURT

    def _rest(self, tx: Transaction, authority: Authority) -> None:
        """Staff found that it does not hold (any more): what was allowed by it rests until the person is asked."""
        said = {"kind": "proxy", "authority": f"the wallet's staff: the authority ({authority.kind}) was ended"}
        speaker = Speaker(authority.account, said, {"channel": "api"})
        for consent in tx.find(WalletConsent, account=authority.account, current=True, state=sorted(GIVING)):
            record: dict[str, Any] = consent.record or {}
            link, study = tx.get(WalletLink, consent.link), tx.get(Study, consent.study)
            if (record.get("signer") or {}).get("record") != authority.id or link is None or study is None:
                continue
            request = StudyRequest.read(study.document)
            claims = self._versions.claims(request, link, "suspended", speaker, consent)
            self._versions.keep(tx, speaker, link, claims, consent, wish="yes")

    async def seen(self, actor: Actor, authority_id: str) -> None:
        """The person has read that somebody may act for them. Raises Problem 404."""
        require(actor, "patient")

        def command(tx: Transaction) -> None:
            found = tx.get(Authority, authority_id)
            if found is None or found.account != actor.account or actor.proxy is not None:
                raise missing("There is no such authority")
            if found.told_at is None:
                tx.change(found, told_at=self._context.clock())

        await self._context.store.write(command)

    async def rows(self, actor: Actor) -> list[AuthorityRow]:
        """Staff: every authority, the newest first."""
        require(actor, *_STAFF)
        return await self._context.store.read(
            lambda tx: [self._row(tx, one, "") for one in tx.find(Authority, order="-verified_at")]
        )

    async def page(self, actor: Actor) -> ActingPage:
        """Who acts for the person, what they did, and for whom the one who is signed in acts."""
        require(actor, "patient")
        own = actor.proxy.account if actor.proxy else actor.account

        def query(tx: Transaction) -> ActingPage:
            over = [self._row(tx, one, own) for one in tx.find(Authority, account=actor.account, order="-verified_at")]
            held = [self._row(tx, one, own) for one in tx.find(Authority, proxy=own, order="-verified_at")]
            if actor.proxy:  # the papers of others are not theirs to read
                over = [one if one.proxy == own else replace(one, evidence="") for one in over]
            return ActingPage(over, self._done(tx, actor), held)

        return await self._context.store.read(query)

    def _row(self, tx: Transaction, one: Authority, viewer: str) -> AuthorityRow:
        person, proxy = tx.get(Account, one.account), tx.get(Account, one.proxy)
        named = (one.scope or {"studies": ()})["studies"]
        studies = None if named is None else [(study, _title(tx, study)) for study in named]
        return AuthorityRow(
            one.id, one.account, person.name if person else "", one.proxy, proxy.name if proxy else "", one.kind,
            one.evidence, studies, one.begins_at, one.until, one.jurisdiction, one.verified_at, one.ended_at,
            self._standing(one), one.told_at is not None,
            bool(viewer) and one.ended_at is None and self._may_end(tx, one, viewer),
        )  # fmt: skip

    def _standing(self, one: Authority) -> str:
        now = self._context.clock()
        if one.ended_at is not None:
            return "ended"
        if mandate_of(one).in_force(now):
            return "in-force"
        return "over" if one.until is not None and one.until <= now else "not-yet"

    def _done(self, tx: Transaction, actor: Actor) -> list[ActDone]:
        """Everything anybody did for the person that the actor may look at, the newest first."""
        found, seen = [], studies_seen(tx, actor)
        for one in tx.find(WalletConsent, account=actor.account, order="-decided_at"):
            signer = (one.record or {}).get("signer") or {}
            if signer.get("kind") != "proxy" or (seen is not None and one.study not in seen):
                continue
            by = tx.get(Authority, signer["record"]) if signer.get("record") else None
            proxy = tx.get(Account, by.proxy) if by else None
            found.append(
                ActDone(
                    one.decided_at, by.id if by else "", proxy.name if proxy else "", by.kind if by else
                    str(signer.get("authority")), _title(tx, one.study), self._context.members.name_of(one.holder),
                    one.state,
                )
            )  # fmt: skip
        return found


def _title(tx: Transaction, study: str) -> str:
    found = tx.get(Study, study)
    return StudyRequest.read(found.document).title if found is not None and found.document else study
