"""Somebody at a real portal without JavaScript and without a browser: reads pages, fills in forms, presses buttons."""

from __future__ import annotations

from typing import Self
from urllib.parse import urljoin

import httpx2

from tests.two_party.space import PATIENCE
from tests.unit.consent_ui.fakes.visitor import FormOnPage, Page


class Reader:
    """One person's window; forms are found by the words on their buttons."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.client = httpx2.AsyncClient(base_url=origin, trust_env=False, timeout=PATIENCE, follow_redirects=True)
        self.status, self.path, self.page = 0, "/", Page("")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.client.aclose()

    async def sign_in(self, subject: str) -> Self:
        """Through the sign-in provider's own page."""
        await self.open(f"/sign-in?as={subject}")
        form = next(form for form in self.page.forms if form.method == "post")
        await self._post(form, {name: [value] for name, value in form.fields} | {"account": [subject]})
        return self

    async def open(self, path: str) -> Page:
        return self._land(await self.client.get(path))

    async def follow(self, words: str) -> Page:
        """Click the link whose words begin so."""
        return await self.open(next(href for label, href in self.page.links.items() if label.startswith(words)))

    async def send(self, button: str, **filled: str | list[str]) -> Page:
        """Fill in the form that has this button and press it. `__` in a field's name stands for a dash."""
        form = next(form for form in self.page.forms if any(one.startswith(button) for one in form.buttons))
        given = {name.replace("__", "-"): value for name, value in filled.items()}
        assert set(given) <= form.names, f"no such field: {set(given) - form.names}"
        data: dict[str, list[str]] = {}
        for name, value in form.fields:
            if name not in given:
                data.setdefault(name, []).append(value)
        data |= {name: value if isinstance(value, list) else [value] for name, value in given.items()}
        return await self._post(form, data)

    async def _post(self, form: FormOnPage, data: dict[str, list[str]]) -> Page:
        target = urljoin(self.path, form.action or self.path)
        return self._land(await self.client.post(target, data=data, headers={"Origin": self.origin}))

    def _land(self, response: httpx2.Response) -> Page:
        self.status, self.path = response.status_code, str(response.url).removeprefix(self.origin)
        self.page = Page(response.text)
        return self.page

    @property
    def errors(self) -> dict[str, str]:
        """What the page says is wrong: field -> sentence."""
        summary = self.page.text.partition("your attention")[2]
        return {href[1:]: words for words, href in self.page.links.items() if href[:1] == "#" and words in summary}
