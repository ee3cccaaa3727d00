"""In-memory services for who belongs to whom: people who act for others, links, hand-overs, disputes, renewals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from connector.problems import Problem
from connector.services.actors import Actor, Proxy
from connector.services.exchange.disputes import DisputeRow
from connector.services.exchange.handing_over import Handing, MyRecord, WalletChoice
from connector.services.wallet.authorities import ActDone, ActingPage, AuthorityRow
from connector.services.wallet.views import BroughtCode
from tests.unit.consent_ui.fakes import views
from tests.unit.consent_ui.fakes.people import HOSPITAL, NAMES, NOW, SLEEP

MINE, THEIRS, DISPUTE = "urn:uuid:authority-1", "urn:uuid:authority-2", "urn:uuid:dispute-1"
WALLET, WALLET_ORIGIN = "urn:concord:vault-wallet:00000000", "https://wallet.example"
OLD_LINK = "urn:uuid:link-0"


def row(id: str, account: str, proxy: str, **changes) -> AuthorityRow:
    names = {"account-patient": "Maria Jansen", "account-son": "Jonas Jansen", "account-child": "Mia Jansen"}
    facts = {
        "id": id, "account": account, "person_name": names[account], "proxy": proxy, "proxy_name": names[proxy],
        "kind": "attorney", "evidence": "Power of attorney of 3 May 2026, seen on paper", "studies": None,
        "begins_at": NOW - timedelta(days=60), "until": None, "jurisdiction": "BE",
        "verified_at": NOW - timedelta(days=60), "ended_at": None, "standing": "in-force", "told": False,
        "may_end": True,
    }  # fmt: skip
    return AuthorityRow(**(facts | changes))


class Authorities:
    def __init__(self, empty: bool) -> None:
        self.over: list[AuthorityRow] = [] if empty else [row(MINE, "account-patient", "account-son")]
        self.by: list[AuthorityRow] = [] if empty else [
            row(THEIRS, "account-child", "account-patient", kind="parent", evidence="Birth certificate",
                until=datetime(2034, 4, 2, tzinfo=UTC), studies=[(SLEEP, "Sleep and high blood pressure")])
        ]  # fmt: skip
        self.done = [] if empty else [
            ActDone(NOW - timedelta(days=4), MINE, "Jonas Jansen", "attorney", "Sleep and high blood pressure",
                    NAMES[HOSPITAL], "given")
        ]  # fmt: skip
        self.ended: list[str] = []
        self.read: list[str] = []
        self.opened: list[object] = []

    async def page(self, actor) -> ActingPage:
        return ActingPage(self.over, self.done, self.by)

    async def rows(self, actor) -> list[AuthorityRow]:
        return [*self.over, *self.by]

    async def end(self, actor, authority) -> None:
        self.ended.append(authority)

    async def seen(self, actor, authority) -> None:
        self.read.append(authority)

    async def open(self, actor, draft) -> str:
        if draft.jurisdiction != "BE":
            raise Problem(400, "invalid", "Not recorded", "Say whose law this rests on", "jurisdiction")
        self.opened.append(draft)
        return MINE


class Links:
    def __init__(self) -> None:
        self.doubted: list[tuple[str, str]] = []
        self.taken: list[bool] = []

    async def bring(self, holder, code, origin):
        if origin != "https://hospital.example":
            raise Problem(403, "foreign-form", "Not taken", "This did not come from the place it names")
        return "brought-value", NAMES[holder]

    async def brought(self, actor, value) -> BroughtCode:
        if value != "brought-value":
            raise Problem(404, "not-found", "Not found", "This took longer than ten minutes. Begin again at the place")
        return BroughtCode(HOSPITAL, NAMES[HOSPITAL])

    async def take(self, actor, value, confirmed):
        self.taken.append(confirmed)
        return SimpleNamespace(link=OLD_LINK) if confirmed else None

    async def doubt(self, actor, link, reason) -> None:
        self.doubted.append((link, reason))


class Renewals:
    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    async def renew(self, actor, study, until) -> str:
        self.asked.append((study, until))
        return f"urn:uuid:c-{study[-1]}"


class HandOver:
    def __init__(self, empty: bool) -> None:
        wallets = [] if empty else [WalletChoice(WALLET, "Vault Wallet", WALLET_ORIGIN)]
        self.record = MyRecord(not empty, "", "", None, wallets)
        self.tied: list[tuple[str, str]] = []

    async def mine(self, actor) -> MyRecord:
        return self.record

    async def hand(self, actor, wallet) -> Handing:
        return Handing("K7PQ-3M9X-2TRE", HOSPITAL, "Vault Wallet", WALLET_ORIGIN, f"{WALLET_ORIGIN}/hand-over",
                       NOW + timedelta(minutes=10))  # fmt: skip

    async def tie(self, actor, person, subject) -> str:
        if subject == "taken":
            raise Problem(409, "conflict", "Not tied", "This sign-in or this person is tied already")
        self.tied.append((person, subject))
        return "account-x"

    async def untie(self, actor, person) -> None:
        self.tied.clear()


class Disputes:
    def __init__(self, empty: bool) -> None:
        open_one = DisputeRow(
            DISPUTE, OLD_LINK, "p-2", "Marian Peeters", "p-3", "Marianne Peeters", "Vault Wallet",
            "Two people with nearly the same name.", NOW - timedelta(hours=3), "steward", None, "",
        )  # fmt: skip
        over = replace(open_one, id="urn:uuid:dispute-2", settled_at=NOW, outcome="moved", opened_by="wallet")
        self.found = [] if empty else [open_one, over]
        self.opened: list[tuple[str, str, str]] = []
        self.settled: list[tuple[str, str, str]] = []

    async def rows(self, actor) -> list[DisputeRow]:
        return self.found

    async def numbered(self, actor, number) -> str:
        return {"E-7": "p-7"}.get(number, "")

    async def open(self, actor, person, reason, other="") -> str:
        self.opened.append((person, reason, other))
        return DISPUTE

    async def open_mine(self, actor, reason) -> str:
        self.opened.append(("me", reason, ""))
        return DISPUTE

    async def settle(self, actor, dispute, outcome, other="", note="") -> None:
        self.settled.append((dispute, outcome, other))


async def act_for(accounts, session: str, authority: str) -> views.Session:
    """A session that acts for the child by `authority`, or for itself again."""
    old = accounts.sessions[session]
    own = old.actor.proxy or Proxy(old.actor.account, old.actor.name, "")
    if authority and authority != THEIRS:
        raise Problem(403, "no-authority", "Not allowed", "You cannot act for this person, or not any more")
    plain = Actor(own.account, own.name, "patient", old.actor.participant)
    actor = replace(plain, account="account-child", name="Mia Jansen", proxy=Proxy(own.account, own.name, authority))
    accounts.sessions[session] = replace(old, actor=actor if authority else plain)
    return accounts.sessions[session]


def add(services, empty: bool) -> None:
    """Put them beside the other services of a participant."""
    services.wallet.authorities, services.wallet.links = Authorities(empty), Links()
    services.wallet.renewals = Renewals()
    services.hand_over, services.disputes = HandOver(empty), Disputes(empty)
    services.accounts.act_for = lambda session, authority: act_for(services.accounts, session, authority)

    async def offered() -> list[SimpleNamespace]:
        return [SimpleNamespace(id=f"account-{name}", subject=name) for name in ("patient", "son")]

    services.accounts.offered = offered
