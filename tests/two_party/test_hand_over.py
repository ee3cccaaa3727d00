"""Who signs in at a holder connects their record from there: by a form, never by an address, never by a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.identity.people.relying_party import SignedIn
from connector.problems import Problem
from connector.records import Account, HandedCode, Link, LinkCode, LogEntry, Person, WalletLink
from connector.services.exchange.linking import normal
from tests.browser.neighbourhood import serve
from tests.two_party import story


@dataclass
class Browser:
    """A browser without scripts: it keeps cookies by site, and says where a form stood as browsers do."""

    client: Any
    jar: dict[str, dict[str, str]]

    async def sign_in(self, party, subject: str, acr: str = "substantial") -> None:
        who = SignedIn(party.context.settings.issuer, subject, subject, (), acr, None)
        _, value = await party.services.accounts._open_session(who)
        self.jar.setdefault(party.url, {})["concord_session"] = value

    async def get(self, party, path: str):
        return self._kept(party, await self.client.get(party.url + path, headers=self._cookies(party)))

    async def post(self, party, path: str, origin: str, cross_site: bool = False, **fields: str):
        """A cross-site form takes no cookies along (SameSite=Lax)."""
        headers = {"origin": origin} | ({} if cross_site else self._cookies(party))
        return self._kept(party, await self.client.post(party.url + path, data=fields, headers=headers))

    def _cookies(self, party) -> dict[str, str]:
        kept = "; ".join(f"{name}={value}" for name, value in self.jar.get(party.url, {}).items())
        return {"cookie": kept} if kept else {}

    def _kept(self, party, answer):
        for name, value in answer.cookies.items():
            self.jar.setdefault(party.url, {})[name] = value
        self.client.cookies.clear()
        return answer


def hidden(page: str, name: str) -> str:
    """What a form of a page carries."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, f"no field {name}"
    return found[1]


@dataclass
class Case:
    hospital: Any
    wallet: Any
    browser: Browser
    person: str
    account: str

    async def begun(self) -> tuple[str, Any]:
        """Signed in at the hospital, wallet chosen: the code on its page, and the page."""
        await self.browser.sign_in(self.hospital, "ann-at-hospital")
        token = hidden((await self.browser.get(self.hospital, "/record")).text, "csrf")
        page = await self.browser.post(
            self.hospital, "/record/hand-over", self.hospital.url, csrf=token, wallet=self.wallet.id
        )
        return hidden(page.text, "code"), page

    async def bring(self, code: str, origin: str | None = None, **changes: str):
        fields = {"holder": self.hospital.id, "code": code} | changes
        return await self.browser.post(
            self.wallet, "/hand-over", self.hospital.url if origin is None else origin, cross_site=True, **fields
        )

    async def answer(self, said: str):
        token = hidden((await self.browser.get(self.wallet, "/hand-over")).text, "csrf")
        return await self.browser.post(self.wallet, "/hand-over/answer", self.wallet.url, csrf=token, together=said)


@pytest.fixture
async def case(space) -> Case:
    hospital = await serve(space, "hospital", "St. Elisabeth Hospital", "hospital")
    wallet = await serve(space, "wallet", "Harbour Wallet", "wallet")
    await serve(space, "research", "Research One", "research")
    await space.introduce()
    person = story.urn()
    await hospital.add(Person(id=person, source="records", source_id="n-1", name="Ann Example"))
    await hospital.services.hand_over.tie(hospital.acting("steward"), person, "ann-at-hospital")
    account = await wallet.services.wallet.host(wallet.acting("operator"), "Ann Example", "ann")
    space.client.follow_redirects = False
    return Case(hospital, wallet, Browser(space.client, {}), person, account)


async def test_a_signed_in_person_connects_their_record_without_paper(case):
    code, _ = await case.begun()
    brought = await case.bring(code)
    assert brought.status_code == 200
    assert not await case.wallet.find(WalletLink)
    asked = await case.browser.get(case.wallet, "/hand-over")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=%2Fhand-over")
    await case.browser.sign_in(case.wallet, "ann")
    page = await case.browser.get(case.wallet, "/hand-over")
    assert "St. Elisabeth Hospital" in page.text
    done = await case.answer("yes")
    [theirs], [ours] = await case.hospital.find(Link), await case.wallet.find(WalletLink)
    assert done.headers["location"] == f"/me/links?linked={ours.id}"
    assert (theirs.id, theirs.person, theirs.made_by) == (ours.id, case.person, "sign-in")
    assert ours.account == case.account
    assert not await case.wallet.find(HandedCode)
    assert "connected to Harbour Wallet" in (await case.browser.get(case.hospital, "/record")).text


async def test_the_code_stands_in_a_form_to_exactly_that_wallet_and_in_no_address(case):
    code, page = await case.begun()
    policy = page.headers["content-security-policy"]
    assert f"form-action 'self' {case.wallet.url};" in policy
    assert page.headers["referrer-policy"] == "strict-origin"
    assert f'<form method="post" action="{case.wallet.url}/hand-over">' in page.text
    assert not re.search(r'(?:href|action)="[^"]*' + code, page.text)
    assert "<script" not in page.text
    form = page.text.partition(f'action="{case.wallet.url}/hand-over"')[2].partition("</form>")[0]
    assert "csrf" not in form
    other = await case.browser.get(case.hospital, "/record")
    assert "form-action 'self';" in other.headers["content-security-policy"]
    [kept] = await case.hospital.find(LinkCode)
    assert timedelta(0) < kept.expires_at - datetime.now(UTC) <= timedelta(minutes=10)
    assert normal(code) not in str(kept) + str(await case.hospital.find(LogEntry))


