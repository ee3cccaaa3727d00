"""A small browser without JavaScript, for playing the demo through the real pages: it keeps cookies, follows redirects
and sends forms as they stand, and goes only to origins the operator named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

import httpx2

from connector.outbound.answer import Caps
from connector.outbound.client import Outbound
from connector.outbound.forms import Document, Form, read_page
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin, Origin

MOST_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_FORM = "application/x-www-form-urlencoded"
_PAGE = Caps(body=8 * 1024 * 1024)


class PageProblem(Exception):
    """The page has no such form, link or button, or redirects without end. Names only what was looked for."""


@dataclass(frozen=True, slots=True)
class PageSeen:
    """A page as it arrived: final address, status, HTML, and what was read from it."""

    url: str
    status: int
    html: str
    document: Document

    def form(self, action: str = "", *, button: str = "") -> Form:
        """The first form whose action contains `action` and which has a button with the words `button`.

        Raises PageProblem.
        """
        for form in self.document.forms:
            if action in form.action and (not button or any(words == button for _, _, words in form.buttons)):
                return form
        raise PageProblem(f"no form with action {action!r} and button {button!r}")

    def link(self, words: str) -> str:
        """The full address of the first link with these words. Raises PageProblem."""
        for address, shown in self.document.links:
            if shown == words:
                return urljoin(self.url, address)
        raise PageProblem(f"no link with the words {words!r}")


class Browser:
    """One person's browser: its cookies are its own, its connections are the process's."""

    def __init__(self, outbound: Outbound, origins: Sequence[NamedOrigin]) -> None:
        transport = outbound.transport(Destination.of_operator(*origins), _PAGE)
        self._client = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, url: str) -> PageSeen:
        """Open a page, following redirects. Raises OutboundRefused, Unreachable, PageProblem."""
        return await self._visit("GET", url, b"", "")

    async def submit(
        self,
        page: PageSeen,
        form: Form,
        values: Mapping[str, str] | None = None,
        *,
        button: str = "",
        value: str = "",
    ) -> PageSeen:
        """Send a form with its own fields and `values`, pressing the button with these words or this value (else the
        first).

        Raises OutboundRefused, Unreachable, PageProblem.
        """
        sent = form.filled(dict(values or {})) + _pressed(form, button, value)
        target, encoded = urljoin(page.url, form.action or page.url), urlencode(sent)
        if form.method == "post":
            return await self._visit("POST", target, encoded.encode(), page.url)
        return await self._visit("GET", urlunsplit(urlsplit(target)._replace(query=encoded, fragment="")), b"", "")

    async def _visit(self, method: str, url: str, body: bytes, came_from: str) -> PageSeen:
        for _ in range(MOST_REDIRECTS):
            url = url.partition("#")[0]
            headers = {"accept": "text/html"}
            if method == "POST":
                headers |= {"content-type": _FORM, "origin": str(Origin.parse(came_from)), "referer": came_from}
            response = await self._client.request(method, url, headers=headers, content=body)
            self._unlock_on_loopback(url)
            if response.status_code not in _REDIRECTS or "location" not in response.headers:
                return PageSeen(url, response.status_code, response.text, read_page(response.text))
            came_from, url = url, urljoin(url, response.headers["location"])
            if response.status_code not in (307, 308):
                method, body = "GET", b""
        raise PageProblem("redirects without end")

    def _unlock_on_loopback(self, url: str) -> None:
        """Browsers treat loopback as a secure place and send `Secure` cookies there; Python's cookie jar does not."""
        if Origin.parse(url).is_loopback:
            for cookie in self._client.cookies.jar:
                cookie.secure = False


def _pressed(form: Form, words: str, value: str) -> list[tuple[str, str]]:
    wanted = [b for b in form.buttons if (not words or b[2] == words) and (not value or b[1] == value)]
    if (words or value) and not wanted:
        raise PageProblem(f"no button with the words {words!r} and the value {value!r}")
    return [(name, sent) for name, sent, _ in wanted[:1] if name]
