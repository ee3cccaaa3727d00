"""Staff and patients sign in at a real Keycloak; what it says of them decides, and goes on deciding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from connector.problems import Problem
from connector.services.actors import Actor
from tests.browser import chromium
from tests.keycloak.stage import CHECK, Stage
from tests.two_party.space import until

STAFF = {
    "steward": ("hospital", "data-steward", "/steward"),
    "dpo": ("hospital", "data-protection-officer", "/dpo"),
    "researcher": ("research", "researcher", "/research"),
}
"""Our role -> at which portal, what Keycloak calls it, and where it begins."""
_NUMBERS = count()


@pytest.fixture
def named() -> Callable[[str], str]:
    """A name nobody has at this Keycloak yet."""
    return lambda name: f"{name}-{next(_NUMBERS)}"


async def staff(stage: Stage, name: str, *roles: str) -> str:
    """Somebody of the staff at Keycloak; returns their id there."""
    person = await stage.keycloak.person(name, name.capitalize(), "Example")
    for role in roles:
        where, called, _ = STAFF[role]
        await stage.keycloak.give(person, f"concord-{where}", called)
    return person


@pytest.mark.parametrize("role", STAFF)
async def test_staff_sign_in_with_the_role_that_keycloak_gives_them_and_nobody_opened_an_account(stage, named, role):
    where, _, home = STAFF[role]
    name = named(role)
    person = await staff(stage, name, role)
    _, page = await stage.sign_in(where, name)
    assert (page.status, page.url) == (200, stage.parties[where].url + home)
    [account] = await stage.accounts(where)
    assert (account.subject, account.roles) == (person, {"roles": [], "claimed": [role]})
    assert (await stage.entries(where, "account.opened"))[0]["by"]["role"] == "provider"


async def test_a_patient_signs_in_to_the_wallet_that_hosts_them(stage, named):
    name = named("paula")
    person = await stage.keycloak.person(name, "Paula", "Patient")
    wallet = stage.parties["wallet"]
    await wallet.services.wallet.host(wallet.acting("operator"), "Paula Patient", person, None)
    _, page = await stage.sign_in("wallet", name)
    assert (page.status, page.url) == (200, f"{wallet.url}/me")


async def test_whom_nobody_knows_and_who_has_no_role_of_ours_is_let_in_nowhere(stage, named):
    name = named("nobody")
    person = await staff(stage, name, "researcher")
    for where in ("hospital", "wallet"):
        _, page = await stage.sign_in(where, name)
        assert page.status == 403
        assert await stage.accounts(where) == []
        assert await stage.sessions(where) == []
    assert person not in page.html


async def test_a_role_of_one_portal_opens_no_other(stage, named):
    name = named("stefan")
    await staff(stage, name, "steward")
    assert (await stage.sign_in("hospital", name))[1].status == 200
    assert (await stage.sign_in("research", name))[1].status == 403


async def test_somebody_with_two_roles_may_act_in_either(stage, named):
    name = named("ines")
    await staff(stage, name, "steward", "dpo")
    browser, page = await stage.sign_in("hospital", name)
    [session] = await stage.sessions("hospital")
    other = "dpo" if session.role == "steward" else "steward"
    chosen = await browser.submit(page, page.form("/role"), {"role": other})
    assert chosen.url.endswith(STAFF[other][2])


async def test_a_role_that_is_taken_at_keycloak_ends_what_ran_in_it(stage, named):
    name = named("stefan")
    person = await staff(stage, name, "steward", "dpo")
    browser, _ = await stage.sign_in("hospital", name)
    [session] = await stage.sessions("hospital")
    await stage.keycloak.give(person, "concord-hospital", STAFF[session.role][1], take=True)
    assert (await stage.home("hospital", browser)).url.endswith(STAFF[session.role][2])  # not asked again yet
    stage.clock.added += CHECK
    assert (await stage.home("hospital", browser)).url == f"{stage.parties['hospital'].url}/"
    assert await stage.sessions("hospital") == []
    assert (await stage.entries("hospital", "session.ended"))[-1]["because"] == "role-gone"
    left = {"steward": "dpo", "dpo": "steward"}[session.role]
    assert (await stage.accounts("hospital"))[0].roles == {"roles": [], "claimed": [left]}


async def test_a_role_that_is_given_at_keycloak_is_there_without_signing_in_again(stage, named):
    name = named("ines")
    person = await staff(stage, name, "dpo")
    browser, _ = await stage.sign_in("hospital", name)
    await stage.keycloak.give(person, "concord-hospital", "data-steward")
    stage.clock.added += CHECK
    assert (await stage.home("hospital", browser)).url.endswith("/dpo")
    assert set((await stage.accounts("hospital"))[0].roles["claimed"]) == {"dpo", "steward"}


async def test_an_account_that_is_closed_at_keycloak_ends_its_sessions(stage, named):
    name = named("dora")
    person = await staff(stage, name, "dpo")
    browser, _ = await stage.sign_in("hospital", name)
    await stage.keycloak.disable(person)
    stage.clock.added += CHECK
    assert (await stage.home("hospital", browser)).url == f"{stage.parties['hospital'].url}/"
    assert await stage.sessions("hospital") == []
    assert (await stage.entries("hospital", "session.ended"))[-1]["because"] == "provider"


async def test_a_session_is_asked_after_again_and_again_with_what_keycloak_gave_last(stage, named):
    name = named("rosa")
    await staff(stage, name, "researcher")
    browser, _ = await stage.sign_in("research", name)
    kept = {(await stage.sessions("research"))[0].kept}
    for _ in range(2):
        stage.clock.added += CHECK
        assert (await stage.home("research", browser)).url.endswith("/research")
        kept.add((await stage.sessions("research"))[0].kept)
    assert len(kept) == 3  # each is good once


async def test_keycloak_signing_somebody_out_ends_their_sessions_here_at_once(stage, named):
    name, other = named("rosa"), named("rosa")
    person = await staff(stage, name, "researcher")
    await staff(stage, other, "researcher")
    browser, _ = await stage.sign_in("research", name)
    colleague, _ = await stage.sign_in("research", other)
    await stage.keycloak.sign_out(person)  # Keycloak tells us before it answers
    await until(lambda: _sessions_left(stage, "research", 1), "the session to end")
    assert (await stage.home("research", browser)).url == f"{stage.parties['research'].url}/"
    assert (await stage.home("research", colleague)).url.endswith("/research")


async def _sessions_left(stage: Stage, role: str, number: int) -> bool:
    return len(await stage.sessions(role)) == number


async def test_signing_out_here_signs_out_at_keycloak(stage, named):
    name = named("stefan")
    person = await staff(stage, name, "steward")
    browser, page = await stage.sign_in("hospital", name)
    assert len(await stage.keycloak.sessions(person)) == 1
    await browser.submit(page, page.form("/sign-out"))
    assert await stage.sessions("hospital") == []

    async def gone() -> bool:
        return await stage.keycloak.sessions(person) == []

    await until(gone, "Keycloak to end the sign-in")
    again = await browser.get(f"{stage.parties['hospital'].url}/sign-in")
    assert again.url.startswith(stage.keycloak.base)  # and asks for the password


async def test_closing_an_account_here_ends_its_sessions_here_and_the_sign_in_there(stage, named):
    name = named("dora")
    person = await staff(stage, name, "dpo")
    browser, _ = await stage.sign_in("hospital", name)
    [account] = await stage.accounts("hospital")
    hospital = stage.parties["hospital"]
    await hospital.services.accounts.close_account(hospital.acting("operator"), account.id)
    assert (await stage.home("hospital", browser)).url == f"{hospital.url}/"

    async def gone() -> bool:
        return await stage.keycloak.sessions(person) == []

    await until(gone, "Keycloak to end the sign-in")
    assert (await stage.sign_in("hospital", name))[1].status == 403  # closed here, whatever Keycloak says


async def test_roles_are_not_given_here_where_keycloak_gives_them(stage):
    hospital = stage.parties["hospital"]
    operator: Actor = hospital.acting("operator")
    for attempt in (
        hospital.services.accounts.open_account(operator, "somebody", "Somebody", ["steward"]),
        hospital.services.accounts.take_roles(operator, "somebody", ["steward"]),
    ):
        with pytest.raises(Problem) as refused:
            await attempt
        assert (refused.value.status, refused.value.code) == (409, "roles-by-claims")


async def test_while_keycloak_stands_still_a_patient_goes_on_and_staff_stop_after_a_while(stage, named, monkeypatch):
    wallet, patient, officer = stage.parties["wallet"], named("paula"), named("dora")
    person = await stage.keycloak.person(patient, "Paula", "Patient")
    await wallet.services.wallet.host(wallet.acting("operator"), "Paula Patient", person, None)
    other = await stage.keycloak.person(officer, "Dora", "Officer")
    await stage.keycloak.give(other, "concord-wallet", "data-protection-officer")
    paula, _ = await stage.sign_in("wallet", patient)
    dora, _ = await stage.sign_in("wallet", officer)

    async def nobody(*_: object) -> None:
        raise Problem(503, "issuer-unavailable", "nobody answers")

    monkeypatch.setattr(wallet.services.accounts.signing_in.issuer, "ask_after", nobody)
    stage.clock.added += CHECK
    assert (await stage.home("wallet", dora)).status == 200
    stage.clock.added += timedelta(minutes=3)
    assert (await stage.home("wallet", dora)).status == 503
    assert (await stage.home("wallet", paula)).url == f"{wallet.url}/me"
    monkeypatch.undo()
    stage.clock.added = CHECK
    assert (await stage.home("wallet", dora)).url == f"{wallet.url}/dpo"


async def test_a_patient_does_not_wait_for_a_keycloak_that_stands_still(stage, named):
    wallet, name = stage.parties["wallet"], named("paula")
    person = await stage.keycloak.person(name, "Paula", "Patient")
    await wallet.services.wallet.host(wallet.acting("operator"), "Paula Patient", person, None)
    browser, _ = await stage.sign_in("wallet", name)
    [before] = await stage.sessions("wallet")
    stage.clock.added += CHECK
    stage.keycloak.pause(True)
    try:
        assert (await stage.home("wallet", browser)).url == f"{wallet.url}/me"
        [meanwhile] = await stage.sessions("wallet")
        assert meanwhile.confirmed_at == before.confirmed_at
    finally:
        stage.keycloak.pause(False)

    async def confirmed() -> bool:
        return (await stage.sessions("wallet"))[0].confirmed_at > before.confirmed_at

    await until(confirmed, "Keycloak's answer")


@pytest.mark.browser
@pytest.mark.skipif(chromium.available() is None, reason="needs Chromium")
async def test_a_steward_signs_in_and_out_in_a_real_browser(stage, named):
    name = named("stefan")
    await staff(stage, name, "steward")
    hospital = stage.parties["hospital"]
    async with chromium.launched() as browser:
        page = await (await chromium.visitor(browser)).new_page()
        await page.goto(f"{hospital.url}/sign-in")
        await page.fill("#username", name)
        await page.fill("#password", stage.keycloak.secret)
        await page.click("#kc-login")
        await page.wait_for_url(f"{hospital.url}/steward")
        await page.locator("details:has(form[action='/sign-out']) > summary").click()
        await page.locator("form[action='/sign-out'] button").click()
        await page.wait_for_url(f"{hospital.url}/")
        await page.goto(f"{hospital.url}/steward")
        assert page.url.startswith(stage.keycloak.base)
