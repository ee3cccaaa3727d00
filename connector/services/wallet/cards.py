"""The person's home and their permissions, as cards: what waits for them, what they allowed, and what that means today.

A card says the state of now (`policy.consent.effective_state`), never only the recorded one: a yes that has run out, or
whose giver may not decide any more, is no yes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from connector.ports import Transaction
from connector.records import Account, Authority, Delivery, Study, UseOfData, WalletConsent, WalletLink
from connector.services.acting import studies_seen
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.wallet import views
from connector.services.wallet.answering import asked_again, shown_study
from connector.services.wallet.renewing import reminder, renewable
from connector.services.wallet.speaking import GIVING
from contracts.study import RequestedData, StudyRequest
from policy.categories import CATEGORIES, words
from policy.consent import ConsentRecord, DataScope, effective_state

ORDER = (
    "given", "disputed", "suspended", "authority-ended", "deferred", "withdrawn", "expired", "terminated",
    "invalidated", "refused", "link-ended",
)  # fmt: skip
"""What one word says for several holders' parts: the first of these that one of them is in."""
LINKS_SHOWN = ["active", "disputed"]


class Cards:
    """Read-only cards for the person who is signed in, or who is acted for."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def home(self, actor: Actor) -> views.PersonHome:
        """The first page."""
        require(actor, "patient")
        return await self._context.store.read(lambda tx: self._home(tx, actor))

    def _home(self, tx: Transaction, actor: Actor) -> views.PersonHome:
        cards = self._permissions(tx, actor)
        active = [card for card in cards if card.state == "given"]
        seen = studies_seen(tx, actor)
        uses = [
            one for one in tx.find(UseOfData, account=actor.account, order="-at", limit=None if seen else 1)
            if seen is None or one.study in seen
        ]  # fmt: skip
        waiting, put_off = self._questions(tx, actor)
        return views.PersonHome(
            actor.name, waiting, active, [card for card in cards if card not in active and card.state != "deferred"],
            self._links(tx, actor.account), len(active), uses[0].at if uses else None, put_off,
            self._unread(tx, actor),
        )  # fmt: skip

    def _links(self, tx: Transaction, account: str) -> list[views.LinkCard]:
        return [
            views.LinkCard(link.id, link.holder, self._name(link.holder), at(link.linked_at), link.standing)
            for link in tx.find(WalletLink, account=account, standing=LINKS_SHOWN, order="linked_at")
        ]

    def _questions(self, tx: Transaction, actor: Actor) -> tuple[list[views.StudyCard], list[views.StudyCard]]:
        """The questions that wait for the person now, and those they put off, each with why."""
        seen = studies_seen(tx, actor)
        waiting: list[views.StudyCard] = []
        put_off: list[views.StudyCard] = []
        for found in tx.find(Study, standing="shown", order="-received_at"):
            if seen is None or found.id in seen:
                study = StudyRequest.read(found.document)
                why, until = self._why(tx, actor.account, study)
                card = views.StudyCard(
                    study.id, study.title, study.organisation_name, study.summary, study.answer_until, why, until
                )
                if why:
                    (put_off if why == "put-off" else waiting).append(card)
        return waiting, put_off

    def _why(self, tx: Transaction, account: str, study: StudyRequest) -> tuple[str, datetime | None]:
        """Why a study stands among the questions (empty: it does not), and the time that goes with it."""
        now = self._context.clock()
        mine = tx.find(WalletConsent, account=account, study=study.id, current=True)
        if again := asked_again(tx, account, study.id, now):
            return again, None
        open_still = study.answer_until > now
        if not mine:
            return ("asked" if open_still else ""), None
        if all(one.state == "deferred" for one in mine):
            comes = max(ConsentRecord.from_json(one.record).valid_until for one in mine)
            return ("" if not open_still else "put-off" if now < comes else "deferred"), comes
        ending = [ConsentRecord.from_json(one.record).valid_until for one in mine if renewable(one, study, now)]
        due = min(ending, default=None)
        return ("renewal", due) if due is not None and reminder(due, now) is not None else ("", None)

    def _unread(self, tx: Transaction, actor: Actor) -> list[tuple[str, str, str]]:
        """Who may act for the person, until they have read it: (authority, name, kind)."""
        found = tx.find(Authority, account=actor.account, told_at=None, order="verified_at") if not actor.proxy else []
        people = [(one, tx.get(Account, one.proxy)) for one in found if one.verified_at and one.ended_at is None]
        return [(one.id, person.name, one.kind) for one, person in people if person is not None]

    async def permissions(self, actor: Actor) -> list[views.PermissionCard]:
        """This person's answers, newest first, one card per study."""
        require(actor, "patient")
        return await self._context.store.read(lambda tx: self._permissions(tx, actor))

    def _permissions(self, tx: Transaction, actor: Actor) -> list[views.PermissionCard]:
        seen = studies_seen(tx, actor)
        by_study: dict[str, list[WalletConsent]] = {}
        for consent in tx.find(WalletConsent, account=actor.account, current=True, order="-decided_at"):
            if seen is None or consent.study in seen:
                by_study.setdefault(consent.study, []).append(consent)
        links = {one.id: one.standing for one in tx.find(WalletLink, account=actor.account)}
        return [self._permission(tx, study, found, links) for study, found in by_study.items()]

    def _permission(
        self, tx: Transaction, study_id: str, consents: list[WalletConsent], links: dict[str, str]
    ) -> views.PermissionCard:
        study, now = shown_study(tx, study_id), self._context.clock()
        records = {one.id: ConsentRecord.from_json(one.record) for one in consents}
        states = {one.id: state_of(one, records[one.id], links, now) for one in consents}
        counting = [records[one.id] for one in consents if states[one.id] == "given"]
        ends = min((record.valid_until for record in counting), default=study.valid_until)
        return views.PermissionCard(
            study=study_id, title=study.title, organisation_name=study.organisation_name,
            state=overall(list(states.values())) or "refused", since=at(consents[0].decided_at),
            until=ends, datasets=shared_words(study, counting),
            consent_ids=[one.id for one in consents],
            holders=[delivery_card(tx, self._context, one) for one in consents],
            by=signed_by(tx, records[consents[0].id]),
            renew=any(renewable(one, study, now) for one in consents if states[one.id] == "given"),
        )  # fmt: skip

    def _name(self, participant: str) -> str:
        return self._context.members.name_of(participant)


