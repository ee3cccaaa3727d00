"""Debian's Chromium under Playwright, the three ways people look at pages, and what axe-core says about one."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
PATIENCE = 10_000
"""Milliseconds to wait for something that ought to be there at once."""


def available() -> str | None:
    """Where Chromium is, if it is."""
    return shutil.which("chromium")


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A browser that is closed at the end."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=available(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


async def visitor(browser: Browser, look: str = "light", javascript: bool = False) -> BrowserContext:
    """A browser profile of its own, with JavaScript off unless something has to be measured in the page."""
    context = await browser.new_context(java_script_enabled=javascript, **LOOKS[look])
    context.set_default_timeout(PATIENCE)
    return context


async def faults(page: Page) -> list[str]:
    """What axe-core finds, and whether the page is wider than its window. Needs JavaScript in the context."""
    found = [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in (await Axe().run(page)).response["violations"]]
    wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [*found, f"{wide} pixels wider than the window"] if wide > 0 else found


async def sign_in(page: Page, origin: str, subject: str) -> None:
    """Through the sign-in provider's own pages."""
    await page.goto(f"{origin}/sign-in?as={subject}")
    await page.locator(f'button[name="account"][value="{subject}"]').first.click()
    await page.wait_for_url(re.compile(re.escape(origin) + r"/(?!idp|sign-in)"))


async def press(page: Page, button: str) -> None:
    """Press the button with these words and wait for what comes."""
    await page.get_by_role("button", name=button).first.click()
    await page.wait_for_load_state("domcontentloaded")