async def test_a_code_that_came_from_anywhere_else_is_not_taken(case):
    code, _ = await case.begun()
    research = next(iter(await case.wallet.context.members.all())).origin
    for origin in ("https://evil.example", "null", "", case.wallet.url, research.replace("127", "128")):
        assert (await case.bring(code, origin)).status_code == 403
    assert (await case.bring(code, holder="urn:concord:nobody:00000000")).status_code in (400, 403)
    assert (await case.bring("short")).status_code == 400
    assert not await case.wallet.find(HandedCode)


async def test_saying_no_throws_the_code_away(case):
    code, _ = await case.begun()
    await case.bring(code)
    await case.browser.sign_in(case.wallet, "ann")
    assert (await case.answer("no")).headers["location"] == "/me/links"
    assert not await case.wallet.find(HandedCode)
    assert not await case.hospital.find(Link)
    assert (await case.browser.get(case.wallet, "/hand-over")).status_code == 404


async def test_after_ten_minutes_the_code_is_worth_nothing_at_either_side(case):
    code, _ = await case.begun()
    await case.bring(code)
    await case.browser.sign_in(case.wallet, "ann")
    past = datetime.now(UTC) - timedelta(seconds=1)
    await case.wallet.store.write(lambda tx: tx.alter(HandedCode, {"expires_at": past}, holder=case.hospital.id))
    assert (await case.browser.get(case.wallet, "/hand-over")).status_code == 404
    await case.hospital.store.write(lambda tx: tx.alter(LinkCode, {"expires_at": past}, person=case.person))
    await case.bring(code)
    assert (await case.answer("yes")).status_code == 400
    assert not await case.hospital.find(Link)


async def test_the_confirmation_is_a_form_of_the_wallets_own(case):
    code, _ = await case.begun()
    await case.bring(code)
    await case.browser.sign_in(case.wallet, "ann")
    token = hidden((await case.browser.get(case.wallet, "/hand-over")).text, "csrf")
    for origin, csrf in ((case.hospital.url, token), (case.wallet.url, "wrong")):
        answer = await case.browser.post(case.wallet, "/hand-over/answer", origin, csrf=csrf, together="yes")
        assert answer.status_code in (403, 409)
    assert not await case.hospital.find(Link)


async def test_another_browser_does_not_get_at_the_code(case):
    code, _ = await case.begun()
    await case.bring(code)
    thief = Browser(case.browser.client, {})
    await case.wallet.services.wallet.host(case.wallet.acting("operator"), "Eva", "eva")
    await thief.sign_in(case.wallet, "eva")
    assert (await thief.get(case.wallet, "/hand-over")).status_code == 404


async def test_a_name_ties_nobody_and_a_sign_in_is_one_persons(case):
    desk, steward = case.hospital.services.hand_over, case.hospital.acting("steward")
    twin = story.urn()
    await case.hospital.add(Person(id=twin, source="records", source_id="n-2", name="Ann Example"))
    with pytest.raises(Problem) as taken:
        await desk.tie(steward, twin, "ann-at-hospital")
    assert taken.value.status == 409
    await case.hospital.services.accounts.open_account(
        case.hospital.acting("operator"), "nurse", "Ann Example", ["steward"]
    )
    [nurse] = await case.hospital.find(Account, subject="nurse")
    mine = await desk.mine(case.hospital.acting("patient", nurse.id))
    assert not mine.tied
    with pytest.raises(Problem) as untied:
        await desk.hand(case.hospital.acting("patient", nurse.id), case.wallet.id)
    assert untied.value.status == 404
    with pytest.raises(Problem) as patient:
        await desk.tie(case.hospital.acting("patient", nurse.id), twin, "nurse")
    assert patient.value.status == 403


async def test_a_sign_in_that_was_taken_away_hands_nothing_over(case):
    desk = case.hospital.services.hand_over
    [account] = await case.hospital.find(Account, subject="ann-at-hospital")
    await desk.untie(case.hospital.acting("steward"), case.person)
    with pytest.raises(Problem) as refused:
        await desk.hand(case.hospital.acting("patient", account.id), case.wallet.id)
    assert refused.value.status == 404


async def test_a_person_says_at_the_holder_that_their_link_is_wrong(case):
    code, _ = await case.begun()
    await case.bring(code)
    await case.browser.sign_in(case.wallet, "ann")
    await case.answer("yes")
    token = hidden((await case.browser.get(case.hospital, "/record")).text, "csrf")
    await case.browser.post(case.hospital, "/record/wrong", case.hospital.url, csrf=token, reason="Not my wallet")
    [link] = await case.hospital.find(Link)
    assert link.standing == "disputed"
    assert "Nothing of it leaves" in (await case.browser.get(case.hospital, "/record")).text
    await case.hospital.quiet()
    [ours] = await case.wallet.find(WalletLink)
    assert ours.standing == "disputed"
