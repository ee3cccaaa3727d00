"""Somebody signed in at the hospital connects their record to their wallet: two sites, a browser, no JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from connector.records import Link, WalletLink
from tests.browser.chromium import launched, press, sign_in, visitor
from tests.browser.neighbourhood import Neighbourhood, settled

pytestmark = pytest.mark.browser


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Neighbourhood]:
    async with settled(tmp_path) as neighbourhood:
        desk = neighbourhood.hospital.services.hand_over
        await desk.tie(neighbourhood.hospital.acting("steward"), "p1", "maria-at-hospital")
        yield neighbourhood


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with launched() as browser:
        yield await (await visitor(browser)).new_page()


async def test_the_code_travels_from_one_site_to_the_other_and_through_the_sign_in(made: Neighbourhood, page: Page):
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    await sign_in(page, made.hospital.url, "maria-at-hospital")
    await page.goto(f"{made.hospital.url}/record")
    await page.get_by_label("Harbour Patients' Wallet").check()
    await press(page, "Continue")
    code = await page.locator('input[name="code"]').input_value()
    await press(page, "Go to Harbour Patients' Wallet")
    assert page.url == f"{made.wallet.url}/hand-over"
    await expect(page.get_by_text("Nothing is connected yet.")).to_be_visible()
    await page.get_by_role("link", name="Go on").click()
    await page.locator('button[name="account"][value="maria"]').first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Is the record at St. Elisabeth Hospital yours?")
    await page.get_by_label("Yes, connect it").check()
    await press(page, "Continue")
    await expect(page.get_by_text("St. Elisabeth Hospital is linked.")).to_be_visible()
    [theirs], [ours] = await made.hospital.find(Link), await made.wallet.find(WalletLink)
    assert (theirs.person, theirs.made_by, theirs.id) == ("p1", "sign-in", ours.id)
    assert not [address for address in seen if code in address or code.replace("-", "") in address]


async def test_a_form_on_another_site_links_nothing(made: Neighbourhood, page: Page):
    code = await made.code_for("p1")
    form = (
        f'<form method="post" action="{made.wallet.url}/hand-over"><input name="holder" value="{made.hospital.id}">'
        f'<input name="code" value="{code}"><button>Win a prize</button></form>'
    )
    await page.route("http://evil.example/", lambda route: route.fulfill(content_type="text/html", body=form))
    await page.goto("http://evil.example/")
    await press(page, "Win a prize")
    await expect(page.get_by_text("This form did not come from here")).to_be_visible()
    assert await made.hospital.find(Link) == []
