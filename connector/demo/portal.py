"""One person at the wallet's portal: signing in, linking, answering and stopping, page by page, as a browser does it.

Nothing here knows how the portal works inside: forms are found by where they lead and by the words on their buttons.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from connector.outbound.browse import Browser, PageSeen
from connector.outbound.client import Outbound
from connector.outbound.origins import NamedOrigin


class PageTrouble(Exception):
    """The portal answered with something else than the page expected; names the step and the status only."""

    def __init__(self, step: str, status: int) -> None:
        super().__init__(f"{step}: the portal answered with status {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person answers: yes or no, to which kinds of data (None: all), from which day on (None: all time)."""

    yes: bool
    categories: tuple[str, ...] | None = None
    window_start: date | None = None


class PersonAtPortal:
    """A signed-in person. Every method begins with a page opened anew, so each can be repeated after a failure."""

    def __init__(self, outbound: Outbound, origin: str, subject: str) -> None:
        self._browser = Browser(outbound, [NamedOrigin.parse(origin, allow_http=True)])
        self._origin = origin
        self._subject = subject
        self._last_page: PageSeen | None = None

    async def __aenter__(self) -> Self:
        await self._browser.__aenter__()
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._browser.__aexit__(None, None, None)

    async def sign_in(self) -> None:
        """Through the sign-in provider's real pages."""
        page = await self._browser.get(f"{self._origin}/sign-in?as={quote(self._subject)}")
        page = await self._browser.submit(page, page.form(), value=self._subject)
        self._expect("signing in", page, "/me")

    async def not_linked(self) -> list[str]:
        """The holders this person could still link, by id."""
        page = await self._open("/me/links")
        return [choice for form in page.document.forms for choice in form.choices.get("holder", [])]

    async def link(self, holder: str, code: str) -> None:
        """Enter a link code. A holder that is linked already is left as it is."""
        if holder not in await self.not_linked():
            return
        page = await self._open("/me/links")
        page = await self._browser.submit(page, page.form("/me/links"), {"holder": holder, "code": code})
        self._expect("linking", page, "/me/links?linked=")

    async def answer(self, study: str, wish: Wish) -> str:
        """Answer a study request question by question. Returns the number of the receipt."""
        page = await self._open(_study(study))
        page = await self._browser.submit(page, page.form(button="Continue"), {"answer": "yes" if wish.yes else "no"})
        if not wish.yes:
            page = await self._browser.submit(page, page.form(button="Send my no"))
            return self._receipt(page)
        page = await self._choose_data(page, wish)
        page = await self._choose_dates(page, wish)
        page = await self._browser.submit(page, page.form(button="Send my yes"))
        return self._receipt(page)

    async def before_stopping(self, study: str) -> None:
        """The first step of stopping, with deletion: up to the page whose button makes it happen."""
        page = await self._open(f"{_study(study)}/stop")
        page = await self._browser.submit(page, page.form(button="Continue"), {"kind": "erase"})
        page.form(button="Stop sharing")
        self._last_page = page

    @property
    def is_before_stopping(self) -> bool:
        """Whether that page is open."""
        return self._last_page is not None

    async def stop(self) -> datetime:
        """Press the button; returns when."""
        page, self._last_page = self._last_page, None
        if page is None:
            raise PageTrouble("stopping", 0)
        clicked = datetime.now(UTC)
        page = await self._browser.submit(page, page.form(button="Stop sharing"))
        self._expect("stopping", page, "/stopped")
        return clicked

    async def progress(self, study: str) -> str:
        """The progress page as HTML."""
        page = await self._open(f"{_study(study)}/stopped")
        return page.html

    async def _choose_data(self, page: PageSeen, wish: Wish) -> PageSeen:
        """Of every linked dataset: all of it, the wished kinds it has, or none."""
        form = page.form(button="Continue")
        for field in [name for name in form.choices if name.startswith("data-") and not name.endswith("-kind")]:
            offered = form.choices.get(f"{field}-kind", [])
            chosen = [key for key in offered if wish.categories is not None and key in wish.categories]
            answer = "all" if wish.categories is None else "some" if chosen else "none"
            form.fields.append((field, answer))
            form.fields.extend((f"{field}-kind", key) for key in chosen)
        page = await self._browser.submit(page, form)
        self._expect("choosing data", page, "/dates")
        return page

    async def _choose_dates(self, page: PageSeen, wish: Wish) -> PageSeen:
        first, values = wish.window_start, {"dates": "all"}
        if first is not None:
            values = {"dates": "some", "from-day": str(first.day), "from-month": str(first.month)}
            values["from-year"] = str(first.year)
        page = await self._browser.submit(page, page.form("/check"), values)
        self._expect("choosing dates", page, "/check")
        return page

    async def _open(self, path: str) -> PageSeen:
        """A page of this person's; signs in first when the session is gone."""
        page = await self._browser.get(f"{self._origin}{path}")
        if urlsplit(page.url).path != path:
            await self.sign_in()
            page = await self._browser.get(f"{self._origin}{path}")
        self._expect("opening a page", page, path)
        return page

    def _receipt(self, page: PageSeen) -> str:
        self._expect("answering", page, "/me/receipts/")
        return unquote(urlsplit(page.url).path.rpartition("/")[2])

    @staticmethod
    def _expect(step: str, page: PageSeen, path: str) -> None:
        if page.status != 200 or path not in page.url:
            raise PageTrouble(step, page.status)


def _study(id: str) -> str:
    return f"/me/studies/{quote(id, safe=':')}"