def shared_words(study: StudyRequest, records: Sequence[ConsentRecord]) -> list[str]:
    """What is shared now, a line for each dataset: its kinds and days too, where they are less than the study asks for.

    Days stand as in `2020-01-31`; whoever shows them writes them out.
    """
    scopes = {scope.dataset: (scope, record) for record in records for scope in record.data}
    return [_in_words(study, one, *scopes[one.dataset]) for one in study.data if one.dataset in scopes]


def _in_words(study: StudyRequest, asked: RequestedData, scope: DataScope, record: ConsentRecord) -> str:
    every = set(asked.categories if asked.categories is not None else CATEGORIES)
    kept = every if scope.categories is None else every & set(scope.categories)
    kinds = "" if kept == every else f": {'; '.join(words(key) for key in CATEGORIES if key in kept)}"
    asks = (study.window.start, study.window.end) if study.window else (None, None)
    start, end = (record.window.start, record.window.end) if record.window else (None, None)
    days = " ".join(f"{word} {day}" for word, day in (("from", start), ("to", end)) if day)
    return f"{asked.title}{kinds}{f', only {days}' if days and (start, end) != asks else ''}"


def state_of(consent: WalletConsent, record: ConsentRecord, links: dict[str, str], now: datetime) -> str:
    """What one holder's part means now; a renewed yes reads as the yes it is."""
    state = str(effective_state(record, now))
    if state in GIVING:
        standing = links.get(consent.link, "ended")
        return {"active": "given", "disputed": "disputed"}.get(standing, "link-ended")
    return state


def overall(states: Sequence[str]) -> str | None:
    """One word for several holders' parts: anything given counts as given."""
    return next((state for state in ORDER if state in states), None)


def signed_by(tx: Transaction, record: ConsentRecord) -> str:
    """Who said it for the person, by name and by what right; empty when they said it themselves."""
    if record.signer.kind != "proxy":
        return ""
    authority = tx.get(Authority, record.signer.record) if record.signer.record else None
    proxy = tx.get(Account, authority.proxy) if authority else None
    return f"{proxy.name} ({record.signer.authority})" if proxy else str(record.signer.authority)


def delivery_card(tx: Transaction, context: Context, consent: WalletConsent) -> views.Delivery:
    """How far a version got to its holder."""
    delivery = tx.get(Delivery, consent.id, consent.version)
    state = delivery.standing if delivery else "waiting"
    return views.Delivery(
        context.members.name_of(consent.holder), state, delivery.acknowledged_at if delivery else None
    )


def at(value: datetime | None) -> datetime:
    """A time that every record has; the beginning of all times where one has none."""
    return value or datetime.fromtimestamp(0, UTC)
