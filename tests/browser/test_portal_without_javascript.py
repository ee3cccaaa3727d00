"""A person links their record, answers a study and stops it again: a real space, a real browser, no JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from connector.records import Consent, Link
from tests.browser.chromium import launched, press, sign_in, visitor
from tests.browser.neighbourhood import Neighbourhood, settled
from tests.two_party.space import until

pytestmark = pytest.mark.browser


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Neighbourhood]:
    async with settled(tmp_path) as neighbourhood:
        yield neighbourhood


@pytest.fixture
async def page(made: Neighbourhood) -> AsyncIterator[Page]:
    """Maria's browser, signed in at her wallet."""
    async with launched() as browser:
        context = await visitor(browser)
        opened = await context.new_page()
        await sign_in(opened, made.wallet.url, "maria")
        yield opened


async def link(made: Neighbourhood, page: Page, code: str) -> None:
    await page.goto(f"{made.wallet.url}/me/links")
    await page.get_by_label("St. Elisabeth Hospital").check()
    await page.get_by_label("Link code").fill(code)
    await press(page, "Link this place")


async def answer_yes(made: Neighbourhood, page: Page) -> None:
    await page.goto(f"{made.wallet.url}/me")
    await page.get_by_role("link", name="Read and answer").click()
    await page.get_by_label("Yes, and I choose which data").check()
    await press(page, "Continue")
    await page.get_by_label("Only some kinds").check()
    await page.get_by_label("Laboratory results").check()
    await press(page, "Continue")
    await page.get_by_label("Only a time I choose").check()
    await page.get_by_role("group", name="From this day on").get_by_label("Year").fill("2020")
    await page.get_by_role("group", name="From this day on").get_by_label("Month").fill("2")
    await page.get_by_role("group", name="From this day on").get_by_label("Day").fill("1")
    await press(page, "Continue")
    await press(page, "Send my yes")


async def test_a_wrong_link_code_links_nothing_and_the_right_one_links(made: Neighbourhood, page: Page):
    await link(made, page, "AAAA-BBBB-CCCC-DDDD")
    await expect(page.get_by_role("alert")).to_contain_text("One thing needs your attention")
    assert await made.hospital.find(Link) == []
    await link(made, page, await made.code_for("p1"))
    await expect(page.get_by_text("St. Elisabeth Hospital is linked.")).to_be_visible()
    assert [one.person for one in await made.hospital.find(Link)] == ["p1"]


async def test_a_yes_to_some_data_reaches_the_hospital_as_it_was_given(made: Neighbourhood, page: Page):
    await link(made, page, await made.code_for("p1"))
    await answer_yes(made, page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("You said yes")
    await until(lambda: made.hospital.find(Consent, person="p1"), "the consent at the hospital")
    record = (await made.hospital.find(Consent, person="p1"))[0].record
    assert record["state"] == "given"
    assert record["data"] == [{"dataset": made.dataset, "categories": ["laboratory"]}]
    assert record["window"] == {"start": "2020-02-01", "end": "2027-12-31"}
    await made.wallet.quiet()
    await page.reload()
    await expect(page.get_by_text("Has your answer, and confirmed it")).to_be_visible()


async def test_stopping_takes_two_pages_and_the_page_shows_that_the_hospital_stopped(made: Neighbourhood, page: Page):
    await link(made, page, await made.code_for("p1"))
    await answer_yes(made, page)
    await page.goto(f"{made.wallet.url}/me")
    await page.get_by_role("link", name="Stop sharing").click()
    await page.get_by_label("Stop, and delete what they have").check()
    await press(page, "Continue")
    await press(page, "Stop sharing")
    assert page.url.endswith("/stopped")

    async def stopped() -> bool:
        found = await made.hospital.find(Consent, person="p1", current=True)
        return bool(found) and found[0].state == "withdrawn"

    await until(stopped, "the withdrawal at the hospital")
    await made.wallet.quiet()
    await page.get_by_role("link", name="Check again").click()
    await expect(page.get_by_text("Stopped here")).to_be_visible()
    await expect(page.get_by_text("This page is your proof.")).to_be_visible()


async def test_a_no_is_kept_and_shares_nothing(made: Neighbourhood, page: Page):
    await link(made, page, await made.code_for("p1"))
    await page.goto(f"{made.wallet.url}/me")
    await page.get_by_role("link", name="Read and answer").click()
    await page.get_by_label("No", exact=True).check()
    await press(page, "Continue")
    await press(page, "Send my no")
    await expect(page.get_by_role("heading", level=1)).to_have_text("You said no")
    await until(lambda: made.hospital.find(Consent, person="p1"), "the refusal at the hospital")
    assert {one.state for one in await made.hospital.find(Consent, person="p1")} == {"refused"}


async def test_signing_out_ends_the_session_for_good(made: Neighbourhood, page: Page):
    cookies = await page.context.cookies()
    await page.goto(f"{made.wallet.url}/me")
    await page.locator("details.account > summary").click()
    await press(page, "Sign out")
    await page.context.add_cookies(cookies)
    await page.goto(f"{made.wallet.url}/me")
    assert "/idp/" in page.url
